import assert from "node:assert/strict";
import { test } from "node:test";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type TestFace, testFace } from "../testing/platform.ts";
import { lineageWriter } from "../testing/task-rows.ts";
import { archiveStepLog } from "./log-archive.ts";

const ns = "kubeflow";

async function faceWithStep(): Promise<{ face: TestFace; run: string; task: number }> {
  const face = await testFace();
  const body = { display_name: "r", pipeline_spec: addPipeline(), runtime_config: { parameters: { a: 1 } } };
  const run = String((await face.call("POST", "/apis/v2beta1/runs", { body })).json["run_id"]);
  const rows = lineageWriter(face.records, { ns, id: run });
  const task = await rows.task({ name: "train" });
  await rows.attempt({ task, pod: "train-0" });
  await rows.attempt({ task, n: 1, pod: "train-1" });
  return { face, run, task };
}

async function* lines(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const readLog = (face: TestFace, run: string, pod: string) =>
  face.call("GET", `/apis/v1alpha1/runs/${run}/nodes/${pod}/log`);

test("a step's log is read from the archive once its pod is gone, each try's by itself", async () => {
  const { face, run } = await faceWithStep();
  await using _ = face;
  await archiveStepLog(face, { namespace: ns, name: "train-0" }, lines("first ", "try\n"));
  await archiveStepLog(face, { namespace: ns, name: "train-1" }, lines("second\n"));
  assert.equal((await readLog(face, run, "train-0")).text, "first try\n");
  assert.equal((await readLog(face, run, "train-1")).text, "second\n");
});

test("a log that is kept is not replaced, and a pod of nobody's attempt leaves nothing", async () => {
  const { face, run } = await faceWithStep();
  await using _ = face;
  await archiveStepLog(face, { namespace: ns, name: "train-0" }, lines("true"));
  await archiveStepLog(face, { namespace: ns, name: "train-0" }, lines("forged"));
  await archiveStepLog(face, { namespace: "other", name: "train-1" }, lines("forged"));
  await archiveStepLog(face, { namespace: ns, name: "stranger" }, lines("forged"));
  assert.equal((await readLog(face, run, "train-0")).text, "true");
  assert.match((await readLog(face, run, "train-1")).text, /its node still has it/);
  assert.deepEqual(await face.artifacts.list(`minio://headrace-logs/${run}`), [
    { path: (await face.artifacts.list(`minio://headrace-logs/${run}`))[0]?.path ?? "", size: 4 },
  ]);
});

test("logs are noted as garbage with their run, and one that comes when the run is gone already is not kept", async () => {
  const { face, run } = await faceWithStep();
  await using _ = face;
  await archiveStepLog(face, { namespace: ns, name: "train-0" }, lines("said"));
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("late");
    assert.equal((await face.call("DELETE", `/apis/v2beta1/runs/${run}`)).status, 200);
  }
  await archiveStepLog(face, { namespace: ns, name: "train-1" }, slow());
  const left = await face.artifacts.list(`minio://headrace-logs/${run}`);
  assert.deepEqual(
    left.map(({ size }) => size),
    ["said".length],
  );
  const garbage = await face.records.in(ns).db.selectFrom("garbage").select("uri").execute();
  assert.deepEqual(garbage.map(({ uri }) => uri).sort(), [
    `minio://headrace-logs/${run}`,
    `minio://mlpipeline/v2/artifacts/add/${run}`,
  ]);
});
