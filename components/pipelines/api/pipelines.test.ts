import assert from "node:assert/strict";
import { test } from "node:test";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { testFace } from "../testing/platform.ts";

const path = "/apis/v2beta1/pipelines";

test("a pipeline without a version can be made, found by name, changed and deleted", async () => {
  await using face = await testFace();
  const made = (
    await face.call("POST", path, { body: { display_name: "train", description: "d", tags: { team: "ml" } } })
  ).json;
  assert.deepEqual([made["name"], made["display_name"], made["tags"]], ["train", "train", { team: "ml" }]);
  assert.deepEqual((await face.call("GET", `${path}/names/train`)).json, made);
  assert.equal((await face.call("GET", `${path}/names/nobody`)).status, 404);
  assert.equal((await face.call("DELETE", `${path}/${made["pipeline_id"]}`)).status, 200);
  assert.equal((await face.call("GET", `${path}/${made["pipeline_id"]}`)).status, 404);
});

test("a change with empty tags clears them, one without leaves them", async () => {
  await using face = await testFace();
  const { pipeline_id } = (await face.call("POST", path, { body: { name: "p", tags: { a: "1", b: "2" } } })).json;
  const renamed = await face.call("PATCH", `${path}/${pipeline_id}`, { body: { display_name: "P" } });
  assert.deepEqual([renamed.json["display_name"], renamed.json["tags"]], ["P", { a: "1", b: "2" }]);
  await face.call("PATCH", `${path}/${pipeline_id}`, { body: { tags: {} } });
  const cleared = await face.call("GET", `${path}/${pipeline_id}`);
  assert.deepEqual([cleared.json["display_name"], cleared.json["tags"]], ["P", undefined]);
});

test("a tag may be empty, and is still a text", async () => {
  await using face = await testFace();
  const { pipeline_id } = (await face.call("POST", path, { body: { name: "p", tags: { reviewed: "" } } })).json;
  assert.deepEqual((await face.call("GET", `${path}/${pipeline_id}`)).json["tags"], { reviewed: "" });
});

test("pipelines are found by a tag, exactly", async () => {
  await using face = await testFace();
  await face.call("POST", path, { body: { name: "p1", tags: { env: "prod", team: "ml" } } });
  await face.call("POST", path, { body: { name: "p2", tags: { env: "Prod" } } });
  await face.call("POST", path, { body: { name: "p3", tags: { note: '"env":"prod"' } } });
  const filter = JSON.stringify({ predicates: [{ operation: "EQUALS", key: "tags.env", string_value: "prod" }] });
  const { json } = await face.call("GET", path, { query: { filter } });
  assert.deepEqual([json["total_size"], (json["pipelines"] as { name: string }[])[0]?.name], [1, "p1"]);
});

test("a pipeline and its first version can be made in one request, with the spec in it", async () => {
  await using face = await testFace();
  const body = { pipeline: { display_name: "add" }, pipeline_version: { pipeline_spec: addPipeline() } };
  const { pipeline_id } = (await face.call("POST", `${path}/create`, { body })).json;
  const { json } = await face.call("GET", `${path}/${pipeline_id}/versions`);
  const [version] = json["pipeline_versions"] as Record<string, unknown>[];
  assert.deepEqual([json["total_size"], version?.["name"], version?.["pipeline_spec"]], [1, "add", addPipeline()]);
});

test("versions have names of their own in a pipeline, which cannot be deleted before them unless they go along", async () => {
  await using face = await testFace();
  const { pipeline_id } = (await face.call("POST", path, { body: { name: "p" } })).json;
  const versions = `${path}/${pipeline_id}/versions`;
  const create = (name: string) => face.call("POST", versions, { body: { name, pipeline_spec: addPipeline() } });
  const first = await create("v1");
  assert.equal(first.status, 200);
  assert.equal((await create("v1")).status, 409);
  assert.equal((await create("v2")).status, 200);
  assert.deepEqual((await face.call("GET", `${versions}/${first.json["pipeline_version_id"]}`)).json, first.json);
  // Upstream looks at the version alone, and its own suite says so.
  assert.equal((await face.call("GET", `${path}/other/versions/${first.json["pipeline_version_id"]}`)).status, 200);
  const refused = await face.call("DELETE", `${path}/${pipeline_id}`);
  assert.equal(refused.status, 400);
  assert.match(refused.text, /cascade=true/);
  assert.equal((await face.call("DELETE", `${versions}/${first.json["pipeline_version_id"]}`)).status, 200);
  assert.equal((await face.call("DELETE", `${path}/${pipeline_id}`, { query: { cascade: "True" } })).status, 200);
  assert.equal((await face.call("GET", versions)).status, 404);
});

test("a spec is kept once, and only while something needs it", async () => {
  await using face = await testFace();
  const count = async () => (await face.records.in("kubeflow").db.selectFrom("document").selectAll().execute()).length;
  const { pipeline_id } = (await face.call("POST", path, { body: { name: "p" } })).json;
  for (const name of ["v1", "v2"]) {
    await face.call("POST", `${path}/${pipeline_id}/versions`, { body: { name, pipeline_spec: addPipeline() } });
  }
  assert.equal(await count(), 1);
  await face.call("DELETE", `${path}/${pipeline_id}`, { query: { cascade: "true" } });
  assert.equal(await count(), 0);
});

test("a spec that cannot be read is refused with the field at fault", async () => {
  await using face = await testFace();
  const { pipeline_id } = (await face.call("POST", path, { body: { name: "p" } })).json;
  const pipeline_spec = { ...addPipeline(), schemaVersion: "2.0.0" };
  const answer = await face.call("POST", `${path}/${pipeline_id}/versions`, { body: { name: "v", pipeline_spec } });
  assert.equal(answer.status, 400);
  assert.match(answer.text, /schemaVersion/);
});
