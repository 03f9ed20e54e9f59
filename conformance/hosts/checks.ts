/** What is tried within a guest, by root: Headrace as an ordinary user and as root. */
import { execFile } from "node:child_process";
import { readFile, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Guest, Refusal } from "./guests.ts";

export interface Check {
  readonly name: string;
  /** Resolves to a note for the table; rejects with what was seen instead. Leaves the guest as it was. */
  attempt(): Promise<string>;
}

type Who = "root" | "ada";

export function checksOn({ refusals }: Guest): readonly Check[] {
  const users = [
    ["ada", "user"],
    ["root", "root"],
  ] as const;
  return [
    ...users.flatMap(([who, mode]) => [
      { name: `cgroup v2, ${mode}: doctor and its self-test`, attempt: () => selfTest(who, mode) },
      { name: `cgroup v2, ${mode}: a pipeline`, attempt: () => pipeline(who) },
      { name: `cgroup v2, ${mode}: limits hold`, attempt: () => sandboxTests(who, "limits", overwhelming) },
    ]),
    {
      name: "cgroup v2, user: a warm step cannot be told from a fresh interpreter",
      attempt: () => sandboxTests("ada", "fidelity"),
    },
    ...refusals.map((refusal) => ({
      name: `${refusal.setting} refuses user namespaces: doctor says so, and its remedy works`,
      attempt: () => refused(refusal, remedy),
    })),
    ...refusals.slice(0, 1).map((refusal) => ({
      name: `${refusal.setting} refuses user namespaces: lightweight Python runs without a sandbox`,
      attempt: () => refused(refusal, () => pipeline("ada")),
    })),
    {
      name: "AppArmor refuses rights within user namespaces: doctor says so, and lightweight Python runs without a sandbox",
      attempt: () => confined(withoutRights),
    },
  ];
}

const checkout = "/opt/headrace";
const node = join(checkout, "node_modules/.bin/node");
const headrace = join(checkout, "apps/cli/bin/headrace.js");
const greetings = join(checkout, "apps/cli/testing/greetings.py");
/** Where every instruction is translated, one program may take this long, and no time is left beside a fork bomb. */
const patience = 30 * 60_000;
const overwhelming = "fork bomb|writes to its root";
const execute = promisify(execFile);

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly output: string;
}

/** Runs a program as that user, in a session as a login gives it. */
async function as(who: Who, ...words: readonly string[]): Promise<Finished> {
  const inherited = Object.entries(process.env).flatMap(([name, value]) =>
    /^(PIP_|UV_|SSL_|HTTPS?_PROXY|NO_PROXY)/i.test(name) ? [[name, value ?? ""] as const] : [],
  );
  const env: Record<string, string> = {
    ...Object.fromEntries(inherited),
    PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    HOME: who === "root" ? "/root" : "/home/ada",
    USER: who,
    ...(who === "ada" && {
      XDG_RUNTIME_DIR: "/run/user/1000",
      DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1000/bus",
    }),
  };
  const become = who === "root" ? [] : ["setpriv", "--reuid=1000", "--regid=1000", "--init-groups", "--"];
  const [program = "", ...rest] = [...become, ...words];
  return new Promise((resolve) => {
    execFile(
      program,
      rest,
      { env, cwd: env["HOME"], maxBuffer: 64 << 20, timeout: patience },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ status, stdout, output: `${stdout}\n${stderr}` });
      },
    );
  });
}

const command = (who: Who, ...words: readonly string[]): Promise<Finished> => as(who, node, headrace, ...words);

function expect(held: boolean, otherwise: string): void {
  if (!held) throw new RangeError(otherwise);
}

interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

interface Doctor {
  readonly mode: string;
  readonly cgroups: string;
  readonly findings: readonly Finding[];
  readonly selfTest?: readonly Finding[];
}

async function doctor(who: Who, ...options: readonly string[]): Promise<Doctor> {
  const { stdout, output } = await command(who, "doctor", "--output", "json", ...options);
  expect(stdout.startsWith("{"), output);
  return JSON.parse(stdout) as Doctor;
}

async function selfTest(who: Who, mode: string): Promise<string> {
  const { selfTest: lines = [], ...said } = await doctor(who, "--self-test");
  expect(said.mode === mode && said.cgroups === "v2", JSON.stringify(said));
  const failed = lines.filter(({ ok }) => !ok);
  expect(failed.length === 0 && lines.length > 30, JSON.stringify(failed));
  const host = said.findings.filter(({ name }) => ["python", "system", "user namespaces"].includes(name));
  expect(host.length === 3 && host.every(({ ok }) => ok), JSON.stringify(host));
  return [...host.slice(0, 2).map(({ detail }) => detail), `${lines.length} lines hold`].join(", ");
}

