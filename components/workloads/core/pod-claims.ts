import type { PersistentVolumeClaim, Pod } from "@headrace/k8s";

/** A claim that a pod mounts. */
export interface PodClaim {
  readonly volume: string;
  readonly name: string;
  /** Made for the pod, and gone with it (a generic ephemeral volume). */
  readonly ephemeral: boolean;
}

export function claimsOf(pod: Pod): readonly PodClaim[] {
  return (pod.spec.volumes ?? []).flatMap(({ name: volume, persistentVolumeClaim, ephemeral }): readonly PodClaim[] => {
    if (persistentVolumeClaim) return [{ volume, name: persistentVolumeClaim.claimName, ephemeral: false }];
    return ephemeral ? [{ volume, name: ephemeralClaimName(pod, volume), ephemeral: true }] : [];
  });
}

const ephemeralClaimName = (pod: Pod, volume: string): string => `${pod.metadata.name}-${volume}`;

export function isMadeFor(claim: PersistentVolumeClaim, pod: Pod): boolean {
  return claim.metadata.ownerReferences?.some(({ uid, controller }) => controller && uid === pod.metadata.uid) ?? false;
}

/** Whether the pod may be writing: it has a node, and has not ended. */
export function isInUseBy(pod: Pod): boolean {
  return Boolean(pod.spec.nodeName) && !isOver(pod);
}

export function isOver(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
