import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Authorizer } from "@headrace/model";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { testFace } from "../testing/platform.ts";
import { lineageWriter } from "../testing/task-rows.ts";

const ns = "kubeflow";

async function faceWithStep(options: Parameters<typeof testFace>[0] = {}) {
  const face = await testFace(options);
  const body = { display_name: "r", pipeline_spec: addPipeline(), runtime_config: { parameters: { a: 1 } } };
  const id = String((await face.call("POST", "/apis/v2beta1/runs", { body })).json["run_id"]);
  const rows = lineageWriter(face.records, { ns, id });
  const task = await rows.task({ name: "train" });
  const end = { task, direction: "OUTPUT", name: "model" } as const;
  const artifacts = face.artifacts.in(ns);
  await artifacts.write("minio://mlpipeline/v2/r/train/model", "0123456789");
  await artifacts.write("minio://mlpipeline/v2/r/train/tree/a/b", "deep");
  await artifacts.write("minio://mlpipeline/v2/r/secret", "secret");
  await rows.artifact({ uri: "minio://mlpipeline/v2/r/train/model" }, [end]);
  await rows.artifact({ uri: "minio://mlpipeline/v2/r/train/tree" }, [{ ...end, name: "tree" }]);
  return { face, rows, task };
}

const get = "/pipeline/artifacts/get";

test("an artifact is read by the place that its record has, whole or the beginning of it", async () => {
  const { face } = await faceWithStep();
  await using _ = face;
  const query = { source: "minio", bucket: "mlpipeline", key: "v2/r/train/model" };
  const whole = await face.call("GET", get, { query });
  assert.deepEqual([whole.status, whole.text], [200, "0123456789"]);
  assert.match(whole.headers["content-security-policy"] ?? "", /^sandbox/);
  assert.equal((await face.call("GET", get, { query: { ...query, peek: "3" } })).text, "012");
  assert.equal((await face.call("GET", get, { query: { ...query, key: "v2/r/train/tree/a/b" } })).text, "deep");
  assert.equal((await face.call("GET", "/pipeline/artifacts/minio/mlpipeline/v2/r/train/tree/a/b")).text, "deep");
});

test("a directory is downloaded as one archive", async () => {
  const { face } = await faceWithStep();
  await using _ = face;
  const answer = await face.call("GET", "/pipeline/artifacts/minio/mlpipeline/v2/r/train/tree");
  assert.equal(answer.headers["content-type"], "application/gzip");
  assert.match(gunzipSync(answer.bytes).toString("latin1"), /tree\/a\/b/);
});

test("what no record names is not read, whatever its key", async () => {
  const { face } = await faceWithStep();
  await using _ = face;
  for (const key of [
    "v2/r/secret",
    "v2/r/train/model/../../secret",
    "v2/r/train/tree/../../secret",
    "v2",
    "/etc/passwd",
  ]) {
    const answer = await face.call("GET", get, { query: { source: "minio", bucket: "mlpipeline", key } });
    assert.equal(answer.status, 400, key);
    assert.match(answer.text, /error_message/);
  }
  for (const source of ["volume", "http", "https", "file", "__proto__"]) {
    const answer = await face.call("GET", get, { query: { source, bucket: "b", key: "k" } });
    assert.match(answer.text, /source: Unsupported value/);
  }
  assert.match((await face.call("GET", get, { query: { source: "minio" } })).text, /bucket: Required value/);
});

test("a pod's log is found by its name, after the pod has gone", async () => {
  const { face, rows, task } = await faceWithStep();
  await using _ = face;
  await face.artifacts.write("minio://mlpipeline/logs/0", "line one\n");
  await rows.attempt({ task, pod: "train-0", log: "minio://mlpipeline/logs/0" });
  const logs = "/pipeline/k8s/pod/logs";
  assert.equal((await face.call("GET", logs, { query: { podname: "train-0", podnamespace: ns } })).text, "line one\n");
  assert.equal((await face.call("GET", logs, { query: { podname: "other", podnamespace: ns } })).status, 400);
  assert.equal((await face.call("GET", logs, { query: { podname: "../x" } })).status, 400);
  assert.equal((await face.call("GET", "/pipeline/k8s/pod", { query: { podname: "train-0" } })).status, 400);
  const events = await face.call("GET", "/pipeline/k8s/pod/events", { query: { podname: "train-0" } });
  assert.deepEqual(events.json["items"], []);
});

test("who may not read is told nothing", async () => {
  const authorizer: Authorizer = {
    authorize: async ({ verb, resource }) => ({
      allowed: verb === "create" || (verb === "get" && resource === "runs"),
      reason: "",
    }),
  };
  const { face } = await faceWithStep({ authorizer });
  await using _ = face;
  const query = { source: "minio", bucket: "mlpipeline", key: "v2/r/train/model" };
  assert.match((await face.call("GET", get, { query })).text, /cannot readArtifact/);
  for (const path of ["/pipeline/k8s/pod", "/pipeline/k8s/pod/events", "/pipeline/k8s/pod/logs"]) {
    assert.match((await face.call("GET", path, { query: { podname: "train-0" } })).text, /cannot/);
  }
});
