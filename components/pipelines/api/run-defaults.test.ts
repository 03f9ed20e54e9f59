import assert from "node:assert/strict";
import { test } from "node:test";
import { testFace } from "../testing/platform.ts";

const path = "/apis/headrace.io/v1/namespaces/kubeflow/run-defaults";

test("what a run gets that says nothing can be asked for", async () => {
  await using face = await testFace();
  const { status, json } = await face.call("GET", path);
  assert.equal(status, 200);
  assert.deepEqual(json, {
    pipelineRoot: "minio://mlpipeline/v2/artifacts",
    serviceAccount: "pipeline-runner",
    cronTimeZone: "UTC",
  });
});

test("only by those who may see runs there", async () => {
  await using face = await testFace({ authorizer: { authorize: async () => ({ allowed: false, reason: "no role" }) } });
  assert.equal((await face.call("GET", path, { user: { name: "ann", groups: [] } })).status, 403);
});
