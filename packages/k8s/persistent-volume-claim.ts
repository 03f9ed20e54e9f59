import {
  ageColumn,
  cause,
  compareQuantities,
  defineResource,
  dnsSubdomainProblem,
  s,
  type KubeObject,
  type ResourceDefinition,
  type StatusCause,
  type TypeOf,
} from "@headrace/model";
import { conditionStatus } from "./reference.ts";
import { persistentVolumeClaimSpec, type PersistentVolumeClaimSpec } from "./volume.ts";
import {
  accessModeCauses,
  accessModesText,
  endingPhase,
  sameValue,
  storageCauses,
  unsetText,
  withFinalizer,
} from "./volume-claiming.ts";

/** Holds a claim for as long as pods use it. */
export const claimProtectionFinalizer = "kubernetes.io/pvc-protection";

const condition = s.object(
  { type: s.at(1, s.orZero(s.string(), "")), status: s.at(2, conditionStatus) },
  {
    lastProbeTime: s.at(3, s.time()),
    lastTransitionTime: s.at(4, s.time()),
    reason: s.at(5, s.string()),
    message: s.at(6, s.string()),
  },
  { name: "io.k8s.api.core.v1.PersistentVolumeClaimCondition" },
);

const persistentVolumeClaimStatus = s.object(
  {},
  {
    phase: s.at(1, s.string({ enum: ["Pending", "Bound", "Lost"] })),
    accessModes: s.at(2, s.list(s.string())),
    capacity: s.at(3, s.map(s.quantity())),
    conditions: s.at(4, s.listMap("type", condition)),
    allocatedResources: s.at(5, s.map(s.quantity())),
    allocatedResourceStatuses: s.at(7, s.map(s.string(), { atomic: true })),
    currentVolumeAttributesClassName: s.pointer(8, s.string()),
  },
  { name: "io.k8s.api.core.v1.PersistentVolumeClaimStatus" },
);

export interface PersistentVolumeClaim extends KubeObject {
  readonly spec: PersistentVolumeClaimSpec;
  readonly status?: TypeOf<typeof persistentVolumeClaimStatus>;
}

/** A wish for storage, bound to the one PersistentVolume that fulfils it. Its size is a lower limit for the search, and advice to whoever provisions. */
export const PersistentVolumeClaim: ResourceDefinition<PersistentVolumeClaim> = defineResource({
  group: "",
  version: "v1",
  kind: "PersistentVolumeClaim",
  schemaName: "io.k8s.api.core.v1.PersistentVolumeClaim",
  shortNames: ["pvc"],
  builtIn: true,
  tracksGeneration: false,
  spec: persistentVolumeClaimSpec,
  status: persistentVolumeClaimStatus,
  columns: [
    { name: "Status", value: (claim) => endingPhase(claim, claim.status?.phase) },
    { name: "Volume", value: ({ spec }) => spec.volumeName },
    { name: "Capacity", value: ({ spec, status: now }) => (spec.volumeName ? now?.capacity?.["storage"] : undefined) },
    {
      name: "Access Modes",
      value: ({ spec, status: now }) => (spec.volumeName ? accessModesText(now?.accessModes) : undefined),
    },
    { name: "StorageClass", value: ({ spec }) => spec.storageClassName },
    { name: "VolumeAttributesClass", value: ({ spec }) => spec.volumeAttributesClassName ?? unsetText },
    ageColumn,
    { name: "VolumeMode", priority: 1, value: ({ spec }) => spec.volumeMode },
  ],
  prepare(claim, old) {
    if (old) return claim;
    return { ...withFinalizer(claim, claimProtectionFinalizer), status: { phase: "Pending" as const } };
  },
  validate: (claim, old, subresource) => {
    if (subresource === "status") return [];
    return old ? changeCauses(claim, old) : claimSpecCauses(claim.spec, "spec");
  },
});

/** What is wrong with a claim's spec, or with that of a pod's claim template. */
export function claimSpecCauses(spec: PersistentVolumeClaimSpec, path: string): readonly StatusCause[] {
  const problem = spec.storageClassName ? dnsSubdomainProblem(spec.storageClassName) : undefined;
  return [
    ...accessModeCauses(spec.accessModes, `${path}.accessModes`),
    ...storageCauses(spec.resources?.requests, `${path}.resources`),
    ...(problem ? [cause.invalid(`${path}.storageClassName`, spec.storageClassName, problem)] : []),
  ];
}

const fixed =
  "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

/** A claim that is bound may ask for more; the volume is set once, and so is a class that was left open. */
function changeCauses(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): readonly StatusCause[] {
  const was = old.spec;
  const isBound = old.status?.phase === "Bound";
  const mayChange = {
    ...(was.volumeName === undefined && { volumeName: claim.spec.volumeName }),
    ...(was.storageClassName === undefined && { storageClassName: claim.spec.storageClassName }),
    ...(isBound && {
      resources: { ...was.resources, requests: claim.spec.resources?.requests },
      volumeAttributesClassName: claim.spec.volumeAttributesClassName,
    }),
  };
  if (!sameValue({ ...was, ...mayChange }, claim.spec)) return [cause.forbidden("spec", fixed)];
  const asked = claim.spec.resources?.requests?.["storage"];
  const had = was.resources?.requests?.["storage"];
  const given = old.status?.capacity?.["storage"];
  const isLess = asked !== undefined && had !== undefined && compareQuantities(asked, had) < 0;
  const isBelowGiven = asked === undefined || given === undefined || compareQuantities(asked, given) <= 0;
  return [
    ...storageCauses(claim.spec.resources?.requests, "spec.resources"),
    ...(isLess && isBelowGiven
      ? [cause.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")]
      : []),
  ];
}
