import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerStatus, Pod } from "@headrace/k8s";
import { explainPod } from "./explain.ts";
import { pod } from "./testing/builders.ts";

const withStatus = (status: Pod["status"], metadata: Partial<Pod["metadata"]> = {}): Pod => {
  const plain = pod("a", { metadata });
  return status === undefined ? plain : { ...plain, status };
};

const container = (state: ContainerStatus["state"], more: Partial<ContainerStatus> = {}): Pod => {
  const status = {
    name: "main",
    image: "x",
    imageID: "",
    ready: false,
    restartCount: 3,
    ...(state && { state }),
    ...more,
  };
  return withStatus({ containerStatuses: [status as ContainerStatus] });
};

const summaries = (object: Pod) => explainPod(object).map(({ summary }) => summary);

test("a pod that is well or still starting needs no explanation", () => {
  assert.deepEqual(summaries(withStatus({ phase: "Running" })), []);
  assert.deepEqual(summaries(container({ waiting: { reason: "ContainerCreating" } })), []);
  assert.deepEqual(summaries(container({ terminated: { exitCode: 0, reason: "Completed" } })), []);
});

test("each reason why a pod waits for a node comes with a remedy", () => {
  for (const reason of [
    "1 Insufficient memory",
    "1 Too many pods",
    "1 node(s) didn't match Pod's node affinity/selector",
    "1 node(s) were unschedulable",
    "1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }",
    "1 node(s) had untolerated taint {gpu: yes}",
    "1 node(s) cannot be chosen by the pod's affinity to other pods, which is not supported",
  ]) {
    const message = `0/1 nodes are available: ${reason}.`;
    const [explained] = explainPod(
      withStatus({ conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }] }),
    );
    assert.equal(explained?.summary, `The pod waits for a node: ${message}`);
    assert.ok(explained?.remedy, reason);
  }
});

test("a container's trouble is told with what it said last", () => {
  assert.deepEqual(summaries(container({ waiting: { reason: "ImagePullBackOff", message: "apply this mapping" } })), [
    "Container main waits: ImagePullBackOff: apply this mapping",
  ]);
  const crashed = container(
    { waiting: { reason: "CrashLoopBackOff" } },
    { lastState: { terminated: { exitCode: 2, reason: "Error" } } },
  );
  assert.deepEqual(summaries(crashed), [
    "Container main waits: CrashLoopBackOff (it last ended with exit code 2, 3 restarts so far)",
  ]);
  const [killed] = explainPod(container({ terminated: { exitCode: 137, reason: "OOMKilled" } }));
  assert.equal(killed?.summary, "Container main ended with exit code 137 (OOMKilled)");
  assert.match(killed?.remedy ?? "", /limits\.memory/);
});

test("a pod that cannot go says who holds it", () => {
  const metadata = { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["headrace.io/step"] };
  assert.deepEqual(summaries(withStatus(undefined, metadata)), [
    "The pod is being deleted and waits for headrace.io/step to let it go",
  ]);
});
