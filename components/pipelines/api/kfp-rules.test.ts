import assert from "node:assert/strict";
import { test } from "node:test";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type TestFace, testFace } from "../testing/platform.ts";

/** Rules of KFP's API that hold for several resources, or over several requests. */
const v2 = "/apis/v2beta1";
const runOf = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  display_name: "r",
  pipeline_spec: addPipeline(),
  runtime_config: { parameters: { a: 1 } },
  ...more,
});

async function make(face: TestFace, path: string, body: Record<string, unknown>, query: Record<string, string> = {}) {
  const { status, text, json } = await face.call("POST", `${v2}${path}`, { body, query });
  assert.equal(status, 200, text);
  return json;
}

async function makePipeline(face: TestFace, name: string) {
  const body = { pipeline: { name }, pipeline_version: { pipeline_spec: addPipeline() } };
  const pipeline = String((await make(face, "/pipelines/create", body))["pipeline_id"]);
  const { json } = await face.call("GET", `${v2}/pipelines/${pipeline}/versions`);
  const [version] = json["pipeline_versions"] as { pipeline_version_id: string }[];
  return { pipeline, version: version?.pipeline_version_id ?? "" };
}

const equals = (key: string, string_value: string): Record<string, string> => ({
  filter: JSON.stringify({ predicates: [{ key, operation: 1, string_value }] }),
});

test("lists are sorted and filtered by the names that KFP knows", async () => {
  await using face = await testFace();
  const { pipeline } = await makePipeline(face, "p");
  const common = ["id", "display_name", "name", "created_at", "description"];
  const names: Readonly<Record<string, readonly string[]>> = {
    experiments: [...common, "experiment_id", "last_run_created_at", "namespace", "storage_state"],
    pipelines: [...common, "pipeline_id", "namespace"],
    [`pipelines/${pipeline}/versions`]: [...common, "pipeline_version_id"],
    runs: [
      ...common,
      "run_id",
      "finished_at",
      "scheduled_at",
      "storage_state",
      "state",
      "status",
      "namespace",
      "experiment_id",
      "recurring_run_id",
      "pipeline_id",
    ],
    recurringruns: [...common, "recurring_run_id", "updated_at"],
  };
  for (const [path, fields] of Object.entries(names)) {
    for (const field of fields) {
      const queries = [{ sort_by: `${field} desc` }, equals(field, "2026-01-01T00:00:00Z")];
      for (const query of queries) {
        const { status, text } = await face.call("GET", `${v2}/${path}`, { query });
        assert.equal(status, 200, `${path} by ${field}: ${text}`);
      }
    }
  }
});

test("a page has 20 rows where nobody asks, and never more than 200", async () => {
  await using face = await testFace();
  for (let n = 0; n < 201; n++) await make(face, "/experiments", { display_name: `e${n}` });
  const countOf = async (query: Record<string, string>) => {
    const { json } = await face.call("GET", `${v2}/experiments`, { query });
    return [(json["experiments"] as unknown[]).length, json["total_size"]];
  };
  assert.deepEqual(await countOf({}), [20, 201]);
  assert.deepEqual(await countOf({ page_size: "1000" }), [200, 201]);
});

test("an experiment that is archived takes its runs along; restored or deleted it leaves them as they are", async () => {
  await using face = await testFace();
  const { experiment_id } = await make(face, "/experiments", { display_name: "e" });
  const { run_id } = await make(face, "/runs", runOf({ experiment_id }));
  const shown = async () => (await face.call("GET", `${v2}/runs/${run_id}`)).json["storage_state"];
  await face.call("POST", `${v2}/experiments/${experiment_id}:archive`);
  assert.equal(await shown(), "ARCHIVED");
  await face.call("POST", `${v2}/experiments/${experiment_id}:unarchive`);
  assert.equal(await shown(), "ARCHIVED");
  assert.equal((await face.call("DELETE", `${v2}/experiments/${experiment_id}`)).status, 200);
  assert.equal(await shown(), "ARCHIVED");
});

test("names of pipelines have 128 characters at most, those of versions 127", async () => {
  await using face = await testFace();
  const { pipeline } = await makePipeline(face, "p");
  const status = async (path: string, length: number) => {
    const body = { name: "x".repeat(length), pipeline_spec: path === "/pipelines" ? undefined : addPipeline() };
    return (await face.call("POST", `${v2}${path}`, { body })).status;
  };
  const versions = `/pipelines/${pipeline}/versions`;
  assert.deepEqual([await status("/pipelines", 128), await status("/pipelines", 129)], [200, 400]);
  assert.deepEqual([await status(versions, 127), await status(versions, 128)], [200, 400]);
});

test("a version can be called otherwise and tagged, and is found by its tag", async () => {
  await using face = await testFace();
  const { pipeline, version } = await makePipeline(face, "p");
  const versions = `${v2}/pipelines/${pipeline}/versions`;
  const body = { display_name: "Best", tags: { env: "prod" } };
  const { json } = await face.call("PATCH", `${versions}/${version}`, { body });
  assert.deepEqual([json["name"], json["display_name"], json["tags"]], ["p", "Best", { env: "prod" }]);
  const found = await face.call("GET", versions, { query: equals("tags.env", "prod") });
  assert.equal(found.json["total_size"], 1);
});

test("a run may name its experiment in the query, as older clients do, and has KFP's service account", async () => {
  await using face = await testFace();
  const { experiment_id } = await make(face, "/experiments", { display_name: "e" });
  const run = await make(face, "/runs", runOf(), { experiment_id: String(experiment_id) });
  assert.deepEqual([run["experiment_id"], run["service_account"]], [experiment_id, "pipeline-runner"]);
});

test("runs are found by their pipeline", async () => {
  await using face = await testFace();
  const { pipeline } = await makePipeline(face, "p");
  await make(face, "/runs", runOf());
  const reference = { pipeline_spec: undefined, pipeline_version_reference: { pipeline_id: pipeline } };
  await make(face, "/runs", runOf({ display_name: "of p", ...reference }));
  for (const query of [{ pipeline_id: pipeline }, equals("pipeline_id", pipeline)]) {
    const { json } = await face.call("GET", `${v2}/runs`, { query });
    assert.deepEqual(
      (json["runs"] as { display_name: string }[]).map((run) => run.display_name),
      ["of p"],
    );
  }
});

test("verbs come without a body, and a run that has not ended is not retried", async () => {
  await using face = await testFace();
  const { run_id } = await make(face, "/runs", runOf());
  const headers = { "content-type": "application/json", "content-length": "0" };
  const call = async (verb: string) => (await face.call("POST", `${v2}/runs/${run_id}:${verb}`, { headers })).status;
  assert.deepEqual([await call("archive"), await call("unarchive"), await call("retry")], [200, 200, 400]);
});

test("what upstream generates clients for, but serves nowhere, is not there", async () => {
  await using face = await testFace();
  for (const path of ["/auth", "/filters", "/visualizations/kubeflow"])
    assert.equal((await face.call("POST", `${v2}${path}`, { body: {} })).status, 404);
});
