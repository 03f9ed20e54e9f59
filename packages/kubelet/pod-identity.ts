import { join } from "node:path";
import type { Pod } from "@headrace/k8s";
import { type PodAccount, serviceAccountUser, type User } from "@headrace/model";

/** Where a node keeps what belongs to a pod: never shared with a pod of the same name that comes later. */
export function podDirectory(podsDirectory: string, pod: Pod): string {
  const { namespace, name, uid } = pod.metadata;
  return join(podsDirectory, `${namespace}_${name}_${uid}`);
}

/** Namespace, name and uid in the name of such a directory. */
export const podDirectoryName = /^([^_]+)_([^_]+)_([0-9a-f-]{36})$/;

export function podAccount(pod: Pod): PodAccount {
  const { namespace, name, pod: identity } = accountOf(pod);
  const hasIdentity = pod.spec.automountServiceAccountToken !== false;
  return { namespace, ...(hasIdentity && { serviceAccount: name }), pod: identity };
}

/** The pod's own identity, as its service account token would prove it. */
export const podUser = (pod: Pod): User => serviceAccountUser(accountOf(pod));

function accountOf({ metadata, spec }: Pod) {
  return {
    namespace: metadata.namespace ?? "",
    name: spec.serviceAccountName || "default",
    pod: { name: metadata.name ?? "", uid: metadata.uid ?? "" },
  };
}
