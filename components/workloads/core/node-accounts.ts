import type { Node } from "@headrace/k8s";
import { amountsOf, preferenceFor, whyNot, type Amounts, type NodeRoom, type PodDemand } from "./node-fit.ts";

/** Which pods occupy which node, by uid, and what room is left: changed pod by pod, never counted anew. */
export interface NodeAccounts {
  setNode(node: Node): void;
  removeNode(name: string): void;
  /** The pod now counts on this node, and nowhere else. */
  occupy(uid: string, nodeName: string, requests: Amounts): void;
  /** Answers whether it had counted anywhere. */
  release(uid: string): boolean;
  nodeOf(uid: string): string | undefined;
  /** Of the nodes that fit the one that suits the pod's wishes best, and among those the one with the most room; or why none fits. */
  choose(demand: PodDemand): { readonly node: string } | { readonly reasons: readonly (readonly string[])[] };
}

interface Account {
  node: Node | undefined;
  allocatable: Amounts;
  readonly used: Map<string, bigint>;
  pods: number;
}

export function createNodeAccounts(): NodeAccounts {
  const accounts = new Map<string, Account>();
  const places = new Map<string, { readonly nodeName: string; readonly requests: Amounts }>();

  /** Pods may be seen before their node. */
  function accountOf(nodeName: string): Account {
    const known = accounts.get(nodeName);
    if (known) return known;
    const fresh: Account = { node: undefined, allocatable: new Map(), used: new Map(), pods: 0 };
    accounts.set(nodeName, fresh);
    return fresh;
  }

  function add(nodeName: string, requests: Amounts, sign: 1n | -1n): void {
    const account = accountOf(nodeName);
    account.pods += Number(sign);
    for (const [resource, amount] of requests) {
      account.used.set(resource, (account.used.get(resource) ?? 0n) + sign * amount);
    }
    if (account.pods === 0 && account.node === undefined) accounts.delete(nodeName);
  }

  function release(uid: string): boolean {
    const place = places.get(uid);
    if (!place) return false;
    places.delete(uid);
    add(place.nodeName, place.requests, -1n);
    return true;
  }

  return {
    setNode(node) {
      const account = accountOf(node.metadata.name ?? "");
      account.node = node;
      account.allocatable = amountsOf(node.status?.allocatable ?? {});
    },
    removeNode(name) {
      const account = accounts.get(name);
      if (!account) return;
      account.node = undefined;
      if (account.pods === 0) accounts.delete(name);
    },
    occupy(uid, nodeName, requests) {
      if (places.get(uid)?.nodeName === nodeName) return;
      release(uid);
      places.set(uid, { nodeName, requests });
      add(nodeName, requests, 1n);
    },
    release,
    nodeOf: (uid) => places.get(uid)?.nodeName,
    choose(demand) {
      const reasons: (readonly string[])[] = [];
      const nodes = [...accounts.values()].flatMap(({ node }) => node ?? []);
      let best: { node: string; preference: number; room: bigint } | undefined;
      for (const [name, account] of accounts) {
        if (!account.node) continue;
        const room: NodeRoom = { ...account, node: account.node };
        const against = whyNot(demand, room, nodes);
        if (against.length > 0) {
          reasons.push(against);
          continue;
        }
        const left = (account.allocatable.get("pods") ?? 0n) - BigInt(account.pods) * 1_000_000_000n;
        const preference = preferenceFor(demand, account.node);
        const isBetter = !best || preference > best.preference || (preference === best.preference && left > best.room);
        if (isBetter) best = { node: name, preference, room: left };
      }
      return best ? { node: best.node } : { reasons };
    },
  };
}
