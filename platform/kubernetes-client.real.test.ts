import assert from "node:assert/strict";
import { test } from "node:test";
import { pythonWith, startProgram } from "./testing/index.ts";
import { sharedPlatform } from "./testing/shared.ts";

test("the Kubernetes client that the SDK brings along finds what it calls", { timeout: 120_000 }, async () => {
  const python = await pythonWith("kfp==2.17.3");
  const { platform } = await sharedPlatform();
  await using program = await startProgram(python, "kubernetes_client.py", [platform.running.kubeconfig]);
  assert.match(String((await program.said("version"))["version"]), /^v1\.33\./);
  for (const name of ["namespace", "config map", "pod"]) await program.said(name);
  const { fields } = await program.said("invalid");
  assert.deepEqual(fields, ["spec.containers"]);
  for (const name of ["custom objects", "deletion"]) await program.said(name);
});
