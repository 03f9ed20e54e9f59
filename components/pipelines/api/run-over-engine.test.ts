import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openFileStore } from "@headrace/artifacts";
import { systemIds } from "@headrace/model";
import { createPipelines } from "../index.ts";
import { type Bench, createBench } from "../testing/bench.ts";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { call, type CallOptions } from "../testing/platform.ts";
import { handlerOf } from "../testing/route-table.ts";
import type { Program } from "../testing/simulated-node.ts";

const runs = "/apis/v2beta1/runs";
const body = { display_name: "r", pipeline_spec: addPipeline(), runtime_config: { parameters: { a: 1 } } };

/** The REST face before the component's own engine, whose pods run on a simulated node. */
async function faceOver(t: TestContext, program: Program) {
  const bench = await createBench(program);
  const root = await mkdtemp(join(tmpdir(), "headrace-pipelines-"));
  t.after(async () => {
    await bench[Symbol.asyncDispose]();
    await rm(root, { recursive: true });
  });
  const { records, clock, api, engine } = bench;
  const { routes = [] } = createPipelines({
    records,
    clock,
    engine,
    client: api.client,
    ids: systemIds,
    artifacts: await openFileStore({ root, clock, ids: systemIds }),
    authorizer: { authorize: async () => ({ allowed: true, reason: "" }) },
    report: (error) => assert.fail(String(error)),
  });
  const handle = handlerOf(routes);
  return { bench, call: (method: string, path: string, options?: CallOptions) => call(handle, method, path, options) };
}

async function runToEnd(bench: Bench, id: unknown): Promise<void> {
  await bench.ended({ ns: "kubeflow", id: String(id) });
}

test("a run that is made through the API runs, and shows its tasks and its end", async (t) => {
  const face = await faceOver(t, () => ({ parameters: { Output: 3 } }));
  const { json } = await face.call("POST", runs, { body });
  await runToEnd(face.bench, json["run_id"]);
  const run = (await face.call("GET", `${runs}/${json["run_id"]}`)).json;
  assert.equal(run["state"], "SUCCEEDED");
  assert.deepEqual(
    (run["state_history"] as { state: string }[]).map(({ state }) => state),
    ["PENDING", "RUNNING", "SUCCEEDED"],
  );
  const { task_details } = run["run_details"] as { task_details: Record<string, unknown>[] };
  assert.deepEqual(
    task_details.map((task) => [task["display_name"], task["state"]]),
    [
      ["root", "SUCCEEDED"],
      ["adder", "SUCCEEDED"],
    ],
  );
  assert.equal(task_details[1]?.["parent_task_id"], task_details[0]?.["task_id"]);
  assert.ok(task_details[1]?.["pod_name"]);
});

test("a run whose step fails says which, and the last lines of its log", async (t) => {
  const face = await faceOver(t, () => ({ exitCode: 1, tail: "Traceback\nValueError: no" }));
  const { json } = await face.call("POST", runs, { body });
  await runToEnd(face.bench, json["run_id"]);
  const run = (await face.call("GET", `${runs}/${json["run_id"]}`)).json;
  assert.equal(run["state"], "FAILED");
  assert.match(
    String((run["error"] as { message: string }).message),
    /^Step "adder" failed: .*\nTraceback\nValueError: no$/,
  );
  assert.equal((await face.call("POST", `${runs}/${json["run_id"]}:terminate`)).status, 400);
});

test("a deleted run is let go of by the engine and is gone", async (t) => {
  const face = await faceOver(t, () => ({ parameters: { Output: 3 } }));
  const { json } = await face.call("POST", runs, { body });
  assert.equal((await face.call("DELETE", `${runs}/${json["run_id"]}`)).status, 200);
  assert.equal((await face.call("GET", `${runs}/${json["run_id"]}`)).status, 404);
  assert.deepEqual(face.bench.errors, []);
});
