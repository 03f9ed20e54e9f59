import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Client } from "@headrace/client";
import { runLabel, type Task, tasks } from "@headrace/pipelines/resources";
import { sdkPython, startProgram, type PythonProgram } from "./testing/python.ts";
import { sharedPlatform } from "./testing/shared.ts";

/** What `testing/programs/kfp_features.py` says of a run. */
interface RunWords {
  readonly run: string;
  readonly state: string;
  readonly error: string | null;
  /** Of a run that was made by the clock: for when, and its display name. */
  readonly scheduled?: string;
  readonly title?: string;
}

/** A run that has ended, with its tasks. */
interface Ended extends RunWords {
  readonly output: unknown;
  readonly tasks: readonly Task[];
  task(key: string): Task;
}

const namespace = "kubeflow";
const sdk = await sdkPython();

describe("pipelines of the stock SDK", { skip: sdk.skip }, () => {
  let program: PythonProgram | undefined;
  let client: Client;

  before(async () => {
    const { platform, shared } = await sharedPlatform();
    ({ client } = platform);
    program = await startProgram(sdk.path, "kfp_features.py", [platform.running.gateway, shared]);
  });
  after(() => program?.[Symbol.asyncDispose]());

  async function ended(name: string): Promise<Ended> {
    const words = (await program?.said(name)) as unknown as RunWords;
    const { items } = await client.resource(tasks).list({ namespace, labelSelector: `${runLabel}=${words.run}` });
    const task = (key: string): Task =>
      items.find(({ spec }) => spec.key === key) ??
      assert.fail(`${name} has no task ${key}: ${words.error} ${items.map(({ spec }) => spec.key).join(", ")}`);
    return {
      ...words,
      tasks: items,
      task,
      output: words.run === "" ? undefined : parametersOf(task("root"))["Output"],
    };
  }

  async function gives(name: string, output: unknown): Promise<Ended> {
    const run = await ended(name);
    assert.deepEqual([run.error, run.state, run.output], [null, "SUCCEEDED", output]);
    return run;
  }

  test("a loop over items that are written down collects its results", async () => {
    await gives("static-loop", 12);
  });

  test("a loop over items that a step computed collects its results", async () => {
    await gives("dynamic-loop", 12);
  });

  test("a loop in a loop collects lists of lists", async () => {
    await gives("nested-loop", [10, 20, 20, 40]);
  });

  test("a loop over nothing collects nothing", async () => {
    await gives("empty-loop", 0);
  });

  test("a loop hands out the fields of its items", async () => {
    await gives("loop-of-structs", "fourteen");
  });

  test("a step is handed more artifacts of a loop than it could have mounts", async () => {
    await gives("wide-loop", (109 * 110) / 2);
  });

  test("one branch of a condition runs, and its output is the one", async () => {
    const run = await gives("conditions", "medium");
    const states = run.tasks.filter(({ spec }) => spec.type === "RUNTIME").map(({ status }) => status.state);
    assert.equal(states.filter((state) => state === "SUCCEEDED").length, 1);
  });

  test("an exit handler hears how its tasks ended, whether well", async () => {
    const run = await ended("exit-handler");
    assert.deepEqual([run.error, run.state], [null, "SUCCEEDED"]);
    assert.equal(parametersOf(run.task("root/farewell"))["Output"], "exit-handler-1");
  });

  test("an exit handler hears how its tasks ended, or badly", async () => {
    const run = await ended("exit-handler-after-failure");
    assert.equal(run.state, "FAILED");
    assert.equal(run.task("root/farewell").status.state, "SUCCEEDED");
    assert.equal(run.task("root/exit-handler-1/double").status.state, "SKIPPED");
  });

  test("a failed run names the step and its last words", async () => {
    const run = await ended("failure");
    assert.equal(run.state, "FAILED");
    assert.match(run.error ?? "", /load the rows|fail/);
    assert.match(run.error ?? "", /ValueError: the file has no rows/);
  });

  test("a step that imports what lies beside the pipeline's file fails, and is told why that is not there", async () => {
    const run = await ended("sibling-import");
    assert.equal(run.state, "FAILED");
    assert.match(run.error ?? "", /no module "my_features" there\. A lightweight component brings only the source/);
  });

  test("a step that may be retried is tried again", async () => {
    const run = await gives("retry", "second");
    assert.deepEqual(attemptsOf(run.task("root/fail-once")), ["FAILED", "SUCCEEDED"]);
  });

  test("a step is not tried more often than it may be", async () => {
    const run = await ended("no-more-retries");
    assert.equal(run.state, "FAILED");
    assert.deepEqual(attemptsOf(run.task("root/fail")), ["FAILED", "FAILED"]);
  });

  test("a task may ignore that what it waits for has failed", async () => {
    const run = await ended("ignored-failure");
    assert.equal(run.task("root/double").status.state, "SUCCEEDED");
  });

  test("what ran before is taken from cache, all of it", async () => {
    const first = await ended("cached first");
    const second = await gives("cached second", first.output);
    const steps = second.tasks.filter(({ spec }) => spec.type === "RUNTIME");
    assert.deepEqual(
      steps.map(({ status }) => status.state),
      ["CACHED", "CACHED", "CACHED"],
    );
    assert.deepEqual(new Set(steps.map(({ status }) => status.cachedFrom?.run)), new Set([first.run]));
  });

  test("artifacts of every type carry their files and metadata", async () => {
    const run = await gives("artifacts", "leaf1,2");
    const made = run.task("root/make-artifacts").status.outputs.artifacts;
    const metadataOf = (name: string): unknown => made[name]?.[0]?.metadata;
    assert.deepEqual(Object.fromEntries(Object.entries(made).map(([name, [artifact]]) => [name, artifact?.type])), {
      rows: "system.Dataset",
      model: "system.Model",
      scores: "system.Metrics",
      curve: "system.ClassificationMetrics",
      matrix: "system.ClassificationMetrics",
      page: "system.HTML",
      note: "system.Markdown",
      tree: "system.Artifact",
    });
    assert.deepEqual(metadataOf("scores"), { accuracy: 0.75 });
    assert.match(JSON.stringify(metadataOf("curve")), /"confidenceThreshold":0\.5/);
    assert.match(JSON.stringify(metadataOf("matrix")), /"displayName":"cat"/);
  });

  test("an importer makes an artifact of what lies at an address", async () => {
    await gives("importer", 1.5);
  });

  test("a container component finds its placeholders filled in, and shells see no more than they should", async () => {
    await gives("containers", `hello, it's "me".|hello, $HOME!|row`);
  });

  test("inputs of every type arrive as they were given", async () => {
    await gives("inputs", 'ü "quoted" \\ {{x}} \n$HOME');
  });

  test("a step sees the variables that were set for it", async () => {
    await gives("environment", "blue");
  });

  test("a step finds the packages that it asked for", async () => {
    await gives("packages", "2.0.0");
  });

  test("a pipeline is a step of another", async () => {
    await gives("pipeline-in-pipeline", 24);
  });

  test("a terminated run ends, and what waited does not run", async () => {
    const run = await ended("terminated");
    assert.equal(run.state, "FAILED");
    assert.equal(run.task("root/wait-for-ever").status.state, "CANCELED");
    assert.notEqual(run.tasks.find(({ spec }) => spec.key === "root/double")?.status.state, "SUCCEEDED");
  });

  test("a failed run that is retried goes on from what succeeded", async () => {
    const first = await ended("retried-run first");
    assert.equal(first.state, "FAILED");
    const second = await gives("retried-run", "second");
    assert.equal(attemptsOf(second.task("root/double")).length, 1);
  });

  test("a recurring run makes runs that know for when they are, and which they are", async () => {
    const { run, state, error, output, scheduled = "", title = "" } = await ended("by the clock");
    assert.deepEqual([error, state], [null, "SUCCEEDED"]);
    assert.match(title, /^bytheclock[a-z0-9]{5}-1-\d+$/);
    assert.equal(output, `1 ${scheduled.slice(0, 4)} ${scheduled} ${scheduled}`, run);
  });
});

function parametersOf(task: Task): Readonly<Record<string, unknown>> {
  return task.status.outputs.parameters as Readonly<Record<string, unknown>>;
}

function attemptsOf(task: Task): readonly string[] {
  return task.status.attempts.map(({ state }) => state);
}
