import assert from "node:assert/strict";
import { test } from "node:test";
import type { Authorizer } from "@headrace/model";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { testFace } from "../testing/platform.ts";

const v1 = "/apis/v1beta1";
const v2 = "/apis/v2beta1";

type Rows = readonly Readonly<Record<string, unknown>>[];

async function faceWithAll() {
  const face = await testFace();
  const made = async (path: string, body: unknown) => {
    const answer = await face.call("POST", `${v2}${path}`, { body });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const experiment = String(
    (await made("/experiments", { display_name: "mnist", description: "digits" }))["experiment_id"],
  );
  const pipeline = String(
    (
      await made("/pipelines/create", { pipeline: { name: "add" }, pipeline_version: { pipeline_spec: addPipeline() } })
    )["pipeline_id"],
  );
  const reference = { pipeline_version_reference: { pipeline_id: pipeline } };
  const config = { runtime_config: { parameters: { a: 1 } }, experiment_id: experiment, ...reference };
  const run = String((await made("/runs", { display_name: "r", ...config }))["run_id"]);
  const trigger = { cron_schedule: { cron: "0 0 * * * *" } };
  const job = String(
    (
      await made("/recurringruns", {
        display_name: "nightly",
        max_concurrency: "1",
        mode: "ENABLE",
        trigger,
        ...config,
      })
    )["recurring_run_id"],
  );
  return { face, experiment, pipeline, run, job };
}

test("what dashboards read by v1beta1 is there in its words", async () => {
  const { face, experiment, pipeline, run, job } = await faceWithAll();
  await using _ = face;
  const read = async (path: string, query: Record<string, string> = {}) => {
    const answer = await face.call("GET", `${v1}${path}`, { query });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const experiments = (await read("/experiments", { sort_by: "name desc" }))["experiments"] as Rows;
  assert.deepEqual([experiments[0]?.["name"], experiments[0]?.["storage_state"]], ["mnist", "STORAGESTATE_AVAILABLE"]);
  assert.equal((await read(`/experiments/${experiment}`))["description"], "digits");

  const pipelines = (await read("/pipelines"))["pipelines"] as Rows;
  assert.deepEqual([pipelines.length, pipelines[0]?.["name"]], [1, "add"]);
  assert.deepEqual(pipelines[0]?.["parameters"], [{ name: "a" }, { name: "b", value: "2" }]);
  const { versions } = (await read("/pipeline_versions", {
    "resource_key.type": "PIPELINE",
    "resource_key.id": pipeline,
  })) as {
    versions: Rows;
  };
  const version = await read(`/pipeline_versions/${String(versions[0]?.["id"])}`);
  assert.deepEqual(version["resource_references"], [
    { key: { type: "PIPELINE", id: pipeline }, relationship: "OWNER" },
  ]);
  for (const path of [`/pipelines/${pipeline}/templates`, `/pipeline_versions/${String(version["id"])}/templates`])
    assert.deepEqual(JSON.parse(String((await read(path))["template"])), addPipeline());

  const key = { "resource_reference_key.type": "EXPERIMENT", "resource_reference_key.id": experiment };
  const filter = JSON.stringify({
    predicates: [
      { op: "EQUALS", key: "storage_state", string_value: "STORAGESTATE_AVAILABLE" },
      { op: "EQUALS", key: "status", string_value: "Pending" },
    ],
  });
  const runs = (await read("/runs", { ...key, filter }))["runs"] as Rows;
  assert.deepEqual([runs.length, runs[0]?.["status"]], [1, "Pending"]);
  const detail = await read(`/runs/${run}`);
  assert.deepEqual(
    JSON.parse(String((detail["pipeline_runtime"] as { pipeline_manifest: string }).pipeline_manifest)),
    addPipeline(),
  );

  const jobs = (await read("/jobs", key))["jobs"] as Rows;
  assert.deepEqual([jobs[0]?.["id"], jobs[0]?.["mode"], jobs[0]?.["max_concurrency"]], [job, "ENABLED", "1"]);
  const shown = await read(`/jobs/${job}`);
  assert.equal(shown["enabled"], true);
  assert.deepEqual(
    (shown["resource_references"] as readonly { key: { type: string; id: string } }[]).map(({ key }) => [
      key.type,
      key.id,
    ]),
    [
      ["EXPERIMENT", experiment],
      ["NAMESPACE", "kubeflow"],
      ["PIPELINE", pipeline],
    ],
  );
  assert.equal((await read("/namespaces/kubeflow/pipelines/add"))["id"], pipeline);
  assert.equal((await face.call("GET", `${v1}/runs/none`)).json["code"], 5);
  assert.deepEqual((await face.call("GET", `/pipeline${v1}/healthz`)).json, {
    commit_sha: "unknown",
    tag_name: "2.17.0",
    multi_user: false,
  });
});

test("whether somebody may see viewers is answered by a status", async () => {
  const authorizer: Authorizer = {
    authorize: async ({ resource, verb }) => ({ allowed: resource === "viewers" && verb === "get", reason: "" }),
  };
  await using face = await testFace({ authorizer });
  const ask = (verb: string) =>
    face.call("GET", `${v1}/auth`, { query: { namespace: "kubeflow", resources: "VIEWERS", verb } });
  assert.deepEqual(
    [(await ask("GET")).status, (await ask("CREATE")).status, (await ask("FLY")).status],
    [200, 403, 400],
  );
});

test("what agents report is refused", async () => {
  await using face = await testFace();
  for (const path of [`${v1}/workflows`, `${v2}/workflows`, `${v2}/scheduledworkflows`, `/pipeline${v2}/workflows`])
    assert.equal((await face.call("POST", path, { body: "{}" })).status, 403);
});
