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
