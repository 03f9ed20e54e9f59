import { labelSelector, objectMeta, s, type TypeOf } from "@headrace/model";
import { objectFieldSelector, resourceFieldSelector } from "./environment.ts";
import { localObjectReference, referenceName, typedLocalObjectReference, typedObjectReference } from "./reference.ts";

export const keyToPath = s.object(
  { key: s.at(1, s.string({ nonEmpty: true })), path: s.at(2, s.string({ nonEmpty: true })) },
  { mode: s.pointer(3, s.integer()) },
  { name: "io.k8s.api.core.v1.KeyToPath" },
);
export type KeyToPath = TypeOf<typeof keyToPath>;

export const hostPathVolumeSource = s.object(
  { path: s.at(1, s.string({ nonEmpty: true })) },
  {
    type: s.pointer(
      2,
      s.withDefault(
        s.string({
          enum: ["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"],
        }),
        "",
      ),
    ),
  },
  { name: "io.k8s.api.core.v1.HostPathVolumeSource" },
);
export type HostPathVolumeSource = TypeOf<typeof hostPathVolumeSource>;

export const emptyDirVolumeSource = s.object(
  {},
  { medium: s.at(1, s.string()), sizeLimit: s.at(2, s.quantity()) },
  { name: "io.k8s.api.core.v1.EmptyDirVolumeSource" },
);
export type EmptyDirVolumeSource = TypeOf<typeof emptyDirVolumeSource>;

export const secretVolumeSource = s.object(
  {},
  {
    secretName: s.at(1, s.string()),
    items: s.at(2, s.list(keyToPath)),
    defaultMode: s.pointer(3, s.withDefault(s.integer(), 0o644)),
    optional: s.pointer(4, s.boolean()),
  },
  { name: "io.k8s.api.core.v1.SecretVolumeSource" },
);
export type SecretVolumeSource = TypeOf<typeof secretVolumeSource>;

const nfsVolumeSource = s.object(
  { server: s.at(1, s.string({ nonEmpty: true })), path: s.at(2, s.string({ nonEmpty: true })) },
  { readOnly: s.at(3, s.boolean()) },
  { name: "io.k8s.api.core.v1.NFSVolumeSource" },
);

const persistentVolumeClaimVolumeSource = s.object(
  { claimName: s.at(1, s.string({ nonEmpty: true })) },
  { readOnly: s.at(2, s.boolean()) },
  { name: "io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource" },
);

export const downwardAPIVolumeFile = s.object(
  { path: s.at(1, s.string({ nonEmpty: true })) },
  {
    fieldRef: s.at(2, objectFieldSelector),
    resourceFieldRef: s.at(3, resourceFieldSelector),
    mode: s.pointer(4, s.integer()),
  },
  { name: "io.k8s.api.core.v1.DownwardAPIVolumeFile" },
);
export type DownwardAPIVolumeFile = TypeOf<typeof downwardAPIVolumeFile>;

export const downwardAPIVolumeSource = s.object(
  {},
  { items: s.at(1, s.list(downwardAPIVolumeFile)), defaultMode: s.pointer(2, s.withDefault(s.integer(), 0o644)) },
  { name: "io.k8s.api.core.v1.DownwardAPIVolumeSource" },
);
export type DownwardAPIVolumeSource = TypeOf<typeof downwardAPIVolumeSource>;

export const configMapVolumeSource = s.object(
  { name: referenceName },
  {
    items: s.at(2, s.list(keyToPath)),
    defaultMode: s.pointer(3, s.withDefault(s.integer(), 0o644)),
    optional: s.pointer(4, s.boolean()),
  },
  { name: "io.k8s.api.core.v1.ConfigMapVolumeSource" },
);
export type ConfigMapVolumeSource = TypeOf<typeof configMapVolumeSource>;

const secretProjection = s.object(
  { name: referenceName },
  { items: s.at(2, s.list(keyToPath)), optional: s.pointer(4, s.boolean()) },
  { name: "io.k8s.api.core.v1.SecretProjection" },
);

const downwardAPIProjection = s.object(
  {},
  { items: s.at(1, s.list(downwardAPIVolumeFile)) },
  { name: "io.k8s.api.core.v1.DownwardAPIProjection" },
);

const configMapProjection = s.object(
  { name: referenceName },
  { items: s.at(2, s.list(keyToPath)), optional: s.pointer(4, s.boolean()) },
  { name: "io.k8s.api.core.v1.ConfigMapProjection" },
);

export const serviceAccountTokenProjection = s.object(
  { path: s.at(3, s.string({ nonEmpty: true })) },
  {
    audience: s.at(1, s.string()),
    expirationSeconds: s.pointer(2, s.withDefault(s.integer({ format: "int64" }), 3600)),
  },
  { name: "io.k8s.api.core.v1.ServiceAccountTokenProjection" },
);
export type ServiceAccountTokenProjection = TypeOf<typeof serviceAccountTokenProjection>;

const clusterTrustBundleProjection = s.object(
  { path: s.at(4, s.string({ nonEmpty: true })) },
  {
    name: s.pointer(1, s.string()),
    signerName: s.pointer(2, s.string()),
    labelSelector: s.at(3, labelSelector),
    optional: s.pointer(5, s.boolean()),
  },
  { name: "io.k8s.api.core.v1.ClusterTrustBundleProjection" },
);

