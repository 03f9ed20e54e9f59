import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "@headrace/k8s";
import { sharedFoldersAnnotation, withSharedFolders } from "./shared-folders.ts";

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "step", annotations: { a: "b" } },
  spec: {
    volumes: [{ name: "own", emptyDir: {} }],
    initContainers: [{ name: "before", image: "alpine" }],
    containers: [{ name: "main", image: "python:3.11", volumeMounts: [{ name: "own", mountPath: "/data" }] }],
  },
};

test("shared folders are in every container at their own path, and the pod says so", () => {
  const shared = withSharedFolders(pod, [
    { path: "/home/me/data", readOnly: true },
    { path: "/scratch", readOnly: false },
  ]);
  assert.deepEqual(shared.spec.volumes, [
    { name: "own", emptyDir: {} },
    { name: "headrace-shared-0", hostPath: { path: "/home/me/data", type: "Directory" } },
    { name: "headrace-shared-1", hostPath: { path: "/scratch", type: "Directory" } },
  ]);
  const mounts = [
    { name: "headrace-shared-0", mountPath: "/home/me/data", readOnly: true },
    { name: "headrace-shared-1", mountPath: "/scratch" },
  ];
  assert.deepEqual(shared.spec.containers[0]?.volumeMounts, [{ name: "own", mountPath: "/data" }, ...mounts]);
  assert.deepEqual(shared.spec.initContainers?.[0]?.volumeMounts, mounts);
  assert.deepEqual(shared.metadata.annotations, {
    a: "b",
    [sharedFoldersAnnotation]: '["/home/me/data:ro","/scratch"]',
  });
});

test("a step's own volume at a shared folder's path stays", () => {
  const shared = withSharedFolders(pod, [{ path: "/data", readOnly: false }]);
  assert.deepEqual(shared.spec.containers[0]?.volumeMounts, [{ name: "own", mountPath: "/data" }]);
});

test("without shared folders the pod is as it was", () => assert.equal(withSharedFolders(pod, []), pod));
