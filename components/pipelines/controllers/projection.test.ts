import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { testApi } from "@headrace/apiserver/testing";
import type { ResourceClient } from "@headrace/client";
import type { Projection, WatchEvent } from "@headrace/model";
import { eventually } from "@headrace/model/testing";
import { type Artifact, type Run, runs, type Task, taskName, tasks } from "../resources/index.ts";
import { type Bench, compiledPipelines, createBench, program } from "../testing/index.ts";
import type { PipelineTables } from "../records/tables.ts";
import { lineageWriter } from "../testing/task-rows.ts";
import { explainCache } from "./cache-explanation.ts";
import { createExplain } from "./explain.ts";
import { PipelineCache } from "./pipeline-cache.ts";
import { artifactProjection } from "./artifact-projection.ts";
import { runProjection } from "./run-projection.ts";
import { taskProjection } from "./task-projection.ts";

const pipelines = await compiledPipelines();
const skip = pipelines ? false : "no KFP SDK to compile with";
const pipeline = (name: string): string => pipelines?.get(name) ?? "";
const everything = { namespace: "", fields: {}, labels: {} };

function projections(bench: Bench) {
  const { records } = bench;
  const waiting = (pod: { namespace: string; name: string }) => bench.engine.waiting?.(pod);
  const known = new PipelineCache();
  return {
    runs: runProjection({ records, stuck: () => undefined }),
    tasks: taskProjection({ records, pipelines: known, waiting }),
    cache: (ns: string, task: number) => explainCache(records.in<PipelineTables>(ns).db, known, task),
  };
}

async function list<T>(projection: Projection, query = {}): Promise<readonly T[]> {
  const { items } = await projection.list({ ...everything, ...query });
  return items as readonly unknown[] as readonly T[];
}

