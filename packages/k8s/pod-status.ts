import { s, type TypeOf } from "@headrace/model";
import { resourceRequirements } from "./container.ts";
import { conditionStatus } from "./reference.ts";

export const podCondition = s.object(
  { type: s.at(1, s.orZero(s.string(), "")), status: s.at(2, conditionStatus) },
  {
    observedGeneration: s.at(7, s.integer({ format: "int64" })),
    lastProbeTime: s.at(3, s.time()),
    lastTransitionTime: s.at(4, s.time()),
    reason: s.at(5, s.string()),
    message: s.at(6, s.string()),
  },
  { name: "io.k8s.api.core.v1.PodCondition" },
);
export type PodCondition = TypeOf<typeof podCondition>;

const hostIP = s.object({ ip: s.at(1, s.orZero(s.string(), "")) }, {}, { name: "io.k8s.api.core.v1.HostIP" });

const podIP = s.object({ ip: s.at(1, s.orZero(s.string(), "")) }, {}, { name: "io.k8s.api.core.v1.PodIP" });

export const containerStateWaiting = s.object(
  {},
  { reason: s.at(1, s.string()), message: s.at(2, s.string()) },
  { name: "io.k8s.api.core.v1.ContainerStateWaiting" },
);
export type ContainerStateWaiting = TypeOf<typeof containerStateWaiting>;

export const containerStateRunning = s.object(
  {},
  { startedAt: s.at(1, s.time()) },
  { name: "io.k8s.api.core.v1.ContainerStateRunning" },
);
export type ContainerStateRunning = TypeOf<typeof containerStateRunning>;

export const containerStateTerminated = s.object(
  { exitCode: s.at(1, s.orZero(s.integer(), 0)) },
  {
    signal: s.at(2, s.integer()),
    reason: s.at(3, s.string()),
    message: s.at(4, s.string()),
    startedAt: s.at(5, s.time()),
    finishedAt: s.at(6, s.time()),
    containerID: s.at(7, s.string()),
  },
  { name: "io.k8s.api.core.v1.ContainerStateTerminated" },
);
export type ContainerStateTerminated = TypeOf<typeof containerStateTerminated>;

export const containerState = s.object(
  {},
  {
    waiting: s.at(1, containerStateWaiting),
    running: s.at(2, containerStateRunning),
    terminated: s.at(3, containerStateTerminated),
  },
  { name: "io.k8s.api.core.v1.ContainerState" },
);
export type ContainerState = TypeOf<typeof containerState>;

const volumeMountStatus = s.object(
  { name: s.at(1, s.orZero(s.string(), "")), mountPath: s.at(2, s.orZero(s.string(), "")) },
  { readOnly: s.at(3, s.boolean()), recursiveReadOnly: s.pointer(4, s.string()) },
  { name: "io.k8s.api.core.v1.VolumeMountStatus" },
);

export const containerStatus = s.object(
  {
    name: s.at(1, s.orZero(s.string(), "")),
    ready: s.at(4, s.orZero(s.boolean(), false)),
    restartCount: s.at(5, s.orZero(s.integer(), 0)),
    image: s.at(6, s.orZero(s.string(), "")),
    imageID: s.at(7, s.orZero(s.string(), "")),
  },
  {
    state: s.at(2, s.withDefault(containerState, {})),
    lastState: s.at(3, s.withDefault(containerState, {})),
    containerID: s.at(8, s.string()),
    started: s.pointer(9, s.boolean()),
    allocatedResources: s.at(10, s.map(s.quantity())),
    resources: s.at(11, resourceRequirements),
    volumeMounts: s.at(12, s.listMap("mountPath", volumeMountStatus)),
  },
  { name: "io.k8s.api.core.v1.ContainerStatus" },
);
export type ContainerStatus = TypeOf<typeof containerStatus>;

const podResourceClaimStatus = s.object(
  { name: s.at(1, s.orZero(s.string(), "")) },
  { resourceClaimName: s.pointer(2, s.string()) },
  { name: "io.k8s.api.core.v1.PodResourceClaimStatus" },
);

export const podStatus = s.object(
  {},
  {
    observedGeneration: s.at(17, s.integer({ format: "int64" })),
    phase: s.at(1, s.string({ enum: ["Pending", "Running", "Succeeded", "Failed", "Unknown"] })),
    conditions: s.at(2, s.listMap("type", podCondition)),
    message: s.at(3, s.string()),
    reason: s.at(4, s.string()),
    nominatedNodeName: s.at(11, s.string()),
    hostIP: s.at(5, s.string()),
    hostIPs: s.at(16, s.list(hostIP, { patchStrategy: "merge", mergeKey: "ip" })),
    podIP: s.at(6, s.string()),
    podIPs: s.at(12, s.listMap("ip", podIP)),
    startTime: s.at(7, s.time()),
    initContainerStatuses: s.at(10, s.list(containerStatus)),
    containerStatuses: s.at(8, s.list(containerStatus)),
    qosClass: s.at(9, s.string({ enum: ["Guaranteed", "Burstable", "BestEffort"] })),
    ephemeralContainerStatuses: s.at(13, s.list(containerStatus)),
    resize: s.at(14, s.string()),
    resourceClaimStatuses: s.at(15, s.listMap("name", podResourceClaimStatus, { retainKeys: true })),
  },
  { name: "io.k8s.api.core.v1.PodStatus" },
);
export type PodStatus = TypeOf<typeof podStatus>;
