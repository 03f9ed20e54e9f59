import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Records } from "@headrace/records";
import type { PipelineDatabase, PipelineTables } from "../records/tables.ts";
import { taskName } from "../resources/index.ts";
import { createBench, program } from "../testing/index.ts";
import { chainPipeline } from "../testing/shapes.ts";
import { lineageWriter } from "../testing/task-rows.ts";
import { MetricsReader } from "./run-metrics.ts";

const ns = "kubeflow";

/** A finished run to which steps are added that log Metrics, as the engine does: their rows, and a change told of each. */
async function loggingRun(records: Records, run: string) {
  const rows = lineageWriter(records, { ns, id: run });
  const tell = (task: number): Promise<void> =>
    records.in<PipelineTables>(ns).transaction(async ({ changed }) => {
      changed({ ns, kind: "tasks", key: taskName(run, task), op: "PUT" });
    });
  return {
    tell,
    async log(key: string, metadata: Readonly<Record<string, unknown>>): Promise<number> {
      const task = await rows.task({ key });
      const end = { task, direction: "OUTPUT", name: "metrics" } as const;
      await rows.artifact({ uri: `minio://b/${key}`, type: "system.Metrics", metadata: JSON.stringify(metadata) }, [
        end,
      ]);
      await tell(task);
      return task;
    },
  };
}

/** The same database, which counts the rows that are read. */
function counting(db: PipelineDatabase) {
  const counted = { rows: 0 };
  const plugged = db.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      counted.rows += result.rows.length;
      return result;
    },
  });
  return { db: plugged, counted };
}

describe("what a run has logged as Metrics", () => {
  test("of a large run only what has changed is read again", async () => {
    await using bench = await createBench(program);
    const { run } = await bench.run(chainPipeline(1));
    const { log, tell } = await loggingRun(bench.records, run.run);
    for (let turn = 0; turn < 300; turn += 1) await log(`root/loop[${turn}]/train`, { loss: turn });
    const { db, counted } = counting(bench.records.in<PipelineTables>(ns).db);
    const reader = new MetricsReader();
    const read = async () => (await reader.read(db, [run.run])).get(run.run) ?? {};
    assert.deepEqual(
      (await read())["loss"],
      Array.from({ length: 100 }, (_, turn) => turn),
    );
    assert.ok(counted.rows >= 300);

    counted.rows = 0;
    assert.equal((await read())["loss"]?.length, 100);
    assert.ok(counted.rows <= 2, `${counted.rows} rows for nothing new`);

    const task = await log("root/evaluate", { accuracy: 0.9 });
    counted.rows = 0;
    assert.deepEqual((await read())["accuracy"], [0.9]);
    assert.ok(counted.rows <= 4, `${counted.rows} rows for one step more`);
    await tell(task);
    assert.deepEqual((await read())["accuracy"], [0.9], "the same is told twice");
  });

  test("steps that end in any order, and log whatever they like, show what a first look shows", async () => {
    await using bench = await createBench(program);
    const { run } = await bench.run(chainPipeline(1));
    const { log } = await loggingRun(bench.records, run.run);
    const { db } = bench.records.in<PipelineTables>(ns);
    const reader = new MetricsReader();
    // Far from the order of the turns, and each of them once.
    const turns = Array.from({ length: 400 }, (_, index) => (index * 147) % 400);
    for (const [index, turn] of turns.entries()) {
      await log(`root/loop[${turn}]/train`, { loss: turn, [`only-${turn % 90}`]: turn, note: "no number" });
      if (index % 4 === 0) await log(`root/outer[${turn % 7}]/inner[${turn}]/score`, { loss: -turn });
      if (index < 240 || index % 20 !== 0) continue;
      assert.deepEqual(await reader.read(db, [run.run]), await new MetricsReader().read(db, [run.run]));
    }
    const shown = (await reader.read(db, [run.run])).get(run.run) ?? {};
    assert.equal(Object.keys(shown).length, 64);
    assert.deepEqual(shown["loss"]?.slice(0, 3), [0, 1, 2]);
  });

  test("a step that is tried again shows what it logs then", async () => {
    await using bench = await createBench(program);
    const { run } = await bench.run(chainPipeline(1));
    const { log, tell } = await loggingRun(bench.records, run.run);
    let retried = 0;
    for (let turn = 0; turn < 250; turn += 1) {
      const task = await log(`root/loop[${turn}]/train`, { loss: turn });
      if (turn === 3) retried = task;
    }
    const { db } = bench.records.in<PipelineTables>(ns);
    const reader = new MetricsReader();
    const read = async () => (await reader.read(db, [run.run])).get(run.run)?.["loss"];
    assert.deepEqual((await read())?.slice(2, 5), [2, 3, 4]);
    await db.deleteFrom("task_artifact").where("ns", "=", ns).where("task", "=", retried).execute();
    await tell(retried);
    const without = await read();
    assert.deepEqual([without?.slice(2, 4), without?.at(-1)], [[2, 4], 100], "what was cut off for it is shown");
  });

  test("a run whose changes the feed has forgotten is read anew", async () => {
    await using bench = await createBench(program);
    const { run } = await bench.run(chainPipeline(1));
    const { log } = await loggingRun(bench.records, run.run);
    for (let turn = 0; turn < 250; turn += 1) await log(`root/loop[${turn}]/train`, { loss: 1 });
    const { db } = bench.records.in<PipelineTables>(ns);
    const reader = new MetricsReader();
    await reader.read(db, [run.run]);
    await log("root/evaluate", { accuracy: 0.9 });
    await log("root/late", { late: 1 });
    await db
      .deleteFrom("change")
      .where("seq", "<", await bench.records.sequence())
      .execute();
    const shown = (await reader.read(db, [run.run])).get(run.run);
    assert.deepEqual([shown?.["accuracy"], shown?.["late"]], [[0.9], [1]]);
  });
});
