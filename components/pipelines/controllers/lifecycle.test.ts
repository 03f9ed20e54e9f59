import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Client } from "@headrace/client";
import { Event, Pod } from "@headrace/k8s";
import { ApiError, isApiError } from "@headrace/model";
import { eventually } from "@headrace/model/testing";
import type { Records, Scope } from "@headrace/records";
import { stepFinalizer } from "../core/pod.ts";
import { taskArtifactsOf } from "../records/artifacts.ts";
import { deleteRun } from "../records/runs.ts";
import type { PipelineTables } from "../records/tables.ts";
import {
  type Bench,
  compiledPipelines,
  createBench,
  createShelf,
  type Ended,
  out,
  passTime,
  program,
  type Shelf,
} from "../testing/index.ts";
import { runProjection } from "./run-projection.ts";

const pipelines = await compiledPipelines();
const skip = pipelines ? false : "no KFP SDK to compile with";
const pipeline = (name: string): string => pipelines?.get(name) ?? "";

const pods = async (bench: Bench): Promise<readonly Pod[]> => (await bench.api.client.resource(Pod).list()).items;
const finalizers = async (bench: Bench): Promise<number> =>
  (await pods(bench)).filter((pod) => pod.metadata.finalizers?.includes(stepFinalizer)).length;

async function attempts(
  bench: Bench,
  ended: Ended,
): Promise<readonly (readonly [key: string, n: number, state: string])[]> {
  const rows = await bench.records
    .all()
    .db.selectFrom("attempt")
    .select(["task", "n", "state"])
    .orderBy("task")
    .orderBy("n")
    .execute();
  const keys = new Map(ended.tasks.map((task) => [task.id, task.key]));
  return rows.map(({ task, n, state }) => [keys.get(task) ?? "", n, state]);
}

/** A client whose pods cannot be created while `isDown`. */
function unreliable(): { isDown: boolean; wrap: (client: Client) => Client } {
  const weather = {
    isDown: false,
    wrap: (client: Client): Client => ({
      resource: (definition) => {
        const inner = client.resource(definition);
        return {
          ...inner,
          create: (object, options) =>
            weather.isDown
              ? Promise.reject(new ApiError("ServiceUnavailable", "The API server is down"))
              : inner.create(object, options),
        };
      },
    }),
  };
  return weather;
}

describe("the cache", { skip }, () => {
  test("a step with the same inputs is not run again, and hands on the same artifacts", async () => {
    await using bench = await createBench(program);
    const first = await bench.run(pipeline("artifacts"));
    const count = bench.node.ran.length;
    const second = await bench.run(pipeline("artifacts"));
    assert.equal(bench.node.ran.length, count);
    assert.deepEqual(second.states, {
      root: "SUCCEEDED",
      "root/make": "CACHED",
      "root/train": "CACHED",
      "root/use": "CACHED",
    });
    const outputs = ({ tasks }: Ended) => tasks.map((task) => task.outputs);
    assert.deepEqual(outputs(second), outputs(first));
    assert.deepEqual(
      second.tasks.map((task) => task.cached_from),
      [null, ...first.tasks.slice(1).map((task) => task.id)],
    );
  });

  test("a step whose artifact is gone is run again", async () => {
    await using bench = await createBench(program);
    await bench.run(pipeline("artifacts"));
    bench.shelf.uris.clear();
    const second = await bench.run(pipeline("artifacts"));
    assert.equal(second.states["root/make"], "SUCCEEDED");
  });

  test("a step whose earlier run is deleted while its artifacts are looked for is run again", async () => {
    const looked = Promise.withResolvers<void>();
    const deleted = Promise.withResolvers<void>();
    const stat = async () => {
      looked.resolve();
      await deleted.promise;
      return { kind: "file", size: 1 } as const;
    };
    const artifacts: Shelf = { ...createShelf(), stat, in: () => artifacts };
    await using bench = await createBench(program, { artifacts });
    const first = await bench.run(pipeline("artifacts"));
    const second = await bench.submit(pipeline("artifacts"));
    await looked.promise;
    await bench.records.in<PipelineTables>("kubeflow").transaction(({ db }) => deleteRun(db, first.run));
    deleted.resolve();
    const { states } = await bench.ended(second);
    assert.equal(states["root/make"], "SUCCEEDED");
  });

  test("an earlier success counts as long as the run allows, from when it really ran", async () => {
    await using bench = await createBench(program);
    const oneStep = (cacheMaxAgeMs: number) => bench.run(pipeline("one_step"), { cacheMaxAgeMs });
    await bench.run(pipeline("one_step"));
    await bench.clock.advance(60_000);
    const states = [await oneStep(90_000)];
    await bench.clock.advance(60_000);
    states.push(await oneStep(90_000), await oneStep(90_000));
    assert.deepEqual(
      states.map((ended) => ended.states["root/add"]),
      ["CACHED", "SUCCEEDED", "CACHED"],
    );
  });

  test("a run can do without it, and other inputs miss it", async () => {
    await using bench = await createBench(program);
    await bench.run(pipeline("one_step"), { parameters: { a: 1 } });
    const other = await bench.run(pipeline("one_step"), { parameters: { a: 2 } });
    const uncached = await bench.run(pipeline("one_step"), { parameters: { a: 1 }, cache: false });
    const cached = await bench.run(pipeline("one_step"), { parameters: { a: 1 } });
    assert.deepEqual(
      [other, uncached, cached].map(({ states }) => states["root/add"]),
      ["SUCCEEDED", "SUCCEEDED", "CACHED"],
    );
  });
});

