import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from "@headrace/k8s";
import type { ObjectKey } from "@headrace/model";
import { claimsOf, isInUseBy, isMadeFor, type PodClaim } from "./pod-claims.ts";

/** What is known of storage. */
export interface KnownStorage {
  claim(key: ObjectKey): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  storageClass(name: string): StorageClass | undefined;
  podsWith(claim: ObjectKey): readonly Pod[];
}

/** Why a pod's claims keep it from any node, in upstream's words; undefined if they do not. Pure. */
export function volumeObstacle(pod: Pod, storage: KnownStorage): string | undefined {
  for (const each of claimsOf(pod)) {
    const obstacle = claimObstacle(pod, each, storage);
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}

function claimObstacle(pod: Pod, { name, ephemeral }: PodClaim, storage: KnownStorage): string | undefined {
  const namespace = pod.metadata.namespace ?? "";
  const claim = storage.claim({ namespace, name });
  if (!claim) {
    return ephemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : `persistentvolumeclaim "${name}" not found`;
  }
  if (ephemeral && !isMadeFor(claim, pod))
    return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
  if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
  const { volumeName, storageClassName = "" } = claim.spec;
  if (claim.status?.phase === "Lost" || (volumeName && !storage.volume(volumeName)))
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volumeName}"`;
  if (claim.status?.phase !== "Bound") {
    const waits = storage.storageClass(storageClassName)?.volumeBindingMode === "WaitForFirstConsumer";
    return waits
      ? "node(s) didn't find available persistent volumes to bind"
      : "pod has unbound immediate PersistentVolumeClaims";
  }
  const isTaken =
    claim.spec.accessModes?.includes("ReadWriteOncePod") &&
    storage.podsWith({ namespace, name }).some((other) => other.metadata.uid !== pod.metadata.uid && isInUseBy(other));
  return isTaken
    ? "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
    : undefined;
}
