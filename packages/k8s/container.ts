import { s, type TypeOf } from "@headrace/model";
import { envFromSource, envVar } from "./environment.ts";
import { lifecycle, probe } from "./probe.ts";
import { securityContext } from "./security-context.ts";

export const containerPort = s.object(
  { containerPort: s.at(3, s.integer()) },
  {
    name: s.at(1, s.string()),
    hostPort: s.at(2, s.integer()),
    protocol: s.at(4, s.withDefault(s.string({ enum: ["TCP", "UDP", "SCTP"] }), "TCP")),
    hostIP: s.at(5, s.string()),
  },
  { name: "io.k8s.api.core.v1.ContainerPort" },
);
export type ContainerPort = TypeOf<typeof containerPort>;

const resourceClaim = s.object(
  { name: s.at(1, s.string({ nonEmpty: true })) },
  { request: s.at(2, s.string()) },
  { name: "io.k8s.api.core.v1.ResourceClaim" },
);

export const resourceRequirements = s.object(
  {},
  {
    limits: s.at(1, s.map(s.quantity())),
    requests: s.at(2, s.map(s.quantity())),
    claims: s.at(3, s.listMap("name", resourceClaim, { patchStrategy: "replace" })),
  },
  { name: "io.k8s.api.core.v1.ResourceRequirements" },
);
export type ResourceRequirements = TypeOf<typeof resourceRequirements>;

const containerResizePolicy = s.object(
  { resourceName: s.at(1, s.orZero(s.string(), "")), restartPolicy: s.at(2, s.orZero(s.string(), "")) },
  {},
  { name: "io.k8s.api.core.v1.ContainerResizePolicy" },
);

const containerRestartRuleOnExitCodes = s.object(
  {},
  {
    operator: s.at(1, s.string()),
    values: s.at(2, s.list(s.integer(), { listType: "set", patchStrategy: "replace" })),
  },
  { name: "io.k8s.api.core.v1.ContainerRestartRuleOnExitCodes" },
);

export const containerRestartRule = s.object(
  {},
  { action: s.at(1, s.string()), exitCodes: s.at(2, containerRestartRuleOnExitCodes) },
  { name: "io.k8s.api.core.v1.ContainerRestartRule" },
);
export type ContainerRestartRule = TypeOf<typeof containerRestartRule>;

export const volumeMount = s.object(
  { name: s.at(1, s.string({ nonEmpty: true })), mountPath: s.at(3, s.string({ nonEmpty: true })) },
  {
    readOnly: s.at(2, s.boolean()),
    recursiveReadOnly: s.pointer(7, s.string()),
    subPath: s.at(4, s.string()),
    mountPropagation: s.pointer(5, s.string({ enum: ["None", "HostToContainer", "Bidirectional"] })),
    subPathExpr: s.at(6, s.string()),
  },
  { name: "io.k8s.api.core.v1.VolumeMount" },
);
export type VolumeMount = TypeOf<typeof volumeMount>;

const volumeDevice = s.object(
  { name: s.at(1, s.string({ nonEmpty: true })), devicePath: s.at(2, s.string({ nonEmpty: true })) },
  {},
  { name: "io.k8s.api.core.v1.VolumeDevice" },
);

export const containerIdentity = { name: s.at(1, s.string({ nonEmpty: true })) };

/** Shared with ephemeral containers, where they are a message of their own. */
export const containerFields = {
  image: s.at(2, s.string()),
  command: s.at(3, s.list(s.string())),
  args: s.at(4, s.list(s.string())),
  workingDir: s.at(5, s.string()),
  ports: s.at(6, s.listMap(["containerPort", "protocol"], containerPort)),
  envFrom: s.at(19, s.list(envFromSource)),
  env: s.at(7, s.listMap("name", envVar)),
  resources: s.at(8, s.withDefault(resourceRequirements, {})),
  resizePolicy: s.at(23, s.list(containerResizePolicy)),
  restartPolicy: s.pointer(24, s.string({ enum: ["Always", "OnFailure", "Never"] })),
  restartPolicyRules: s.at(25, s.list(containerRestartRule)),
  volumeMounts: s.at(9, s.listMap("mountPath", volumeMount)),
  volumeDevices: s.at(21, s.listMap("devicePath", volumeDevice)),
  livenessProbe: s.at(10, probe),
  readinessProbe: s.at(11, probe),
  startupProbe: s.at(22, probe),
  lifecycle: s.at(12, lifecycle),
  terminationMessagePath: s.at(13, s.withDefault(s.string(), "/dev/termination-log")),
  terminationMessagePolicy: s.at(20, s.withDefault(s.string({ enum: ["File", "FallbackToLogsOnError"] }), "File")),
  imagePullPolicy: s.at(14, s.string({ enum: ["Always", "Never", "IfNotPresent"] })),
  securityContext: s.at(15, securityContext),
  stdin: s.at(16, s.boolean()),
  stdinOnce: s.at(17, s.boolean()),
  tty: s.at(18, s.boolean()),
};

export const container = s.object(containerIdentity, containerFields, { name: "io.k8s.api.core.v1.Container" });
export type Container = TypeOf<typeof container>;
