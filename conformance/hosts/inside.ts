/** Runs within the machine, as root: tries Headrace as an ordinary user and as root, and writes a line of JSON for each thing to argv[2]. */
import { execFile } from "node:child_process";
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Row } from "../table.ts";

const [, , report = "/dev/stdout"] = process.argv;
const checkout = "/opt/headrace";
const node = join(checkout, "node_modules/.bin/node");
const headrace = join(checkout, "apps/cli/bin/headrace.js");
const greetings = join(checkout, "apps/cli/testing/greetings.py");
const refusal = "kernel.unprivileged_userns_clone";

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly output: string;
}

type Who = "root" | "ada";

/** Runs a program as that user, in a session as a login gives it. */
async function as(who: Who, ...words: readonly string[]): Promise<Finished> {
  const login = {
    HOME: who === "root" ? "/root" : "/home/ada",
    PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    USER: who,
  };
  const variables = Object.entries(process.env).filter(([name]) =>
    /^(PIP_|UV_|SSL_|HTTPS?_PROXY|NO_PROXY)/i.test(name),
  );
  const env: Record<string, string> = {
    ...Object.fromEntries(variables.map(([name, value]) => [name, value ?? ""])),
    ...login,
  };
  if (who === "ada")
    Object.assign(env, { XDG_RUNTIME_DIR: "/run/user/1000", DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1000/bus" });
  const [program = "", ...rest] =
    who === "root" ? words : ["setpriv", "--reuid=1000", "--regid=1000", "--init-groups", "--", ...words];
  return new Promise((resolve) => {
    execFile(
      program,
      rest,
      { env, cwd: login.HOME, maxBuffer: 64 << 20, timeout: 900_000 },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ status, stdout, output: `${stdout}\n${stderr}` });
      },
    );
  });
}

const command = (who: Who, ...words: readonly string[]) => as(who, node, headrace, ...words);

async function check(name: string, attempt: () => Promise<string>): Promise<void> {
  if (!name.includes(only)) return;
  const row: Row = await attempt().then(
    (note) => ({ name, outcome: "pass", note }),
    (error: unknown) => ({ name, outcome: "miss", note: String(error).slice(0, 300).replaceAll(/\s+/g, " ") }),
  );
  await appendFile(report, `${JSON.stringify(row)}\n`);
}

function expect(held: boolean, otherwise: string): void {
  if (!held) throw new RangeError(otherwise);
}

interface Doctor {
  readonly mode: string;
  readonly cgroups: string;
  readonly findings: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly detail: string;
    readonly remedy?: string;
  }[];
  readonly selfTest?: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

async function doctor(who: Who): Promise<Doctor> {
  const { stdout, output } = await command(who, "doctor", "--self-test", "--output", "json");
  expect(stdout.startsWith("{"), output);
  return JSON.parse(stdout) as Doctor;
}

/** A pipeline, from its Python source to its output; Headrace is started for it, and stopped. */
async function pipeline(who: Who): Promise<string> {
  const { status, output } = await command(who, "run", greetings, "-p", "name=host", "--output", "json");
  const stopped = await command(who, "down");
  expect(status === 0 && output.includes("hello host"), output.slice(-1200));
  expect(stopped.status === 0, stopped.output);
  return "";
}

/** The sandbox's own tests of limits. A machine whose every instruction is translated has no time left beside a fork bomb. */
async function limits(who: Who): Promise<string> {
  const file = join(checkout, "packages/sandbox/limits.real.test.ts");
  const skipped = ["--test-skip-pattern", "fork bomb|writes to its root"];
  const { status, output } = await as(
    who,
    node,
    "--test",
    "--test-isolation=none",
    "--test-reporter=spec",
    ...skipped,
    file,
  );
  expect(status === 0, output.slice(output.indexOf("failing tests")));
  return `${/^ℹ pass (\d+)$/m.exec(output)?.[1] ?? "?"} tests`;
}

async function sysctl(setting: string): Promise<void> {
  await promisify(execFile)("/sbin/sysctl", ["--write", setting]);
}

const only = decodeURIComponent(/headrace\.only=(\S*)/.exec(await readFile("/proc/cmdline", "utf8"))?.[1] ?? "");
await promisify(execFile)("/sbin/useradd", ["--create-home", "--uid", "1000", "ada"]);
await promisify(execFile)("/bin/loginctl", ["enable-linger", "ada"]);
await promisify(execFile)("/bin/systemctl", ["start", "user@1000.service"]);
const kernel = (await readFile("/proc/sys/kernel/osrelease", "utf8")).trim();

for (const [who, mode] of [
  ["ada", "user"],
  ["root", "root"],
] as const) {
  await check(`cgroup v2, ${mode}: doctor and its self-test`, async () => {
    const { selfTest = [], ...said } = await doctor(who);
    expect(said.mode === mode && said.cgroups === "v2", JSON.stringify(said));
    const failed = selfTest.filter(({ ok }) => !ok);
    expect(failed.length === 0 && selfTest.length > 30, JSON.stringify(failed));
    return `Linux ${kernel}, ${selfTest.length} checks hold`;
  });
  await check(`cgroup v2, ${mode}: a pipeline`, () => pipeline(who));
  await check(`cgroup v2, ${mode}: limits hold`, () => limits(who));
}

await sysctl(`${refusal}=0`);
let remedy = "";
await check("user namespaces refused: doctor says what to do", async () => {
  const said = await doctor("ada");
  const finding = said.findings.find(({ name }) => name === "user namespaces");
  expect(said.mode === "process" && finding?.ok === false, JSON.stringify(said));
  ({ remedy = "" } = finding ?? {});
  expect(remedy.startsWith(`sudo sysctl --write ${refusal}=1`), remedy);
  return remedy;
});
await check("user namespaces refused: lightweight Python runs without a sandbox", () => pipeline("ada"));
await check("user namespaces refused: the remedy works", async () => {
  await sysctl(`${refusal}=1`);
  const said = await doctor("ada");
  expect(said.mode === "user", JSON.stringify(said));
  return pipeline("ada");
});
