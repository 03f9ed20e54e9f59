import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { queryObjects } from "node:v8";
import type { Client } from "@headrace/client";
import { Pod } from "@headrace/k8s";
import { eventually } from "@headrace/model/testing";
import type { Records, Scope } from "@headrace/records";
import { createBench, program } from "../testing/index.ts";
import { ActiveRun } from "./active-run.ts";
import { chainPipeline, fanOutPipeline } from "../testing/shapes.ts";

describe("what a step costs", () => {
  test("of a chain: one commit of the records, and one write of its pod by the engine", async () => {
    const length = 20;
    const counted = { commits: 0, creations: 0, changes: 0, deletions: 0 };
    await using bench = await createBench(program, {
      wrapRecords: (records) => noting(records, () => (counted.commits += 1)),
      wrapClient: (client) => countingClient(client, (kind) => (counted[kind] += 1)),
    });
    const before = bench.api.store.revision;
    const { run, states } = await bench.run(chainPipeline(length));
    assert.equal(run.state, "SUCCEEDED");
    assert.equal(Object.keys(states).length, length + 1);
    // One commit takes the run up and begins the first step; each report's ends a step, and begins the next or ends the run.
    assert.equal(counted.commits, length + 1);
    assert.equal(counted.creations, length);
    assert.equal(counted.deletions, 0);
    await eventually("all pods are let go", async () => {
      const { items } = await bench.api.client.resource(Pod).list();
      return items.length === length && items.every(({ metadata }) => !metadata.finalizers?.length);
    });
    // The node's own write of how a pod ended lets go of it.
    assert.equal(counted.changes, 0);
    // Made, bound, ended: where the scheduler is asked while a pod is made, the first two are one.
    assert.equal(bench.api.store.revision - before, 3 * length);
  });

  test("of a wide loop: many transactions, none of which holds up the others for long", async () => {
    const width = 600;
    let most = 0;
    await using bench = await createBench(program, {
      wrapRecords: (records) => noting(records, (changes) => (most = Math.max(most, changes))),
    });
    const { run } = await bench.ended(await bench.submit(fanOutPipeline(width), { cache: false }));
    assert.equal(run.state, "SUCCEEDED");
    // A turn stops at 500 tasks, or at what the last change before that opens: a turn of the loop and its step.
    assert.ok(most < 520, `${most} changes in one transaction`);
  });

  test("of a run that is over: nothing stays in memory", async () => {
    await using bench = await createBench(program);
    const before = queryObjects(ActiveRun, { format: "count" });
    for (let runs = 0; runs < 3; runs += 1) await bench.run(fanOutPipeline(30), { cache: false });
    await eventually("the engine has let go of them", () => queryObjects(ActiveRun, { format: "count" }) === before);
  });

  test("of a run of 1,200 tasks: no more than of one of 150", async () => {
    const small = await cpuOfTask(150);
    const large = await cpuOfTask(1200);
    // Eight times the tasks: a cost that grew with the run would show as a factor of eight.
    assert.ok(
      large < 3 * small,
      `${large.toFixed(2)} ms a task in the large run, ${small.toFixed(2)} ms in the small one`,
    );
  });
});

/** CPU milliseconds of this process for each task of a fan-out. */
async function cpuOfTask(width: number): Promise<number> {
  await using bench = await createBench(program);
  const before = process.cpuUsage();
  const run = await bench.submit(fanOutPipeline(width), { cache: false });
  const ended = await bench.ended(run);
  const { user, system } = process.cpuUsage(before);
  assert.equal(ended.run.state, "SUCCEEDED");
  assert.equal(bench.node.ran.length, width);
  return (user + system) / 1000 / width;
}

/** Notes of each transaction how many changes it tells. */
function noting(records: Records, note: (changes: number) => void): Records {
  const noted = <DB>(scope: Scope<DB>): Scope<DB> => ({
    ...scope,
    transaction: (body) =>
      scope.transaction(async ({ db, changed }) => {
        let changes = 0;
        const result = await body({ db, changed: (change) => ((changes += 1), changed(change)) });
        note(changes);
        return result;
      }),
  });
  return { ...records, in: (namespace) => noted(records.in(namespace)), all: () => noted(records.all()) };
}

function countingClient(client: Client, count: (kind: "creations" | "changes" | "deletions") => void): Client {
  return {
    resource(definition) {
      const resource = client.resource(definition);
      return {
        ...resource,
        create: (...call) => (count("creations"), resource.create(...call)),
        patch: (...call) => (count("changes"), resource.patch(...call)),
        update: (...call) => (count("changes"), resource.update(...call)),
        delete: (...call) => (count("deletions"), resource.delete(...call)),
      };
    },
  };
}
