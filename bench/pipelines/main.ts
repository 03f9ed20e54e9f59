import { execFile, spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { keepHeapSmall } from "@headrace/platform";
import { HeadraceProcess, pythonWith, startFresh } from "@headrace/platform/testing";
import { gapsOf, median, percentile, printTable, residentMiB, ticksOf } from "../measure.ts";
import { growthOf, watchMemory } from "../memory.ts";
import { type History, writeHistory } from "./history.ts";
import { countEnded, endsOf, phasesOf } from "./phases.ts";

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const chainLength = 100;
const fanOutWidth = 1000;
const longRun = { steps: 10_000, piece: 1000 };
const crowd = { runs: 100, steps: 20 };
const artifactMiB = 1024;
/** 10,000 runs of a hundred tasks, and one of 5,000. */
const longUsed: History = { runs: 10_000, steps: 49, largest: 2_499 };

/** Everything, or the parts that are named after the bench: `npm run bench -- pipelines steps history`. */
export async function main(): Promise<void> {
  keepHeapSmall(); // as `headrace up` does
  const parts = {
    steps: measureSteps,
    long: measureLong,
    crowd: measureCrowd,
    artifact: measureArtifact,
    history: measureHistory,
  };
  const asked = process.argv.slice(3);
  for (const [name, measure] of Object.entries(parts)) if (asked.length === 0 || asked.includes(name)) await measure();
}

/** Chain, fan-out, first step and cached re-run on Headrace, beside the floor, kfp.local and Metaflow. */
async function measureSteps(): Promise<void> {
  const python = await pythonWith("kfp==2.17.3");
  const floor = await measureFloor(python);
  const local = await measurePeer("kfp.local", () => traceOf(python, ["../peers/kfp_local_chain.py", "30"]));
  const localWithPip = await measurePeer("kfp.local with pip", async () =>
    traceOf(await pythonWith("kfp==2.17.3", "pip==26.0"), ["../peers/kfp_local_chain.py", "5", "pip"]),
  );
  const metaflow = await measurePeer("Metaflow", async () =>
    traceOf(await pythonWith("metaflow==2.19.39"), ["../peers/metaflow_chain.py", "10"]),
  );

  await using headrace = await startFresh();
  const { gateway } = headrace.platform.running;
  const submit = (shape: string, size: number, cache: "cache" | "fresh"): Promise<Submitted> =>
    submitRun(python, gateway, shape, size, cache);
  await submit("chain", 3, "fresh");
  const first = firstStepMs(await submit("chain", 3, "fresh"));

  const chain = await measured(chainLength, () => submit("chain", chainLength, "fresh"));
  const gaps = gapsOf(traceOfTasks(chain.result));
  await submit("chain", chainLength, "cache");
  const cached = await submit("chain", chainLength, "cache");
  const fan = await measured(fanOutWidth, () => submit("fan_out", fanOutWidth, "fresh"));

  const gap = median(gaps);
  const peerRow = (name: string, peer: Peer): readonly [string, string, string?] =>
    "missing" in peer
      ? [name, "not measured", peer.missing]
      : [name, ms(peer.gap), `${(peer.gap / gap).toFixed(1)} × Headrace`];
  const againstLocal = "missing" in local ? "" : `, ${(gap / local.gap).toFixed(2)} of kfp.local`;
  printTable("Chain of 100 steps: from the end of one step's code to the start of the next, median", [
    ["Headrace, sandboxed", ms(gap), `${(gap / floor.gap).toFixed(1)} F${againstLocal}`],
    ["  99th percentile", ms(percentile(gaps, 0.99)), `${(percentile(gaps, 0.99) / gap).toFixed(1)} × median`],
    ["  CPU of the platform's process a step", ms(chain.ownCpu)],
    ["  CPU of the machine a step", ms(chain.machineCpu)],
    ["bare fork server (F), no sandbox", ms(floor.gap)],
    peerRow("kfp.local without pip, no sandbox", local),
    peerRow("kfp.local with pip, no sandbox", localWithPip),
    peerRow("Metaflow, no sandbox", metaflow),
    ["fdatasync of 4 KiB", ms(measureSync())],
  ]);
  const phases = phasesOf(join(headrace.directory, "home"), chain.result.run, ticksOf(traceOfTasks(chain.result)));
  printTable(
    "Where that time goes, median and 90th percentile",
    phases.map(({ name, times }) => [name, ms(median(times)), ms(percentile(times, 0.9))]),
  );
  const rate = fanOutWidth / fan.result.seconds;
  printTable("Fan-out of 1,000 steps", [
    ["Headrace, sandboxed", `${rate.toFixed(0)} steps/s`, `${(rate / floor.rate).toFixed(2)} F4`],
    ["bare fork server, four at a time (F4)", `${floor.rate.toFixed(0)} steps/s`],
    ["CPU of the platform's process a step", ms(fan.ownCpu)],
    ["CPU of the machine a step", ms(fan.machineCpu)],
    ["growth of the platform's memory", `${fan.growth.toFixed(0)} MiB`],
  ]);
  printTable("Others", [
    ["submit to the first step's own code", ms(first)],
    ["cached re-run of 100 steps", ms(cached.seconds * 1000)],
  ]);
}

/** Whether a run's last steps are as quick as its first, and what memory it takes to have so many. */
async function measureLong(): Promise<void> {
  const python = await pythonWith("kfp==2.17.3");
  await using headrace = await startFresh();
  const { gateway } = headrace.platform.running;
  const { steps, piece } = longRun;
  // The first fan-out fills what every later one uses again: only then is growth the run's own.
  await submitRun(python, gateway, "fan_out", piece, "fresh");
  const home = join(headrace.directory, "home");
  using ended = countEnded(home);
  using memory = watchMemory(steps / 10, () => ended.count() - piece);
  const { result, ownCpu, machineCpu, growth } = await measured(steps, () =>
    submitRun(python, gateway, "fan_out", steps, "fresh"),
  );
  const ends = endsOf(home, result.run);
  const rateOf = (from: number): number => (piece * 1000) / ((ends[from + piece] ?? Number.NaN) - (ends[from] ?? 0));
  const [first, last] = [rateOf(0), rateOf(steps - piece - 1)];
  const tenths = (what: "alive" | "resident"): string => memory.points.map((point) => point[what].toFixed(0)).join(" ");
  printTable(`A run of ${steps} steps`, [
    ["steps", `${(steps / result.seconds).toFixed(0)} steps/s`],
    [`  the first ${piece}`, `${first.toFixed(0)} steps/s`],
    [`  the last ${piece}`, `${last.toFixed(0)} steps/s`, `${(last / first).toFixed(2)} × the first`],
    ["CPU of the platform's process a step", ms(ownCpu)],
    ["CPU of the machine a step", ms(machineCpu)],
    ["growth of what is resident", `${growth.toFixed(0)} MiB`],
    ["  a thousand steps more, second half", mebibytes(growthOf(memory.points, "resident"))],
    ["growth of what is alive, the same", mebibytes(growthOf(memory.points, "alive"))],
  ]);
  console.log(`  resident at each tenth, in MiB: ${tenths("resident")}\n  alive: ${tenths("alive")}`);
}

/** Many short runs at once, as schedules and sweeps make them. */
async function measureCrowd(): Promise<void> {
  const python = await pythonWith("kfp==2.17.3");
  await using headrace = await startFresh();
  const { gateway } = headrace.platform.running;
  await submitRun(python, gateway, "chain", 3, "fresh");
  const { runs, steps } = crowd;
  const { result, ownCpu, machineCpu, growth } = await measured(runs * steps, () =>
    submitRun(python, gateway, "chain", steps, "fresh", runs),
  );
  printTable(`${runs} runs of ${steps} steps at once`, [
    ["steps", `${((runs * steps) / result.seconds).toFixed(0)} steps/s`],
    ["CPU of the platform's process a step", ms(ownCpu)],
    ["CPU of the machine a step", ms(machineCpu)],
    ["growth of the platform's memory", `${growth.toFixed(0)} MiB`],
  ]);
}

/** From the end of the code that wrote a large artifact to the start of the code that reads it, beside one pass of its digest. */
async function measureArtifact(): Promise<void> {
  const python = await pythonWith("kfp==2.17.3");
  await using headrace = await startFresh();
  const { gateway } = headrace.platform.running;
  await submitRun(python, gateway, "hand_over", 1, "fresh");
  const { result, growth } = await measured(2, () => submitRun(python, gateway, "hand_over", artifactMiB, "fresh"));
  const [gap = Number.NaN] = gapsOf(traceOfTasks(result));
  const pass = measureDigest(artifactMiB);
  printTable(`An artifact of ${artifactMiB} MiB`, [
    ["from the step that writes it to the step that reads it", ms(gap), `${(gap / pass).toFixed(1)} × a pass`],
    ["one pass of its digest, in memory", ms(pass)],
    ["growth of the platform's memory", `${growth.toFixed(0)} MiB`],
  ]);
}

function measureDigest(mebibytes: number): number {
  const [hash, piece, begin] = [createHash("sha256"), Buffer.alloc(1 << 20), performance.now()];
  for (let done = 0; done < mebibytes; done += 1) hash.update(piece);
  hash.digest();
  return performance.now() - begin;
}

/** What pages cost once Headrace has been used for long, and how soon it is back. */
async function measureHistory(): Promise<void> {
  const python = await pythonWith("kfp==2.17.3");
  const directory = await mkdtemp(join(tmpdir(), "headrace-history-"));
  const place = { home: join(directory, "home"), runtime: directory };
  // Whatever fails, no process and no gigabyte stays behind.
  await using leftovers = new AsyncDisposableStack();
  leftovers.defer(() => rm(directory, { recursive: true, force: true }));
  const first = new HeadraceProcess(place);
  leftovers.defer(async () => void (await first.stop()));
  const { run: template } = await submitRun(python, await first.ready, "fan_out", 20, "fresh");
  await first.stop();
  const { largest } = writeHistory(place.home, template, longUsed);
  const begin = performance.now();
  const again = new HeadraceProcess(place);
  leftovers.defer(async () => void (await again.stop()));
  const gateway = await again.ready;
  const ready = performance.now() - begin;
  const page = await timesOf(20, () => read(`${gateway}/apis/v2beta1/runs?page_size=20&sort_by=created_at%20desc`));
  const waits: number[] = [];
  const opened = await timesOf(5, () =>
    readBeside(`${gateway}/apis/v2beta1/runs/${largest}`, `${gateway}/apis/v2beta1/healthz`, waits),
  );
  printTable("After 10,000 runs of 100 tasks, and one of 5,000", [
    ["a page of 20 runs", ms(median(page))],
    ["the run of 5,000 tasks", ms(median(opened))],
    ["  longest wait of another request meanwhile", ms(Math.max(...waits))],
    ["restart until ready", ms(ready)],
  ]);
}

async function timesOf(count: number, body: () => Promise<void>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let done = 0; done < count; done += 1) {
    const begin = performance.now();
    await body();
    times.push(performance.now() - begin);
  }
  return times;
}