describe("after kill -9", { skip }, () => {
  test("an attempt that was committed without a pod gets its pod", async () => {
    const weather = unreliable();
    await using bench = await createBench(program, { wrapClient: weather.wrap });
    weather.isDown = true;
    const run = await bench.submit(pipeline("one_step"));
    await eventually(
      "the attempt is committed",
      async () => (await attempts(bench, await bench.look(run))).length === 1,
    );
    bench.kill();
    weather.isDown = false;
    await bench.restart();
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.deepEqual(await attempts(bench, ended), [["root/add", 0, "SUCCEEDED"]]);
  });

  test("a pod that exists and is ours is not made again", async () => {
    await using bench = await createBench(program);
    bench.node.isPaused = true;
    const run = await bench.submit(pipeline("one_step"));
    await eventually("the pod is there", async () => (await pods(bench)).length === 1);
    await bench.restart();
    bench.node.resume();
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.equal(bench.node.ran.length, 1);
  });

  test("the end of a step that came while nobody listened is recorded once", async () => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    await using bench = await createBench(async (step) => {
      await mayEnd;
      return program(step);
    });
    const run = await bench.submit(pipeline("one_step"));
    await eventually("the step runs", () => bench.node.ran.length === 1);
    bench.kill();
    end();
    await new Promise((resolve) => setImmediate(resolve));
    await bench.restart();
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.equal(bench.node.ran.length, 1);
    assert.deepEqual(await attempts(bench, ended), [["root/add", 0, "SUCCEEDED"]]);
  });

  test("a pod whose end was recorded is let go by the next engine", async () => {
    await using bench = await createBench(program);
    bench.node.isMute = true;
    const run = await bench.submit(pipeline("one_step"));
    await bench.ended(run);
    assert.equal(await finalizers(bench), 1);
    bench.kill();
    const [pod] = await pods(bench);
    const key = { namespace: "kubeflow", name: pod?.metadata.name ?? "" };
    await bench.api.client
      .resource(Pod)
      .patch(key, { type: "merge", body: { status: { phase: "Succeeded" } } }, { subresource: "status" });
    await bench.restart();
    await eventually("the finalizer is dropped", async () => (await finalizers(bench)) === 0);
  });

  test("loops and groups go on where they were", async () => {
    let isOpen = false;
    const gates: (() => void)[] = [];
    await using bench = await createBench(async (step) => {
      if (!isOpen) await new Promise<void>((resolve) => gates.push(resolve));
      return program(step);
    });
    const run = await bench.submit(pipeline("nested_loops"));
    await eventually("the first steps run", () => gates.length === 6);
    await bench.restart();
    isOpen = true;
    for (const open of gates) open();
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.deepEqual(ended.outputs("root"), { Output: 120 });
    assert.equal(bench.node.ran.length, 7);
  });
});

