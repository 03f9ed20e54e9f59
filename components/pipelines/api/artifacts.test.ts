import assert from "node:assert/strict";
import { test } from "node:test";
import type { Authorizer } from "@headrace/model";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type TestFace, testFace } from "../testing/platform.ts";
import { lineageWriter } from "../testing/task-rows.ts";

const ns = "kubeflow";
const path = "/apis/v2beta1/artifacts";
const edges = "/apis/v2beta1/artifact_tasks";

/** A run that trains twice in a loop, picks a model, and hands it to an evaluation within a DAG. */
async function faceWithLineage(options: Parameters<typeof testFace>[0] = {}) {
  const face = await testFace(options);
  const body = { display_name: "nightly", pipeline_spec: addPipeline(), runtime_config: { parameters: { a: 1 } } };
  const run = String((await face.call("POST", "/apis/v2beta1/runs", { body })).json["run_id"]);
  const rows = lineageWriter(face.records, { ns, id: run });
  const root = await rows.task({ name: "root", type: "ROOT", uid: "u-root", key: "root" });
  const loop = await rows.task({ name: "loop", type: "LOOP", uid: "u-loop", parent: root, key: "root/loop" });
  const models: number[] = [];
  for (const iteration of [0, 1]) {
    const key = `root/loop[${iteration}]`;
    const turn = await rows.task({
      name: "loop",
      type: "ITERATION",
      uid: `u-turn-${iteration}`,
      parent: loop,
      key,
      iteration,
    });
    const train = await rows.task({ name: "train", uid: `u-train-${iteration}`, parent: turn, key: `${key}/train` });
    models.push(
      await rows.artifact({ uri: `minio://b/model-${iteration}`, uid: `a-model-${iteration}`, type: "system.Model" }, [
        { task: train, direction: "OUTPUT", name: "model" },
      ]),
    );
  }
  const pick = await rows.task({ name: "pick", uid: "u-pick", parent: root, key: "root/pick" });
  const best = await rows.artifact({ uri: "minio://b/best", uid: "a-best", type: "google.VertexModel", name: "best" }, [
    { task: pick, direction: "OUTPUT", name: "best" },
  ]);
  const dag = await rows.task({ name: "check", type: "DAG", uid: "u-dag", parent: root, key: "root/check" });
  const evaluate = await rows.task({ name: "evaluate", uid: "u-evaluate", parent: dag, key: "root/check/evaluate" });
  const show = await rows.task({ name: "show", uid: "u-show", parent: root, key: "root/show" });
  for (const [index, artifact] of models.entries())
    await rows.link(artifact, { task: pick, direction: "INPUT", name: "models", index });
  await rows.link(best, { task: evaluate, direction: "INPUT", name: "model" });
  await rows.link(best, { task: show, direction: "INPUT", name: "model" });
  return { face, run };
}

interface Edge {
  readonly artifact_id: string;
  readonly task_id: string;
  readonly type: string;
  readonly task_name: string;
  readonly run_name: string;
  readonly producer?: { readonly task_name: string; readonly iteration?: string };
  readonly task?: { readonly key: string };
  readonly artifact?: { readonly schema_title: string };
}

async function edgesOf(face: TestFace, query: Record<string, string>): Promise<readonly Edge[]> {
  const { json, status, text } = await face.call("GET", edges, { query });
  assert.equal(status, 200, text);
  return (json["artifact_tasks"] ?? []) as readonly Edge[];
}

const filterOf = (...predicates: unknown[]): string => JSON.stringify({ predicates });

test("artifacts are listed by namespace, type and schema title, page by page in the order in which they were made", async () => {
  const { face } = await faceWithLineage();
  await using _ = face;
  const ids = async (query: Record<string, string>) => {
    const { json, text, status } = await face.call("GET", path, { query });
    assert.equal(status, 200, text);
    return { ids: ((json["artifacts"] ?? []) as { artifact_id: string }[]).map((each) => each.artifact_id), json };
  };
  assert.deepEqual((await ids({ sort_by: "number" })).ids, ["a-model-0", "a-model-1", "a-best"]);
  for (const predicate of [{ string_value: "Model" }, { int_value: 2 }]) {
    const filter = filterOf({ key: "type", operation: "EQUALS", ...predicate });
    assert.deepEqual((await ids({ filter })).ids, ["a-model-0", "a-model-1"]);
  }
  const custom = filterOf({ key: "schema_title", operation: "EQUALS", string_value: "google.VertexModel" });
  const { json } = await ids({ filter: custom, namespace: ns });
  const [best] = json["artifacts"] as Record<string, unknown>[];
  assert.deepEqual(
    [best?.["artifact_id"], best?.["type"], best?.["schema_title"]],
    ["a-best", "Artifact", "google.VertexModel"],
  );
  const first = await ids({ page_size: "2", sort_by: "uri desc" });
  const rest = await ids({ page_size: "2", sort_by: "uri desc", page_token: String(first.json["next_page_token"]) });
  assert.deepEqual([...first.ids, ...rest.ids], ["a-model-1", "a-model-0", "a-best"]);
  assert.equal((await face.call("GET", `${path}/a-best`)).json["uri"], "minio://b/best");
  assert.equal((await face.call("GET", `${path}/none`)).status, 404);
});

