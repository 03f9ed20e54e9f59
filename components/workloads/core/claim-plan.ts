import {
  isDefaultClass,
  localVolumeDriver,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type StorageClass,
} from "@headrace/k8s";
import { compareQuantities, matchesLabels, requirementsOf } from "@headrace/model";
import type { EventMessage } from "@headrace/runtime";

/** What is known around a claim. */
export interface ClaimSurroundings {
  readonly claim: PersistentVolumeClaim;
  readonly volumes: readonly PersistentVolume[];
  readonly classes: readonly StorageClass[];
  /** Whether a pod wants the claim. */
  readonly hasConsumer: boolean;
}

/** The next step for a claim that is not being deleted. */
export type ClaimPlan =
  | { readonly do: "nothing" }
  | { readonly do: "wait"; readonly event?: EventMessage }
  /** Name the default class in a claim that was made before there was one. */
  | { readonly do: "setClass"; readonly storageClass: string }
  /** Reserve the volume for the claim. */
  | { readonly do: "reserve"; readonly volume: PersistentVolume }
  /** Name the volume in the claim. */
  | { readonly do: "bind"; readonly volume: PersistentVolume }
  /** Write down that the claim is bound, and what it got. */
  | { readonly do: "complete"; readonly volume: PersistentVolume }
  | { readonly do: "grow"; readonly volume: PersistentVolume; readonly storage: string }
  | { readonly do: "provision"; readonly storageClass: StorageClass }
  | { readonly do: "lose" };

const noProvisioner = "kubernetes.io/no-provisioner";

/** Pure. Each step is one write; the next one follows when that is seen. */
export function planClaim(around: ClaimSurroundings): ClaimPlan {
  const { claim } = around;
  return claim.spec.volumeName ? planNamed(around, claim.spec.volumeName) : planUnnamed(around);
}

function planNamed({ claim, volumes, classes }: ClaimSurroundings, name: string): ClaimPlan {
  const volume = volumes.find(({ metadata }) => metadata.name === name);
  const isBound = claim.status?.phase === "Bound";
  if (claim.status?.phase === "Lost" && !volume) return { do: "nothing" };
  if (!volume) return isBound ? { do: "lose" } : warn("FailedBinding", `volume "${name}" does not exist`);
  const { claimRef } = volume.spec;
  if (claimRef?.uid === claim.metadata.uid) {
    if (!isBound) return { do: "complete", volume };
    return planGrowth(claim, volume, classes);
  }
  if (isBound) return { do: "lose" };
  if (claimRef && !isFor(claimRef, claim))
    return warn("FailedBinding", `volume "${name}" already bound to a different claim.`);
  const lack = lackOf(volume, claim);
  return lack === undefined
    ? { do: "reserve", volume }
    : warn("VolumeMismatch", `Cannot bind to requested volume "${name}": ${lack}`);
}

/** Sizes are advice: growing is a matter of writing it down. */
function planGrowth(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  classes: readonly StorageClass[],
): ClaimPlan {
  const wanted = claim.spec.resources?.requests?.["storage"] ?? "0";
  const given = volume.spec.capacity?.["storage"] ?? "0";
  const said = claim.status?.capacity?.["storage"] ?? "0";
  const mayGrow = classes.find(({ metadata }) => metadata.name === claim.spec.storageClassName)?.allowVolumeExpansion;
  if (compareQuantities(wanted, given) > 0 && mayGrow && isLocal(volume))
    return { do: "grow", volume, storage: wanted };
  return compareQuantities(given, said) > 0 ? { do: "complete", volume } : { do: "nothing" };
}

