import assert from "node:assert/strict";
import { test } from "node:test";
import { testClock } from "@headrace/model/testing";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type TestFace, testFace } from "../testing/platform.ts";
import { createRetention } from "./retention.ts";

const ns = "kubeflow";
const hour = 3_600_000;
const path = "/apis/v2beta1/runs";

/** A run that ended at this time; unfinished without one. */
async function newRun(face: TestFace, name: string, finishedAt?: number): Promise<string> {
  const body = { display_name: name, pipeline_spec: addPipeline(), runtime_config: { parameters: { a: 1 } } };
  const id = String((await face.call("POST", path, { body })).json["run_id"]);
  if (finishedAt === undefined) return id;
  await face.records
    .in(ns)
    .transaction(({ db }) =>
      db
        .updateTable("run")
        .set({ state: "SUCCEEDED", finished_at: finishedAt })
        .where("ns", "=", ns)
        .where("id", "=", id)
        .execute(),
    );
  return id;
}

test("runs are archived some time after their end, deleted some time after that, and not before", async () => {
  const clock = testClock(100 * hour);
  await using face = await testFace({ clock });
  const old = await newRun(face, "old", 95 * hour);
  const fresh = await newRun(face, "fresh", 99.5 * hour);
  const unfinished = await newRun(face, "unfinished");
  const removed: string[] = [];
  const stop = new AbortController();
  await createRetention({
    records: face.records,
    clock,
    runsMs: 2 * hour,
    archivedRunsMs: 3 * hour,
    removeRun: async ({ run }) => {
      removed.push(run);
      await face.call("DELETE", `${path}/${run}`);
    },
    onError: (error) => assert.fail(String(error)),
  }).start(stop.signal);
  const archived = async (): Promise<readonly string[]> => {
    const rows = await Promise.all([old, fresh, unfinished].map((id) => face.call("GET", `${path}/${id}`)));
    return rows.flatMap(({ json }) => (json["storage_state"] === "ARCHIVED" ? [String(json["display_name"])] : []));
  };

  await clock.advance(1000);
  assert.deepEqual(await archived(), ["old"]);
  await clock.advance(1.4 * hour);
  assert.deepEqual(await archived(), ["old"]);
  await clock.advance(0.2 * hour);
  assert.deepEqual(await archived(), ["old", "fresh"]);
  assert.deepEqual(removed, []);
  await clock.advance(1.5 * hour);
  assert.deepEqual(removed, [old]);
  await clock.advance(2 * hour);
  assert.deepEqual(removed, [old, fresh]);
  assert.equal((await face.call("GET", `${path}/${unfinished}`)).json["storage_state"], "AVAILABLE");
  stop.abort();
});
