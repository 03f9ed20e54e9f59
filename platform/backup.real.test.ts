import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Secret } from "@headrace/k8s";
import { createPlatform, type Platform } from "./platform.ts";
import { restoreBackup } from "./restore.ts";
import { cacheDirectory, packaging, startFresh } from "./testing/fresh.ts";
import { runOnceIn, succeeded } from "./testing/runs.ts";

const namespace = "kubeflow";

/** A pipeline of one step, a shell script that writes the artifact `out`. */
function pipelineOf(script: string) {
  const artifacts = { out: { artifactType: { schemaTitle: "system.Artifact", schemaVersion: "0.0.1" } } };
  const command = ["sh", "-ec", script, "{{$.outputs.artifacts['out'].path}}"];
  return {
    schemaVersion: "2.1.0",
    pipelineInfo: { name: "kept" },
    components: { step: { executorLabel: "step", outputDefinitions: { artifacts } } },
    deploymentSpec: { executors: { step: { container: { image: "alpine", command } } } },
    root: { dag: { tasks: { step: { componentRef: { name: "step" }, taskInfo: { name: "step" } } } } },
  };
}

function ask({ running }: Platform, path: string, body?: unknown): Promise<Response> {
  return fetch(`${running.gateway}${path}`, {
    headers: { authorization: `Bearer ${running.token}`, "content-type": "application/json" },
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
}

async function submit(platform: Platform, script: string): Promise<string> {
  const body = { display_name: "kept", pipeline_spec: pipelineOf(script) };
  const { run_id } = (await (await ask(platform, "/apis/v2beta1/runs", body)).json()) as { run_id: string };
  return run_id;
}

async function contentOf(platform: Platform, run: string): Promise<string> {
  const listed = await (await ask(platform, `/apis/v2beta1/artifacts?namespace=${namespace}`)).json();
  const { artifacts = [] } = listed as { artifacts?: { artifact_id: string; uri: string }[] };
  const found = artifacts.find(({ uri }) => uri.includes(run)) ?? assert.fail(`Run ${run} has no artifact`);
  const path = `/apis/headrace.io/v1/namespaces/${namespace}/artifacts/${found.artifact_id}/content`;
  return (await ask(platform, path)).text();
}

test("a backup of a Headrace at work comes to life with all that was there, and goes on with what was running", async () => {
  await using fresh = await startFresh();
  const { platform, shared, directory } = fresh;
  const done = await submit(platform, 'printf made > "$0"');
  await succeeded(platform, done);
  const going = await submit(platform, `while [ ! -e ${shared}/go ]; do sleep 0.05; done; printf late > "$0"`);
  await runOnceIn(platform, going, "RUNNING");
  const key = (from: Platform) => from.client.resource(Secret).get({ namespace, name: "mlpipeline-minio-artifact" });

  const response = await ask(platform, "/apis/headrace.io/v1/backup");
  assert.ok(response.body);
  const home = join(directory, "restored");
  await restoreBackup(Readable.from(response.body), home);

  const restored = await createPlatform({
    dataDirectory: home,
    cacheDirectory,
    runtimeDirectory: directory,
    host: "127.0.0.1",
    port: 0,
    kubePort: 0,
    s3Port: 0,
    auth: "local",
    shares: [shared],
    packaging,
    log: () => {},
  });
  try {
    await writeFile(join(shared, "go"), "");
    assert.equal(await contentOf(restored, done), "made");
    await succeeded(restored, going);
    assert.equal(await contentOf(restored, going), "late");
    assert.deepEqual((await key(restored)).data, (await key(platform)).data);
    await succeeded(platform, going);
  } finally {
    await restored.stop({ keepPods: false });
  }
});

test("what is no whole backup is refused, and leaves nothing", async () => {
  await using fresh = await startFresh();
  const { platform, directory } = fresh;
  const bytes = Buffer.from(await (await ask(platform, "/apis/headrace.io/v1/backup")).arrayBuffer());
  const home = join(directory, "restored");
  await assert.rejects(restoreBackup(Readable.from([bytes.subarray(0, 50_000)]), home), /no whole backup/);
  const evil = Buffer.from(bytes);
  evil.write("../evil", bytes.indexOf("VERSION"));
  await assert.rejects(restoreBackup(Readable.from([evil]), home), /no whole backup/);
  await restoreBackup(Readable.from([bytes]), home);
  await assert.rejects(restoreBackup(Readable.from([bytes]), home), /is not empty/);
});
