import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { testApi } from "@headrace/apiserver/testing";
import type { Client } from "@headrace/client";
import {
  builtIns,
  Event,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
  type PersistentVolumeClaimSpec,
} from "@headrace/k8s";
import { type Component, findCondition, isApiError } from "@headrace/model";
import { eventually, testIds } from "@headrace/model/testing";
import { ifPresent } from "@headrace/runtime";
import { createWorkloads, storageAdmission } from "./index.ts";
import { createNode, pod, setPhase } from "./testing/builders.ts";

interface Bench {
  /** What is said of a claim. */
  explain(name: string): Promise<readonly string[]>;
  readonly client: Client;
  readonly directory: string;
  restart(): Promise<void>;
}

/** The whole component over the real server, with a node. */
async function withStorage(work: (bench: Bench) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "volumes-"));
  const admission: ReturnType<typeof storageAdmission>[] = [];
  await using api = testApi(builtIns, { admission });
  const { client, clock } = api;
  admission.push(storageAdmission(client));
  const errors: unknown[] = [];
  let stop = new AbortController();
  let workloads: Component | undefined;
  const start = async (): Promise<void> => {
    workloads = createWorkloads({
      client,
      clock,
      ids: testIds(),
      definitions: builtIns,
      rootCa: "",
      volumesDirectory: directory,
      onError: (error) => errors.push(error),
    });
    for (const controller of workloads.controllers ?? []) await controller.start(stop.signal);
  };
  try {
    await start();
    await createNode(client, "box");
    await work({
      client,
      directory,
      async explain(name) {
        const reasons = await workloads?.explain?.({ kind: "PersistentVolumeClaim", namespace: "default", name });
        return (reasons ?? []).flatMap(({ summary, remedy }) => (remedy === undefined ? [summary] : [summary, remedy]));
      },
      async restart() {
        stop.abort();
        await clock.settle();
        stop = new AbortController();
        await start();
      },
    });
  } finally {
    stop.abort();
    await clock.settle();
    await rm(directory, { recursive: true, force: true });
  }
  assert.deepEqual(errors, []);
  assert.equal(clock.pending, 0, "timers are left");
}

const key = (name: string) => ({ namespace: "default", name });

const claim = (name: string, spec: PersistentVolumeClaimSpec = {}): PersistentVolumeClaim => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "default" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...spec },
});

const using = (name: string): Partial<Pod["spec"]> => ({
  volumes: [{ name: "data", persistentVolumeClaim: { claimName: name } }],
});

const claims = ({ client }: Bench) => client.resource(PersistentVolumeClaim);
const volumes = ({ client }: Bench) => client.resource(PersistentVolume);

const phase = (bench: Bench, name: string, wanted: string) =>
  eventually(`claim ${name} is ${wanted}`, async () => {
    const found = await claims(bench).get(key(name));
    return found.status?.phase === wanted && found;
  });

const told = ({ client }: Bench, name: string, reason: string) =>
  eventually(`${name} is told ${reason}`, async () => {
    const { items } = await client.resource(Event).list();
    return items.find((each) => each.involvedObject.name === name && each.reason === reason);
  });

const waitsFor = ({ client }: Bench, name: string, message: string) =>
  eventually(`pod ${name} waits: ${message}`, async () => {
    const { status } = await client.resource(Pod).get(key(name));
    return findCondition(status?.conditions, "PodScheduled")?.message === message;
  });

const placed = ({ client }: Bench, name: string) =>
  eventually(`pod ${name} has a node`, async () => (await client.resource(Pod).get(key(name))).spec.nodeName);

const goneClaim = (bench: Bench, name: string) =>
  eventually(`claim ${name} is gone`, async () => !(await ifPresent(claims(bench).get(key(name)))));

const noVolumes = (bench: Bench) =>
  eventually("no volume is left", async () => (await volumes(bench).list()).items.length === 0);

