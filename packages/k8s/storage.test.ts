import assert from "node:assert/strict";
import { test } from "node:test";
import { admit, freeze, type KubeObject, type ResourceDefinition } from "@headrace/model";
import { PersistentVolume, PersistentVolumeClaim, StorageClass } from "./index.ts";

function admitted<T extends KubeObject>(definition: ResourceDefinition<T>, value: object, old?: T): T {
  const { object, causes } = admit(definition, freeze(value), old);
  assert.ok(object, JSON.stringify(causes));
  return object;
}

function refused<T extends KubeObject>(definition: ResourceDefinition<T>, value: object, old?: T): string[] {
  return (admit(definition, freeze(value), old).causes ?? []).map(({ field, message }) => `${field}: ${message}`);
}

function cells<T extends KubeObject>(definition: ResourceDefinition<T>, object: T): Record<string, unknown> {
  return Object.fromEntries(
    definition.columns.filter(({ name }) => name !== "Age").map((each) => [each.name, each.value(object, 0)]),
  );
}

const claim = (spec: object = {}): object => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "data", namespace: "a" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...spec },
});

const volume = (spec: object = {}): object => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "disk" },
  spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, hostPath: { path: "/data" }, ...spec },
});

const storageClass = (fields: object = {}): object => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: "fast" },
  provisioner: "example.org/disks",
  ...fields,
});

test("a new claim is Pending, for files, and held by its protection", () => {
  const { metadata, spec, status } = admitted(PersistentVolumeClaim, claim());
  assert.deepEqual(metadata.finalizers, ["kubernetes.io/pvc-protection"]);
  assert.equal(spec.volumeMode, "Filesystem");
  assert.deepEqual(status, { phase: "Pending" });
});

test("a claim says how it is used and how much it wants", () => {
  assert.deepEqual(refused(PersistentVolumeClaim, claim({ accessModes: [] })), [
    "spec.accessModes: Required value: at least 1 access mode is required",
  ]);
  assert.deepEqual(refused(PersistentVolumeClaim, claim({ accessModes: ["ReadWriteOncePod", "ReadWriteMany"] })), [
    "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
  ]);
  assert.deepEqual(refused(PersistentVolumeClaim, claim({ resources: {} })), [
    "spec.resources[storage]: Required value",
  ]);
  assert.deepEqual(refused(PersistentVolumeClaim, claim({ resources: { requests: { storage: "0" } } })), [
    'spec.resources[storage]: Invalid value: "0": must be greater than zero',
  ]);
  assert.match(
    refused(PersistentVolumeClaim, claim({ accessModes: ["Any"] }))[0] ?? "",
    /^spec\.accessModes\[0\]: Unsupported value: "Any": supported values: "ReadOnlyMany", /,
  );
});

test("of a claim's spec only what is open may be set, and a bound one may ask for more", () => {
  const open = admitted(PersistentVolumeClaim, claim());
  admitted(PersistentVolumeClaim, { ...open, spec: { ...open.spec, volumeName: "disk" } }, open);
  admitted(PersistentVolumeClaim, { ...open, spec: { ...open.spec, storageClassName: "fast" } }, open);
  const more = { resources: { requests: { storage: "2Gi" } } };
  const fixed =
    "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
  assert.deepEqual(refused(PersistentVolumeClaim, { ...open, spec: { ...open.spec, ...more } }, open), [fixed]);
  const bound: PersistentVolumeClaim = {
    ...open,
    spec: { ...open.spec, volumeName: "disk" },
    status: { phase: "Bound", capacity: { storage: "1Gi" } },
  };
  admitted(PersistentVolumeClaim, { ...bound, spec: { ...bound.spec, ...more } }, bound);
  assert.deepEqual(refused(PersistentVolumeClaim, { ...bound, spec: { ...bound.spec, volumeName: "x" } }, bound), [
    fixed,
  ]);
  const less = { resources: { requests: { storage: "1Mi" } } };
  assert.deepEqual(refused(PersistentVolumeClaim, { ...bound, spec: { ...bound.spec, ...less } }, bound), [
    "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
  ]);
});

