import { labelSelector, s, type TypeOf } from "@headrace/model";

export const nodeSelectorRequirement = s.object(
  {
    key: s.at(1, s.string({ nonEmpty: true })),
    operator: s.at(2, s.string({ enum: ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] })),
  },
  { values: s.at(3, s.list(s.string())) },
  { name: "io.k8s.api.core.v1.NodeSelectorRequirement" },
);
export type NodeSelectorRequirement = TypeOf<typeof nodeSelectorRequirement>;

export const nodeSelectorTerm = s.object(
  {},
  { matchExpressions: s.at(1, s.list(nodeSelectorRequirement)), matchFields: s.at(2, s.list(nodeSelectorRequirement)) },
  { name: "io.k8s.api.core.v1.NodeSelectorTerm", atomic: true },
);
export type NodeSelectorTerm = TypeOf<typeof nodeSelectorTerm>;

export const nodeSelector = s.object(
  { nodeSelectorTerms: s.at(1, s.list(nodeSelectorTerm)) },
  {},
  { name: "io.k8s.api.core.v1.NodeSelector", atomic: true },
);
export type NodeSelector = TypeOf<typeof nodeSelector>;

export const preferredSchedulingTerm = s.object(
  { weight: s.at(1, s.orZero(s.integer(), 0)), preference: s.at(2, nodeSelectorTerm) },
  {},
  { name: "io.k8s.api.core.v1.PreferredSchedulingTerm" },
);
export type PreferredSchedulingTerm = TypeOf<typeof preferredSchedulingTerm>;

const nodeAffinity = s.object(
  {},
  {
    requiredDuringSchedulingIgnoredDuringExecution: s.at(1, nodeSelector),
    preferredDuringSchedulingIgnoredDuringExecution: s.at(2, s.list(preferredSchedulingTerm)),
  },
  { name: "io.k8s.api.core.v1.NodeAffinity" },
);

export const podAffinityTerm = s.object(
  { topologyKey: s.at(3, s.string({ nonEmpty: true })) },
  {
    labelSelector: s.at(1, labelSelector),
    namespaces: s.at(2, s.list(s.string())),
    namespaceSelector: s.at(4, labelSelector),
    matchLabelKeys: s.at(5, s.list(s.string())),
    mismatchLabelKeys: s.at(6, s.list(s.string())),
  },
  { name: "io.k8s.api.core.v1.PodAffinityTerm" },
);
export type PodAffinityTerm = TypeOf<typeof podAffinityTerm>;

const weightedPodAffinityTerm = s.object(
  { weight: s.at(1, s.orZero(s.integer(), 0)), podAffinityTerm: s.at(2, podAffinityTerm) },
  {},
  { name: "io.k8s.api.core.v1.WeightedPodAffinityTerm" },
);

const podAffinity = s.object(
  {},
  {
    requiredDuringSchedulingIgnoredDuringExecution: s.at(1, s.list(podAffinityTerm)),
    preferredDuringSchedulingIgnoredDuringExecution: s.at(2, s.list(weightedPodAffinityTerm)),
  },
  { name: "io.k8s.api.core.v1.PodAffinity" },
);

const podAntiAffinity = s.object(
  {},
  {
    requiredDuringSchedulingIgnoredDuringExecution: s.at(1, s.list(podAffinityTerm)),
    preferredDuringSchedulingIgnoredDuringExecution: s.at(2, s.list(weightedPodAffinityTerm)),
  },
  { name: "io.k8s.api.core.v1.PodAntiAffinity" },
);

export const affinity = s.object(
  {},
  { nodeAffinity: s.at(1, nodeAffinity), podAffinity: s.at(2, podAffinity), podAntiAffinity: s.at(3, podAntiAffinity) },
  { name: "io.k8s.api.core.v1.Affinity" },
);
export type Affinity = TypeOf<typeof affinity>;

export const toleration = s.object(
  {},
  {
    key: s.at(1, s.string()),
    operator: s.at(2, s.string({ enum: ["Exists", "Equal"] })),
    value: s.at(3, s.string()),
    effect: s.at(4, s.string({ enum: ["NoSchedule", "PreferNoSchedule", "NoExecute"] })),
    tolerationSeconds: s.pointer(5, s.integer({ format: "int64" })),
  },
  { name: "io.k8s.api.core.v1.Toleration" },
);
export type Toleration = TypeOf<typeof toleration>;

export const topologySpreadConstraint = s.object(
  {
    maxSkew: s.at(1, s.orZero(s.integer(), 0)),
    topologyKey: s.at(2, s.string({ nonEmpty: true })),
    whenUnsatisfiable: s.at(3, s.string({ enum: ["DoNotSchedule", "ScheduleAnyway"] })),
  },
  {
    labelSelector: s.at(4, labelSelector),
    minDomains: s.pointer(5, s.integer()),
    nodeAffinityPolicy: s.pointer(6, s.string({ enum: ["Ignore", "Honor"] })),
    nodeTaintsPolicy: s.pointer(7, s.string({ enum: ["Ignore", "Honor"] })),
    matchLabelKeys: s.at(8, s.list(s.string())),
  },
  { name: "io.k8s.api.core.v1.TopologySpreadConstraint" },
);
export type TopologySpreadConstraint = TypeOf<typeof topologySpreadConstraint>;
