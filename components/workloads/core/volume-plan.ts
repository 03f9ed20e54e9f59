import { hasFinalizer } from "@headrace/runtime";
import { volumeProtectionFinalizer, type PersistentVolume, type PersistentVolumeClaim } from "@headrace/k8s";
import { isLocal } from "./claim-plan.ts";

/** The next step for a volume. */
export type VolumePlan =
  | { readonly do: "nothing" }
  | { readonly do: "setPhase"; readonly phase: "Available" | "Bound" | "Released" }
  /** Remove its bytes, then the volume itself. */
  | { readonly do: "reclaim" }
  /** Nothing stands in the way of a deletion that was asked for. */
  | { readonly do: "letGo" };

/** `claim` is the one that the volume is reserved for, undefined once that is gone for sure. Pure. */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const { claimRef } = volume.spec;
  const isReserved = (claimRef?.uid ?? "") !== "";
  if (!isReserved) return isDeleted(volume) ? letGo(volume) : setPhase(volume, "Available");
  if (claim?.metadata.uid === claimRef?.uid) {
    const bound = claim?.spec.volumeName === volume.metadata.name;
    if (bound) return setPhase(volume, "Bound");
    // Reserved while the claim found another one: nobody has ever written to it.
    if (claim?.spec.volumeName && isReclaimable(volume)) return { do: "reclaim" };
    return { do: "nothing" };
  }
  if (isReclaimable(volume)) return { do: "reclaim" };
  return isDeleted(volume) ? letGo(volume) : setPhase(volume, "Released");
}

const isDeleted = ({ metadata }: PersistentVolume): boolean => metadata.deletionTimestamp !== undefined;

/** Volumes of other makers are theirs to reclaim. */
const isReclaimable = (volume: PersistentVolume): boolean =>
  isLocal(volume) && volume.spec.persistentVolumeReclaimPolicy === "Delete";

function letGo(volume: PersistentVolume): VolumePlan {
  return hasFinalizer(volume, volumeProtectionFinalizer) ? { do: "letGo" } : { do: "nothing" };
}

function setPhase(volume: PersistentVolume, phase: "Available" | "Bound" | "Released"): VolumePlan {
  return volume.status?.phase === phase ? { do: "nothing" } : { do: "setPhase", phase };
}
