import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { pythonWith } from "@headrace/platform/testing";

const bin = fileURLToPath(new URL("../../apps/cli/bin/headrace.js", import.meta.url));
const workload = fileURLToPath(new URL("workload.py", import.meta.url));
/** One in so many kills hits the launcher instead of Headrace. */
const launcherShare = 5;

interface Verdict {
  readonly run: string;
  readonly problems: readonly string[];
  readonly begun: number;
}

/** Resolves to the exit status: 0 if nothing was lost. */
export async function main({ kills, seed }: { kills: number; seed: number }): Promise<number> {
  const python = await pythonWith("kfp==2.17.3");
  const directory = mkdtempSync(join(tmpdir(), "headrace-chaos-"));
  const ledger = join(directory, "ledger");
  mkdirSync(ledger);
  chmodSync(ledger, 0o777);
  writeFileSync(join(ledger, "begun"), "", { mode: 0o666 });
  chmodSync(join(ledger, "begun"), 0o666);
  const before = leftovers();
  const random = generator(seed);
  const home = join(directory, "home");
  const runs: string[] = [];
  let headrace = await start(home, ledger);
  let killed = { headrace: 0, launcher: 0 };
  for (let n = 0; n < kills; n += 1) {
    runs.push(...(await submit(python, headrace.gateway, ledger, 2)));
    await pause(random() * 1500);
    if (n % launcherShare === launcherShare - 1 && killLauncher(home)) {
      killed = { ...killed, launcher: killed.launcher + 1 };
    } else {
      headrace.child.kill("SIGKILL");
      await once(headrace.child, "exit");
      killed = { ...killed, headrace: killed.headrace + 1 };
      headrace = await start(home, ledger);
    }
  }
  console.log(
    `killed Headrace ${killed.headrace} times and its launcher ${killed.launcher} times; ${runs.length} runs were acknowledged (seed ${seed})`,
  );
  const verdicts = await judge(python, headrace.gateway, ledger, runs);
  headrace.child.kill("SIGTERM");
  await once(headrace.child, "exit");
  const after = leftovers().filter((name) => !before.includes(name));
  const bad = verdicts.filter(({ problems }) => problems.length > 0);
  for (const { run, problems } of bad) console.log(`  ${run}: ${problems.join("; ")}`);
  console.log(
    `${verdicts.length - bad.length} of ${runs.length} runs ended right; ${verdicts.reduce((sum, { begun }) => sum + begun, 0)} steps began`,
  );
  console.log(after.length === 0 ? "nothing is left running" : `left over: ${after.join(", ")}`);
  const lost = runs.length - verdicts.length + bad.length + after.length;
  if (lost === 0) rmSync(directory, { recursive: true, force: true });
  else console.log(`kept for inspection: ${directory}`);
  return lost === 0 ? 0 : 1;
}

async function start(home: string, ledger: string): Promise<{ child: ChildProcess; gateway: string }> {
  const child = spawn(
    process.execPath,
    [bin, "up", "--data-dir", home, "--port", "0", "--kube-port", "0", "--share", ledger, "--output", "json"],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  if (child.stdout === null) throw new TypeError("The child has no output");
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("{")) return { child, gateway: (JSON.parse(line) as { gateway: string }).gateway };
  }
  throw new RangeError("Headrace ended before it was ready");
}

async function submit(python: string, gateway: string, ledger: string, count: number): Promise<readonly string[]> {
  const lines = await linesOf(python, ["submit", gateway, ledger, String(count)], "");
  return lines.filter((line) => line.startsWith("run ")).map((line) => line.slice(4));
}

async function judge(
  python: string,
  gateway: string,
  ledger: string,
  runs: readonly string[],
): Promise<readonly Verdict[]> {
  const lines = await linesOf(python, ["judge", gateway, ledger], `${runs.join("\n")}\n`);
  return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Verdict);
}

async function linesOf(python: string, args: readonly string[], input: string): Promise<readonly string[]> {
  const child = spawn(python, [workload, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(input);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  return lines;
}

/** The launcher says its pid in its state directory; false if there is none to kill. */
function killLauncher(home: string): boolean {
  const file = join(home, "launcher", "launcher.pid");
  if (!existsSync(file)) return false;
  process.kill(Number(readFileSync(file, "utf8").split(/\s/)[0]), "SIGKILL");
  return true;
}

/** What a sandbox could leave behind: its processes, control groups and network interfaces. */
function leftovers(): readonly string[] {
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return /launcher\/\w+\.py|headrace-zygote/.test(command) ? [`process ${pid} (${command.trim()})`] : [];
      } catch {
        return [];
      }
    });
  const groups = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"].flatMap((root) =>
    existsSync(root)
      ? readdirSync(root)
          .filter((name) => name.startsWith("headrace"))
          .map((name) => `cgroup ${root}/${name}`)
      : [],
  );
  const interfaces = readdirSync("/sys/class/net")
    .filter((name) => name.startsWith("hr"))
    .map((name) => `interface ${name}`);
  return [...processes, ...groups, ...interfaces];
}

/** Mulberry32: a seed that finds a fault finds it again. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
