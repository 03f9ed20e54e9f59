import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "@headrace/model/testing";
import { runs } from "@headrace/pipelines/resources";
import { type Fresh, startFresh } from "@headrace/platform/testing";

const bin = join(import.meta.dirname, "bin", "headrace.js");

const step = (name: string, command: string) => ({
  executor: { container: { image: "python:3.11", command: ["sh", "-c", command] } },
  task: { taskInfo: { name }, componentRef: { name: `comp-${name}` }, cachingOptions: {} },
});

/** A compiled pipeline of steps that run one after the other. JSON is YAML. */
function pipelineOf(name: string, commands: Readonly<Record<string, string>>): string {
  const steps = Object.entries(commands).map(([task, command]) => [task, step(task, command)] as const);
  const by = <T>(value: (name: string, part: ReturnType<typeof step>) => [string, T]) =>
    Object.fromEntries(steps.map(([task, part]) => value(task, part)));
  return JSON.stringify({
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.3",
    pipelineInfo: { name },
    deploymentSpec: { executors: by((task, { executor }) => [`exec-${task}`, executor]) },
    components: by((task) => [`comp-${task}`, { executorLabel: `exec-${task}` }]),
    root: { dag: { tasks: by((task, part) => [task, part.task]) } },
  });
}

test("says that Headrace went away, and that the run goes on with it", async () => {
  await using fresh = await startFresh();
  const path = join(fresh.directory, "slow.yaml");
  await writeFile(path, pipelineOf("slow", { wait: "sleep 1000" }));
  const env = { PATH: process.env["PATH"], HEADRACE_HOME: fresh.platform.running.dataDir };
  const child = spawn(process.execPath, [bin, "run", path], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, "close");
  await eventually("the step runs", () => said.includes("running    root/wait"));
  await fresh.platform.stop({ keepPods: false });
  assert.deepEqual(await ended, [1, null]);
  assert.match(said, /^Cannot follow the run any further: Headrace does not answer$/m);
  assert.match(said, /^How to fix it: Start it again with `headrace up --detach`/m);
});

describe("headrace run", () => {
  let fresh: Fresh;
  before(async () => {
    fresh = await startFresh();
  });
  after(() => fresh?.[Symbol.asyncDispose]());

  async function start(file: string, content: string, ...flags: readonly string[]) {
    const path = join(fresh.directory, file);
    await writeFile(path, content);
    const child: ChildProcess = spawn(process.execPath, [bin, "run", path, ...flags], {
      env: { PATH: process.env["PATH"], HEADRACE_HOME: fresh.platform.running.dataDir },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { out: "", err: "" };
    child.stdout?.on("data", (chunk: Buffer) => (said.out += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (said.err += chunk.toString()));
    return { child, said, ended: once(child, "close") };
  }

  const listRuns = async () => (await fresh.platform.client.resource(runs).list()).items;

  test("calls the run by its pipeline's name, and prints each step's end once and in order", async () => {
    const { said, ended } = await start("file.yaml", pipelineOf("two-words", { first: "true", second: "true" }));
    assert.deepEqual(await ended, [0, null], said.err);
    const lines = said.out.split("\n");
    for (const name of ["first", "second"])
      assert.equal(lines.filter((line) => line === `succeeded  root/${name}`).length, 1, said.out);
    assert.match(said.out, /two-words succeeded in/);
  });

  test("prints one JSON document, whatever else it has to say", async () => {
    const { said, ended } = await start("json.yaml", pipelineOf("json", { only: "exit 3" }), "--output", "json");
    assert.deepEqual(await ended, [1, null]);
    const { state, error } = JSON.parse(said.out) as { state: string; error: string };
    assert.equal(state, "FAILED");
    assert.match(error, /only/);
  });

  test("says so when the run is deleted meanwhile", async () => {
    const { said, ended } = await start("gone.yaml", pipelineOf("deleted", { wait: "sleep 1000" }));
    await eventually("the step runs", () => said.out.includes("running    root/wait"));
    const run = (await listRuns()).find(({ spec }) => spec.displayName === "deleted");
    const path = `/apis/v2beta1/runs/${run?.metadata.name}`;
    await fetch(`${fresh.platform.running.gateway}${path}`, { method: "DELETE" });
    assert.deepEqual(await ended, [1, null]);
    assert.match(said.err, /run \S+ was deleted/);
  });

  test("leaves the run going when it is interrupted, and says how to go on", async () => {
    const path = join(fresh.shared, "go");
    const command = `while [ ! -e ${path} ]; do sleep 0.05; done`;
    const { child, said, ended } = await start("wait.yaml", pipelineOf("waiting", { wait: command }));
    await eventually("the step runs", () => said.out.includes("running    root/wait"));
    child.kill("SIGINT");
    assert.deepEqual(await ended, [130, null]);
    const run = (await listRuns()).find(({ spec }) => spec.displayName === "waiting");
    const id = run?.metadata.name ?? "";
    assert.equal(run?.status.state, "RUNNING");
    assert.match(said.err, new RegExp(`^The run goes on: http://\\S+/#/runs/details/${id} `, "m"));
    assert.match(said.err, new RegExp(`headrace explain run/${id}`));
    await writeFile(path, "");
    await eventually(
      "the run succeeds",
      async () => (await listRuns()).find(({ metadata }) => metadata.name === id)?.status.state === "SUCCEEDED",
    );
  });
});
