import type { Client } from "@headrace/client";
import { PersistentVolume, PersistentVolumeClaim, volumeProtectionFinalizer } from "@headrace/k8s";
import { formatTime, type Clock, type Controller, type ObjectKey } from "@headrace/model";
import {
  createController,
  fromInformer,
  ifPresent,
  keyOf,
  removeFinalizer,
  type ControllerOptions,
  type EventRecorder,
} from "@headrace/runtime";
import { planVolume } from "../core/volume-plan.ts";
import type { LocalVolumes } from "./local-volumes.ts";
import type { StorageView } from "./storage-view.ts";

export interface VolumesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly view: StorageView;
  readonly local: LocalVolumes;
  readonly events: EventRecorder;
  readonly onFailure?: ControllerOptions["onFailure"];
}

/** Says of each volume whose it is, and takes back what nobody claims any more, as its policy says. */
export function createVolumes({ client, clock, view, local, events, onFailure }: VolumesOptions): Controller {
  const volumeClient = client.resource(PersistentVolume);

  async function reconcile(key: ObjectKey): Promise<void> {
    const volume = view.volumes.get(key);
    if (!volume) return;
    const plan = planVolume(volume, await claimOf(volume));
    switch (plan.do) {
      case "nothing":
        return;
      case "setPhase":
        await volumeClient.update(
          {
            ...volume,
            status: { phase: plan.phase, lastPhaseTransitionTime: formatTime(clock.now()) },
          },
          { subresource: "status" },
        );
        return;
      case "reclaim":
        await reclaim(volume);
        return;
      case "letGo":
        await removeFinalizer(volumeClient, key, volumeProtectionFinalizer);
    }
  }

  /** The copy may lag behind: only the server's own word takes a claim for gone. */
  async function claimOf({ spec }: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
    const { namespace = "", name = "", uid } = spec.claimRef ?? {};
    if (name === "") return undefined;
    const known = view.claims.get({ namespace, name });
    if (known?.metadata.uid === uid) return known;
    return ifPresent(client.resource(PersistentVolumeClaim).get({ namespace, name }));
  }

  /** The bytes first: killed in between, the volume is still there to say that they have to go. */
  async function reclaim(volume: PersistentVolume): Promise<void> {
    try {
      await local.remove(volume.spec.csi?.volumeHandle ?? "");
    } catch (error) {
      const message = `Cannot remove the volume's folder: ${error instanceof Error ? error.message : String(error)}`;
      events.record(volume, { type: "Warning", reason: "VolumeFailedDelete", message });
      throw error;
    }
    await ifPresent(volumeClient.delete(keyOf(volume)));
    await removeFinalizer(volumeClient, keyOf(volume), volumeProtectionFinalizer);
  }

  return createController({
    name: "volumes",
    clock,
    sources: [
      fromInformer(view.volumes),
      fromInformer(view.claims, ({ metadata, spec }) => {
        const reserved = view.volumes.list().filter((each) => each.spec.claimRef?.uid === metadata.uid);
        const named = spec.volumeName ? [{ namespace: "", name: spec.volumeName }] : [];
        return [...named, ...reserved.map(keyOf)];
      }),
    ],
    reconcile,
    ...(onFailure && { onFailure }),
  });
}
