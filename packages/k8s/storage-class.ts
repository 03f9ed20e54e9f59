import {
  ageColumn,
  cause,
  defineResource,
  s,
  type KubeObject,
  type ObjectOf,
  type ResourceDefinition,
  type StatusCause,
} from "@headrace/model";
import { sameValue } from "./volume-claiming.ts";

/** On the class that claims without one get. */
export const defaultClassAnnotation = "storageclass.kubernetes.io/is-default-class";

const topologyRequirement = s.object(
  { key: s.at(1, s.string({ nonEmpty: true })), values: s.at(2, s.list(s.string())) },
  {},
  { name: "io.k8s.api.core.v1.TopologySelectorLabelRequirement" },
);
const topologyTerm = s.object(
  {},
  { matchLabelExpressions: s.at(1, s.list(topologyRequirement)) },
  { name: "io.k8s.api.core.v1.TopologySelectorTerm", atomic: true },
);

const storageClassFields = {
  provisioner: s.at(2, s.string({ nonEmpty: true })),
  parameters: s.at(3, s.optional(s.map(s.string()))),
  reclaimPolicy: s.pointer(4, s.withDefault(s.string({ enum: ["Delete", "Retain"] }), "Delete")),
  mountOptions: s.at(5, s.optional(s.list(s.string()))),
  allowVolumeExpansion: s.pointer(6, s.optional(s.boolean())),
  volumeBindingMode: s.pointer(
    7,
    s.withDefault(s.string({ enum: ["Immediate", "WaitForFirstConsumer"] }), "Immediate"),
  ),
  allowedTopologies: s.at(8, s.optional(s.list(topologyTerm))),
};

export type StorageClass = KubeObject & ObjectOf<typeof storageClassFields>;

/** How volumes are made for the claims that name the class. */
export const StorageClass: ResourceDefinition<StorageClass> = defineResource({
  group: "storage.k8s.io",
  version: "v1",
  kind: "StorageClass",
  plural: "storageclasses",
  schemaName: "io.k8s.api.storage.v1.StorageClass",
  shortNames: ["sc"],
  scope: "Cluster",
  builtIn: true,
  fields: storageClassFields,
  columns: [
    {
      name: "Name",
      value: (kind) => (isDefaultClass(kind) ? `${kind.metadata.name} (default)` : kind.metadata.name),
    },
    { name: "Provisioner", value: (kind) => kind.provisioner },
    { name: "ReclaimPolicy", value: (kind) => kind.reclaimPolicy },
    { name: "VolumeBindingMode", value: (kind) => kind.volumeBindingMode },
    { name: "AllowVolumeExpansion", value: (kind) => String(kind.allowVolumeExpansion ?? false) },
    ageColumn,
  ],
  validate: (kind, old) => (old ? changeCauses(kind, old) : []),
});

export function isDefaultClass({ metadata }: Pick<StorageClass, "metadata">): boolean {
  return metadata.annotations?.[defaultClassAnnotation] === "true";
}

function changeCauses(kind: StorageClass, old: StorageClass): readonly StatusCause[] {
  return [
    ...(["provisioner", "parameters"] as const)
      .filter((field) => !sameValue(kind[field], old[field]))
      .map((field) => cause.forbidden(field, `updates to ${field} are forbidden.`)),
    ...(["reclaimPolicy", "volumeBindingMode"] as const)
      .filter((field) => kind[field] !== old[field])
      .map((field) => cause.invalid(field, kind[field], "field is immutable")),
  ];
}
