import { defineResource, type ResourceDefinition } from "@headrace/model";
import type { KubeObject } from "@headrace/model";
import { podColumns } from "./pod-columns.ts";
import { binding, eviction } from "./pod-bodies.ts";
import { podSpec, type PodSpec } from "./pod-spec.ts";
import { podStatus, type PodStatus } from "./pod-status.ts";
import { preparePod } from "./pod-defaults.ts";
import { validatePod } from "./pod-validation.ts";

export interface Pod extends KubeObject {
  readonly spec: PodSpec;
  readonly status?: PodStatus;
}

export const Pod: ResourceDefinition<Pod> = defineResource({
  group: "",
  version: "v1",
  kind: "Pod",
  schemaName: "io.k8s.api.core.v1.Pod",
  shortNames: ["po"],
  categories: ["all"],
  builtIn: true,
  spec: podSpec,
  status: podStatus,
  subresources: [
    { name: "attach", verbs: ["create", "get"], kind: "PodAttachOptions" },
    { name: "binding", verbs: ["create"], kind: "Binding", schema: binding },
    { name: "eviction", verbs: ["create"], kind: "Eviction", group: "policy", version: "v1", schema: eviction },
    { name: "exec", verbs: ["create", "get"], kind: "PodExecOptions" },
    { name: "log", verbs: ["get"], kind: "Pod" },
    { name: "portforward", verbs: ["create", "get"], kind: "PodPortForwardOptions" },
    { name: "proxy", verbs: ["create", "delete", "get", "patch", "update"], kind: "PodProxyOptions" },
  ],
  columns: podColumns,
  selectableFields: [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
  ],
  gracePeriodSeconds: (pod) => {
    const over = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
    return over || !pod.spec.nodeName ? 0 : (pod.spec.terminationGracePeriodSeconds ?? 30);
  },
  prepare: preparePod,
  validate: validatePod,
});
