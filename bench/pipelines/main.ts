import { execFile, spawn, type ChildProcess } from "node:child_process";
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pythonWith, startFresh } from "@headrace/platform/testing";
import { gapsOf, machineCpu, median, percentile, printTable, residentMiB } from "../measure.ts";

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const chainLength = 100;
const fanOutWidth = 1000;

/** Chain, fan-out, first step and cached re-run on Headrace, beside the floor, kfp.local and Metaflow. */
export async function main(): Promise<void> {
  const python = await pythonWith("kfp==2.17.3", "metaflow==2.19.39", "pip==26.0");
  const floor = await measureFloor(python);
  const local = gapsOf(await traceOf(python, ["../peers/kfp_local_chain.py", "30"]));
  const localWithPip = gapsOf(await traceOf(python, ["../peers/kfp_local_chain.py", "5", "pip"]));
  const metaflow = gapsOf(await traceOf(python, ["../peers/metaflow_chain.py", "10"]));

  await using headrace = await startFresh();
  const { gateway } = headrace.platform.running;
  const submit = (shape: string, size: number, cache: "cache" | "fresh"): Promise<Submitted> =>
    submitRun(python, gateway, shape, size, cache);
  await submit("chain", 3, "fresh");

  const chain = await submit("chain", chainLength, "fresh");
  const gaps = gapsOf(traceOfTasks(chain));
  const [firstStart = Number.NaN] = traceOfTasks(chain).split(",").map(Number);
  await submit("chain", chainLength, "cache");
  const cached = await submit("chain", chainLength, "cache");

  const before = { cpu: machineCpu(), memory: residentMiB(process.pid) };
  const fan = await submit("fan_out", fanOutWidth, "fresh");
  const after = { cpu: machineCpu(), memory: residentMiB(process.pid) };

  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const gap = median(gaps);
  printTable("Chain of 100 steps: from the end of one step's code to the start of the next, median", [
    [
      "Headrace, sandboxed",
      ms(gap),
      `${(gap / floor.gap).toFixed(1)} F, ${(gap / median(local)).toFixed(2)} of kfp.local`,
    ],
    ["  99th percentile", ms(percentile(gaps, 0.99)), `${(percentile(gaps, 0.99) / gap).toFixed(1)} × median`],
    ["bare fork server (F), no sandbox", ms(floor.gap)],
    ["kfp.local without pip, no sandbox", ms(median(local)), `${(median(local) / gap).toFixed(1)} × Headrace`],
    [
      "kfp.local with pip, no sandbox",
      ms(median(localWithPip)),
      `${(median(localWithPip) / gap).toFixed(0)} × Headrace`,
    ],
    ["Metaflow, no sandbox", ms(median(metaflow)), `${(median(metaflow) / gap).toFixed(0)} × Headrace`],
    ["fdatasync of 4 KiB", ms(measureSync())],
  ]);
  const rate = fanOutWidth / fan.seconds;
  printTable("Fan-out of 1,000 steps", [
    ["Headrace, sandboxed", `${rate.toFixed(0)} steps/s`, `${(rate / floor.rate).toFixed(2)} F4`],
    ["bare fork server, four at a time (F4)", `${floor.rate.toFixed(0)} steps/s`],
    ["CPU of the machine a step", ms((after.cpu - before.cpu) / fanOutWidth)],
    ["growth of the platform's memory", `${(after.memory - before.memory).toFixed(0)} MiB`],
  ]);
  printTable("Others", [
    ["submit to first step running", ms((firstStart - chain.submitted) * 1000)],
    ["cached re-run of 100 steps", ms(cached.seconds * 1000)],
  ]);
}

interface Submitted {
  readonly state: string;
  readonly begin: number;
  readonly submitted: number;
  readonly seconds: number;
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
): Promise<Submitted> {
  const { stdout } = await run(python, [here("submit.py"), gateway, shape, String(size), cache], {
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