async function read(url: string): Promise<void> {
  const response = await fetch(url);
  await response.arrayBuffer();
  if (!response.ok) throw new RangeError(`${url} answered ${response.status}`);
}

/** Asks for something small again and again while the answer to something large is made, and notes how long each took. */
async function readBeside(large: string, small: string, waits: number[]): Promise<void> {
  const done = new AbortController();
  const beside = async (): Promise<void> => {
    while (!done.signal.aborted) waits.push(...(await timesOf(1, () => read(small))));
  };
  const others = beside();
  await read(large);
  done.abort();
  await others;
}

const mebibytes = (value: number): string => `${value.toFixed(1)} MiB`;
const ms = (value: number): string => `${value.toFixed(1)} ms`;

/** What a peer takes from one step to the next in milliseconds, median, or why it could not be measured here. */
type Peer = { readonly gap: number } | { readonly missing: string };

async function measurePeer(name: string, trace: () => Promise<string>): Promise<Peer> {
  try {
    return { gap: median(gapsOf(await trace())) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { missing: `${name} does not run here: ${reason.split("\n")[0]?.slice(0, 120)}` };
  }
}

/** CPU milliseconds a step, of this process, in which Headrace runs, and of the machine, whatever else it does; and MiB of growth. */
async function measured(steps: number, body: () => Promise<Submitted>) {
  const [own, memory] = [process.cpuUsage(), residentMiB(process.pid)];
  const result = await body();
  const { user, system } = process.cpuUsage(own);
  return {
    result,
    ownCpu: (user + system) / 1000 / steps,
    machineCpu: result.cpu / steps,
    growth: residentMiB(process.pid) - memory,
  };
}

/** From before the call that creates the run to the first line of the first step. */
function firstStepMs(submitted: Submitted): number {
  const [start = Number.NaN] = traceOfTasks(submitted).split(",").map(Number);
  return (start - submitted.begin) * 1000;
}

interface Submitted {
  readonly run: string;
  readonly state: string;
  readonly begin: number;
  readonly seconds: number;
  /** Milliseconds of the whole machine from there to its end: the SDK is loaded and the pipeline compiled before. */
  readonly cpu: number;
  readonly tasks: {
    readonly tasks: readonly {
      readonly type: string;
      readonly outputs?: { readonly parameters?: readonly { readonly value: unknown }[] };
    }[];
  };
}

async function submitRun(
  python: string,
  gateway: string,
  shape: string,
  size: number,
  cache: string,
  runs = 1,
): Promise<Submitted> {
  const { stdout } = await run(python, [here("submit.py"), gateway, shape, String(size), cache, String(runs)], {
    maxBuffer: 64 << 20,
  });
  const result = JSON.parse(stdout.split("\n").find((line) => line.startsWith("{")) ?? "{}") as Submitted;
  if (result.state !== "SUCCEEDED") throw new RangeError(`The ${shape} of ${size} ended as ${result.state}`);
  return result;
}

/** The longest output is the last step's: every step appends to what it was given. */
function traceOfTasks(submitted: Submitted): string {
  const values = submitted.tasks.tasks.flatMap(
    (task) => task.outputs?.parameters?.map(({ value }) => String(value)) ?? [],
  );
  return values.toSorted((a, b) => b.length - a.length)[0] ?? "";
}

async function traceOf(python: string, [script = "", ...args]: readonly string[]): Promise<string> {
  const { stdout } = await run(python, [here(script), ...args], { maxBuffer: 64 << 20 });
  return /^trace ?(.*)$/m.exec(stdout)?.[1] ?? "";
}

/** F: milliseconds a step through a bare fork server, one at a time; and its steps a second, four at a time. */
async function measureFloor(python: string): Promise<{ gap: number; rate: number }> {
  const server = spawn(python, [here("../peers/fork_server.py")], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const times: number[] = [];
  for (let step = 0; step < 220; step += 1) {
    const begin = performance.now();
    send(server, step, 1);
    await answers.next();
    times.push(performance.now() - begin);
  }
  const begin = performance.now();
  const steps = 600;
  for (let step = 0; step < steps; step += 1) send(server, step, 4, step >= steps - 4);
  for (let step = 0; step < steps; step += 1) await answers.next();
  const rate = (steps * 1000) / (performance.now() - begin);
  server.stdin.end();
  return { gap: median(times.slice(20)), rate };
}

function send(server: ChildProcess, id: number, atOnce: number, last = false): void {
  const source =
    "from kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n\ndef tick_function(before: str) -> str:\n    return before\n";
  const input = {
    inputs: { parameterValues: { before: "" } },
    outputs: {
      parameters: { Output: { outputFile: join(tmpdir(), `floor-${id}`, "o") } },
      outputFile: join(tmpdir(), "headrace-floor", String(id % 8), "o.json"),
    },
  };
  server.stdin?.write(`${JSON.stringify({ id, at_once: atOnce, last, source, function: "tick_function", input })}\n`);
}

function measureSync(): number {
  const path = join(tmpdir(), `headrace-sync-${process.pid}`);
  const file = openSync(path, "w");
  const times = Array.from({ length: 100 }, () => {
    writeSync(file, Buffer.alloc(4096));
    const begin = performance.now();
    fdatasyncSync(file);
    return performance.now() - begin;
  });
  closeSync(file);
  rmSync(path);
  return median(times);
}