export const volumeProjection = s.object(
  {},
  {
    secret: s.at(1, secretProjection),
    downwardAPI: s.at(2, downwardAPIProjection),
    configMap: s.at(3, configMapProjection),
    serviceAccountToken: s.at(4, serviceAccountTokenProjection),
    clusterTrustBundle: s.at(5, clusterTrustBundleProjection),
  },
  { name: "io.k8s.api.core.v1.VolumeProjection" },
);
export type VolumeProjection = TypeOf<typeof volumeProjection>;

export const projectedVolumeSource = s.object(
  { sources: s.at(1, s.list(volumeProjection)) },
  { defaultMode: s.pointer(2, s.withDefault(s.integer(), 0o644)) },
  { name: "io.k8s.api.core.v1.ProjectedVolumeSource" },
);
export type ProjectedVolumeSource = TypeOf<typeof projectedVolumeSource>;

const csiVolumeSource = s.object(
  { driver: s.at(1, s.string({ nonEmpty: true })) },
  {
    readOnly: s.pointer(2, s.boolean()),
    fsType: s.pointer(3, s.string()),
    volumeAttributes: s.at(4, s.map(s.string())),
    nodePublishSecretRef: s.at(5, localObjectReference),
  },
  { name: "io.k8s.api.core.v1.CSIVolumeSource" },
);

const volumeResourceRequirements = s.object(
  {},
  { limits: s.at(1, s.map(s.quantity())), requests: s.at(2, s.map(s.quantity())) },
  { name: "io.k8s.api.core.v1.VolumeResourceRequirements" },
);

/** How many may use a volume at a time, and for what. */
export const accessModes = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"] as const;

export const persistentVolumeClaimSpec = s.object(
  {},
  {
    accessModes: s.at(1, s.list(s.string({ enum: accessModes }))),
    selector: s.at(4, labelSelector),
    resources: s.at(2, s.withDefault(volumeResourceRequirements, {})),
    volumeName: s.at(3, s.string()),
    storageClassName: s.pointer(5, s.string()),
    volumeMode: s.pointer(6, s.withDefault(s.string({ enum: ["Block", "Filesystem"] }), "Filesystem")),
    dataSource: s.at(7, typedLocalObjectReference),
    dataSourceRef: s.at(8, typedObjectReference),
    volumeAttributesClassName: s.pointer(9, s.string()),
  },
  { name: "io.k8s.api.core.v1.PersistentVolumeClaimSpec" },
);
export type PersistentVolumeClaimSpec = TypeOf<typeof persistentVolumeClaimSpec>;

const persistentVolumeClaimTemplate = s.object(
  { spec: s.at(2, persistentVolumeClaimSpec) },
  { metadata: s.at(1, objectMeta) },
  { name: "io.k8s.api.core.v1.PersistentVolumeClaimTemplate" },
);

const ephemeralVolumeSource = s.object(
  {},
  { volumeClaimTemplate: s.at(1, persistentVolumeClaimTemplate) },
  { name: "io.k8s.api.core.v1.EphemeralVolumeSource" },
);

const imageVolumeSource = s.object(
  {},
  { reference: s.at(1, s.string()), pullPolicy: s.at(2, s.string({ enum: ["Always", "Never", "IfNotPresent"] })) },
  { name: "io.k8s.api.core.v1.ImageVolumeSource" },
);

/** Exactly one source; without any an emptyDir. Sources that are any object here are kept and answered by the node that can't mount them. */
export const volume = s.object(
  { name: s.at(1, s.string({ nonEmpty: true })) },
  {
    hostPath: s.at([2, 1], hostPathVolumeSource),
    emptyDir: s.at([2, 2], emptyDirVolumeSource),
    gcePersistentDisk: s.at([2, 3], s.preserveUnknown()),
    awsElasticBlockStore: s.at([2, 4], s.preserveUnknown()),
    gitRepo: s.at([2, 5], s.preserveUnknown()),
    secret: s.at([2, 6], secretVolumeSource),
    nfs: s.at([2, 7], nfsVolumeSource),
    iscsi: s.at([2, 8], s.preserveUnknown()),
    glusterfs: s.at([2, 9], s.preserveUnknown()),
    persistentVolumeClaim: s.at([2, 10], persistentVolumeClaimVolumeSource),
    rbd: s.at([2, 11], s.preserveUnknown()),
    flexVolume: s.at([2, 12], s.preserveUnknown()),
    cinder: s.at([2, 13], s.preserveUnknown()),
    cephfs: s.at([2, 14], s.preserveUnknown()),
    flocker: s.at([2, 15], s.preserveUnknown()),
    downwardAPI: s.at([2, 16], downwardAPIVolumeSource),
    fc: s.at([2, 17], s.preserveUnknown()),
    azureFile: s.at([2, 18], s.preserveUnknown()),
    configMap: s.at([2, 19], configMapVolumeSource),
    vsphereVolume: s.at([2, 20], s.preserveUnknown()),
    quobyte: s.at([2, 21], s.preserveUnknown()),
    azureDisk: s.at([2, 22], s.preserveUnknown()),
    photonPersistentDisk: s.at([2, 23], s.preserveUnknown()),
    projected: s.at([2, 26], projectedVolumeSource),
    portworxVolume: s.at([2, 24], s.preserveUnknown()),
    scaleIO: s.at([2, 25], s.preserveUnknown()),
    storageos: s.at([2, 27], s.preserveUnknown()),
    csi: s.at([2, 28], csiVolumeSource),
    ephemeral: s.at([2, 29], ephemeralVolumeSource),
    image: s.at([2, 30], imageVolumeSource),
  },
  { name: "io.k8s.api.core.v1.Volume" },
);
export type Volume = TypeOf<typeof volume>;
