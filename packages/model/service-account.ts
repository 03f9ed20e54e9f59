import type { User } from "./identity.ts";

/** A service account, and the pod that speaks for it if it is one. */
export interface ServiceAccountCaller {
  readonly namespace: string;
  readonly name: string;
  /** Absent where only its name is known. */
  readonly uid?: string;
  readonly pod?: { readonly name: string; readonly uid: string };
}

const prefix = "system:serviceaccount";
const everyAccount = "system:serviceaccounts";
const podNameKey = "authentication.kubernetes.io/pod-name";
const podUidKey = "authentication.kubernetes.io/pod-uid";

/** A service account as a user, in Kubernetes' words. */
export function serviceAccountUser({ namespace, name, uid, pod }: ServiceAccountCaller): User {
  return {
    name: `${prefix}:${namespace}:${name}`,
    ...(uid !== undefined && { uid }),
    groups: [everyAccount, `${everyAccount}:${namespace}`, "system:authenticated"],
    extra: { ...(pod && { [podNameKey]: [pod.name], [podUidKey]: [pod.uid] }) },
  };
}

/** Which service account a user is. Its name alone is not enough: only an authenticator puts somebody into the group. */
export function serviceAccountOf({ name: user, groups }: User): { namespace: string; name: string } | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  if (namespace === undefined || name === undefined || !groups.includes(everyAccount)) return undefined;
  return { namespace, name };
}

/** The pod that a user's token is bound to, or whose connection it called over. */
export const podNameOf = (user: User): string | undefined => user.extra?.[podNameKey]?.[0];
