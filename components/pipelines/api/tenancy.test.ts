import assert from "node:assert/strict";
import { test } from "node:test";
import type { Authorizer } from "@headrace/model";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type Answer, type TestFace, testFace } from "../testing/platform.ts";

/** Users may do everything in the namespace of their own name, and read what is shared. */
const ownNamespace: Authorizer = {
  async authorize({ user, verb, namespace }) {
    const shared = namespace === "" && (verb === "get" || verb === "list");
    return { allowed: namespace === user.name || shared || user.name === "admin", reason: "not theirs" };
  },
};

interface Team {
  call(method: string, path: string, body?: unknown, query?: Record<string, string>): Promise<Answer>;
}

const teamOf = (face: TestFace, name: string): Team => ({
  call: (method, path, body, query = {}) =>
    face.call(method, `/apis/v2beta1${path}`, { body, query, user: { name, groups: [] } }),
});

async function twoTeams(): Promise<{ face: TestFace; ann: Team; bob: Team; admin: Team }> {
  const face = await testFace({ tenancy: { multiUser: true }, authorizer: ownNamespace });
  return { face, ann: teamOf(face, "ann"), bob: teamOf(face, "bob"), admin: teamOf(face, "admin") };
}

async function makePipeline(team: Team, namespace: string): Promise<unknown> {
  const body = { pipeline: { name: "add", namespace }, pipeline_version: { pipeline_spec: addPipeline() } };
  const { json, status, text } = await team.call("POST", "/pipelines/create", body);
  assert.equal(status, 200, text);
  return json["pipeline_id"];
}

async function makeExperiment(team: Team, namespace: string): Promise<unknown> {
  return (await team.call("POST", "/experiments", { display_name: "e", namespace })).json["experiment_id"];
}

const runOf = (experiment_id: unknown, source: Record<string, unknown>) => ({
  display_name: "r",
  experiment_id,
  runtime_config: { parameters: { a: 1 } },
  ...source,
});

test("names are unique in their namespace only, and lists show one namespace", async () => {
  const { face, ann, bob } = await twoTeams();
  await using _ = face;
  await makePipeline(ann, "ann");
  await makePipeline(bob, "bob");
  assert.equal((await ann.call("GET", "/pipelines", undefined, { namespace: "ann" })).json["total_size"], 1);
  assert.equal((await ann.call("GET", "/pipelines", undefined, { namespace: "bob" })).status, 403);
});

test("a shared pipeline is everybody's to run, and nobody's to change but those who may", async () => {
  const { face, ann, admin } = await twoTeams();
  await using _ = face;
  const pipeline_id = await makePipeline(admin, "");
  assert.equal((await ann.call("GET", "/pipelines")).json["total_size"], 1);
  assert.equal((await ann.call("PATCH", `/pipelines/${pipeline_id}`, { display_name: "mine" })).status, 403);
  assert.equal((await ann.call("DELETE", `/pipelines/${pipeline_id}`, undefined, { cascade: "true" })).status, 403);
  const experiment = await makeExperiment(ann, "ann");
  const run = await ann.call("POST", "/runs", runOf(experiment, { pipeline_version_reference: { pipeline_id } }));
  assert.equal(run.status, 200, run.text);
});

test("a run is in its experiment's namespace, which it must name", async () => {
  const { face, ann, bob } = await twoTeams();
  await using _ = face;
  const source = { pipeline_spec: addPipeline() };
  assert.match((await ann.call("POST", "/runs", runOf(undefined, source))).text, /experiment_id: Required/);
  const experiment = await makeExperiment(ann, "ann");
  assert.equal((await bob.call("POST", "/runs", runOf(experiment, source))).status, 403);
  const { run_id } = (await ann.call("POST", "/runs", runOf(experiment, source))).json;
  for (const path of [`/runs/${run_id}`, `/runs/${run_id}/tasks`]) {
    assert.equal((await ann.call("GET", path)).status, 200);
    assert.equal((await bob.call("GET", path)).status, 403);
  }
  for (const verb of ["archive", "terminate", "retry"]) {
    assert.equal((await bob.call("POST", `/runs/${run_id}:${verb}`)).status, 403, verb);
  }
  assert.equal((await bob.call("DELETE", `/runs/${run_id}`)).status, 403);
  assert.equal((await bob.call("GET", "/runs", undefined, { experiment_id: String(experiment) })).status, 403);
  assert.equal((await ann.call("GET", "/runs")).status, 400);
});

test("a pipeline of another namespace cannot be run, not even by those who know its id", async () => {
  const { face, ann, bob } = await twoTeams();
  await using _ = face;
  const pipeline_id = await makePipeline(bob, "bob");
  const { json } = await bob.call("GET", `/pipelines/${pipeline_id}/versions`);
  const [version] = json["pipeline_versions"] as { pipeline_version_id: string }[];
  const experiment = await makeExperiment(ann, "ann");
  for (const source of [
    { pipeline_version_reference: { pipeline_id } },
    { pipeline_version_reference: { pipeline_version_id: version?.pipeline_version_id } },
    { pipeline_version_id: version?.pipeline_version_id },
  ]) {
    assert.equal((await ann.call("POST", "/runs", runOf(experiment, source))).status, 403);
  }
});

test("health tells clients that there are several users", async () => {
  const { face, ann } = await twoTeams();
  await using _ = face;
  assert.equal((await ann.call("GET", "/healthz")).json["multi_user"], true);
});