function planUnnamed(around: ClaimSurroundings): ClaimPlan {
  const { claim, volumes, classes } = around;
  const reserved = volumes.find(({ spec }) => spec.claimRef?.uid === claim.metadata.uid);
  if (reserved) return { do: "bind", volume: reserved };
  const { storageClassName } = claim.spec;
  if (storageClassName === undefined) {
    const standard = defaultClass(classes);
    if (standard) return { do: "setClass", storageClass: standard.metadata.name ?? "" };
  }
  const storageClass = classes.find(({ metadata }) => metadata.name === storageClassName);
  const waits = storageClass?.volumeBindingMode === "WaitForFirstConsumer" && !around.hasConsumer;
  if (waits) return say("Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
  const volume = fittingVolume(claim, volumes);
  if (volume) return { do: "reserve", volume };
  if (!storageClassName)
    return say("Normal", "FailedBinding", "no persistent volumes available for this claim and no storage class is set");
  if (!storageClass) return warn("ProvisioningFailed", `storageclass.storage.k8s.io "${storageClassName}" not found`);
  return planProvision(claim, storageClass);
}

function planProvision(claim: PersistentVolumeClaim, storageClass: StorageClass): ClaimPlan {
  const { provisioner } = storageClass;
  if (provisioner === noProvisioner)
    return say("Normal", "FailedBinding", "no persistent volumes available for this claim, and its class makes none");
  if (provisioner !== localVolumeDriver)
    return say(
      "Normal",
      "ExternalProvisioning",
      `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    );
  const { spec } = claim;
  if (spec.volumeMode === "Block") return cannotProvision("block volumes are not supported: remove spec.volumeMode");
  if (spec.selector) return cannotProvision("claim.Spec.Selector is not supported");
  if (spec.dataSource ?? spec.dataSourceRef)
    return cannotProvision("spec.dataSource asks for a copy of other data, which is not supported");
  return { do: "provision", storageClass };
}

const cannotProvision = (why: string): ClaimPlan => warn("ProvisioningFailed", `failed to provision volume: ${why}`);

/** The newest of the classes that are marked as the default, as upstream chooses. */
export function defaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const madeAt = ({ metadata }: StorageClass): string => metadata.creationTimestamp ?? "";
  return classes.filter(isDefaultClass).toSorted((a, b) => (madeAt(a) < madeAt(b) ? 1 : -1))[0];
}

/** A volume that is kept for this claim, or else the smallest free one that will do. */
function fittingVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
): PersistentVolume | undefined {
  const fits = volumes.filter(
    ({ metadata, spec }) => metadata.deletionTimestamp === undefined && (!spec.claimRef || isFor(spec.claimRef, claim)),
  );
  const kept = fits.find(({ spec }) => spec.claimRef);
  if (kept && lackOf(kept, claim) === undefined) return kept;
  return fits
    .filter((volume) => !volume.spec.claimRef && volume.status?.phase === "Available")
    .filter((volume) => lackOf(volume, claim) === undefined && isSelected(volume, claim))
    .toSorted((a, b) => compareQuantities(storageOf(a), storageOf(b)))[0];
}

const storageOf = ({ spec }: PersistentVolume): string => spec.capacity?.["storage"] ?? "0";

/** Reserved by name, before the claim was there. */
function isFor(
  claimRef: NonNullable<PersistentVolume["spec"]["claimRef"]>,
  { metadata }: PersistentVolumeClaim,
): boolean {
  return claimRef.namespace === metadata.namespace && claimRef.name === metadata.name && (claimRef.uid ?? "") === "";
}

function isSelected({ metadata }: PersistentVolume, { spec }: PersistentVolumeClaim): boolean {
  return spec.selector === undefined || matchesLabels(requirementsOf(spec.selector), metadata.labels);
}

/** In what a volume falls short of a claim; undefined if in nothing. */
function lackOf({ spec }: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const wanted = claim.spec.resources?.requests?.["storage"] ?? "0";
  if (compareQuantities(spec.capacity?.["storage"] ?? "0", wanted) < 0) return "requested PV is too small";
  if ((spec.storageClassName ?? "") !== (claim.spec.storageClassName ?? "")) return "storageClassName does not match";
  if (spec.volumeMode !== claim.spec.volumeMode) return "incompatible volumeMode";
  const modes = spec.accessModes ?? [];
  return claim.spec.accessModes?.every((mode) => modes.includes(mode)) ? undefined : "incompatible accessMode";
}

/** Whether the volume is one of our folders. */
export function isLocal({ spec }: PersistentVolume): boolean {
  return spec.csi?.driver === localVolumeDriver;
}

const say = (type: EventMessage["type"], reason: string, message: string): ClaimPlan => ({
  do: "wait",
  event: { type, reason, message },
});

const warn = (reason: string, message: string): ClaimPlan => say("Warning", reason, message);
