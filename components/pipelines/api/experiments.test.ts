import assert from "node:assert/strict";
import { test } from "node:test";
import { testFace } from "../testing/platform.ts";

const path = "/apis/v2beta1/experiments";

test("an experiment comes back as it was made, with KFP's names and no empty fields", async () => {
  await using face = await testFace();
  const made = await face.call("POST", path, { body: { display_name: "mnist", namespace: "ignored" } });
  assert.equal(made.status, 200);
  const { experiment_id, created_at, ...rest } = made.json;
  assert.match(String(created_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual(rest, {
    display_name: "mnist",
    namespace: "kubeflow",
    storage_state: "AVAILABLE",
    last_run_created_at: "1970-01-01T00:00:00Z",
  });
  assert.deepEqual((await face.call("GET", `${path}/${experiment_id}`)).json, made.json);
});

test("requests may use camelCase; unknown and mistyped fields are refused by name", async () => {
  await using face = await testFace();
  assert.equal((await face.call("POST", path, { body: { displayName: "camel" } })).status, 200);
  const unknown = await face.call("POST", path, { body: { display_name: "x", colour: "red" } });
  assert.equal(unknown.status, 400);
  assert.match(unknown.text, /colour/);
  const mistyped = await face.call("POST", path, { body: { display_name: 7 } });
  assert.match(mistyped.text, /display_name: must be a string/);
});

test("failures have the form of google.rpc.Status with a short detail", async () => {
  await using face = await testFace();
  const answer = await face.call("GET", `${path}/nowhere`);
  assert.equal(answer.status, 404);
  const message = "Experiment nowhere not found";
  assert.deepEqual(answer.json, {
    code: 5,
    message,
    details: [{ "@type": "type.googleapis.com/google.rpc.Status", code: 5, message }],
  });
});

test("a name is unique in its namespace, needed, and of limited length", async () => {
  await using face = await testFace();
  const create = (display_name: string) => face.call("POST", path, { body: { display_name } });
  assert.equal((await create("one")).status, 200);
  const twice = await create("one");
  assert.deepEqual([twice.status, twice.json["code"]], [409, 6]);
  assert.equal((await create("")).status, 400);
  assert.equal((await create("  ")).status, 400);
  assert.equal((await create("x".repeat(129))).status, 400);
});

test("blanks around a name belong to it: it is found by what it was made with", async () => {
  await using face = await testFace();
  const made = await face.call("POST", path, { body: { display_name: " one " } });
  assert.equal(made.json["display_name"], " one ");
  const filter = JSON.stringify({ predicates: [{ operation: "EQUALS", key: "display_name", string_value: " one " }] });
  assert.equal((await face.call("GET", path, { query: { filter } })).json["total_size"], 1);
});

test("a list without matches is empty, not missing: clients create only then", async () => {
  await using face = await testFace();
  const filter = JSON.stringify({ predicates: [{ operation: 1, key: "display_name", stringValue: "none" }] });
  const answer = await face.call("GET", path, { query: { filter, page_token: "", sort_by: "", namespace: "" } });
  assert.deepEqual([answer.status, answer.json], [200, {}]);
});

test("archiving takes the runs along; restoring does not bring them back", async () => {
  await using face = await testFace();
  const { experiment_id } = (await face.call("POST", path, { body: { display_name: "e" } })).json;
  assert.deepEqual((await face.call("POST", `${path}/${experiment_id}:archive`)).json, {});
  assert.equal((await face.call("GET", `${path}/${experiment_id}`)).json["storage_state"], "ARCHIVED");
  assert.equal((await face.call("POST", `${path}/${experiment_id}:unarchive`)).status, 200);
  assert.equal((await face.call("GET", `${path}/${experiment_id}`)).json["storage_state"], "AVAILABLE");
  assert.equal((await face.call("POST", `${path}/${experiment_id}:explode`)).status, 405);
});

test("a deleted experiment is gone", async () => {
  await using face = await testFace();
  const { experiment_id } = (await face.call("POST", path, { body: { display_name: "e" } })).json;
  assert.equal((await face.call("DELETE", `${path}/${experiment_id}`)).status, 200);
  assert.equal((await face.call("GET", `${path}/${experiment_id}`)).status, 404);
});

test("with several users, experiments are asked for by namespace and the decision is made there", async () => {
  const asked: string[] = [];
  await using face = await testFace({
    tenancy: { multiUser: true },
    authorizer: {
      async authorize({ verb, group, resource, namespace }) {
        asked.push(`${verb} ${resource}.${group} in ${namespace}`);
        return { allowed: namespace === "team-a", reason: "no role" };
      },
    },
  });
  assert.equal((await face.call("GET", path)).status, 400);
  assert.equal((await face.call("GET", path, { query: { namespace: "team-b" } })).status, 403);
  const made = await face.call("POST", path, { body: { display_name: "e", namespace: "team-a" } });
  assert.equal(made.json["namespace"], "team-a");
  assert.deepEqual(asked, [
    "list experiments.pipelines.kubeflow.org in team-b",
    "create experiments.pipelines.kubeflow.org in team-a",
  ]);
});
