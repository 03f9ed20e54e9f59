import { objectMeta, s, type TypeOf } from "@headrace/model";
import { affinity, toleration, topologySpreadConstraint } from "./affinity.ts";
import { container, containerFields, containerIdentity } from "./container.ts";
import { localObjectReference } from "./reference.ts";
import { podSecurityContext } from "./security-context.ts";
import { volume } from "./volume.ts";

/** As a Container, without what needs a place in the pod's life: the rest is refused by validation. */
export const ephemeralContainer = s.object(
  s.inlined(1, containerIdentity),
  { ...s.inlined(1, containerFields), targetContainerName: s.at(2, s.string()) },
  { name: "io.k8s.api.core.v1.EphemeralContainer" },
);
export type EphemeralContainer = TypeOf<typeof ephemeralContainer>;

export const hostAlias = s.object(
  { ip: s.at(1, s.string({ nonEmpty: true })) },
  { hostnames: s.at(2, s.list(s.string())) },
  { name: "io.k8s.api.core.v1.HostAlias" },
);
export type HostAlias = TypeOf<typeof hostAlias>;

const podDNSConfigOption = s.object(
  {},
  { name: s.at(1, s.string()), value: s.pointer(2, s.string()) },
  { name: "io.k8s.api.core.v1.PodDNSConfigOption" },
);

export const podDNSConfig = s.object(
  {},
  {
    nameservers: s.at(1, s.list(s.string())),
    searches: s.at(2, s.list(s.string())),
    options: s.at(3, s.list(podDNSConfigOption)),
  },
  { name: "io.k8s.api.core.v1.PodDNSConfig" },
);
export type PodDNSConfig = TypeOf<typeof podDNSConfig>;

const podReadinessGate = s.object(
  { conditionType: s.at(1, s.string({ nonEmpty: true })) },
  {},
  { name: "io.k8s.api.core.v1.PodReadinessGate" },
);

const podOS = s.object({ name: s.at(1, s.orZero(s.string(), "")) }, {}, { name: "io.k8s.api.core.v1.PodOS" });

const podSchedulingGate = s.object(
  { name: s.at(1, s.string({ nonEmpty: true })) },
  {},
  { name: "io.k8s.api.core.v1.PodSchedulingGate" },
);

const podResourceClaim = s.object(
  { name: s.at(1, s.string({ nonEmpty: true })) },
  { resourceClaimName: s.pointer(3, s.string()), resourceClaimTemplateName: s.pointer(4, s.string()) },
  { name: "io.k8s.api.core.v1.PodResourceClaim" },
);

export const podSpec = s.object(
  { containers: s.at(2, s.listMap("name", container)) },
  {
    volumes: s.at(1, s.listMap("name", volume, { retainKeys: true })),
    initContainers: s.at(20, s.listMap("name", container)),
    ephemeralContainers: s.at(34, s.listMap("name", ephemeralContainer)),
    restartPolicy: s.at(3, s.withDefault(s.string({ enum: ["Always", "OnFailure", "Never"] }), "Always")),
    terminationGracePeriodSeconds: s.pointer(4, s.withDefault(s.integer({ format: "int64" }), 30)),
    activeDeadlineSeconds: s.pointer(5, s.integer({ format: "int64" })),
    dnsPolicy: s.at(
      6,
      s.withDefault(s.string({ enum: ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"] }), "ClusterFirst"),
    ),
    nodeSelector: s.at(7, s.map(s.string(), { atomic: true })),
    serviceAccountName: s.at(8, s.string()),
    serviceAccount: s.at(9, s.string()),
    automountServiceAccountToken: s.pointer(21, s.boolean()),
    nodeName: s.at(10, s.string()),
    hostNetwork: s.at(11, s.boolean()),
    hostPID: s.at(12, s.boolean()),
    hostIPC: s.at(13, s.boolean()),
    shareProcessNamespace: s.pointer(27, s.boolean()),
    securityContext: s.at(14, s.withDefault(podSecurityContext, {})),
    imagePullSecrets: s.at(15, s.listMap("name", localObjectReference)),
    hostname: s.at(16, s.string()),
    subdomain: s.at(17, s.string()),
    affinity: s.at(18, affinity),
    schedulerName: s.at(19, s.withDefault(s.string(), "default-scheduler")),
    tolerations: s.at(22, s.list(toleration)),
    hostAliases: s.at(23, s.listMap("ip", hostAlias)),
    priorityClassName: s.at(24, s.string()),
    priority: s.pointer(25, s.integer()),
    dnsConfig: s.at(26, podDNSConfig),
    readinessGates: s.at(28, s.list(podReadinessGate)),
    runtimeClassName: s.pointer(29, s.string()),
    enableServiceLinks: s.pointer(30, s.withDefault(s.boolean(), true)),
    preemptionPolicy: s.pointer(31, s.string({ enum: ["PreemptLowerPriority", "Never"] })),
    overhead: s.at(32, s.map(s.quantity())),
    topologySpreadConstraints: s.at(33, s.listMap(["topologyKey", "whenUnsatisfiable"], topologySpreadConstraint)),
    setHostnameAsFQDN: s.pointer(35, s.boolean()),
    os: s.at(36, podOS),
    hostUsers: s.pointer(37, s.boolean()),
    schedulingGates: s.at(38, s.listMap("name", podSchedulingGate)),
    resourceClaims: s.at(39, s.listMap("name", podResourceClaim, { retainKeys: true })),
    hostnameOverride: s.pointer(41, s.string()),
  },
  { name: "io.k8s.api.core.v1.PodSpec" },
);
export type PodSpec = TypeOf<typeof podSpec>;

export const podTemplateSpec = s.object(
  { spec: s.at(2, podSpec) },
  { metadata: s.at(1, objectMeta) },
  { name: "io.k8s.api.core.v1.PodTemplateSpec" },
);
export type PodTemplateSpec = TypeOf<typeof podTemplateSpec>;
