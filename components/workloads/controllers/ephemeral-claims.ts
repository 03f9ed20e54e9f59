import type { Client } from "@headrace/client";
import { PersistentVolumeClaim, type Pod } from "@headrace/k8s";
import type { Clock, Controller, ObjectKey } from "@headrace/model";
import { createController, createOrGet, fromInformer, type ControllerOptions } from "@headrace/runtime";
import { claimsOf, isOver } from "../core/pod-claims.ts";
import type { StorageView } from "./storage-view.ts";

export interface EphemeralClaimsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly view: StorageView;
  readonly onFailure?: ControllerOptions["onFailure"];
}

/** Makes the claims of pods' generic ephemeral volumes. Their pods own them, so they go with those. */
export function createEphemeralClaims({ client, clock, view, onFailure }: EphemeralClaimsOptions): Controller {
  const claimClient = client.resource(PersistentVolumeClaim);

  async function reconcile(key: ObjectKey): Promise<void> {
    const pod = view.pods.get(key);
    if (!pod || pod.metadata.deletionTimestamp !== undefined || isOver(pod)) return;
    for (const { volume, name, ephemeral } of claimsOf(pod)) {
      // One of that name that is not the pod's own is left alone: the pod waits, and says so.
      if (!ephemeral || view.claims.get({ namespace: key.namespace, name })) continue;
      await createOrGet(claimClient, claimFor(pod, volume, name));
    }
  }

  return createController({
    name: "ephemeral-claims",
    clock,
    sources: [
      fromInformer(view.pods, (pod) =>
        claimsOf(pod).some(({ ephemeral }) => ephemeral)
          ? [{ namespace: pod.metadata.namespace ?? "", name: pod.metadata.name ?? "" }]
          : [],
      ),
    ],
    reconcile,
    ...(onFailure && { onFailure }),
  });
}

function claimFor(pod: Pod, volume: string, name: string): PersistentVolumeClaim {
  const template = pod.spec.volumes?.find((each) => each.name === volume)?.ephemeral?.volumeClaimTemplate;
  const { labels, annotations } = template?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      namespace: pod.metadata.namespace ?? "",
      name,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ownerReferences: [
        {
          apiVersion: "v1",
          kind: "Pod",
          name: pod.metadata.name ?? "",
          uid: pod.metadata.uid ?? "",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: template?.spec ?? {},
  };
}
