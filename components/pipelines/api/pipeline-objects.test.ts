import assert from "node:assert/strict";
import { test } from "node:test";
import { isApiError, type StatusReason } from "@headrace/model";
import { eventually, testClock } from "@headrace/model/testing";
import { type PipelineObject, pipelines, type PipelineVersionObject, pipelineVersions } from "../resources/index.ts";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type TestFace, testFace } from "../testing/platform.ts";

const path = "/apis/v2beta1/pipelines";
const namespace = "kubeflow";

const pipeline = (name: string, spec?: PipelineObject["spec"]): PipelineObject => ({
  apiVersion: "pipelines.kubeflow.org/v2beta1",
  kind: "Pipeline",
  metadata: { name, namespace },
  ...(spec && { spec }),
});

const version = (name: string, spec: Partial<PipelineVersionObject["spec"]> = {}): PipelineVersionObject => ({
  apiVersion: "pipelines.kubeflow.org/v2beta1",
  kind: "PipelineVersion",
  metadata: { name, namespace },
  spec: { pipelineName: "add", pipelineSpec: addPipeline(), ...spec },
});

const kinds = ({ objects }: TestFace) => ({
  pipelines: objects.resource(pipelines),
  versions: objects.resource(pipelineVersions),
});

const refused = (reason: StatusReason, message: RegExp) => (error: unknown) =>
  isApiError(error, reason) && message.test(error.message);

async function listed(face: TestFace, at: string, list: string): Promise<Record<string, unknown>[]> {
  return ((await face.call("GET", at)).json[list] ?? []) as Record<string, unknown>[];
}

test("what is applied is what KFP's API shows, by the same id", async () => {
  await using face = await testFace({ clock: testClock() });
  const kube = kinds(face);
  const made = await kube.pipelines.create(pipeline("add", { displayName: "Adder", tags: { team: "a" } }));
  const first = await kube.versions.create(version("add-v1", { displayName: "First", description: "d" }));
  const [shown] = await listed(face, path, "pipelines");
  assert.deepEqual(shown, {
    pipeline_id: made.metadata.uid,
    name: "add",
    display_name: "Adder",
    created_at: "2026-01-01T00:00:00Z",
    namespace,
    tags: { team: "a" },
  });
  const [only] = await listed(face, `${path}/${made.metadata.uid}/versions`, "pipeline_versions");
  assert.deepEqual(
    [only?.["pipeline_version_id"], only?.["name"], only?.["display_name"], only?.["pipeline_spec"]],
    [first.metadata.uid, "add-v1", "First", addPipeline()],
  );
  assert.deepEqual(first.metadata.labels, {
    "pipelines.kubeflow.org/pipeline-id": made.metadata.uid,
    "pipelines.kubeflow.org/pipeline": "add",
  });
  assert.deepEqual(first.metadata.ownerReferences?.[0]?.uid, made.metadata.uid);
});

test("what is uploaded is an object, whatever its name; labels and annotations stay with it", async () => {
  await using face = await testFace();
  const kube = kinds(face);
  const upload = (name: string) =>
    face.call("POST", `${path}/create`, {
      body: { pipeline: { name }, pipeline_version: { name: "v 1", pipeline_spec: addPipeline() } },
    });
  await upload("plain");
  const odd = (await upload("Ein Name, mit Zeichen!")).json;
  const names = (await kube.pipelines.list({ namespace })).items.map(({ metadata }) => metadata.name ?? "");
  assert.deepEqual(names, [`ein-name-mit-zeichen-${String(odd["pipeline_id"]).slice(0, 8)}`, "plain"]);
  const [oddVersion] = (await kube.versions.list({ namespace })).items;
  assert.deepEqual([oddVersion?.spec.versionName, oddVersion?.spec.pipelineName], ["v 1", names[0]]);
  const key = { namespace, name: "plain" };
  const patched = await kube.pipelines.patch(key, {
    type: "merge",
    body: { metadata: { labels: { a: "b" }, annotations: { note: "x" } }, spec: { displayName: "Shown" } },
  });
  assert.deepEqual(
    [patched.metadata.labels, patched.metadata.annotations, patched.spec],
    [{ a: "b" }, { note: "x" }, { displayName: "Shown" }],
  );
  assert.deepEqual(await kube.pipelines.get(key), patched);
  const shown = (await face.call("GET", `${path}/names/plain`)).json;
  assert.equal(shown["display_name"], "Shown");
  assert.deepEqual((await kube.pipelines.list({ namespace, labelSelector: "a=b" })).items, [patched]);
});

