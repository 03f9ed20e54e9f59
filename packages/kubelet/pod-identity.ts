import { join } from "node:path";
import type { Pod } from "@headrace/k8s";
import type { PodAccount, User } from "@headrace/model";

/** Where a node keeps what belongs to a pod: never shared with a pod of the same name that comes later. */
export function podDirectory(podsDirectory: string, pod: Pod): string {
  const { namespace, name, uid } = pod.metadata;
  return join(podsDirectory, `${namespace}_${name}_${uid}`);
}

/** Namespace, name and uid in the name of such a directory. */
export const podDirectoryName = /^([^_]+)_([^_]+)_([0-9a-f-]{36})$/;

export function podAccount({ metadata, spec }: Pod): PodAccount {
  return {
    namespace: metadata.namespace ?? "",
    ...(spec.automountServiceAccountToken !== false && { serviceAccount: spec.serviceAccountName || "default" }),
    pod: { name: metadata.name ?? "", uid: metadata.uid ?? "" },
  };
}

/** The pod's own identity, as its service account token would prove it. */
export function podUser(pod: Pod): User {
  const namespace = pod.metadata.namespace ?? "";
  return {
    name: `system:serviceaccount:${namespace}:${pod.spec.serviceAccountName || "default"}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
    extra: {
      "authentication.kubernetes.io/pod-name": [pod.metadata.name ?? ""],
      "authentication.kubernetes.io/pod-uid": [pod.metadata.uid ?? ""],
    },
  };
}
