import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@headrace/client";
import { localVolumeDriver, PersistentVolume, PersistentVolumeClaim, type Pod } from "@headrace/k8s";
import { ifPresent } from "@headrace/runtime";
import { ContainerConfigError, UnsupportedError } from "./errors.ts";
import { type HostPlace, type Share, sharedPath } from "./shared-paths.ts";

/** Where the files of a pod's claim are. Throws ContainerConfigError for a claim that is not ready, UnsupportedError for a volume that is not for this node. */
export type FindClaim = (
  pod: Pod,
  claim: { readonly name: string; /** Made for this pod alone. */ readonly ephemeral: boolean },
) => Promise<HostPlace>;

export interface ClaimOptions {
  readonly client: Client;
  /** Holds a folder for each local volume, by its handle. */
  readonly directory: string;
  readonly shares: readonly Share[];
}

/** The form of a folder's name: made from a claim's uid by whoever provisions, and never a path. */
const handle = /^pvc-[0-9a-f-]{36}$/;

export function createFindClaim({ client, directory, shares }: ClaimOptions): FindClaim {
  return async (pod, { name, ephemeral }) => {
    const namespace = pod.metadata.namespace ?? "";
    const claim = await ifPresent(client.resource(PersistentVolumeClaim).get({ namespace, name }));
    const obstacle = claim ? obstacleTo(claim, pod, ephemeral) : "not found";
    if (!claim || obstacle !== undefined)
      throw new ContainerConfigError("FailedMount", `persistentvolumeclaim "${name}" ${obstacle}`);
    const volumeName = claim.spec.volumeName ?? "";
    const volume = await ifPresent(client.resource(PersistentVolume).get({ namespace: "", name: volumeName }));
    if (!volume || volume.spec.claimRef?.uid !== claim.metadata.uid)
      throw new ContainerConfigError(
        "FailedMount",
        `persistentvolume "${volumeName}" is not there for claim "${name}"`,
      );
    return placeOf(volume, directory, shares);
  };
}

/** A pod that has begun already may go on with a claim that is being deleted: it is what holds it. */
function obstacleTo(claim: PersistentVolumeClaim, pod: Pod, ephemeral: boolean): string | undefined {
  const isOwned = claim.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid);
  if (ephemeral && !isOwned) return "was not made for this pod";
  if (claim.metadata.deletionTimestamp !== undefined && !hasBegun(pod)) return "is being deleted";
  return claim.status?.phase === "Bound" ? undefined : "is not bound yet";
}

function hasBegun({ status }: Pod): boolean {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return statuses.some(({ state }) => state?.running !== undefined || state?.terminated !== undefined);
}

function placeOf({ metadata, spec }: PersistentVolume, directory: string, shares: readonly Share[]): HostPlace {
  const field = `persistentvolume "${metadata.name}"`;
  if (spec.volumeMode === "Block")
    throw new UnsupportedError(
      `${field} of volumeMode Block`,
      "is not there on this node",
      "Use volumeMode Filesystem",
    );
  if (spec.csi?.driver === localVolumeDriver) {
    const path = join(directory, spec.csi.volumeHandle);
    if (handle.test(spec.csi.volumeHandle) && existsSync(path)) return { path, readOnly: spec.csi.readOnly === true };
    throw new ContainerConfigError("FailedMount", `${field}: its folder ${spec.csi.volumeHandle} is not there`);
  }
  if (spec.hostPath) return sharedPath(`${field}.spec.hostPath.path`, spec.hostPath.path, shares);
  if (spec.local) return sharedPath(`${field}.spec.local.path`, spec.local.path, shares);
  throw new UnsupportedError(field, "is of a kind that is not there on this node", "Use a claim of class standard");
}
