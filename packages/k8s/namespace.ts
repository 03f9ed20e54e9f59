import { defineResource, s, type ResourceOf } from "@headrace/model";
import { conditionStatus } from "./reference.ts";

const namespaceCondition = s.object(
  { type: s.at(1, s.orZero(s.string(), "")), status: s.at(2, conditionStatus) },
  { lastTransitionTime: s.at(4, s.time()), reason: s.at(5, s.string()), message: s.at(6, s.string()) },
  { name: "io.k8s.api.core.v1.NamespaceCondition" },
);

/** The label by which a NetworkPolicy or a webhook selects a namespace by its name. */
export const namespaceNameLabel = "kubernetes.io/metadata.name";

/** A new namespace is Active and holds the finalizer `kubernetes` in its spec, which the namespace controller drops when the content is gone. */
export const Namespace = defineResource({
  group: "",
  version: "v1",
  kind: "Namespace",
  schemaName: "io.k8s.api.core.v1.Namespace",
  shortNames: ["ns"],
  scope: "Cluster",
  builtIn: true,
  tracksGeneration: false,
  nameRule: "label",
  spec: s.object({}, { finalizers: s.at(1, s.list(s.string())) }, { name: "io.k8s.api.core.v1.NamespaceSpec" }),
  status: s.object(
    {},
    {
      phase: s.at(1, s.string({ enum: ["Active", "Terminating"] })),
      conditions: s.at(2, s.listMap("type", namespaceCondition)),
    },
    { name: "io.k8s.api.core.v1.NamespaceStatus" },
  ),
  subresources: [{ name: "finalize", verbs: ["update"], kind: "Namespace" }],
  columns: [{ name: "Status", value: (namespace) => namespace.status?.phase }],
  selectableFields: ["status.phase"],
  prepare(namespace, old) {
    const { name } = namespace.metadata;
    const labels = name ? { ...namespace.metadata.labels, [namespaceNameLabel]: name } : namespace.metadata.labels;
    const labelled = { ...namespace, metadata: { ...namespace.metadata, ...(labels && { labels }) } };
    return old ? labelled : { ...labelled, spec: { finalizers: ["kubernetes"] }, status: { phase: "Active" as const } };
  },
});
export type Namespace = ResourceOf<typeof Namespace>;
