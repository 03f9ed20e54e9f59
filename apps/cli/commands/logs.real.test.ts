import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { Pod } from "@headrace/k8s";
import { eventually } from "@headrace/model/testing";
import { runs } from "@headrace/pipelines/resources";
import { startFresh } from "@headrace/platform/testing";

const bin = join(import.meta.dirname, "..", "bin", "headrace.js");

/** One step that says three things. */
const pipeline = {
  schemaVersion: "2.1.0",
  sdkVersion: "kfp-2.17.3",
  pipelineInfo: { name: "speech" },
  deploymentSpec: {
    executors: {
      "exec-speak": {
        container: { image: "python:3.11", command: ["sh", "-c", "echo one; echo two >&2; printf three"] },
      },
    },
  },
  components: { "comp-speak": { executorLabel: "exec-speak" } },
  root: {
    dag: {
      tasks: { speak: { taskInfo: { name: "speak" }, componentRef: { name: "comp-speak" }, cachingOptions: {} } },
    },
  },
};

test("a step's log is there while its pod is, and afterwards, for the command line and for the pages", async () => {
  await using fresh = await startFresh();
  const { running, client } = fresh.platform;
  const call = (method: string, path: string, body?: unknown) =>
    fetch(`${running.gateway}${path}`, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const created = await call("POST", "/apis/v2beta1/runs", { display_name: "speech", pipeline_spec: pipeline });
  const { run_id: run } = (await created.json()) as { run_id: string };
  await eventually(
    "the run succeeds",
    async () => (await client.resource(runs).get({ namespace: "kubeflow", name: run })).status.state === "SUCCEEDED",
  );
  const said = async () => {
    const env = { PATH: process.env["PATH"], HEADRACE_HOME: running.dataDir };
    const { stdout } = await promisify(execFile)(process.execPath, [bin, "logs", run, "speak"], { env });
    return stdout.split("\n").filter(Boolean).toSorted();
  };
  assert.deepEqual(await said(), ["one", "three", "two"]);
  const [pod] = (await client.resource(Pod).list({ namespace: "kubeflow" })).items;
  const name = pod?.metadata.name ?? "";
  await client.resource(Pod).delete({ namespace: "kubeflow", name });
  const live = `/kube/api/v1/namespaces/kubeflow/pods/${name}/log?follow=true`;
  await eventually("the pod is gone", async () => (await call("GET", live)).status === 404);
  await eventually("the log is kept", async () => (await said()).length === 3);
  // As the page's log view asks once the pod is not there.
  const archived = await (await call("GET", `/apis/v1alpha1/runs/${run}/nodes/${name}/log`)).text();
  assert.deepEqual(archived.split("\n").filter(Boolean).toSorted(), ["one", "three", "two"]);
  assert.equal((await call("DELETE", `/apis/v2beta1/runs/${run}`)).status, 200);
  assert.equal((await call("GET", `/apis/v1alpha1/runs/${run}/nodes/${name}/log`)).ok, false);
  assert.deepEqual(fresh.complaints, []);
});
