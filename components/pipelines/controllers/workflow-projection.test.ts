import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, testClock } from "@headrace/model/testing";
import { workflows } from "../resources/index.ts";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type TestFace, testFace } from "../testing/platform.ts";
import { lineageWriter } from "../testing/task-rows.ts";

const namespace = "kubeflow";

async function run(face: TestFace, display_name: string): Promise<string> {
  const body = { display_name, pipeline_spec: addPipeline(), runtime_config: { parameters: { a: 1 } } };
  return String((await face.call("POST", "/apis/v2beta1/runs", { body })).json["run_id"]);
}

test("a run is a Workflow with its label, its name, its phase and its steps", async () => {
  await using face = await testFace({ clock: testClock() });
  const id = await run(face, "First run");
  await run(face, "Second");
  await lineageWriter(face.records, { ns: namespace, id }).task({
    name: "adder",
    state: "FAILED",
    error: JSON.stringify({ message: "exited with code 1" }),
  });
  await face.engine.settle({ ns: namespace, id }, "FAILED");
  const kube = face.objects.resource(workflows);
  const { items } = await kube.list({ namespace, labelSelector: `pipeline/runid=${id}` });
  assert.equal(items.length, 1);
  const [workflow] = items;
  assert.match(workflow?.metadata.name ?? "", /^add-[a-z0-9]{5}$/);
  assert.deepEqual(workflow?.metadata.labels, {
    "pipeline/runid": id,
    "workflows.argoproj.io/phase": "Failed",
    "workflows.argoproj.io/completed": "true",
  });
  assert.equal(workflow?.metadata.annotations?.["pipelines.kubeflow.org/run_name"], "First run");
  const { phase, progress, message, finishedAt, conditions, nodes } = workflow?.status ?? {};
  assert.deepEqual(
    [phase, progress, message, finishedAt],
    ["Failed", "0/1", "exited with code 1", "2026-01-01T00:00:00Z"],
  );
  assert.deepEqual(conditions, [{ type: "Completed", status: "True" }]);
  const [node] = Object.values(nodes ?? {});
  assert.deepEqual([node?.displayName, node?.phase, node?.message], ["adder", "Failed", "exited with code 1"]);
  const [page] = (await kube.list({ namespace, limit: 1 })).items;
  assert.ok(page);
  assert.equal((await kube.list({ namespace })).items.length, 2);
});

test("watchers hear of a run by the name of its Workflow, also when it is deleted", async () => {
  await using face = await testFace({ clock: testClock() });
  const kube = face.objects.resource(workflows);
  const life = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { type, object } of kube.watch({ namespace, signal: life.signal, resourceVersion: "0" }))
      seen.push(`${type} ${object.metadata.name}`);
  })();
  const id = await run(face, "r");
  const [workflow] = (await kube.list({ namespace })).items;
  const name = workflow?.metadata.name ?? "";
  await eventually("it is there", () => seen.includes(`MODIFIED ${name}`));
  await face.call("DELETE", `/apis/v2beta1/runs/${id}`);
  await eventually("it is gone", () => seen.includes(`DELETED ${name}`));
  life.abort();
  await watching;
});

test("it cannot be written, and who tries is told what to do", async () => {
  await using face = await testFace();
  await run(face, "r");
  const kube = face.objects.resource(workflows);
  const [workflow] = (await kube.list({ namespace })).items;
  await assert.rejects(kube.delete({ namespace, name: workflow?.metadata.name ?? "" }), {
    reason: "MethodNotAllowed",
    message: /made, ended and deleted through KFP's API/,
  });
});
