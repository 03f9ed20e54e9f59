import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "@headrace/k8s";
import { waitingOf } from "./pods.ts";

function podWaiting(reason: string, message: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "step", namespace: "kubeflow" },
    spec: { containers: [{ name: "main", image: "python:3.11" }] },
    status: {
      phase: "Pending",
      containerStatuses: [
        {
          name: "main",
          image: "python:3.11",
          imageID: "",
          ready: false,
          restartCount: 0,
          state: { waiting: { reason, message } },
        },
      ],
    },
  };
}

test("a step whose environment is being built says what is done for it", () => {
  assert.deepEqual(waitingOf(podWaiting("ContainerCreating", "Installing 12 packages")), {
    summary: "Preparing its environment: Installing 12 packages",
  });
});

test("what passes by itself and has nothing to tell is no reason to wait, what holds a step up is", () => {
  assert.equal(waitingOf(podWaiting("ContainerCreating", "")), undefined);
  assert.equal(waitingOf(podWaiting("PodInitializing", "")), undefined);
  assert.deepEqual(waitingOf(podWaiting("ErrImagePull", "nothing maps it")), {
    summary: "ErrImagePull: nothing maps it",
  });
});

test("what the user can mend says how: a claim without a volume, and a Secret that is not there", () => {
  const message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
  const pod = podWaiting("", "");
  const volumes = [{ name: "data", persistentVolumeClaim: { claimName: "rows" } }];
  const conditions = [{ type: "PodScheduled", status: "False" as const, reason: "Unschedulable", message }];
  const unscheduled = { ...pod, spec: { ...pod.spec, volumes }, status: { ...pod.status, conditions } };
  assert.deepEqual(waitingOf(unscheduled), {
    summary: message,
    remedy: "`headrace explain pvc/rows` says what to do",
  });
  assert.match(waitingOf({ ...unscheduled, spec: pod.spec })?.remedy ?? "", /explain pod\/step/);
  const missing = waitingOf(podWaiting("CreateContainerConfigError", 'secret "db" not found'));
  assert.match(missing?.remedy ?? "", /Make what is missing/);
});
