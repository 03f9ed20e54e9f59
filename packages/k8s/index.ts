import type { ResourceDefinition } from "@headrace/model";
import { ConfigMap } from "./config-map.ts";
import { Event } from "./event.ts";
import { Lease } from "./lease.ts";
import { Namespace } from "./namespace.ts";
import { Node } from "./node.ts";
import { PersistentVolume } from "./persistent-volume.ts";
import { PersistentVolumeClaim } from "./persistent-volume-claim.ts";
import { Pod } from "./pod.ts";
import { Secret } from "./secret.ts";
import { ServiceAccount } from "./service-account.ts";
import { StorageClass } from "./storage-class.ts";

export * from "./affinity.ts";
export * from "./config-map.ts";
export * from "./container.ts";
export * from "./delete-options.ts";
export * from "./environment.ts";
export * from "./event.ts";
export * from "./lease.ts";
export * from "./namespace.ts";
export * from "./node.ts";
export {
  localVolumeDriver,
  PersistentVolume,
  provisionedByAnnotation,
  volumeProtectionFinalizer,
} from "./persistent-volume.ts";
export { claimProtectionFinalizer, PersistentVolumeClaim } from "./persistent-volume-claim.ts";
export { boundPod } from "./bound-pod.ts";
export * from "./pod.ts";
export * from "./pod-bodies.ts";
export { isSidecar, summarise, type PodSummary } from "./pod-columns.ts";
export { preparePodTemplate } from "./pod-defaults.ts";
export * from "./pod-resources.ts";
export * from "./pod-spec.ts";
export * from "./pod-status.ts";
export { validatePodTemplate } from "./pod-validation.ts";
export * from "./probe.ts";
export * from "./reference.ts";
export * from "./secret.ts";
export * from "./security-context.ts";
export * from "./service-account.ts";
export { defaultClassAnnotation, isDefaultClass, StorageClass } from "./storage-class.ts";
export * from "./token-request.ts";
export * from "./volume.ts";

/** The kinds that a Kubernetes API always has. */
export const builtIns: readonly ResourceDefinition[] = [
  ConfigMap,
  Event,
  Lease,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Secret,
  ServiceAccount,
  StorageClass,
];