describe("projections", { skip }, () => {
  test("what failed or waits is explained, with what to do", async () => {
    await using bench = await createBench(program);
    const shown = projections(bench);
    const explain = createExplain(shown);
    const { run, tasks } = await bench.run(pipeline("failing"));
    const [why] = await explain({ kind: "run", namespace: "kubeflow", name: run.run });
    assert.match(why?.summary ?? "", /^Step "fail" at root\/fail failed: the step exited with code 1/);
    assert.match(why?.remedy ?? "", /retry the run/);
    const skipped = tasks.find(({ key }) => key === "root/say-2");
    const name = taskName(run.run, skipped?.id ?? 0);
    assert.deepEqual(await explain({ kind: "task", namespace: "kubeflow", name }), [
      { summary: 'root/say-2: Not run: "fail" failed' },
    ]);
    assert.deepEqual(await explain({ kind: "run", namespace: "kubeflow", name: "nothing" }), []);
  });

  test("a run is shown with its steps by state and why it failed", async () => {
    await using bench = await createBench(program);
    const { runs } = projections(bench);
    const { run } = await bench.run(pipeline("exits"));
    const [shown] = await list<Run>(runs);
    assert.equal(shown?.metadata.name, run.run);
    assert.deepEqual(shown?.status.steps, { SUCCEEDED: 2, FAILED: 1 });
    assert.equal(shown?.status.state, "FAILED");
    assert.match(shown?.status.error ?? "", /^Step "fail" at root\/exit-handler-1\/fail failed/);
    assert.deepEqual(shown?.spec.pipeline, { name: "exits" });
    assert.equal((await list(runs, { fields: { "status.state": "SUCCEEDED" } })).length, 0);
    assert.equal((await list(runs, { namespace: "other" })).length, 0);
  });

  test("runs come newest first, in pages of one moment: a watch from it tells what came meanwhile", async () => {
    await using bench = await createBench(program);
    const { runs } = projections(bench);
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) {
      await bench.clock.advance(1000);
      ids.unshift((await bench.run(pipeline("one_step"))).run.run);
    }
    const first = await runs.list({ ...everything, limit: 2 });
    assert.deepEqual(
      first.items.map(({ metadata }) => metadata.name),
      ids.slice(0, 2),
    );
    await bench.run(pipeline("one_step"));
    assert.notEqual((await runs.list(everything)).metadata.resourceVersion, first.metadata.resourceVersion);
    const second = await runs.list({
      ...everything,
      limit: 2,
      ...(first.metadata.continue && { continue: first.metadata.continue }),
    });
    assert.deepEqual(
      second.items.map(({ metadata }) => metadata.name),
      ids.slice(2),
    );
    assert.equal(second.metadata.continue, undefined);
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
    await assert.rejects(runs.list({ ...everything, continue: "x" }), /continue: is not a token of this list/);
  });

  test("a task is shown with what it waits for, its values, artifacts and attempts", async () => {
    await using bench = await createBench(program);
    const { tasks } = projections(bench);
    const { run } = await bench.run(pipeline("artifacts"));
    const shown = await list<Task>(tasks, { labels: { "headrace.io/run": run.run } });
    const train = shown.find(({ spec }) => spec.name === "train");
    assert.deepEqual(train?.spec.dependsOn, ["make"]);
    assert.equal(train?.metadata.name, taskName(run.run, train?.spec.id ?? 0));
    assert.deepEqual(train?.status.outputs.parameters, { Output: 0.5 });
    assert.equal(train?.status.outputs.artifacts["model"]?.[0]?.digest, "sha256:model");
    assert.equal(train?.status.inputs.artifacts["rows"]?.[0]?.type, "system.Dataset");
    assert.deepEqual(
      train?.status.attempts.map(({ n, state, exitCode }) => [n, state, exitCode]),
      [[0, "SUCCEEDED", 0]],
    );
    assert.deepEqual(await tasks.get({ namespace: "kubeflow", name: train?.metadata.name ?? "" }), {
      ...train,
      metadata: { ...train?.metadata },
    });
    assert.equal(await tasks.get({ namespace: "kubeflow", name: "ffffffff-1" }), undefined);
  });

  test("a cached task names the run that it came from, and a loop its size", async () => {
    await using bench = await createBench(program);
    const { tasks } = projections(bench);
    const first = await bench.run(pipeline("static_loop"));
    const second = await bench.run(pipeline("static_loop"));
    const shown = await list<Task>(tasks, { fields: { "spec.run": second.run.run } });
    assert.equal(shown.find(({ spec }) => spec.type === "LOOP")?.status.iterations, 3);
    assert.equal(shown.find(({ spec }) => spec.name === "total")?.status.cachedFrom?.run, first.run.run);
  });

  test("a watch tells of what leaves its selection, and of nothing outside of it", async () => {
    await using bench = await createBench(program);
    const shown = projections(bench);
    await using server = testApi([], { projections: [shown.runs, shown.tasks] });
    const [runsApi, tasksApi] = [server.client.resource(runs), server.client.resource(tasks)];
    await bench.run(pipeline("one_step"));
    const { metadata } = await runsApi.list(everything);
    const first = async <T extends Run | Task>(of: ResourceClient<T>, fieldSelector: string, labelSelector = "") => {
      const stop = new AbortController();
      const resourceVersion = metadata.resourceVersion ?? "";
      const watch = of.watch({ namespace: "", fieldSelector, labelSelector, resourceVersion, signal: stop.signal });
      for await (const { type, object } of watch) {
        stop.abort();
        return [type, object.metadata.name, object.status.state];
      }
      return [];
    };
    await bench.run(pipeline("one_step"));
    const { run } = await bench.run(pipeline("one_step"));
    await bench.run(pipeline("one_step"));
    const named = `metadata.name=${run.run}`;
    assert.deepEqual(await first(runsApi, `${named},status.state=RUNNING`), ["DELETED", run.run, "SUCCEEDED"]);
    assert.deepEqual(await first(runsApi, "", `headrace.io/run=${run.run}`), ["MODIFIED", run.run, "SUCCEEDED"]);
    const [step] = await list<Task>(shown.tasks, { fields: { "spec.run": run.run } });
    const name = step?.metadata.name;
    assert.deepEqual(await first(tasksApi, `metadata.name=${name},status.state=FAILED`), [
      "DELETED",
      name,
      "SUCCEEDED",
    ]);
  });

  test("a run shows what its steps logged, in their order; tasks of all runs come the newest first", async () => {
    await using bench = await createBench(program);
    const { runs, tasks } = projections(bench);
    const { run } = await bench.run(pipeline("one_step"));
    const rows = lineageWriter(bench.records, { ns: "kubeflow", id: run.run });
    const log = async (metadata: unknown, key?: string): Promise<void> => {
      const task = await rows.task({ name: "evaluate", ...(key !== undefined && { key }) });
      const end = { task, direction: "OUTPUT", name: "scores" } as const;
      await rows.artifact({ uri: "minio://b/m", type: "system.Metrics", metadata: JSON.stringify(metadata) }, [end]);
    };
    await log({ accuracy: 0.9, display_name: "scores" });
    await log({ accuracy: 0.95, loss: 0.1 });
    const [shown] = await list<Run>(runs);
    assert.deepEqual(shown?.status.metrics, { accuracy: [0.9, 0.95], loss: [0.1] });
    for (const turn of [10, 2]) await log({ turn }, `root/loop[${turn}]/evaluate`);
    assert.deepEqual((await list<Run>(runs))[0]?.status.metrics?.["turn"], [2, 10]);

    const first = await tasks.list({ ...everything, limit: 2 });
    const next = first.metadata.continue ?? "";
    const rest = await tasks.list({ ...everything, limit: 2, continue: next });
    const ids = [...first.items, ...rest.items].map((task) => (task as Task).spec.id);
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => b - a),
    );
    assert.equal(ids.length, 4);
    const [newest] = await list<Task>(tasks, { fields: { "spec.id": String(ids[0]) } });
    assert.equal(newest?.spec.name, "evaluate");
    assert.ok((await list<Task>(tasks, { fields: { "spec.type": "ROOT" } })).every(({ spec }) => spec.type === "ROOT"));
  });

  test("an artifact is shown with the step that made it, not with those that hand it on, until its run is gone", async () => {
    await using bench = await createBench(program);
    const artifacts = artifactProjection(bench.records);
    const { run } = await bench.run(pipeline("one_step"));
    const rows = lineageWriter(bench.records, { ns: "kubeflow", id: run.run });
    const maker = await rows.task({ name: "train", key: "root/train" });
    const user = await rows.task({ name: "group", type: "DAG" });
    const id = await rows.artifact({ uri: "minio://b/model", type: "system.Model", digest: "sha256:00", size: 7 }, [
      { task: user, direction: "OUTPUT", name: "best" },
      { task: maker, direction: "OUTPUT", name: "model" },
    ]);
    await rows.artifact({ uri: "minio://b/m", type: "system.Metrics" }, []);
    const labels = { "headrace.io/run": run.run };
    const [shown, ...others] = await list<Artifact>(artifacts, { labels, fields: { "spec.type": "system.Model" } });
    assert.equal(others.length, 0);
    assert.deepEqual([shown?.metadata.name, shown?.spec.size], [String(id), 7]);
    assert.deepEqual(shown?.spec.producer, {
      run: run.run,
      runName: run.display_name,
      pipeline: run.pipeline_name,
      task: maker,
      key: "root/train",
      step: "train",
      output: "model",
    });
    const page = await artifacts.list({ ...everything, limit: 1 });
    assert.ok(page.metadata.continue);
    const rest = await list<Artifact>(artifacts, { continue: page.metadata.continue });
    assert.equal(rest.at(-1)?.metadata.name, String(id));
  });

  test("a search looks through all artifacts and steps, whatever page asks", async () => {
    await using bench = await createBench(program);
    const { tasks } = projections(bench);
    const { run } = await bench.run(pipeline("artifacts"));
    await bench.run(pipeline("chain"));
    const found = async (...search: string[]) =>
      (await list<Artifact>(artifactProjection(bench.records), { search })).map(({ spec }) => spec.producer?.output);
    assert.deepEqual(await found("MODEL"), ["model"]);
    assert.deepEqual(await found("system.", "make"), ["rows"]);
    assert.deepEqual(await found(run.display_name.toUpperCase()), ["model", "rows"]);
    assert.deepEqual(await found("mod_l"), []);
    const steps = async (...search: string[]) => (await list<Task>(tasks, { search })).map(({ spec }) => spec.key);
    assert.deepEqual(await steps("root/", "tra"), ["root/train"]);
    assert.deepEqual(await steps(run.display_name, "make"), ["root/make"]);
    assert.deepEqual(await steps("100%"), []);
  });

  test("times are told to the millisecond, as durations of steps are short", async () => {
    await using bench = await createBench(program);
    const { runs, tasks } = projections(bench);
    await bench.clock.advance(123);
    await bench.run(pipeline("one_step"));
    const [run] = await list<Run>(runs);
    const [task] = await list<Task>(tasks);
    for (const time of [run?.status.startedAt, run?.status.finishedAt, task?.status.startedAt])
      assert.match(time ?? "", /\.\d{3}000Z$/);
    assert.equal(Date.parse(run?.status.startedAt ?? "") % 1000, 123);
  });

  test("a watch from a list misses nothing, and ends with the state that the list would show", async () => {
    await using bench = await createBench(program);
    const { runs, tasks } = projections(bench);
    const { metadata } = await tasks.list(everything);
    const stop = new AbortController();
    const seen = new Map<string, WatchEvent>();
    const follow = async (projection: Projection) => {
      for await (const event of projection.watch({
        ...everything,
        since: Number(metadata.resourceVersion),
        signal: stop.signal,
      })) {
        seen.set(event.object.metadata.name ?? "", event);
      }
    };
    const watching = [follow(runs), follow(tasks)];
    const { run } = await bench.run(pipeline("chain"), { parameters: { a: 1 } });
    const expected = [...(await list<Run>(runs)), ...(await list<Task>(tasks))];
    await eventually("all of it was seen", () => {
      const shown = seen.get(run.run)?.object as { status?: { state?: string } } | undefined;
      return shown?.status?.state === "SUCCEEDED" && seen.size === expected.length;
    });
    const withoutVersion = ({ metadata: { resourceVersion: _version, ...meta }, ...object }: Run | Task) => ({
      ...object,
      metadata: meta,
    });
    for (const object of expected) {
      const { object: last } = seen.get(object.metadata.name ?? "") ?? {};
      assert.deepEqual(withoutVersion(last as Run), withoutVersion(object));
    }
    stop.abort();
    await Promise.all(watching);
  });
});