describe("a step's pod", { skip }, () => {
  test("that is deleted while it runs is made again, and that is no retry", async () => {
    let isFirst = true;
    await using bench = await createBench((step) => {
      if (!isFirst) return program(step);
      isFirst = false;
      return new Promise(() => {});
    });
    const run = await bench.submit(pipeline("one_step"));
    await eventually("the step runs", () => bench.node.ran.length === 1);
    const [pod] = await pods(bench);
    await bench.api.client.resource(Pod).delete({ namespace: "kubeflow", name: pod?.metadata.name ?? "" });
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.deepEqual(await attempts(bench, ended), [
      ["root/add", 0, "LOST"],
      ["root/add", 1, "SUCCEEDED"],
    ]);
    const event = await eventually(
      "an event says so",
      async () => (await bench.api.client.resource(Event).list()).items[0],
    );
    assert.equal(event.reason, "StepLost");
  });

  test("that is deleted before it is scheduled is made again", async () => {
    await using bench = await createBench(program);
    bench.node.isPaused = true;
    const run = await bench.submit(pipeline("one_step"));
    const pod = await eventually("the pod is there", async () => (await pods(bench))[0]);
    await bench.api.client.resource(Pod).delete({ namespace: "kubeflow", name: pod.metadata.name ?? "" });
    await eventually("another is there", async () =>
      (await pods(bench)).some(({ metadata }) => metadata.name !== pod.metadata.name),
    );
    bench.node.resume();
    const ended = await bench.ended(run);
    assert.deepEqual(await attempts(bench, ended), [
      ["root/add", 0, "LOST"],
      ["root/add", 1, "SUCCEEDED"],
    ]);
  });

  test("that the API refuses fails the step with the reason", async () => {
    const weather = unreliable();
    await using bench = await createBench(program, {
      wrapClient: (client) => ({
        resource: (definition) => ({
          ...weather.wrap(client).resource(definition),
          create: () => Promise.reject(new ApiError("Forbidden", 'exceeded quota: "small"')),
        }),
      }),
    });
    const ended = await bench.run(pipeline("one_step"));
    assert.equal(ended.run.state, "FAILED");
    assert.match(ended.run.error ?? "", /the step's pod was refused: exceeded quota: "small"/);
  });

  test("says why it waits", async () => {
    await using bench = await createBench(program);
    bench.node.isPaused = true;
    await bench.submit(pipeline("one_step"));
    const pod = await eventually("the pod is there", async () => (await pods(bench))[0]);
    const key = { namespace: "kubeflow", name: pod.metadata.name ?? "" };
    const waiting = { reason: "ImagePullBackOff", message: "no mapping for image" };
    const status = {
      containerStatuses: [{ name: "main", image: "x", imageID: "", ready: false, restartCount: 0, state: { waiting } }],
    };
    await bench.api.client.resource(Pod).patch(key, { type: "merge", body: { status } }, { subresource: "status" });
    const shown = await eventually("the engine has seen it", () => bench.engine.waiting?.(key));
    assert.deepEqual(shown, { summary: "ImagePullBackOff: no mapping for image" });
  });

  test("that runs for a while makes its task RUNNING", async () => {
    await using bench = await createBench(() => new Promise(() => {}));
    const run = await bench.submit(pipeline("one_step"));
    const pod = await eventually("the pod is there", async () => (await pods(bench))[0]);
    await eventually("the step runs", () => bench.node.ran.length === 1);
    const key = { namespace: "kubeflow", name: pod.metadata.name ?? "" };
    await bench.api.client
      .resource(Pod)
      .patch(key, { type: "merge", body: { status: { phase: "Running" } } }, { subresource: "status" });
    await passTime(bench, 2, () => false);
    await eventually("its task is RUNNING", async () => (await bench.look(run)).states["root/add"] === "RUNNING");
  });
});

describe("a run", { skip }, () => {
  test("that is terminated ends its pods, runs no exit task, and is CANCELED", async () => {
    await using bench = await createBench(() => new Promise(() => {}));
    const run = await bench.submit(pipeline("exits"));
    await eventually("the first step runs", () => bench.node.ran.length === 1);
    await bench.engine.terminate(run);
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "CANCELED");
    assert.equal(ended.states["root/exit-handler-1/say"], "CANCELED");
    assert.equal("root/clean" in ended.states, false);
    assert.deepEqual(
      (await attempts(bench, ended)).map(([, , state]) => state),
      ["CANCELED"],
    );
    await eventually("the pod is gone", async () => (await finalizers(bench)) === 0);
    await assert.rejects(bench.engine.terminate(run), (error) => isApiError(error, "BadRequest"));
  });

  test("that has ended stays as it is when it is asked for what it cannot do", async () => {
    await using bench = await createBench(program);
    const run = await bench.submit(pipeline("one_step"));
    const { run: before } = await bench.ended(run);
    const history = () => bench.records.all<PipelineTables>().db.selectFrom("run_state").selectAll().execute();
    const states = await history();
    await assert.rejects(bench.engine.terminate(run), (error) => isApiError(error, "BadRequest"));
    await assert.rejects(bench.engine.retry(run), (error) => isApiError(error, "BadRequest"));
    assert.deepEqual(await history(), states);
    assert.deepEqual((await bench.look(run)).run, before);
  });

  test("that is terminated before its pods could be made ends all the same", async () => {
    const weather = unreliable();
    await using bench = await createBench(program, { wrapClient: weather.wrap });
    weather.isDown = true;
    const run = await bench.submit(pipeline("static_loop"));
    await eventually("attempts are committed", async () => (await attempts(bench, await bench.look(run))).length === 3);
    await bench.engine.terminate(run);
    assert.equal((await bench.ended(run)).run.state, "CANCELED");
  });

  test("that failed is taken up again by a retry: what succeeded stays, the rest and the exit task run again", async () => {
    let isBroken = true;
    await using bench = await createBench((step) =>
      step.name === "fail" ? (isBroken ? { exitCode: 1 } : {}) : program(step),
    );
    const run = await bench.submit(pipeline("exits"));
    assert.equal((await bench.ended(run)).run.state, "FAILED");
    isBroken = false;
    await bench.engine.retry(run);
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.equal(ended.run.error, null);
    assert.deepEqual(bench.node.ran, ["say", "fail", "clean", "fail", "clean"]);
    assert.deepEqual(ended.inputs("root/clean")["status"], {
      state: "COMPLETE",
      pipelineJobResourceName: ended.run.resource_name,
      pipelineTaskName: "exit-handler-1",
      error: {},
    });
    await assert.rejects(bench.engine.retry(run), (error) => isApiError(error, "BadRequest"));
  });

  test("that succeeded runs again from a chosen task on, and that one without the cache", async () => {
    await using bench = await createBench(program);
    const { ns, id } = await bench.submit(pipeline("artifacts"));
    const first = await bench.ended({ ns, id });
    await assert.rejects(
      bench.engine.retry({ ns, id }, ["root/make", "root/nothing"]),
      /from\[1\]: it has no task "root\/nothing"; keys are such as root\/make/,
    );
    await bench.engine.retry({ ns, id }, ["root/train"]);
    const second = await bench.ended({ ns, id });
    assert.deepEqual(bench.node.ran, ["make", "train", "use", "train", "use"]);
    assert.equal(second.run.state, "SUCCEEDED");
    const made = ({ tasks }: Ended, key: string) => tasks.find((task) => task.key === key)?.outputs;
    assert.equal(made(second, "root/make"), made(first, "root/make"));
    assert.notEqual(made(second, "root/train"), made(first, "root/train"));
    assert.equal(second.tasks.length, first.tasks.length);
  });

  test("that ran again from a chosen task has what that made now, was given now, and nothing else", async () => {
    await using bench = await createBench(program);
    const { ns, id } = await bench.submit(pipeline("artifacts"));
    await bench.ended({ ns, id });
    const ends = async () => {
      const rows = await taskArtifactsOf(bench.records.in<PipelineTables>(ns).db, ns, id);
      const { tasks } = await bench.look({ ns, id });
      const key = (task: number): string => tasks.find((each) => each.id === task)?.name ?? "";
      return rows.map(({ task, direction, port, uri }) => `${key(task)} ${direction} ${port} ${uri.split("/").at(-2)}`);
    };
    await bench.engine.retry({ ns, id }, ["root/train"]);
    await bench.ended({ ns, id });
    assert.deepEqual((await ends()).sort(), [
      "make OUTPUT rows 0",
      "train INPUT rows 0",
      "train OUTPUT model 1",
      "use INPUT model 1",
      "use INPUT rows 0",
    ]);
    const known = await bench.records.in<PipelineTables>(ns).db.selectFrom("artifact").select("uri").execute();
    assert.equal(known.length, 2, "an earlier result is none any more");
  });

  test("whose retry takes another way leaves no task waiting", async () => {
    let side = "heads";
    await using bench = await createBench((step) => (step.name === "flip" ? out(side) : program(step)));
    const run = await bench.submit(pipeline("branches"));
    const first = await bench.ended(run);
    side = "tails";
    await bench.engine.retry(run, ["root/flip"]);
    const second = await bench.ended(run);
    assert.equal(second.run.state, "SUCCEEDED", JSON.stringify(first.states));
    assert.deepEqual(
      Object.values(second.states).filter((state) => state === "PENDING" || state === "RUNNING"),
      [],
    );
  });

  test("that failed in a loop is taken up again in the iterations that failed", async () => {
    let isBroken = true;
    await using bench = await createBench((step) =>
      isBroken && step.parameters["x"] === 2 ? { exitCode: 1 } : program(step),
    );
    const run = await bench.submit(pipeline("static_loop"));
    assert.equal((await bench.ended(run)).run.state, "FAILED");
    isBroken = false;
    await bench.engine.retry(run);
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.deepEqual(ended.outputs("root"), { Output: 12 });
    assert.deepEqual(bench.node.ran.filter((name) => name === "double").length, 4);
  });

  test("a retry within a loop is the iteration's own", async () => {
    const seen = new Set<unknown>();
    await using bench = await createBench(({ parameters: { x } }) =>
      seen.has(x) ? out(1) : (seen.add(x), { exitCode: 1 }),
    );
    const run = await bench.submit(pipeline("loop_retries"));
    await passTime(bench, 30, () => bench.node.ran.length === 4);
    assert.equal((await bench.ended(run)).run.state, "SUCCEEDED");
  });

  test("repeated and late reports change nothing", async () => {
    await using bench = await createBench(program);
    const run = await bench.submit(pipeline("one_step"));
    const ended = await bench.ended(run);
    const task = ended.tasks[1]?.id ?? 0;
    const [report] = bench.node.reports.values();
    assert.ok(report);
    await bench.engine.report({ run: run.id, task, n: 0 }, report);
    assert.deepEqual((await bench.look(run)).tasks, ended.tasks);
    await assert.rejects(bench.engine.report({ run: run.id, task: 999, n: 0 }, report), (error) =>
      isApiError(error, "NotFound"),
    );
  });

  test("that is forgotten leaves no pod, and reports of it find nobody", async () => {
    await using bench = await createBench(() => new Promise(() => {}));
    const run = await bench.submit(pipeline("one_step"));
    await eventually("the step runs", () => bench.node.ran.length === 1);
    await bench.engine.forget(run);
    assert.equal(await finalizers(bench), 0);
    assert.equal((await bench.look(run)).run.state, "RUNNING");
  });

  test("with more iterations than one transaction takes opens them all", async () => {
    await using bench = await createBench(program);
    const run = await bench.submit(pipeline("wide"));
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.equal(ended.tasks.length, 2 + 2 * 600);
    assert.equal(bench.node.ran.length, 600);
  });

  test("whose steps may run two at a time never has three", async () => {
    let now = 0;
    let most = 0;
    await using bench = await createBench(async (step) => {
      now += 1;
      most = Math.max(most, now);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      return program(step);
    });
    const ended = await bench.run(pipeline("dynamic_loop"));
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.equal(most, 2);
  });
});

