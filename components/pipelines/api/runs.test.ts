import assert from "node:assert/strict";
import { test } from "node:test";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type Answer, type TestFace, testFace } from "../testing/platform.ts";
import { lineageWriter } from "../testing/task-rows.ts";

const path = "/apis/v2beta1/runs";
const ns = "kubeflow";

function createRun(face: TestFace, body: Record<string, unknown> = {}): Promise<Answer> {
  return face.call("POST", path, {
    body: { display_name: "r", pipeline_spec: addPipeline(), runtime_config: { parameters: { a: 1 } }, ...body },
  });
}

async function runId(face: TestFace, body?: Record<string, unknown>): Promise<string> {
  const { json, status, text } = await createRun(face, body);
  assert.equal(status, 200, text);
  return String(json["run_id"]);
}

const list = async (face: TestFace, query: Record<string, string>): Promise<string[]> => {
  const { json } = await face.call("GET", path, { query });
  return ((json["runs"] ?? []) as { display_name: string }[]).map((run) => run.display_name);
};

test("a new run is PENDING, has the spec it came with, and the engine hears of it after the commit", async () => {
  await using face = await testFace();
  const { json } = await createRun(face, { description: "d", service_account: "me" });
  const id = String(json["run_id"]);
  assert.deepEqual(face.engine.told, [`submitted ${id}`]);
  assert.deepEqual(
    [json["state"], json["storage_state"], json["description"], json["service_account"]],
    ["PENDING", "AVAILABLE", "d", "me"],
  );
  assert.deepEqual(json["pipeline_spec"], addPipeline());
  assert.deepEqual(json["runtime_config"], { parameters: { a: 1 } });
  assert.equal(json["finished_at"], "1970-01-01T00:00:00Z");
  assert.equal(json["scheduled_at"], json["created_at"]);
  assert.deepEqual(json["state_history"], [{ update_time: json["created_at"], state: "PENDING" }]);
  assert.deepEqual((await face.call("GET", `${path}/${id}`)).json, json);
});

test("a run without an experiment goes to the default one, which is made when it is missing", async () => {
  await using face = await testFace();
  const { json } = await createRun(face);
  const experiment = await face.call("GET", `/apis/v2beta1/experiments/${json["experiment_id"]}`);
  assert.equal(experiment.json["display_name"], "Default");
  assert.equal(experiment.json["last_run_created_at"], json["created_at"]);
  assert.equal((await createRun(face)).json["experiment_id"], json["experiment_id"]);
});

test("a run of a version names the version; once that is deleted, it has the spec", async () => {
  await using face = await testFace();
  const body = { pipeline: { name: "p" }, pipeline_version: { pipeline_spec: addPipeline() } };
  const { pipeline_id } = (await face.call("POST", "/apis/v2beta1/pipelines/create", { body })).json;
  const reference = { pipeline_spec: undefined, pipeline_version_reference: { pipeline_id } };
  const run = await createRun(face, reference);
  const version = run.json["pipeline_version_reference"] as Record<string, string>;
  assert.equal(version["pipeline_id"], pipeline_id);
  assert.equal(run.json["pipeline_spec"], undefined);
  const old = await createRun(face, { pipeline_spec: undefined, pipeline_version_id: version["pipeline_version_id"] });
  assert.deepEqual(old.json["pipeline_version_reference"], version);
  assert.deepEqual(await list(face, { pipeline_id: String(pipeline_id) }), ["r", "r"]);
  await face.call("DELETE", `/apis/v2beta1/pipelines/${pipeline_id}`, { query: { cascade: "true" } });
  const later = await face.call("GET", `${path}/${run.json["run_id"]}`);
  assert.deepEqual([later.json["pipeline_version_reference"], later.json["pipeline_spec"]], [undefined, addPipeline()]);
});