test("a claim's columns say what it got", () => {
  const pending = admitted(PersistentVolumeClaim, claim());
  assert.deepEqual(cells(PersistentVolumeClaim, pending), {
    Name: "data",
    Status: "Pending",
    Volume: null,
    Capacity: null,
    "Access Modes": null,
    StorageClass: null,
    VolumeAttributesClass: "<unset>",
    VolumeMode: "Filesystem",
  });
  const bound: PersistentVolumeClaim = {
    ...pending,
    metadata: { ...pending.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    spec: { ...pending.spec, volumeName: "disk", storageClassName: "fast" },
    status: { phase: "Bound", capacity: { storage: "5Gi" }, accessModes: ["ReadWriteMany", "ReadWriteOnce"] },
  };
  const { Status, Capacity, "Access Modes": modes, StorageClass: kind } = cells(PersistentVolumeClaim, bound);
  assert.deepEqual([Status, Capacity, modes, kind], ["Terminating", "5Gi", "RWO,RWX", "fast"]);
});

test("a volume is made of one thing, which never changes", () => {
  const disk = admitted(PersistentVolume, volume());
  assert.equal(disk.spec.persistentVolumeReclaimPolicy, "Retain");
  assert.deepEqual(disk.metadata.finalizers, ["kubernetes.io/pv-protection"]);
  assert.deepEqual(refused(PersistentVolume, volume({ hostPath: undefined })), [
    "spec: Required value: must specify a volume type",
  ]);
  assert.deepEqual(refused(PersistentVolume, volume({ nfs: { server: "a", path: "/" } })), [
    "spec.nfs: Forbidden: may not specify more than 1 volume type",
  ]);
  assert.deepEqual(refused(PersistentVolume, volume({ hostPath: { path: "/a/../b" } })), [
    "spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
  ]);
  assert.deepEqual(refused(PersistentVolume, volume({ hostPath: undefined, local: { path: "/data" } })), [
    "spec.nodeAffinity: Required value: Local volume requires node affinity",
  ]);
  assert.deepEqual(refused(PersistentVolume, { ...disk, spec: { ...disk.spec, hostPath: { path: "/etc" } } }, disk), [
    "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
  ]);
});

test("a volume's columns say whose it is", () => {
  const disk = admitted(PersistentVolume, volume({ claimRef: { namespace: "a", name: "data" } }));
  const { Name: _, ...rest } = cells(PersistentVolume, disk);
  assert.deepEqual(rest, {
    Capacity: "1Gi",
    "Access Modes": "RWO",
    "Reclaim Policy": "Retain",
    Status: "Pending",
    Claim: "a/data",
    StorageClass: null,
    VolumeAttributesClass: "<unset>",
    Reason: null,
    VolumeMode: "Filesystem",
  });
});

test("a class says how volumes are made, and keeps its word", () => {
  const fast = admitted(StorageClass, storageClass());
  assert.equal(fast.reclaimPolicy, "Delete");
  assert.equal(fast.volumeBindingMode, "Immediate");
  assert.deepEqual(refused(StorageClass, storageClass({ provisioner: undefined })), ["provisioner: Required value"]);
  assert.deepEqual(refused(StorageClass, { ...fast, provisioner: "other", reclaimPolicy: "Retain" }, fast), [
    "provisioner: Forbidden: updates to provisioner are forbidden.",
    'reclaimPolicy: Invalid value: "Retain": field is immutable',
  ]);
  const chosen = {
    ...fast,
    metadata: { ...fast.metadata, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
  };
  assert.deepEqual(cells(StorageClass, admitted(StorageClass, chosen, fast)), {
    Name: "fast (default)",
    Provisioner: "example.org/disks",
    ReclaimPolicy: "Delete",
    VolumeBindingMode: "Immediate",
    AllowVolumeExpansion: "false",
  });
});
