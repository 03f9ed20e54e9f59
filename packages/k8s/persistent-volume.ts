import {
  ageColumn,
  cause,
  defineResource,
  s,
  type KubeObject,
  type ResourceDefinition,
  type StatusCause,
  type TypeOf,
} from "@headrace/model";
import { nodeSelector } from "./affinity.ts";
import { objectReference } from "./reference.ts";
import {
  accessModeCauses,
  accessModesText,
  endingPhase,
  sameValue,
  storageCauses,
  unsetText,
  withFinalizer,
} from "./volume-claiming.ts";
import { accessModes, hostPathVolumeSource } from "./volume.ts";

/** Holds a volume for as long as it is bound, or has bytes that its reclaim policy says to remove. */
export const volumeProtectionFinalizer = "kubernetes.io/pv-protection";

/** The provisioner and driver of volumes that are folders of the node's own; their handle is the folder's name. */
export const localVolumeDriver = "local.headrace.io";

/** Names the provisioner that made a volume; only that one may unmake it. */
export const provisionedByAnnotation = "pv.kubernetes.io/provisioned-by";

const localVolumeSource = s.object(
  { path: s.at(1, s.string({ nonEmpty: true })) },
  { fsType: s.pointer(2, s.string()) },
  { name: "io.k8s.api.core.v1.LocalVolumeSource" },
);

const csiPersistentVolumeSource = s.object(
  { driver: s.at(1, s.string({ nonEmpty: true })), volumeHandle: s.at(2, s.string({ nonEmpty: true })) },
  { readOnly: s.at(3, s.boolean()), fsType: s.at(4, s.string()), volumeAttributes: s.at(5, s.map(s.string())) },
  { name: "io.k8s.api.core.v1.CSIPersistentVolumeSource" },
);

/** Kinds of storage that no node of ours has are kept as they are. */
const sources = {
  gcePersistentDisk: s.at([2, 1], s.preserveUnknown()),
  awsElasticBlockStore: s.at([2, 2], s.preserveUnknown()),
  hostPath: s.at([2, 3], hostPathVolumeSource),
  glusterfs: s.at([2, 4], s.preserveUnknown()),
  nfs: s.at([2, 5], s.preserveUnknown()),
  rbd: s.at([2, 6], s.preserveUnknown()),
  iscsi: s.at([2, 7], s.preserveUnknown()),
  cinder: s.at([2, 8], s.preserveUnknown()),
  cephfs: s.at([2, 9], s.preserveUnknown()),
  fc: s.at([2, 10], s.preserveUnknown()),
  flocker: s.at([2, 11], s.preserveUnknown()),
  flexVolume: s.at([2, 12], s.preserveUnknown()),
  azureFile: s.at([2, 13], s.preserveUnknown()),
  vsphereVolume: s.at([2, 14], s.preserveUnknown()),
  quobyte: s.at([2, 15], s.preserveUnknown()),
  azureDisk: s.at([2, 16], s.preserveUnknown()),
  photonPersistentDisk: s.at([2, 17], s.preserveUnknown()),
  portworxVolume: s.at([2, 18], s.preserveUnknown()),
  scaleIO: s.at([2, 19], s.preserveUnknown()),
  local: s.at([2, 20], localVolumeSource),
  storageos: s.at([2, 21], s.preserveUnknown()),
  csi: s.at([2, 22], csiPersistentVolumeSource),
};
const sourceNames: readonly string[] = Object.keys(sources);

const volumeNodeAffinity = s.object(
  {},
  { required: s.at(1, nodeSelector) },
  { name: "io.k8s.api.core.v1.VolumeNodeAffinity" },
);

const persistentVolumeSpec = s.object(
  {},
  {
    ...sources,
    capacity: s.at(1, s.map(s.quantity())),
    accessModes: s.at(3, s.list(s.string({ enum: accessModes }))),
    claimRef: s.at(4, objectReference),
    persistentVolumeReclaimPolicy: s.at(
      5,
      s.withDefault(s.string({ enum: ["Retain", "Delete", "Recycle"] }), "Retain"),
    ),
    storageClassName: s.at(6, s.string()),
    mountOptions: s.at(7, s.list(s.string())),
    volumeMode: s.pointer(8, s.withDefault(s.string({ enum: ["Block", "Filesystem"] }), "Filesystem")),
    nodeAffinity: s.at(9, volumeNodeAffinity),
    volumeAttributesClassName: s.pointer(10, s.string()),
  },
  { name: "io.k8s.api.core.v1.PersistentVolumeSpec" },
);