test("what a run cannot be made of is refused before anything is written", async () => {
  await using face = await testFace();
  const experiments = "/apis/v2beta1/experiments";
  const { experiment_id } = (await face.call("POST", experiments, { body: { display_name: "old" } })).json;
  await face.call("POST", `${experiments}/${experiment_id}:archive`);
  const cases: [Record<string, unknown>, number, RegExp][] = [
    [{ display_name: "" }, 400, /display_name: Required/],
    [{ experiment_id: "none" }, 404, /Experiment none not found/],
    [{ experiment_id }, 400, /archived/],
    [{ pipeline_spec: undefined }, 400, /pipeline_spec or pipeline_version_reference/],
    [{ pipeline_spec: undefined, pipeline_version_reference: { pipeline_version_id: "v" } }, 404, /v not found/],
    [{ pipeline_version_reference: { pipeline_id: "p" } }, 400, /together/],
    [{ pipeline_spec: { ...addPipeline(), root: undefined } }, 400, /root/],
    [{ runtime_config: { parameters: {} } }, 400, /parameters\.a: Required/],
    [{ runtime_config: { parameters: { a: "one" } } }, 400, /parameters\.a: Invalid/],
    [{ runtime_config: { parameters: { a: 1, z: 1 } } }, 400, /parameters\.z: unknown/],
    [{ runtime_config: { parameters: { a: 1 }, pipeline_root: "gs://bucket/root" } }, 400, /pipeline_root.*gs:\/\//],
    [{ pipeline_spec: { ...addPipeline(), defaultPipelineRoot: "s3://change/me" } }, 400, /defaultPipelineRoot/],
    [{ plugins_input: { mlflow: {} } }, 400, /plugins_input\.mlflow: .*no such plugin/],
    [{ plugins_input: { headrace: { keepGoing: "yes" } } }, 400, /plugins_input\.headrace\.keepGoing: Invalid/],
    [{ plugins_input: { headrace: { cacheMaxAge: "a day" } } }, 400, /plugins_input\.headrace\.cacheMaxAge: Invalid/],
    [{ plugins_input: { headrace: { color: 1 } } }, 400, /plugins_input\.headrace\.color: Unknown/],
    [{ plugins_output: { headrace: {} } }, 400, /plugins_output: Forbidden/],
    [{ colour: "red" }, 400, /colour/],
  ];
  for (const [body, status, message] of cases) {
    const answer = await createRun(face, body);
    assert.deepEqual(
      [answer.status, message.test(answer.text)],
      [status, true],
      `${JSON.stringify(body)}: ${answer.text}`,
    );
  }
  assert.deepEqual((await face.call("GET", path)).json, {});
  assert.deepEqual(face.engine.told, []);
});

test("a run may be made archived, and for another time", async () => {
  await using face = await testFace();
  const given = { storage_state: "ARCHIVED", scheduled_at: "2026-01-31T12:00:00Z" };
  const { json } = await createRun(face, given);
  assert.deepEqual({ storage_state: json["storage_state"], scheduled_at: json["scheduled_at"] }, given);
  assert.deepEqual((await face.call("POST", `${path}/${json["run_id"]}:unarchive`)).status, 200);
});

test("a run may be filed under a recurring run, once by each name; what else the server says is passed over", async () => {
  await using face = await testFace();
  const asked = {
    display_name: "yearly",
    pipeline_spec: addPipeline(),
    runtime_config: { parameters: { a: 1 } },
    trigger: { cron_schedule: { cron: "0 0 0 1 1 *" } },
    max_concurrency: 1,
    mode: "ENABLE",
  };
  const { experiment_id } = (await createRun(face)).json;
  const made = await face.call("POST", "/apis/v2beta1/recurringruns", { body: { ...asked, experiment_id } });
  const { recurring_run_id } = made.json;
  const { json: first } = await createRun(face, { recurring_run_id, created_at: "2020-01-01T00:00:00Z" });
  assert.deepEqual([made.status, first["recurring_run_id"]], [200, recurring_run_id]);
  assert.notEqual(first["created_at"], "2020-01-01T00:00:00Z");
  assert.equal((await createRun(face, { recurring_run_id })).json["run_id"], first["run_id"]);
  assert.equal((await createRun(face, { recurring_run_id: "nobody" })).status, 404);
});

test("a body nested too deep, not JSON, or not UTF-8 is refused", async () => {
  await using face = await testFace();
  for (const bytes of [`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "{", "[]", Buffer.from([0xff])]) {
    assert.equal((await face.call("POST", path, { bytes: Buffer.from(bytes) })).status, 400);
  }
  assert.deepEqual(face.bugs, []);
});

test("parameters keep their JSON kinds, null included", async () => {
  await using face = await testFace();
  const { json } = await createRun(face, { runtime_config: { parameters: { a: 1.5, b: null } } });
  assert.deepEqual(json["runtime_config"], { parameters: { a: 1.5, b: null } });
});

test("runs are listed by experiment, by state and by name", async () => {
  await using face = await testFace();
  const { experiment_id } = (await face.call("POST", "/apis/v2beta1/experiments", { body: { display_name: "e" } }))
    .json;
  await runId(face, { display_name: "one" });
  const two = await runId(face, { display_name: "two", experiment_id });
  await face.engine.settle({ ns, id: two }, "CANCELED");
  assert.deepEqual(await list(face, {}), ["one", "two"]);
  assert.deepEqual(await list(face, { experiment_id: String(experiment_id) }), ["two"]);
  const where = (key: string, string_value: string) => ({
    filter: JSON.stringify({ predicates: [{ operation: 1, key, string_value }] }),
  });
  assert.deepEqual(await list(face, where("state", "FAILED")), ["two"]);
  assert.deepEqual(await list(face, where("state", "PENDING")), ["one"]);
  assert.deepEqual(await list(face, where("name", "one")), ["one"]);
  assert.equal((await face.call("GET", path, { query: { experiment_id: "none" } })).status, 404);
});

test("pages go on where the sorted field is absent or runs have it in common", async () => {
  await using face = await testFace();
  for (let n = 0; n < 3; n++) await runId(face, { display_name: `r${n}` });
  for (const sort_by of ["pipeline_id", "finished_at desc", "state"]) {
    const first = (await face.call("GET", path, { query: { sort_by, page_size: "2" } })).json;
    const query = { sort_by, page_token: String(first["next_page_token"]) };
    const seen = [
      ...((first["runs"] ?? []) as { display_name: string }[]).map((run) => run.display_name),
      ...(await list(face, query)),
    ];
    assert.deepEqual(seen.sort(), ["r0", "r1", "r2"], sort_by);
  }
});

test("a terminated run ends FAILED for clients, which would wait for ever on CANCELED, and keeps its history", async () => {
  await using face = await testFace();
  const id = await runId(face);
  assert.deepEqual((await face.call("POST", `${path}/${id}:terminate`)).json, {});
  const { json } = await face.call("GET", `${path}/${id}`);
  assert.equal(json["state"], "FAILED");
  assert.match(JSON.stringify(json["error"]), /terminated/);
  assert.deepEqual(
    (json["state_history"] as { state: string }[]).map((each) => each.state),
    ["PENDING", "CANCELING", "FAILED"],
  );
  assert.equal((await face.call("POST", `${path}/${id}:terminate`)).status, 400);
  assert.equal((await face.call("POST", `${path}/${id}:retry`)).status, 200);
  assert.equal((await face.call("GET", `${path}/${id}`)).json["state"], "PENDING");
});

test("a failed run says which step failed, and the last lines of its log", async () => {
  await using face = await testFace();
  const id = await runId(face);
  const rows = lineageWriter(face.records, { ns, id });
  const noise = Array.from({ length: 50 }, (_, n) => `line ${n}`).join("\n");
  const error = JSON.stringify({ message: "exited with code 1", tail: `${noise}\nTraceback:\nValueError: no data\n` });
  await rows.task({ name: "train", state: "FAILED", error });
  await rows.task({ name: "late", state: "FAILED", error, finished_at: 9_000 });
  await face.engine.settle({ ns, id }, "FAILED", "root failed");
  const lines = noise.split("\n").slice(-18).join("\n");
  const message = `Step "train" failed (and 1 more failed): exited with code 1\n${lines}\nTraceback:\nValueError: no data`;
  assert.deepEqual((await face.call("GET", `${path}/${id}`)).json["error"], { code: 13, message });
  const listed = (await face.call("GET", path)).json["runs"] as { error: unknown }[];
  assert.deepEqual(listed[0]?.error, { code: 13, message });
});

test("tasks are shown in run_details with their artifacts, pods and parents, int64 as text", async () => {
  await using face = await testFace();
  const id = await runId(face);
  const rows = lineageWriter(face.records, { ns, id });
  const root = await rows.task({ name: "root", type: "ROOT", uid: "u-root", state: "RUNNING", finished_at: null });
  const train = await rows.task({ name: "train", uid: "u-train", parent: root, state: "CACHED" });
  await rows.attempt({ task: train, n: 0, pod: "p-0", state: "FAILED" });
  await rows.attempt({ task: train, n: 1, pod: "p-1" });
  const artifact = await rows.artifact({ uri: "minio://b/k" }, [{ task: train, direction: "OUTPUT", name: "model" }]);
  const { run_details } = (await face.call("GET", `${path}/${id}`)).json;
  const { task_details, pipeline_run_context_id } = run_details as {
    task_details: Record<string, unknown>[];
    pipeline_run_context_id: string;
  };
  assert.match(pipeline_run_context_id, /^\d+$/);
  assert.deepEqual(task_details[1], {
    run_id: id,
    task_id: "u-train",
    display_name: "train",
    create_time: "1970-01-01T00:00:01Z",
    start_time: "1970-01-01T00:00:02Z",
    end_time: "1970-01-01T00:00:03Z",
    executor_detail: { main_job: "p-1", failed_main_jobs: ["p-0"] },
    state: "SUCCEEDED",
    execution_id: String(train),
    outputs: { model: { artifact_ids: [String(artifact)] } },
    parent_task_id: "u-root",
    state_history: [
      { update_time: "1970-01-01T00:00:01Z", state: "PENDING" },
      { update_time: "1970-01-01T00:00:02Z", state: "RUNNING" },
      { update_time: "1970-01-01T00:00:03Z", state: "SUCCEEDED" },
    ],
    pod_name: "p-1",
  });
  assert.deepEqual(task_details[0]?.["child_tasks"], [{ task_id: "u-train" }]);
});

test("with view=FULL a run has the tasks of the coming API, which are also a list of their own", async () => {
  await using face = await testFace();
  const id = await runId(face);
  const rows = lineageWriter(face.records, { ns, id });
  const loop = await rows.task({ name: "loop", type: "LOOP", uid: "u-loop", items: "[1,2]" });
  const first = await rows.task({
    name: "loop",
    type: "ITERATION",
    uid: "u-0",
    parent: loop,
    iteration: 0,
    state: "CACHED",
  });
  await rows.task({
    name: "skip",
    uid: "u-skip",
    parent: first,
    state: "SKIPPED",
    error: '{"message":"condition is false"}',
    inputs: '{"parameters":{"x":1}}',
  });
  await rows.artifact({ uid: "a", uri: "minio://b/k", type: "system.Model", metadata: '{"framework":"x"}' }, [
    { task: first, direction: "OUTPUT", name: "model" },
  ]);
  const plain = (await face.call("GET", `${path}/${id}`)).json;
  assert.deepEqual([plain["task_count"], plain["tasks"]], [3, undefined]);
  const { tasks } = (await face.call("GET", `${path}/${id}`, { query: { view: "FULL" } })).json as {
    tasks: Record<string, unknown>[];
  };
  assert.deepEqual(
    tasks.map((task) => [task["type"], task["state"], task["type_attributes"]]),
    [
      ["LOOP", "SUCCEEDED", { iteration_count: "2" }],
      ["DAG", "CACHED", { iteration_index: "0" }],
      ["RUNTIME", "SKIPPED", undefined],
    ],
  );
  assert.deepEqual(tasks[2]?.["status_metadata"], { message: "condition is false" });
  assert.deepEqual(tasks[2]?.["inputs"], { parameters: [{ value: 1, type: "COMPONENT_INPUT", parameter_key: "x" }] });
  assert.match(JSON.stringify(tasks[1]?.["outputs"]), /"artifact_id":"a".*"type":"Model".*"framework":"x"/);
  const listed = await face.call("GET", `${path}/${id}/tasks`, { query: { page_size: "2" } });
  assert.deepEqual([listed.json["total_size"], listed.json["tasks"]], [3, tasks.slice(0, 2)]);
  const next = await face.call("GET", `${path}/${id}/tasks`, {
    query: { page_token: String(listed.json["next_page_token"]) },
  });
  assert.deepEqual([next.json["tasks"], next.json["next_page_token"]], [tasks.slice(2), undefined]);
  const children = await face.call("GET", `${path}/${id}/tasks`, { query: { parent_id: "u-loop" } });
  assert.deepEqual(children.json["tasks"], [tasks[1]]);
  assert.deepEqual((await face.call("GET", `${path}/${id}/tasks/u-skip`)).json, tasks[2]);
  assert.equal((await face.call("GET", `${path}/${id}/tasks/none`)).status, 404);
  for (const [method, written] of [
    ["POST", "tasks"],
    ["PATCH", "tasks/u-skip"],
    ["POST", "tasks:batchUpdate"],
  ] as const)
    assert.equal((await face.call(method, `${path}/${id}/${written}`)).status, 403, written);
  assert.equal((await face.call("GET", `${path}/${id}`, { query: { view: "HALF" } })).status, 400);
  const all = await face.call("GET", path, { query: { view: "FULL" } });
  assert.deepEqual(
    [all.json["total_size"], all.json["runs"]],
    [1, [(await face.call("GET", `${path}/${id}`, { query: { view: "FULL" } })).json]],
  );
});

test("an archived run keeps its state, is not retried, and stays archived with its experiment", async () => {
  await using face = await testFace();
  const id = await runId(face);
  const { experiment_id } = (await face.call("GET", `${path}/${id}`)).json;
  await face.engine.settle({ ns, id }, "FAILED");
  assert.equal((await face.call("POST", `${path}/${id}:archive`)).status, 200);
  const { storage_state, state } = (await face.call("GET", `${path}/${id}`)).json;
  assert.deepEqual([storage_state, state], ["ARCHIVED", "FAILED"]);
  assert.equal((await face.call("POST", `${path}/${id}:retry`)).status, 400);
  await face.call("POST", `/apis/v2beta1/experiments/${experiment_id}:archive`);
  const refused = await face.call("POST", `${path}/${id}:unarchive`);
  assert.deepEqual(
    [refused.status, /experiment "Default" is archived/.test(refused.text.replaceAll("\\", ""))],
    [400, true],
  );
  await face.call("POST", `/apis/v2beta1/experiments/${experiment_id}:unarchive`);
  assert.equal((await face.call("POST", `${path}/${id}:unarchive`)).status, 200);
});

test("a deleted run is gone with its tasks, after the engine let go of it; artifacts that others use stay", async () => {
  await using face = await testFace();
  const id = await runId(face);
  const other = await runId(face);
  const rows = lineageWriter(face.records, { ns, id });
  const task = await rows.task({ name: "train" });
  const user = await lineageWriter(face.records, { ns, id: other }).task({ name: "use", uid: "other" });
  await rows.attempt({ task, pod: "p" });
  await rows.artifact({ uri: "minio://b/own" }, [{ task, direction: "OUTPUT", name: "own" }]);
  const shared = await rows.artifact({ uri: "minio://b/shared" }, [
    { task, direction: "OUTPUT", name: "shared" },
    { task: user, direction: "INPUT", name: "shared" },
  ]);
  const since = await face.records.sequence();
  assert.equal((await face.call("DELETE", `${path}/${id}`)).status, 200);
  assert.equal(face.engine.told.at(-1), `forget ${id}`);
  assert.equal((await face.call("GET", `${path}/${id}`)).status, 404);
  const { db } = face.records.in(ns);
  const left = await db.selectFrom("artifact").select("id").execute();
  assert.deepEqual(
    left.map((row) => row.id),
    [shared],
  );
  for (const table of ["task", "attempt", "run"] as const) {
    assert.ok(
      (await db.selectFrom(table).selectAll().execute()).every((row) => !("run" in row) || row.run === other),
      table,
    );
  }
  const stop = new AbortController();
  for await (const changes of face.records.changes({ kind: "runs", since, signal: stop.signal })) {
    assert.deepEqual(
      changes.map(({ key, op }) => [key, op]),
      [[id, "DELETE"]],
    );
    stop.abort();
  }
  assert.equal((await face.call("GET", `${path}/${other}`)).status, 200, "the spec that both ran is still there");
});

test("whoever may not gets 403, and nobody 401, in KFP's form", async () => {
  await using face = await testFace({ authorizer: { authorize: async () => ({ allowed: false, reason: "no role" }) } });
  const denied = await face.call("GET", path, { user: { name: "ann", groups: [] } });
  assert.deepEqual([denied.status, denied.json["code"]], [403, 7]);
  assert.match(denied.text, /ann.*list runs of pipelines.kubeflow.org in namespace.*kubeflow.*no role/);
  const nobody = await face.call("GET", path, { user: { name: "system:anonymous", groups: [] } });
  assert.deepEqual([nobody.status, nobody.json["code"]], [401, 16]);
  assert.deepEqual((await face.call("GET", "/apis/v2beta1/healthz")).json, {
    tag_name: "2.17.0",
    commit_sha: "unknown",
    multi_user: false,
    pipeline_store: "database",
  });
});

test("a bug is told to the operator, not to the caller", async () => {
  await using face = await testFace();
  await face.records.close();
  const answer = await face.call("GET", path);
  assert.deepEqual([answer.status, answer.json["code"], face.bugs.length], [500, 13, 1]);
  assert.doesNotMatch(answer.text, /destroyed/);
});