test("a version keeps its platform spec, and only its display name and tags can change", async () => {
  await using face = await testFace();
  const kube = kinds(face);
  await kube.pipelines.create(pipeline("add"));
  const platformSpec = { platforms: { kubernetes: { deploymentSpec: { executors: {} } } } };
  const made = await kube.versions.create(version("v1", { platformSpec, versionName: "one" }));
  assert.deepEqual([made.spec.platformSpec, made.spec.pipelineSpec], [platformSpec, addPipeline()]);
  const key = { namespace, name: "v1" };
  const patch = (spec: object) => kube.versions.patch(key, { type: "merge", body: { spec } });
  const changed = await patch({ displayName: "New", tags: { a: "b" } });
  assert.deepEqual([changed.spec.displayName, changed.spec.tags, changed.spec.versionName], ["New", { a: "b" }, "one"]);
  await assert.rejects(
    patch({ description: "other" }),
    refused("BadRequest", /Cannot change spec\.description of version "v1": only displayName and tags/),
  );
  await assert.rejects(patch({ pipelineSpec: { sdkVersion: "x" } }), refused("BadRequest", /spec\.pipelineSpec/));
});

test("what cannot be is refused with the field that is wrong", async () => {
  await using face = await testFace();
  const kube = kinds(face);
  await assert.rejects(kube.versions.create(version("v1")), refused("Invalid", /spec\.pipelineName: Not found: "add"/));
  await kube.pipelines.create(pipeline("add"));
  await assert.rejects(kube.pipelines.create(pipeline("add")), refused("AlreadyExists", /"add"/));
  const broken = { ...addPipeline(), schemaVersion: "2.0.0" };
  await assert.rejects(
    kube.versions.create(version("v1", { pipelineSpec: broken })),
    refused("BadRequest", /schemaVersion/),
  );
  const uri = { pipelineSpecURI: "http://example.com" };
  await assert.rejects(
    kube.versions.create(version("v1", uri)),
    refused("Invalid", /spec\.pipelineSpecURI: Forbidden/),
  );
  const held = { ...pipeline("held"), metadata: { name: "held", namespace, finalizers: ["a.b/c"] } };
  await assert.rejects(kube.pipelines.create(held), refused("Invalid", /metadata\.finalizers: Forbidden/));
  assert.deepEqual((await kube.versions.list({ namespace })).items, []);
});

test("a pipeline goes with its versions, and watchers hear of all", async () => {
  await using face = await testFace();
  const kube = kinds(face);
  const life = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    const { metadata } = await kube.versions.list({ namespace });
    const options = { namespace, signal: life.signal, resourceVersion: metadata.resourceVersion ?? "0" };
    for await (const { type, object } of kube.versions.watch(options)) seen.push(`${type} ${object.metadata.name}`);
  })();
  await kube.pipelines.create(pipeline("add"));
  await kube.versions.create(version("add-v1"));
  await kube.versions.create(version("v2"));
  await kube.versions.delete({ namespace, name: "v2" });
  await kube.pipelines.delete({ namespace, name: "add" });
  await eventually("both are gone", () => seen.filter((each) => each.startsWith("DELETED")).length === 2);
  assert.deepEqual(new Set(seen.slice(-2)), new Set(["DELETED v2", "DELETED add-v1"]));
  assert.deepEqual(await listed(face, path, "pipelines"), []);
  life.abort();
  await watching;
});

test("a watch of all namespaces tells apart what has the same name", async () => {
  await using face = await testFace({ tenancy: { multiUser: true } });
  const kube = kinds(face).pipelines;
  await kube.create(pipeline("first"));
  const { resourceVersion = "" } = (await kube.list({ namespace: "" })).metadata;
  for (const namespace of ["team-a", "team-b"])
    await kube.create({ ...pipeline("add"), metadata: { name: "add", namespace } });
  const seen: unknown[] = [];
  const life = new AbortController();
  for await (const { object } of kube.watch({ namespace: "", signal: life.signal, resourceVersion })) {
    seen.push(object.metadata.namespace);
    if (seen.length === 2) life.abort();
  }
  assert.deepEqual(seen, ["team-a", "team-b"]);
});

test("a write that means an older state is refused", async () => {
  await using face = await testFace();
  const kube = kinds(face);
  const made = await kube.pipelines.create(pipeline("add"));
  await face.call("PATCH", `${path}/${made.metadata.uid}`, { body: { display_name: "By REST" } });
  await assert.rejects(kube.pipelines.update({ ...made, spec: { displayName: "Mine" } }), refused("Conflict", /add/));
  const current = await kube.pipelines.get({ namespace, name: "add" });
  const updated = await kube.pipelines.update({ ...current, spec: { displayName: "Mine" } });
  assert.equal(updated.spec?.displayName, "Mine");
});