const persistentVolumeStatus = s.object(
  {},
  {
    phase: s.at(1, s.string({ enum: ["Pending", "Available", "Bound", "Released", "Failed"] })),
    message: s.at(2, s.string()),
    reason: s.at(3, s.string()),
    lastPhaseTransitionTime: s.pointer(4, s.time()),
  },
  { name: "io.k8s.api.core.v1.PersistentVolumeStatus" },
);

export interface PersistentVolume extends KubeObject {
  readonly spec: TypeOf<typeof persistentVolumeSpec>;
  readonly status?: TypeOf<typeof persistentVolumeStatus>;
}

/** Storage that is there, for one claim at a time. */
export const PersistentVolume: ResourceDefinition<PersistentVolume> = defineResource({
  group: "",
  version: "v1",
  kind: "PersistentVolume",
  schemaName: "io.k8s.api.core.v1.PersistentVolume",
  shortNames: ["pv"],
  scope: "Cluster",
  builtIn: true,
  tracksGeneration: false,
  spec: persistentVolumeSpec,
  status: persistentVolumeStatus,
  columns: [
    { name: "Capacity", value: ({ spec }) => spec.capacity?.["storage"] },
    { name: "Access Modes", value: ({ spec }) => accessModesText(spec.accessModes) },
    { name: "Reclaim Policy", value: ({ spec }) => spec.persistentVolumeReclaimPolicy },
    { name: "Status", value: (volume) => endingPhase(volume, volume.status?.phase) },
    { name: "Claim", value: ({ spec }) => claimText(spec.claimRef) },
    { name: "StorageClass", value: ({ spec }) => spec.storageClassName },
    { name: "VolumeAttributesClass", value: ({ spec }) => spec.volumeAttributesClassName ?? unsetText },
    { name: "Reason", value: (volume) => volume.status?.reason },
    ageColumn,
    { name: "VolumeMode", priority: 1, value: ({ spec }) => spec.volumeMode },
  ],
  prepare(volume, old) {
    if (old) return volume;
    return { ...withFinalizer(volume, volumeProtectionFinalizer), status: { phase: "Pending" as const } };
  },
  validate: (volume, old, subresource) => (subresource === "status" ? [] : specCauses(volume, old)),
});

function claimText(claim: TypeOf<typeof objectReference> | undefined): string | undefined {
  return claim && `${claim.namespace}/${claim.name}`;
}

function specCauses({ spec }: PersistentVolume, old: PersistentVolume | undefined): readonly StatusCause[] {
  const [first, ...more] = sourcesOf(spec);
  const moved = old && !sameValue(sourceEntries(spec), sourceEntries(old.spec));
  return [
    ...accessModeCauses(spec.accessModes, "spec.accessModes"),
    ...storageCauses(spec.capacity, "spec.capacity"),
    ...(first === undefined ? [cause.required("spec", "must specify a volume type")] : []),
    ...more.map((name) => cause.forbidden(`spec.${name}`, "may not specify more than 1 volume type")),
    ...(spec.hostPath?.path.split("/").includes("..")
      ? [cause.invalid("spec.hostPath.path", spec.hostPath.path, "must not contain '..'")]
      : []),
    ...(spec.local && !spec.nodeAffinity?.required
      ? [cause.required("spec.nodeAffinity", "Local volume requires node affinity")]
      : []),
    ...(moved
      ? [cause.forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation")]
      : []),
    ...(old && old.spec.volumeMode !== spec.volumeMode
      ? [cause.invalid("spec.volumeMode", spec.volumeMode, "field is immutable")]
      : []),
  ];
}

const sourcesOf = (spec: object): readonly string[] => Object.keys(sourceEntries(spec));

function sourceEntries(spec: object): object {
  return Object.fromEntries(
    Object.entries(spec).filter(([name, source]) => sourceNames.includes(name) && source !== undefined),
  );
}