/** Records whose next transactions fail, as on a full disk. */
function failing(records: Records): { fail: number; records: Records } {
  const disk = { fail: 0, records };
  const scoped = <DB>(scope: Scope<DB>): Scope<DB> => ({
    namespace: scope.namespace,
    db: scope.db,
    transaction: (body) => {
      if (disk.fail === 0) return scope.transaction(body);
      disk.fail -= 1;
      return scope.transaction(async (tx) => {
        await body(tx);
        throw new ApiError("ServiceUnavailable", "The disk is full");
      });
    },
  });
  disk.records = { ...records, in: (ns) => scoped(records.in(ns)), all: () => scoped(records.all()) };
  return disk;
}

describe("when something is wrong", { skip }, () => {
  test("with the disk, what was not written is done again, and the node reports again", async () => {
    let disk: { fail: number } | undefined;
    await using bench = await createBench(
      (step) => {
        if (disk) disk.fail = 2;
        return program(step);
      },
      {
        wrapRecords: (records) => {
          const wrapped = failing(records);
          disk = wrapped;
          return wrapped.records;
        },
      },
    );
    const run = await bench.submit(pipeline("one_step"));
    await passTime(bench, 5, () => false);
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.equal(bench.node.ran.length, 1);
    assert.deepEqual(await attempts(bench, ended), [["root/add", 0, "SUCCEEDED"]]);
  });

  test("that passes, the run says what it is and that it is tried again, until it has passed", async () => {
    let disk = { fail: 0 };
    await using bench = await createBench(program, {
      wrapRecords: (records) => {
        const wrapped = failing(records);
        disk = wrapped;
        return wrapped.records;
      },
    });
    const show = runProjection({ records: bench.records, stuck: (run) => bench.engine.stuck?.(run) });
    disk.fail = 1000;
    const run = await bench.submit(pipeline("one_step"));
    const waiting = async () => (await show.get({ namespace: "kubeflow", name: run.id }))?.status.waiting;
    const said = await eventually("it is said", waiting);
    assert.equal(said.summary, "Cannot go on at present: The disk is full");
    assert.match(said.remedy ?? "", /tried again by itself, next at 20/);
    disk.fail = 0;
    await eventually("an event tells it, too", async () => {
      const { items } = await bench.api.client.resource(Event).list({ namespace: "kubeflow" });
      return items.some(({ reason, involvedObject }) => reason === "CannotGoOn" && involvedObject.name === run.id);
    });
    await passTime(bench, 5, () => false);
    assert.equal((await bench.ended(run)).run.state, "SUCCEEDED");
    assert.equal(await waiting(), undefined);
  });

  test("with a run's own pipeline, it fails and says so, and no other run is held up", async () => {
    await using bench = await createBench(program);
    bench.kill();
    await assert.rejects(bench.submit(pipeline("one_step")).then((run) => bench.engine.terminate(run)));
    const [broken] = await bench.records.all().db.selectFrom("run").select("id").execute();
    await bench.records.all().transaction(async ({ db }) => {
      await db.updateTable("document").set({ content: "{}" }).execute();
    });
    await bench.restart();
    const ended = await bench.ended({ ns: "kubeflow", id: broken?.id ?? "" });
    assert.equal(ended.run.state, "FAILED");
    assert.match(ended.run.error ?? "", /^Cannot go on: schemaVersion: Required value/);
    assert.equal((await bench.run(pipeline("chain"), { parameters: { a: 1 } })).run.state, "SUCCEEDED");
  });

  const ends: readonly { readonly reason: string; readonly states: readonly string[] }[] = [
    { reason: "Evicted", states: ["LOST", "CREATED"] },
    { reason: "OutOfcpu", states: ["FAILED"] },
  ];
  for (const { reason, states } of ends) {
    test(`with a pod that ends (${reason}) and is never reported, its attempt is ${states[0]}`, async () => {
      await using bench = await createBench(program);
      bench.node.isPaused = true;
      const run = await bench.submit(pipeline("one_step"));
      const pod = await eventually("the pod is there", async () => (await pods(bench))[0]);
      const key = { namespace: "kubeflow", name: pod.metadata.name ?? "" };
      const target = { apiVersion: "v1", kind: "Binding", metadata: key, target: { kind: "Node", name: "n" } };
      const client = bench.api.client.resource(Pod);
      await client.post(key, "binding", target);
      await client.patch(
        key,
        { type: "merge", body: { status: { phase: "Failed", reason } } },
        { subresource: "status" },
      );
      await passTime(bench, 8, () => false);
      await eventually("the attempt is recorded", async () => {
        const rows = await attempts(bench, await bench.look(run));
        return rows.map(([, , state]) => state).join() === states.join();
      });
    });
  }

  test("with time: a run that takes longer than its pipeline allows is stopped, and has failed", async () => {
    await using bench = await createBench(() => new Promise(() => {}));
    const platform = JSON.stringify({ platforms: { kubernetes: { pipelineConfig: { activeDeadlineSeconds: 30 } } } });
    const run = await bench.submit(`${pipeline("one_step")}\n---\n${platform}\n`);
    await eventually("the step runs", () => bench.node.ran.length === 1);
    await bench.clock.advance(29_000);
    assert.equal((await bench.look(run)).run.state, "RUNNING");
    await bench.clock.advance(1_000);
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "FAILED");
    assert.match(ended.run.error ?? "", /longer than the 30 s/);
    assert.equal(ended.states["root/add"], "CANCELED");
  });
});