describe("claims", () => {
  test("get the default class, a folder of their own, and are Bound", () =>
    withStorage(async (bench) => {
      const made = await claims(bench).create(claim("data"));
      assert.equal(made.spec.storageClassName, "standard");
      const bound = await phase(bench, "data", "Bound");
      const name = `pvc-${bound.metadata.uid}`;
      assert.equal(bound.spec.volumeName, name);
      assert.deepEqual(bound.status?.capacity, { storage: "1Gi" });
      assert.deepEqual(await readdir(bench.directory), [name]);
      assert.equal((await stat(join(bench.directory, name))).mode & 0o777, 0o777);
      const volume = await eventually("the volume is Bound", async () => {
        const found = await volumes(bench).get({ namespace: "", name });
        return found.status?.phase === "Bound" && found;
      });
      assert.deepEqual(volume.spec.csi, { driver: "local.headrace.io", volumeHandle: name });
      assert.match((await told(bench, "data", "ProvisioningSucceeded")).message ?? "", /size of 1Gi is advice/);
    }));

  test("in use outlive their deletion; then what they held goes, folder and all", () =>
    withStorage(async (bench) => {
      await claims(bench).create(claim("data"));
      const bound = await phase(bench, "data", "Bound");
      const folder = join(bench.directory, bound.spec.volumeName ?? "");
      await mkdir(join(folder, "locked"));
      await writeFile(join(folder, "locked", "file"), "x");
      await bench.client.resource(Pod).create(pod("user", { spec: using("data") }));
      await placed(bench, "user");
      await claims(bench).delete(key("data"));
      await bench.client.resource(Pod).create(pod("late", { spec: using("data") }));
      await waitsFor(bench, "late", '0/1 nodes are available: persistentvolumeclaim "data" is being deleted.');
      assert.ok((await claims(bench).get(key("data"))).metadata.deletionTimestamp);
      assert.deepEqual(await bench.explain("data"), ["The claim is being deleted, once these pods have ended: user"]);
      await setPhase(bench.client, "user", "Succeeded");
      await goneClaim(bench, "data");
      await noVolumes(bench);
      assert.deepEqual(await readdir(bench.directory), []);
      await waitsFor(bench, "late", '0/1 nodes are available: persistentvolumeclaim "data" not found.');
    }));

  test("of a class that retains leave their volume and its bytes behind", () =>
    withStorage(async (bench) => {
      await bench.client.resource(StorageClass).create({
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: { name: "kept" },
        provisioner: "local.headrace.io",
        reclaimPolicy: "Retain",
      });
      await claims(bench).create(claim("data", { storageClassName: "kept" }));
      const { spec } = await phase(bench, "data", "Bound");
      await claims(bench).delete(key("data"));
      const name = spec.volumeName ?? "";
      await eventually("the volume is Released", async () => {
        return (await volumes(bench).get({ namespace: "", name })).status?.phase === "Released";
      });
      await volumes(bench).delete({ namespace: "", name });
      await noVolumes(bench);
      assert.deepEqual(await readdir(bench.directory), [name]);
      await bench.restart();
      assert.deepEqual(await readdir(bench.directory), [], "an empty folder without a volume is nobody's");
    }));

  test("wait for their first pod where their class says so", () =>
    withStorage(async (bench) => {
      await bench.client.resource(StorageClass).create({
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: { name: "lazy" },
        provisioner: "local.headrace.io",
        volumeBindingMode: "WaitForFirstConsumer",
      });
      await claims(bench).create(claim("data", { storageClassName: "lazy" }));
      assert.equal(
        (await told(bench, "data", "WaitForFirstConsumer")).message,
        "waiting for first consumer to be created before binding",
      );
      assert.deepEqual(await readdir(bench.directory), []);
      await bench.client.resource(Pod).create(pod("user", { spec: using("data") }));
      await phase(bench, "data", "Bound");
      assert.equal(await placed(bench, "user"), "box");
    }));

  test("take the smallest volume that an administrator made and that will do", () =>
    withStorage(async (bench) => {
      for (const [name, storage] of [
        ["large", "9Gi"],
        ["small", "2Gi"],
        ["tiny", "1Mi"],
      ] as const) {
        await volumes(bench).create({
          apiVersion: "v1",
          kind: "PersistentVolume",
          metadata: { name },
          spec: { accessModes: ["ReadWriteOnce"], capacity: { storage }, hostPath: { path: "/data" } },
        });
      }
      await claims(bench).create(claim("data", { storageClassName: "" }));
      const bound = await phase(bench, "data", "Bound");
      assert.equal(bound.spec.volumeName, "small");
      assert.deepEqual(bound.status?.capacity, { storage: "2Gi" });
    }));

  test("say why nothing is found for them", () =>
    withStorage(async (bench) => {
      await claims(bench).create(claim("none", { storageClassName: "" }));
      await claims(bench).create(claim("unknown", { storageClassName: "gold" }));
      await claims(bench).create(claim("block", { volumeMode: "Block" }));
      const message = async (name: string, reason: string) => (await told(bench, name, reason)).message ?? "";
      assert.equal(
        await message("none", "FailedBinding"),
        "no persistent volumes available for this claim and no storage class is set",
      );
      assert.equal(await message("unknown", "ProvisioningFailed"), 'storageclass.storage.k8s.io "gold" not found');
      assert.match(await message("block", "ProvisioningFailed"), /block volumes are not supported/);
      assert.deepEqual(await bench.explain("unknown"), [
        'The claim waits for a volume: ProvisioningFailed: storageclass.storage.k8s.io "gold" not found',
        'Make a StorageClass "gold" with `provisioner: local.headrace.io`, or name one of `kubectl get sc`',
      ]);
      await bench.client.resource(Pod).create(pod("user", { spec: using("unknown") }));
      await waitsFor(bench, "user", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.");
      await bench.client.resource(StorageClass).create({
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: { name: "gold" },
        provisioner: "local.headrace.io",
      });
      await placed(bench, "user");
    }));

  test("grow where their class lets them, and their size is advice", () =>
    withStorage(async (bench) => {
      await claims(bench).create(claim("data"));
      const bound = await phase(bench, "data", "Bound");
      const more = { resources: { requests: { storage: "3Gi" } } };
      await claims(bench).patch(key("data"), { type: "merge", body: { spec: more } });
      await eventually("the claim has grown", async () => {
        return (await claims(bench).get(key("data"))).status?.capacity?.["storage"] === "3Gi";
      });
      const volume = await volumes(bench).get({ namespace: "", name: bound.spec.volumeName ?? "" });
      assert.deepEqual(volume.spec.capacity, { storage: "3Gi" });
      await bench.client
        .resource(StorageClass)
        .patch({ namespace: "", name: "standard" }, { type: "merge", body: { allowVolumeExpansion: false } });
      const again = claims(bench).patch(key("data"), {
        type: "merge",
        body: { spec: { resources: { requests: { storage: "4Gi" } } } },
      });
      await assert.rejects(
        again,
        (error) => isApiError(error, "Forbidden") && /must support resize/.test(error.message),
      );
    }));

  test("whose volume is taken away are Lost", () =>
    withStorage(async (bench) => {
      await claims(bench).create(claim("data"));
      const bound = await phase(bench, "data", "Bound");
      const name = bound.spec.volumeName ?? "";
      await volumes(bench).delete({ namespace: "", name });
      assert.ok((await volumes(bench).get({ namespace: "", name })).metadata.deletionTimestamp, "it is protected");
      await volumes(bench).patch({ namespace: "", name }, { type: "merge", body: { metadata: { finalizers: null } } });
      await phase(bench, "data", "Lost");
      await told(bench, "data", "ClaimLost");
    }));

  test("are found again after a restart", () =>
    withStorage(async (bench) => {
      await claims(bench).create(claim("data"));
      await phase(bench, "data", "Bound");
      await bench.restart();
      await bench.client.resource(Pod).create(pod("user", { spec: using("data") }));
      await placed(bench, "user");
    }));
});

describe("pods", () => {
  test("wait for a claim that is not there, and start when it comes", () =>
    withStorage(async (bench) => {
      await bench.client.resource(Pod).create(pod("user", { spec: using("data") }));
      await waitsFor(bench, "user", '0/1 nodes are available: persistentvolumeclaim "data" not found.');
      await claims(bench).create(claim("data"));
      assert.equal(await placed(bench, "user"), "box");
    }));

  test("share a claim for one pod one after the other", () =>
    withStorage(async (bench) => {
      await claims(bench).create(claim("data", { accessModes: ["ReadWriteOncePod"] }));
      await bench.client.resource(Pod).create(pod("first", { spec: using("data") }));
      await placed(bench, "first");
      await bench.client.resource(Pod).create(pod("second", { spec: using("data") }));
      await waitsFor(
        bench,
        "second",
        "0/1 nodes are available: node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.",
      );
      await setPhase(bench.client, "first", "Succeeded");
      await placed(bench, "second");
    }));

  test("own the claims of their ephemeral volumes", () =>
    withStorage(async (bench) => {
      const spec = claim("").spec;
      const scratch = {
        name: "scratch",
        ephemeral: { volumeClaimTemplate: { spec, metadata: { labels: { a: "b" } } } },
      };
      const made = await bench.client.resource(Pod).create(pod("user", { spec: { volumes: [scratch] } }));
      await placed(bench, "user");
      const { metadata } = await claims(bench).get(key("user-scratch"));
      assert.deepEqual(metadata.labels, { a: "b" });
      assert.equal(metadata.ownerReferences?.[0]?.uid, made.metadata.uid);
      await bench.client.resource(Pod).delete(key("user"), { gracePeriodSeconds: 0 });
      await goneClaim(bench, "user-scratch");
      await noVolumes(bench);
      await claims(bench).create(claim("other-scratch"));
      await bench.client.resource(Pod).create(pod("other", { spec: { volumes: [scratch] } }));
      await waitsFor(
        bench,
        "other",
        "0/1 nodes are available: PVC default/other-scratch was not created for pod default/other (pod is not owner).",
      );
    }));
});
