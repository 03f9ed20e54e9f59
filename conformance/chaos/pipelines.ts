import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { findProcess, HeadraceProcess, holdings, pythonWith, traces, type Place } from "@headrace/platform/testing";
import { Backups } from "./backups.ts";
import { Client, type Acknowledged, type Verdict } from "./client.ts";

const runsPerKill = 2;
/** How long Headrace is left alone before the next kill, at most; and when it is killed while it starts. In milliseconds. */
const longestPeace = 1500;
const longestStart = 1200;
/** How many kills lie between the beginnings of two backups. */
const killsPerBackup = 5;

/** What may happen, and how often as compared with the others. */
interface Fault {
  readonly name: string;
  readonly weight: number;
  /** Whom SIGKILL hits besides. */
  readonly worker?: "launcher" | "pump" | "relay" | "cell";
  /** `twice`: again while it starts. `stop`: in order, as Ctrl-C does. */
  readonly headrace?: "kill" | "twice" | "stop";
}

const faults: readonly Fault[] = [
  { name: "Headrace", weight: 50, headrace: "kill" },
  { name: "launcher", weight: 15, worker: "launcher" },
  { name: "both", weight: 15, worker: "launcher", headrace: "kill" },
  { name: "starting Headrace", weight: 15, headrace: "twice" },
  { name: "pump", weight: 5, worker: "pump" },
  { name: "relay", weight: 5, worker: "relay" },
];
/** These take steps along. */
const losingFaults: readonly Fault[] = [
  { name: "cell", weight: 15, worker: "cell" },
  { name: "cell and Headrace", weight: 15, worker: "cell", headrace: "kill" },
  { name: "stop", weight: 30, headrace: "stop" },
];

interface Options {
  readonly kills: number;
  readonly seed: number;
  /** Whether steps may be lost, to run again. */
  readonly losses: boolean;
}

/** Resolves to the exit status: 0 if nothing was lost, doubled or left over. */
export async function main({ kills, seed, losses }: Options): Promise<number> {
  const python = await pythonWith("kfp==2.17.3", "kfp-kubernetes==2.17.3");
  const directory = mkdtempSync(join(tmpdir(), "headrace-chaos-"));
  const [home, runtime, ledger] = ["home", "run", "ledger"].map((name) => join(directory, name));
  if (home === undefined || runtime === undefined || ledger === undefined) return 2;
  for (const folder of [runtime, ledger]) mkdirSync(folder);
  writeFileSync(join(ledger, "begun"), "");
  const place: Place = { home, runtime };
  const start = (port: number): HeadraceProcess => {
    const process = new HeadraceProcess({ home, runtime, shares: [ledger], port });
    void process.ended.then(() => appendFileSync(join(directory, "headrace.log"), `${process.words}---\n`));
    return process;
  };

  let headrace = start(0);
  const gateway = await headrace.ready;
  const port = Number(new URL(gateway).port);
  const client = new Client(python, gateway, ledger);
  // The first one waits for the environment, which is built once.
  const acknowledged: Acknowledged[] = [...(await client.submit(1))];
  await client.judge({ losses });
  await client.schedule();
  const backups = new Backups({ place, directory, shares: [ledger] });
  console.log(`held at the start: ${JSON.stringify(holdings(place))}`);
  const random = generator(seed);
  const possible = losses ? [...faults, ...losingFaults] : faults;
  const happened = new Map(possible.map(({ name }) => [name, 0]));
  for (let n = 0; n < kills; n += 1) {
    if (n % killsPerBackup === 0) backups.begin(acknowledged);
    const submitting = client.submit(runsPerKill);
    await pause(random() * longestPeace);
    const fault = choose(possible, random());
    happened.set(fault.name, (happened.get(fault.name) ?? 0) + 1);
    if (fault.worker !== undefined) killWorker(place, fault.worker);
    if (fault.headrace !== undefined) {
      await (fault.headrace === "stop" ? headrace.stop() : headrace.kill());
      headrace = start(port);
      if (fault.headrace === "twice") {
        await pause(random() * longestStart);
        await headrace.kill();
        headrace = start(port);
      }
      await headrace.ready;
    }
    acknowledged.push(...(await submitting));
  }
  const tally = [...happened].map(([name, times]) => `${name} ${times}`).join(", ");
  console.log(`${kills} kills (${tally}), seed ${seed}: ${acknowledged.length} runs were acknowledged`);

  // Nobody is killed any more: one at least is written to its end, of a Headrace at work.
  await backups.settled();
  backups.begin(acknowledged);
  const verdicts = await client.judge({ losses });
  client.close();
  const lost = report(acknowledged, verdicts);
  await backups.settled();
  console.log(`held at the end: ${JSON.stringify(holdings(place))}`);
  const status = await headrace.stop();
  if (status !== 0) console.log(`Headrace stopped with status ${status}`);
  const damages = await backups.check();
  for (const damage of damages) console.log(`  the backup: ${damage}`);
  console.log(backups.tally);
  const left = [...traces(place), ...[join(home, "backup")].filter(existsSync)];
  console.log(left.length === 0 ? "nothing is left over" : `left over: ${left.join(", ")}`);
  const isWhole = lost === 0 && damages.length === 0 && left.length === 0 && status === 0 && acknowledged.length > 0;
  if (isWhole) rmSync(directory, { recursive: true, force: true });
  else console.log(`kept for inspection: ${directory} (${readdirSync(directory).join(", ")})`);
  return isWhole ? 0 : 1;
}

/** Prints what is wrong with each run, and resolves to how many there are. */
function report(acknowledged: readonly Acknowledged[], verdicts: readonly Verdict[]): number {
  const known = new Set(verdicts.map(({ run }) => run));
  const missing = acknowledged.filter(({ run }) => !known.has(run));
  const bad = verdicts.filter(({ problems }) => problems.length > 0);
  for (const { run, name } of missing) console.log(`  ${run} (${name}): acknowledged, and not there any more`);
  for (const { run, name, problems } of bad) console.log(`  ${run} (${name}): ${problems.join("; ")}`);
  const begun = verdicts.reduce((sum, verdict) => sum + (verdict.begun ?? 0), 0);
  for (const { name, ticks } of verdicts) if (ticks !== undefined) console.log(`${ticks} ticks of "${name}"`);
  const right = verdicts.length - bad.length;
  console.log(`${right} of ${verdicts.length} runs ended right; ${begun} steps began; ${missing.length} runs are lost`);
  return bad.length + missing.length;
}

function killWorker(place: Place, worker: NonNullable<Fault["worker"]>): void {
  const found = findProcess(place, worker);
  if (found !== undefined) process.kill(found, "SIGKILL");
}

function choose(possible: readonly Fault[], chance: number): Fault {
  let left = chance * possible.reduce((sum, { weight }) => sum + weight, 0);
  const chosen = possible.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  return chosen ?? { name: "nothing", weight: 0 };
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