/** A pipeline, from its Python source to its output; Headrace is started for it, and stopped. */
async function pipeline(who: Who): Promise<string> {
  const { status, output } = await command(who, "run", greetings, "-p", "name=host", "--output", "json");
  const stopped = await command(who, "down");
  expect(status === 0 && output.includes("hello host"), output.slice(-1200));
  expect(stopped.status === 0, stopped.output);
  return "";
}

/** The sandbox's own tests of that name, but for those that match `left`. */
async function sandboxTests(who: Who, name: string, left?: string): Promise<string> {
  const options = ["--test", "--test-isolation=none", "--test-reporter=spec"];
  const skipped = left === undefined ? [] : ["--test-skip-pattern", left];
  const file = join(checkout, `packages/sandbox/${name}.real.test.ts`);
  const { status, output } = await as(who, node, ...options, ...skipped, file);
  expect(status === 0, output.slice(output.indexOf("failing tests")));
  const count = (outcome: string): number => Number(new RegExp(`^ℹ ${outcome} (\\d+)$`, "m").exec(output)?.[1] ?? 0);
  expect(count("pass") > 0 && count("skipped") === 0, output);
  return `${count("pass")} tests`;
}

async function refused({ setting, refusing, allowing }: Refusal, attempt: () => Promise<string>): Promise<string> {
  await setKernel(`${setting}=${refusing}`);
  return attempt().finally(() => setKernel(`${setting}=${allowing}`));
}

/** Does what doctor says, and no more. */
async function remedy(): Promise<string> {
  const before = await doctor("ada");
  const finding = before.findings.find(({ name }) => name === "user namespaces");
  expect(before.mode === "process" && finding?.ok === false, JSON.stringify(before));
  const [, setting] = /^sudo sysctl --write (\S+), /.exec(finding?.remedy ?? "") ?? [];
  if (setting === undefined) throw new RangeError(`No command in the remedy: ${finding?.remedy}`);
  await setKernel(setting);
  const after = await doctor("ada");
  expect(after.mode === "user", JSON.stringify(after));
  await pipeline("ada");
  return `sysctl --write ${setting}`;
}

/** As Ubuntu has it for programs without a profile of their own: they may make user namespaces, and hold no rights in them. */
async function confined(attempt: () => Promise<string>): Promise<string> {
  const python = await realpath("/usr/bin/python3");
  const rules = "file, network, signal, unix, ptrace, dbus, mount, umount, pivot_root, deny capability,";
  const profile = "/tmp/headrace-refused";
  await writeFile(profile, `abi <abi/3.0>,\nprofile headrace-refused ${python} {\n  ${rules}\n}\n`);
  await execute("/sbin/apparmor_parser", ["--replace", profile]);
  return attempt().finally(() => execute("/sbin/apparmor_parser", ["--remove", profile]));
}

async function withoutRights(): Promise<string> {
  const said = await doctor("ada");
  const finding = said.findings.find(({ name }) => name === "user namespaces");
  expect(said.mode === "process" && finding?.ok === false, JSON.stringify(said));
  await pipeline("ada");
  return finding?.detail ?? "";
}

async function setKernel(setting: string): Promise<void> {
  await execute("/sbin/sysctl", ["--write", setting]);
}

/** What may say why a check missed: the kernel's last lines, with the crashes of programs among them, and those of Headrace's logs. */
export async function gatherEvidence(): Promise<string> {
  const homes = ["/home/ada/.headrace", "/root/.headrace"];
  const logs = homes.flatMap((home) => [join(home, "logs/headrace.log"), join(home, "launcher/launcher.log")]);
  const kernel = await execute("/bin/journalctl", ["--dmesg", "--lines=30", "--no-pager"]).then(({ stdout }) => stdout);
  const told = await Promise.all(logs.map((path) => readFile(path, "utf8").catch(() => "")));
  return [`kernel\n${kernel}`, ...told.map((text, index) => `${logs[index]}\n${text.slice(-3000)}`)].join("\n");
}

/** The ordinary user, with a session that systemd keeps for her. */
export async function makeUser(): Promise<void> {
  await execute("/sbin/useradd", ["--create-home", "--uid", "1000", "ada"]);
  await execute("/bin/loginctl", ["enable-linger", "ada"]);
  await execute("/bin/systemctl", ["start", "user@1000.service"]);
}

/** What the host asked this guest to try, on the kernel's command line. */
export async function readOrder(): Promise<{ readonly guest: string; readonly only: string }> {
  const line = await readFile("/proc/cmdline", "utf8");
  const word = (name: string): string =>
    decodeURIComponent(new RegExp(`headrace\\.${name}=(\\S*)`).exec(line)?.[1] ?? "");
  return { guest: word("guest"), only: word("only") };
}
