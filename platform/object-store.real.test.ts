import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Secret } from "@headrace/k8s";
import type { Platform } from "./platform.ts";
import { pythonWith, startProgram, type PythonProgram } from "./testing/python.ts";
import { succeeded } from "./testing/runs.ts";
import { sharedPlatform } from "./testing/shared.ts";

const clients = await pythonWith("boto3==1.44.8", "minio==7.2.20").then(
  (path) => ({ path, skip: false as const }),
  (error: unknown) => ({ path: "", skip: `the S3 clients cannot be installed here: ${String(error).slice(0, 300)}` }),
);

/** Writes an artifact, and what the object store says to somebody without a key, by its name in the cluster. */
const step = `
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen("http://minio-service.kubeflow:9000/mlpipeline").read()
except urllib.error.HTTPError as error:
    answer = error.read()
open(sys.argv[1], "wb").write(answer)
`;

describe("the object store with stock clients", { skip: clients.skip }, () => {
  let program: PythonProgram | undefined;
  let artifact = "";

  before(async () => {
    const { platform } = await sharedPlatform();
    artifact = await runStep(platform);
    const keys = [...(await keyOf(platform, "kubeflow")), artifact, ...(await keyOf(platform, "default"))];
    program = await startProgram(clients.path, "s3_clients.py", [platform.running.s3, ...keys]);
  });
  after(() => program?.[Symbol.asyncDispose]());

  async function said(name: string): Promise<Record<string, unknown>> {
    const { name: _, ...words } = (await program?.said(name)) ?? assert.fail("The program did not start");
    return words;
  }

  test("what a step wrote is an object, and steps reach the store by its name in the cluster", async () => {
    assert.match(String((await said("artifact"))["bytes"]), /<Code>AccessDenied<\/Code>.*Requests must be signed/);
  });

  test("what a step wrote can neither be replaced nor deleted", async () => {
    const denied = "AccessDenied";
    assert.deepEqual(await said("protected"), { overwrite: denied, beneath: denied, delete: denied });
  });

  test("boto3 transfers in parts, checks sums, lists, presigns and asks on conditions", async () => {
    assert.deepEqual(await said("transfer"), { same: true, kind: "big", parts: true });
    assert.deepEqual(await said("checksums"), { CRC32: true, SHA1: true, SHA256: true });
    assert.deepEqual(await said("listing"), {
      keys: ["copied", "deep/in/big.bin", "odd names/ä+b=c&d?e#f%20.txt", "sums/CRC32", "sums/SHA1", "sums/SHA256"],
      folders: ["deep/", "odd names/", "sums/"],
      type: "text/plain",
    });
    assert.deepEqual(await said("presigned"), { get: "odd", put: "by url" });
    assert.deepEqual(await said("conditions"), {
      range: "ur",
      content: "bytes 3-4/6",
      once: "PreconditionFailed",
      stale: "PreconditionFailed",
      beyond: "InvalidRange",
      versioning: null,
      policy: "NoSuchBucketPolicy",
      tagging: "NotImplemented",
    });
    assert.deepEqual(await said("deleted"), { keys: ["copied", "never", "presigned"], left: "BucketNotEmpty" });
  });

  test("another namespace's key opens nothing here", async () => {
    assert.deepEqual(await said("other namespace"), {
      get: "AccessDenied",
      list: "AccessDenied",
      bucket: "403",
      buckets: ["mlpipeline"],
      wrong: "SignatureDoesNotMatch",
      unknown: "InvalidAccessKeyId",
    });
  });

  test("minio's client streams, copies, lists and removes", async () => {
    assert.deepEqual(await said("minio"), {
      same: true,
      color: "blue",
      keys: ["a/small", "a/streamed", "b"],
      top: ["b", "a/"],
      exists: false,
    });
  });

  test("a deleted run's bytes are freed, and nothing is left that no record knows", async () => {
    const { platform, directory } = await sharedPlatform();
    const doomed = await runStep(platform);
    const { gateway, token } = platform.running;
    const ask = (method: string, path: string): Promise<Response> =>
      fetch(`${gateway}${path}`, { method, headers: { authorization: `Bearer ${token}` } });
    const [folder = ""] = /^.*?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(doomed) ?? [];
    const place = join(directory, "home", "artifacts", "mlpipeline", folder);
    assert.ok(existsSync(place));
    await ask("DELETE", `/apis/v2beta1/runs/${basename(folder)}`);
    // Waits in line for what is being freed.
    assert.equal((await ask("DELETE", "/apis/headrace.io/v1/garbage")).status, 200);
    assert.equal(existsSync(place), false);
    const { items } = (await (await ask("GET", "/apis/headrace.io/v1/garbage")).json()) as { items: { uri: string }[] };
    assert.ok(items.every(({ uri }) => !uri.includes(basename(folder))));
  });
});

/** Runs a step that writes an artifact; answers the artifact's key in the pipelines' bucket. */
async function runStep(platform: Platform): Promise<string> {
  const { running } = platform;
  const artifacts = { answer: { artifactType: { schemaTitle: "system.Artifact", schemaVersion: "0.0.1" } } };
  const command = ["python3", "-c", step, "{{$.outputs.artifacts['answer'].path}}"];
  const response = await fetch(`${running.gateway}/apis/v2beta1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${running.token}` },
    body: JSON.stringify({
      display_name: "object-store",
      pipeline_spec: {
        schemaVersion: "2.1.0",
        pipelineInfo: { name: "object-store" },
        components: { step: { executorLabel: "step", outputDefinitions: { artifacts } } },
        deploymentSpec: { executors: { step: { container: { image: "python:3.11", command } } } },
        root: { dag: { tasks: { step: { componentRef: { name: "step" }, taskInfo: { name: "step" } } } } },
      },
    }),
  });
  const { run_id: name } = (await response.json()) as { run_id: string };
  await succeeded(platform, name);
  const details = await fetch(`${running.gateway}/apis/v2beta1/artifacts?namespace=kubeflow&page_size=200`, {
    headers: { authorization: `Bearer ${running.token}` },
  });
  const found = (await details.text()).match(new RegExp(`minio://mlpipeline/([^"]*${name}[^"]*)`));
  return found?.[1] ?? assert.fail("The run has no artifact");
}

async function keyOf({ client }: Platform, namespace: string): Promise<readonly [string, string]> {
  const { data = {} } = await client.resource(Secret).get({ namespace, name: "mlpipeline-minio-artifact" });
  const text = (field: string): string => Buffer.from(data[field] ?? "", "base64").toString();
  return [text("accesskey"), text("secretkey")];
}
