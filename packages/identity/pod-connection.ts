import { isIP } from "node:net";
import { type Authenticator, type PodAccount, serviceAccountUser, type User } from "@headrace/model";
import { foreignSite, type OwnNames } from "./foreign-site.ts";
import { nobody } from "./nobody.ts";
import type { BoundObjects } from "./service-account-tokens.ts";

export interface PodConnectionOptions {
  /** As whom the pod with this uid calls; undefined if it does not run any more. */
  readonly account: (uid: string) => Promise<PodAccount | undefined>;
  /** In lower case, without ports. */
  readonly serviceNames: readonly string[];
}

/**
 * Takes a request that came over a pod's connection and says not who makes it for one of the pod's service account: the user that the pod's
 * own token stands for. Whatever is said in `authorization` speaks for itself, and so does a page that a browser in the pod shows. Answers for
 * every other request of a pod.
 */
export function createPodConnectionAuthenticator(
  { account, serviceNames }: PodConnectionOptions,
  bound: BoundObjects,
): Authenticator {
  const names = new Set(serviceNames);
  const own: OwnNames = {
    has: (name) => names.has(name.replace(/\.$/, "")) || isIP(name) !== 0,
    kind: "name or address of a service",
  };

  async function userOf(uid: string): Promise<User> {
    const found = await account(uid);
    if (found === undefined) return nobody("the pod that it comes from does not run any more");
    const { namespace, serviceAccount: name, pod } = found;
    if (name === undefined) return nobody("its pod has no service account (automountServiceAccountToken: false)");
    const [accountUid, podUid] = await Promise.all([
      bound.serviceAccountUid({ namespace, name }),
      bound.podUid({ namespace, name: pod.name }),
    ]);
    if (podUid !== pod.uid) return nobody(`its pod ${namespace}/${pod.name} no longer exists`);
    if (accountUid === undefined) return nobody(`its pod's service account ${namespace}/${name} no longer exists`);
    return serviceAccountUser({ namespace, name, uid: accountUid, pod });
  }

  return {
    async authenticate({ headers, remote }) {
      if (remote?.pod === undefined || headers["authorization"] !== undefined) return undefined;
      const foreign = foreignSite(headers, own);
      return foreign === undefined ? userOf(remote.pod) : nobody(foreign);
    },
  };
}