test("lineage can be walked from an artifact to what made and used it, and from a task to its artifacts", async () => {
  const { face, run } = await faceWithLineage();
  await using _ = face;
  const ends = (await edgesOf(face, { artifact_ids: "a-best" })).map(({ task_name, type, run_name }) => [
    task_name,
    type,
    run_name,
  ]);
  assert.deepEqual(ends, [
    ["pick", "OUTPUT", "nightly"],
    ["evaluate", "COMPONENT_INPUT", "nightly"],
    ["show", "TASK_OUTPUT_INPUT", "nightly"],
  ]);
  const taken = await edgesOf(face, { task_ids: "u-pick", type: "COLLECTED_INPUTS" });
  assert.deepEqual(
    taken.map(({ artifact_id, producer }) => [artifact_id, producer]),
    [
      ["a-model-0", { task_name: "train", iteration: "0" }],
      ["a-model-1", { task_name: "train", iteration: "1" }],
    ],
  );
  const [made] = await edgesOf(face, { artifact_ids: "a-model-1", type: "8" });
  assert.deepEqual([made?.task_id, made?.type], ["u-train-1", "ITERATOR_OUTPUT"]);
  assert.equal(made?.artifact?.schema_title, "system.Model");
  assert.match(made?.task?.key ?? "", /train/);
  assert.equal((await edgesOf(face, { run_ids: run })).length, 7);
  const both = new URLSearchParams([
    ["artifact_ids", "a-best"],
    ["artifact_ids", "a-model-0"],
  ]);
  assert.equal(
    (await edgesOf(face, Object.fromEntries([["artifact_ids", both.getAll("artifact_ids").join(",")]]))).length,
    5,
  );
});

test("the edges of a lineage come in pages, with their filter and their sorting", async () => {
  const { face, run } = await faceWithLineage();
  await using _ = face;
  const seen: string[] = [];
  let page_token = "";
  do {
    const { json } = await face.call("GET", edges, { query: { run_ids: run, page_size: "3", page_token } });
    assert.equal(json["total_size"], 7);
    seen.push(...(json["artifact_tasks"] as { id: string }[]).map(({ id }) => id));
    page_token = String(json["next_page_token"] ?? "");
  } while (page_token);
  assert.equal(new Set(seen).size, 7);
  const filter = filterOf({ key: "key", operation: "EQUALS", string_value: "best" });
  assert.equal((await edgesOf(face, { run_ids: run, filter, sort_by: "task_id desc" })).length, 1);
});

test("lineage is asked of something, which must exist and be the caller's to read", async () => {
  const authorizer: Authorizer = {
    authorize: async ({ verb }) => ({ allowed: verb !== "readArtifact", reason: "" }),
  };
  const { face, run } = await faceWithLineage({ authorizer });
  await using _ = face;
  const nothing = await face.call("GET", edges);
  assert.equal(nothing.status, 400);
  assert.match(nothing.text, /artifact_ids, task_ids or run_ids/);
  assert.equal((await face.call("GET", edges, { query: { task_ids: "none" } })).status, 404);
  assert.equal((await face.call("GET", edges, { query: { run_ids: run } })).status, 403);
  assert.equal((await face.call("GET", path)).status, 403);
  assert.equal((await face.call("GET", edges, { query: { run_ids: run, type: "SIDEWAYS" } })).status, 400);
});

test("the newest task that succeeded with a fingerprint is found, and nothing where none did", async () => {
  const { face, run } = await faceWithLineage();
  await using _ = face;
  const rows = lineageWriter(face.records, { ns, id: run });
  await rows.task({ name: "old", uid: "u-old", fingerprint: "f" });
  await rows.task({ name: "new", uid: "u-new", fingerprint: "f", state: "CACHED" });
  await rows.task({ name: "failed", uid: "u-failed", fingerprint: "f", state: "FAILED" });
  const find = async (body: unknown) => face.call("POST", "/apis/v2beta1/tasks:findCached", { body });
  const { task } = (await find({ cache_fingerprint: "f" })).json as { task: { task_id: string } };
  assert.equal(task.task_id, "u-new");
  assert.deepEqual((await find({ cache_fingerprint: "other", namespace: ns })).json, {});
  assert.equal((await find({})).status, 400);
});

test("a run's tasks come in pages, by parent, sorted and filtered", async () => {
  const { face, run } = await faceWithLineage();
  await using _ = face;
  const names = async (query: Record<string, string>) => {
    const { json, text, status } = await face.call("GET", `/apis/v2beta1/runs/${run}/tasks`, { query });
    assert.equal(status, 200, text);
    return ((json["tasks"] ?? []) as { task_id: string }[]).map(({ task_id }) => task_id);
  };
  assert.deepEqual(await names({ parent_id: "u-root" }), ["u-loop", "u-pick", "u-dag", "u-show"]);
  assert.deepEqual(await names({ order_by: "name desc", page_size: "2" }), ["u-train-1", "u-train-0"]);
  const filter = filterOf({ key: "name", operation: "IN", string_values: { values: ["pick", "show"] } });
  assert.deepEqual(await names({ filter }), ["u-pick", "u-show"]);
  const task = (await face.call("GET", `/apis/v2beta1/runs/${run}/tasks/u-dag`)).json;
  assert.deepEqual(
    [task["parent_task_id"], task["child_tasks"]],
    ["u-root", [{ task_id: "u-evaluate", name: "evaluate" }]],
  );
});
