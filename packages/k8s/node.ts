import { ageColumn, defineResource, s, type TypeOf, type KubeObject, type ResourceDefinition } from "@headrace/model";
import { conditionStatus } from "./reference.ts";

export const taint = s.object(
  {
    key: s.at(1, s.string({ nonEmpty: true })),
    effect: s.at(3, s.string({ enum: ["NoSchedule", "PreferNoSchedule", "NoExecute"] })),
  },
  { value: s.at(2, s.string()), timeAdded: s.at(4, s.time()) },
  { name: "io.k8s.api.core.v1.Taint" },
);
export type Taint = TypeOf<typeof taint>;

const nodePodPreemptionPolicy = s.object(
  {},
  { disableResizePreemption: s.at(1, s.list(s.string(), { listType: "set", patchStrategy: "replace" })) },
  { name: "io.k8s.api.core.v1.NodePodPreemptionPolicy" },
);

const nodeSpec = s.object(
  {},
  {
    podCIDR: s.at(1, s.string()),
    podCIDRs: s.at(7, s.list(s.string(), { listType: "set" })),
    providerID: s.at(3, s.string()),
    unschedulable: s.at(4, s.boolean()),
    taints: s.at(5, s.list(taint)),
    externalID: s.at(2, s.string()),
    podPreemptionPolicy: s.at(8, nodePodPreemptionPolicy),
  },
  { name: "io.k8s.api.core.v1.NodeSpec" },
);

const nodeCondition = s.object(
  { type: s.at(1, s.orZero(s.string(), "")), status: s.at(2, conditionStatus) },
  {
    lastHeartbeatTime: s.at(3, s.time()),
    lastTransitionTime: s.at(4, s.time()),
    reason: s.at(5, s.string()),
    message: s.at(6, s.string()),
  },
  { name: "io.k8s.api.core.v1.NodeCondition" },
);
export type NodeCondition = TypeOf<typeof nodeCondition>;

const nodeAddress = s.object(
  { type: s.at(1, s.orZero(s.string(), "")), address: s.at(2, s.orZero(s.string(), "")) },
  {},
  { name: "io.k8s.api.core.v1.NodeAddress" },
);
export type NodeAddress = TypeOf<typeof nodeAddress>;

const daemonEndpoint = s.object(
  { Port: s.at(1, s.orZero(s.integer(), 0)) },
  {},
  { name: "io.k8s.api.core.v1.DaemonEndpoint" },
);

const nodeDaemonEndpoints = s.object(
  {},
  { kubeletEndpoint: s.at(1, daemonEndpoint) },
  { name: "io.k8s.api.core.v1.NodeDaemonEndpoints" },
);

const nodeSystemInfo = s.object(
  {
    machineID: s.at(1, s.orZero(s.string(), "")),
    systemUUID: s.at(2, s.orZero(s.string(), "")),
    bootID: s.at(3, s.orZero(s.string(), "")),
    kernelVersion: s.at(4, s.orZero(s.string(), "")),
    osImage: s.at(5, s.orZero(s.string(), "")),
    containerRuntimeVersion: s.at(6, s.orZero(s.string(), "")),
    kubeletVersion: s.at(7, s.orZero(s.string(), "")),
    kubeProxyVersion: s.at(8, s.orZero(s.string(), "")),
    operatingSystem: s.at(9, s.orZero(s.string(), "")),
    architecture: s.at(10, s.orZero(s.string(), "")),
  },
  {},
  { name: "io.k8s.api.core.v1.NodeSystemInfo" },
);
export type NodeSystemInfo = TypeOf<typeof nodeSystemInfo>;

const containerImage = s.object(
  {},
  { names: s.at(1, s.list(s.string())), sizeBytes: s.at(2, s.integer({ format: "int64" })) },
  { name: "io.k8s.api.core.v1.ContainerImage" },
);

const attachedVolume = s.object(
  { name: s.at(1, s.orZero(s.string(), "")), devicePath: s.at(2, s.orZero(s.string(), "")) },
  {},
  { name: "io.k8s.api.core.v1.AttachedVolume" },
);

const nodeStatus = s.object(
  {},
  {
    capacity: s.at(1, s.map(s.quantity())),
    allocatable: s.at(2, s.map(s.quantity())),
    phase: s.at(3, s.string({ enum: ["Pending", "Running", "Terminated"] })),
    conditions: s.at(4, s.listMap("type", nodeCondition)),
    addresses: s.at(5, s.listMap("type", nodeAddress)),
    daemonEndpoints: s.at(6, nodeDaemonEndpoints),
    nodeInfo: s.at(7, nodeSystemInfo),
    images: s.at(8, s.list(containerImage)),
    volumesInUse: s.at(9, s.list(s.string())),
    volumesAttached: s.at(10, s.list(attachedVolume)),
  },
  { name: "io.k8s.api.core.v1.NodeStatus" },
);

export interface Node extends KubeObject {
  readonly spec: TypeOf<typeof nodeSpec>;
  readonly status?: TypeOf<typeof nodeStatus>;
}

export const Node: ResourceDefinition<Node> = defineResource({
  group: "",
  version: "v1",
  kind: "Node",
  schemaName: "io.k8s.api.core.v1.Node",
  shortNames: ["no"],
  scope: "Cluster",
  builtIn: true,
  tracksGeneration: false,
  spec: nodeSpec,
  status: nodeStatus,
  subresources: [{ name: "proxy", verbs: ["create", "delete", "get", "patch", "update"], kind: "NodeProxyOptions" }],
  columns: [
    { name: "Status", value: (node) => statusText(node) },
    { name: "Roles", value: (node) => roles(node) },
    ageColumn,
    { name: "Version", value: (node) => node.status?.nodeInfo?.kubeletVersion },
    { name: "Internal-IP", priority: 1, value: (node) => address(node, "InternalIP") },
    { name: "External-IP", priority: 1, value: (node) => address(node, "ExternalIP") },
    { name: "OS-Image", priority: 1, value: (node) => known(node.status?.nodeInfo?.osImage) },
    { name: "Kernel-Version", priority: 1, value: (node) => known(node.status?.nodeInfo?.kernelVersion) },
    { name: "Container-Runtime", priority: 1, value: (node) => known(node.status?.nodeInfo?.containerRuntimeVersion) },
  ],
  selectableFields: ["spec.unschedulable"],
});

function statusText(node: Node): string {
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready");
  const status = ready ? (ready.status === "True" ? "Ready" : "NotReady") : "Unknown";
  return node.spec.unschedulable ? `${status},SchedulingDisabled` : status;
}

const rolePrefix = "node-role.kubernetes.io/";

function roles(node: Node): string {
  const names = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix)) return [key.slice(rolePrefix.length)];
    return key === "kubernetes.io/role" ? [value] : [];
  });
  return [...new Set(names.filter(Boolean))].toSorted().join(",") || "<none>";
}

function address(node: Node, type: string): string {
  return node.status?.addresses?.find((each) => each.type === type)?.address ?? "<none>";
}

function known(text: string | undefined): string {
  return text || "<unknown>";
}
