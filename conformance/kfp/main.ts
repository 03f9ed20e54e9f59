import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Client } from "@headrace/client";
import { pythonWith, startFresh, type Fresh } from "@headrace/platform/testing";
import { writeTable, type Row } from "../table.ts";
import { ImageMapping } from "@headrace/environments";
import { PersistentVolumeClaim, Secret } from "@headrace/k8s";
import { goldens, sharedFolder, testClaim, type Golden } from "./goldens.ts";

interface Result {
  readonly name: string;
  readonly state: string;
  readonly error?: string | null;
  readonly how?: string;
}

const sdk = ["kfp==2.17.3", "kfp-kubernetes==2.17.3"];

/** Runs the golden pipelines whose name, with what they need before it (`objects: pvc_mount`), contains `filter`; writes the pass table when none was left out. Resolves to the exit status. */
export async function main(checkout: string, filter: string): Promise<number> {
  const chosen = goldens.filter(({ needs, name }) => `${needs}: ${name}`.includes(filter));
  await using headrace = await startFresh();
  const python = await pythonWith(...sdk);
  await mapImages(headrace.platform.client);
  await makeObjects(headrace.platform.client);
  const results = new Map<string, Result>();
  for await (const result of runGoldens(python, headrace, checkout, chosen)) {
    results.set(result.name, result);
    const golden = chosen.find(({ name }) => name === result.name);
    const passed = golden?.ends === result.state;
    console.log(
      `${passed ? "pass" : "MISS"}  ${result.name}  ${result.state}${passed ? "" : `  ${result.error ?? ""}`}`,
    );
  }
  const rows = chosen.map((golden) => toRow(golden, results.get(golden.name)));
  const passed = rows.filter((row) => row.outcome === "pass").length;
  console.log(`\n${passed} of ${rows.length} golden pipelines end as upstream's do`);
  if (filter === "")
    await writeTable("docs/compatibility.md", "kfp-goldens", "npm run conformance -- kfp --checkout DIR", rows);
  return passed === rows.length ? 0 : 1;
}

async function* runGoldens(
  python: string,
  { platform, shared }: Fresh,
  checkout: string,
  chosen: readonly Golden[],
): AsyncGenerator<Result> {
  const script = fileURLToPath(new URL("run_goldens.py", import.meta.url));
  const child = spawn(python, [script, platform.running.gateway, checkout], { stdio: ["pipe", "pipe", "inherit"] });
  const wanted = chosen.filter(({ skip }) => skip === undefined);
  child.stdin.end(JSON.stringify(wanted).replaceAll(sharedFolder, shared));
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("{")) yield JSON.parse(line) as Result;
  }
  await ended;
}

/** Images that are not of Docker Hub's library: an administrator would map them, too. Without a Python they are the host's own commands. */
const images: Readonly<Record<string, { readonly image: string; readonly python?: string }>> = {
  "ubi8-python": { image: "registry.redhat.io/ubi8/python-39*", python: "3.11" },
  "ubi9-python": { image: "registry.access.redhat.com/ubi9/python-311*", python: "3.11" },
  busybox: { image: "ghcr.io/containerd/busybox*" },
  jq: { image: "jetbrainsinfra/jq*" },
};

async function mapImages(client: Client): Promise<void> {
  for (const [name, spec] of Object.entries(images)) {
    await client
      .resource(ImageMapping)
      .create({ apiVersion: "headrace.io/v1alpha1", kind: "ImageMapping", metadata: { name }, spec });
  }
}

/** What upstream's own suite makes before it runs them. */
async function makeObjects(client: Client): Promise<void> {
  const secrets = {
    "test-secret-1": { username: "user1" },
    "test-secret-2": { password: "psw1" },
    "test-secret-3": { password: "psw2" },
  };
  for (const [name, stringData] of Object.entries(secrets)) {
    await client
      .resource(Secret)
      .create({ apiVersion: "v1", kind: "Secret", metadata: { namespace: "kubeflow", name }, stringData });
  }
  await client.resource(PersistentVolumeClaim).create({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { namespace: "kubeflow", name: testClaim },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  });
}

function toRow(golden: Golden, result: Result | undefined): Row {
  if (golden.skip !== undefined) return { name: golden.name, outcome: "skip", note: golden.skip };
  if (result?.state === golden.ends)
    return { name: golden.name, outcome: "pass", note: golden.ends === "FAILED" ? "fails, as it must" : "" };
  return {
    name: golden.name,
    outcome: "miss",
    note: (result?.error ?? result?.state ?? "no result").split("\n").at(-1) ?? "",
  };
}
