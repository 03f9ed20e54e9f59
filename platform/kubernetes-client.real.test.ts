import assert from "node:assert/strict";
import { test } from "node:test";
import { sdkPython, startProgram } from "./testing/python.ts";
import { sharedPlatform } from "./testing/shared.ts";

const sdk = await sdkPython();

test("the Kubernetes client that the SDK brings along finds what it calls", { skip: sdk.skip }, async () => {
  const { platform, shared } = await sharedPlatform();
  const { kubeconfig } = platform.running;
  await using program = await startProgram(sdk.path, "kubernetes_client.py", [kubeconfig, shared], {
    KUBECONFIG: kubeconfig,
  });
  assert.match(String((await program.said("version"))["version"]), /^v1\.33\./);
  for (const name of ["namespace", "config map", "pod"]) await program.said(name);
  const { fields } = await program.said("invalid");
  assert.deepEqual(fields, ["spec.containers"]);
  for (const name of ["custom objects", "pipelines without a host", "deletion"]) await program.said(name);
});
