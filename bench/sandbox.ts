import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ContainerSpec } from "@headrace/sandbox";
import { kfpEnvironment } from "../packages/sandbox/testing/environment.ts";
import { testSandbox, type TestSandbox } from "../packages/sandbox/testing/sandbox.ts";
import { machineCpu, median, percentile, printTable } from "./measure.ts";

const repeats = 200;
const gapMs = 8;
const source =
  "from kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n\ndef step(x: int) -> int:\n    return x + 1\n";
const inputOf = (directory: string) => ({
  inputs: { parameterValues: { x: 1 } },
  outputs: {
    parameters: { Output: { outputFile: `${directory}/Output` } },
    outputFile: `${directory}/executor_output.json`,
  },
});

/** The launcher alone, without API, engine or kubelet, beside a bare fork server (F) and, where it is installed, bubblewrap. */
export async function main(): Promise<void> {
  const environment = await kfpEnvironment();
  if ("skip" in environment) return console.log(environment.skip);
  await using host = await testSandbox();
  const cell = { tenant: "bench/default", environment };
  await host.sandbox.warm(cell);
  const words = ["--executor_input", JSON.stringify(inputOf("/tmp/outputs")), "--function_to_execute", "step"];
  const warm: Partial<ContainerSpec> = { cell, warm: { entry: "kfp-executor", source, arguments: words } };
  const command: Partial<ContainerSpec> = { command: ["true"] };

  await measure(host, warm, 20, 0);
  const floor = await measureFloor(environment.python);
  const chain = await measure(host, warm, repeats, 0);
  const spares = await measure(host, warm, repeats, gapMs);
  const anything = await measure(host, command, repeats, 0);
  const bubblewrap = await measureProgram("bwrap", [
    "--ro-bind",
    "/",
    "/",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--unshare-all",
    "true",
  ]);
  const fan = await measureFan(host, warm, 8);

  const ofFloor = (sample: readonly number[]) => `${(median(sample) / median(floor)).toFixed(1)} F`;
  const ms = (sample: readonly number[]) => `${median(sample).toFixed(1)} / ${percentile(sample, 0.99).toFixed(1)} ms`;
  printTable("One step of KFP at a time, from request to exit: median / 99th percentile", [
    ["bare fork server (F), no sandbox", ms(floor)],
    ["Headrace's launcher, one after the other", ms(chain), ofFloor(chain)],
    [`  ${gapMs} ms apart: from a spare`, ms(spares), ofFloor(spares)],
  ]);
  printTable("Any other command: `true`", [
    ["Headrace's launcher, with network and limits", ms(anything)],
    bubblewrap === undefined
      ? ["bubblewrap", "not installed"]
      : ["bubblewrap", ms(bubblewrap), `${(median(anything) / median(bubblewrap)).toFixed(1)} x`],
  ]);
  printTable("Steps of KFP, eight at a time", [
    ["Headrace's launcher", `${fan.rate.toFixed(0)} steps/s`, `${fan.cpu.toFixed(1)} ms of the machine's CPU each`],
  ]);
}

async function once(host: TestSandbox, overrides: Partial<ContainerSpec>): Promise<number> {
  const container = host.spec(overrides);
  const begin = performance.now();
  void host.sandbox.start(container);
  const exit = await host.exitOf(container.id);
  const time = performance.now() - begin;
  if (exit.exitCode !== 0)
    throw new RangeError(`The step ended with ${exit.exitCode}: ${exit.message ?? (await host.logOf(container))}`);
  await Promise.all([host.sandbox.acknowledge(container.id), host.sandbox.removeGroup(container.group)]);
  return time;
}

async function measure(
  host: TestSandbox,
  overrides: Partial<ContainerSpec>,
  count: number,
  pause: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let step = 0; step < count; step += 1) {
    times.push(await once(host, overrides));
    if (pause > 0) await host.pause(pause);
  }
  return times;
}

async function measureFan(
  host: TestSandbox,
  overrides: Partial<ContainerSpec>,
  atOnce: number,
): Promise<{ rate: number; cpu: number }> {
  let begun = 0;
  const before = { time: performance.now(), cpu: machineCpu() };
  const worker = async () => {
    for (; begun < repeats * 2; begun += 1) await once(host, overrides);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { rate: (begun * 1000) / (performance.now() - before.time), cpu: (machineCpu() - before.cpu) / begun };
}

async function measureFloor(python: string): Promise<number[]> {
  const directory = await mkdtemp(join(tmpdir(), "headrace-floor-"));
  const server = spawn(python, [fileURLToPath(new URL("peers/fork_server.py", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const times: number[] = [];
  for (let step = 0; step < repeats + 20; step += 1) {
    const begin = performance.now();
    send(server, { id: step, at_once: 1, source, function: "step", input: inputOf(directory) });
    await answers.next();
    times.push(performance.now() - begin);
  }
  server.stdin.end();
  await rm(directory, { recursive: true, force: true });
  return times.slice(20);
}

function send(server: ChildProcess, request: Readonly<Record<string, unknown>>): void {
  server.stdin?.write(`${JSON.stringify(request)}\n`);
}

/** Undefined if the program is not installed. */
async function measureProgram(program: string, words: readonly string[]): Promise<number[] | undefined> {
  const times: number[] = [];
  for (let turn = 0; turn < repeats; turn += 1) {
    const begin = performance.now();
    const status = await new Promise<number | null | undefined>((resolve) => {
      const child = spawn(program, words, { stdio: "ignore" });
      child.once("error", () => resolve(undefined));
      child.once("close", resolve);
    });
    if (status === undefined) return undefined;
    times.push(performance.now() - begin);
  }
  return times;
}
