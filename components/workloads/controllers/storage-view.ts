import type { Client } from "@headrace/client";
import { PersistentVolume, PersistentVolumeClaim, StorageClass, type Pod } from "@headrace/k8s";
import type { Clock, ObjectKey } from "@headrace/model";
import { createInformer, formatKey, keyOf, type Informer } from "@headrace/runtime";
import { claimsOf } from "../core/pod-claims.ts";

/** The copies that all controllers of storage share. */
export interface StorageView {
  readonly pods: Informer<Pod, "claim">;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly classes: Informer<StorageClass>;
  /** Pods that name the claim, ended ones included. */
  podsWith(claim: ObjectKey): readonly Pod[];
  /** Claims that have no volume yet. */
  unbound(): readonly ObjectKey[];
  start(signal: AbortSignal): Promise<void>;
}

export function createStorageView(options: {
  readonly client: Client;
  readonly clock: Clock;
  readonly pods: Informer<Pod, "claim">;
  readonly onError: (error: unknown) => void;
}): StorageView {
  const { client, clock, pods, onError } = options;
  const claims = createInformer({
    client: client.resource(PersistentVolumeClaim),
    clock,
    indices: { unbound: ({ spec }) => (spec.volumeName ? [] : ["yes"]) },
    onError,
  });
  const volumes = createInformer({ client: client.resource(PersistentVolume), clock, onError });
  const classes = createInformer({ client: client.resource(StorageClass), clock, onError });
  return {
    pods,
    claims,
    volumes,
    classes,
    podsWith: (claim) => pods.byIndex("claim", formatKey(claim)),
    unbound: () => claims.byIndex("unbound", "yes").map(keyOf),
    async start(signal) {
      await Promise.all([claims, volumes, classes].map((informer) => informer.start(signal)));
    },
  };
}

/** For the pods' informer: the claims that a pod names. */
export function claimKeysOf(pod: Pod): readonly string[] {
  return claimsOf(pod).map(({ name }) => formatKey({ namespace: pod.metadata.namespace ?? "", name }));
}
