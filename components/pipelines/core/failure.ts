import type { Node } from "./graph.ts";
import { isGroup } from "./next.ts";

const shownLines = 10;

/** Why a run failed, for people: the first step that did, what it said, and the last lines of its log. */
export function failureOf(root: Node): string {
  const step = firstFailure(root);
  if (!step) return root.error?.message ?? "The run failed";
  const name = step.displayName === step.name ? `"${step.name}"` : `"${step.displayName}" (${step.name})`;
  const head = `Step ${name} at ${step.key} failed: ${step.error?.message ?? "no reason was given"}`;
  const lines = step.error?.tail?.trimEnd().split("\n").slice(-shownLines) ?? [];
  return [head, ...lines].join("\n");
}

function firstFailure(group: Node): Node | undefined {
  for (const child of group.children.values()) {
    if (child.state !== "FAILED") continue;
    const inner = isGroup(child) ? firstFailure(child) : undefined;
    return inner ?? child;
  }
  return undefined;
}
