import type { Client } from "@headrace/client";
import {
  claimProtectionFinalizer,
  localVolumeDriver,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  provisionedByAnnotation,
  type StorageClass,
} from "@headrace/k8s";
import type { Clock, Controller, ObjectKey } from "@headrace/model";
import {
  createController,
  createOrGet,
  fromInformer,
  hasFinalizer,
  keyOf,
  removeFinalizer,
  type ControllerOptions,
  type EventRecorder,
} from "@headrace/runtime";
import { planClaim, type ClaimPlan } from "../core/claim-plan.ts";
import { claimsOf, isInUseBy, isOver } from "../core/pod-claims.ts";
import type { LocalVolumes } from "./local-volumes.ts";
import type { StorageView } from "./storage-view.ts";

export interface ClaimsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly view: StorageView;
  readonly local: LocalVolumes;
  readonly events: EventRecorder;
  readonly onFailure?: ControllerOptions["onFailure"];
}

/** Finds or makes a volume for each claim, and keeps claims for as long as pods use them. */
export function createClaims({ client, clock, view, local, events, onFailure }: ClaimsOptions): Controller {
  const claimClient = client.resource(PersistentVolumeClaim);
  const volumeClient = client.resource(PersistentVolume);

  async function reconcile(key: ObjectKey): Promise<void> {
    const claim = view.claims.get(key);
    if (!claim) return;
    if (claim.metadata.deletionTimestamp !== undefined) {
      await letGo(claim);
      return;
    }
    const plan = planClaim({
      claim,
      volumes: view.volumes.list(),
      classes: view.classes.list(),
      hasConsumer: view.podsWith(key).some((pod) => !isOver(pod)),
    });
    await carryOut(plan, claim);
  }

  async function carryOut(plan: ClaimPlan, claim: PersistentVolumeClaim): Promise<void> {
    switch (plan.do) {
      case "nothing":
        return;
      case "wait":
        if (plan.event) events.record(claim, plan.event);
        return;
      case "setClass":
        await claimClient.update({ ...claim, spec: { ...claim.spec, storageClassName: plan.storageClass } });
        return;
      case "reserve":
        await volumeClient.update({ ...plan.volume, spec: { ...plan.volume.spec, claimRef: referenceTo(claim) } });
        return;
      case "bind":
        await claimClient.update({ ...claim, spec: { ...claim.spec, volumeName: plan.volume.metadata.name ?? "" } });
        return;
      case "complete":
        await complete(claim, plan.volume);
        return;
      case "grow":
        await grow(claim, plan.volume, plan.storage);
        return;
      case "provision":
        await provision(claim, plan.storageClass);
        return;
      case "lose":
        await claimClient.update({ ...claim, status: { ...claim.status, phase: "Lost" } }, { subresource: "status" });
        events.record(claim, {
          type: "Warning",
          reason: "ClaimLost",
          message: "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
        });
    }
  }

  async function complete(claim: PersistentVolumeClaim, { spec }: PersistentVolume): Promise<void> {
    const { accessModes = [], capacity = {} } = spec;
    await claimClient.update(
      { ...claim, status: { ...claim.status, phase: "Bound", accessModes, capacity } },
      { subresource: "status" },
    );
  }

  async function grow(claim: PersistentVolumeClaim, volume: PersistentVolume, storage: string): Promise<void> {
    await volumeClient.update({ ...volume, spec: { ...volume.spec, capacity: { ...volume.spec.capacity, storage } } });
    events.record(claim, {
      type: "Normal",
      reason: "FileSystemResizeSuccessful",
      message: `The volume counts as ${storage} now. Sizes are advice here: it may take what the disk has`,
    });
  }

  /** First the folder, then what says that it is there: killed in between, this does both again. */
  async function provision(claim: PersistentVolumeClaim, storageClass: StorageClass): Promise<void> {
    const name = local.handleOf(claim);
    await local.make(name);
    const storage = claim.spec.resources?.requests?.["storage"] ?? "0";
    await createOrGet(volumeClient, {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name, annotations: { [provisionedByAnnotation]: localVolumeDriver } },
      spec: {
        capacity: { storage },
        accessModes: claim.spec.accessModes ?? [],
        volumeMode: "Filesystem",
        persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
        storageClassName: storageClass.metadata.name ?? "",
        claimRef: referenceTo(claim),
        csi: { driver: localVolumeDriver, volumeHandle: name },
      },
    });
    events.record(claim, {
      type: "Normal",
      reason: "ProvisioningSucceeded",
      message: `Successfully provisioned volume ${name}. Its size of ${storage} is advice: it may take what the disk has`,
    });
  }

  /** The server is asked, since the copy may not know a pod yet that has just got its node. */
  async function letGo(claim: PersistentVolumeClaim): Promise<void> {
    if (!hasFinalizer(claim, claimProtectionFinalizer)) return;
    const { namespace = "", name = "" } = claim.metadata;
    const { items } = await client.resource(Pod).list({ namespace });
    const users = items.filter((pod) => isInUseBy(pod) && claimsOf(pod).some((each) => each.name === name));
    if (users.length > 0) return;
    await removeFinalizer(claimClient, keyOf(claim), claimProtectionFinalizer);
  }

  return createController({
    name: "claims",
    clock,
    sources: [
      fromInformer(view.claims),
      fromInformer(view.pods, (pod) =>
        claimsOf(pod).map(({ name }) => ({ namespace: pod.metadata.namespace ?? "", name })),
      ),
      fromInformer(view.volumes, ({ spec, status }) =>
        spec.claimRef
          ? [{ namespace: spec.claimRef.namespace ?? "", name: spec.claimRef.name ?? "" }]
          : status?.phase === "Available"
            ? view.unbound()
            : [],
      ),
      fromInformer(view.classes, () => view.unbound()),
    ],
    reconcile,
    ...(onFailure && { onFailure }),
  });
}

function referenceTo({ metadata }: PersistentVolumeClaim) {
  const { namespace = "", name = "", uid = "" } = metadata;
  return { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid };
}
