import { hasSucceeded, type Node } from "./graph.ts";
import { isGroup } from "./next.ts";

/** The nodes that a retry of the run decides anew, and the groups that it opens again. */
export interface RetryPlan {
  readonly reset: readonly Node[];
  readonly reopen: readonly Node[];
}

/**
 * What did not succeed runs again, and so does all that waited for it, exit tasks included. What a condition passed over stays
 * so, unless something before it runs again. `chosen` tasks, by key, run again whatever became of them.
 */
export function planRetry(root: Node, chosen: readonly string[] = []): RetryPlan {
  const reset: Node[] = [];
  const reopen: Node[] = [];
  const isChosen = new Set(chosen);
  const holdsChosen = new Set(chosen.flatMap(outersOf));
  visit(root);
  return { reset, reopen };

  function visit(group: Node): void {
    reopen.push(group);
    const again = new Set<string>();
    for (const child of inOrder(group)) {
      const upstream = child.task?.upstream ?? [];
      if (upstream.some((name) => again.has(name)) || isChosen.has(child.key)) setBack(child);
      else if (isGroup(child) && (isBroken(child) || holdsChosen.has(child.key))) visit(child);
      else if (!hasSucceeded(child) && !passedOver(child)) setBack(child);
      else continue;
      again.add(child.name);
    }
  }

  function setBack(node: Node): void {
    reset.push(node);
    for (const child of node.children.values()) setBack(child);
  }
}

/** The keys of a task and of all that it lies within. */
export const outersOf = (key: string): readonly string[] =>
  [...key.matchAll(/[/[]|$/g)].map(({ index }) => key.slice(0, index));

const isBroken = ({ state }: Node): boolean => state === "FAILED" || state === "CANCELED";

/** Skipped by its own condition, and not because of what happened before it. */
const passedOver = (node: Node): boolean => node.state === "SKIPPED" && node.error === undefined;

/** Children such that each comes after those that it waits for. */
function inOrder(group: Node): readonly Node[] {
  const ordered = new Set<Node>();
  const add = (node: Node): void => {
    if (ordered.has(node)) return;
    for (const name of node.task?.upstream ?? []) {
      const before = group.children.get(name);
      if (before) add(before);
    }
    ordered.add(node);
  };
  for (const child of group.children.values()) add(child);
  return [...ordered];
}
