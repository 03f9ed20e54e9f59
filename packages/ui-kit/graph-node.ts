import type { GraphLayout, Placed } from "./graph-layout.ts";
import type { State } from "./state.ts";

export interface GraphNode {
  readonly id: string;
  readonly parent?: string;
  readonly label: string;
  /** The second line: duration, tries, cache. */
  readonly detail: string;
  /** Absent for what is only planned: the node carries no mark. */
  readonly state?: State;
  /** A node that holds others: open in place, or closed to the size of a node. */
  readonly frame?: "open" | "closed";
  /** A loop: the state of each iteration, and which of them the frame shows. */
  readonly iterations?: { readonly states: readonly State[]; readonly shown: number };
  /** 0 to 1, where it is known. */
  readonly progress?: number;
  /** A thing among steps is drawn round; the one that the graph is about stands out. */
  readonly look?: "thing" | "thing-here";
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** The condition was false, or the source never ran. */
  readonly dashed?: boolean;
  /** Drawn like the edges of the selected node. */
  readonly emphasised?: boolean;
}

export const stateClass = (node: GraphNode): string => `state-${node.state ?? "none"}`;

/** One path for all nodes that look the same, in the order in which looks occur. */
export function outlines(
  layout: GraphLayout,
  nodes: readonly GraphNode[],
  lookOf: (node: GraphNode) => string,
): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const node of nodes) {
    const box = layout.nodes[node.id];
    if (!box) continue;
    const { x, y, width, height } = box;
    paths.set(lookOf(node), `${paths.get(lookOf(node)) ?? ""}M${x} ${y}h${width}v${height}h${-width}z`);
  }
  return paths;
}

export function overlaps(box: Placed | undefined, other: Placed): boolean {
  return (
    box !== undefined &&
    box.x <= other.x + other.width &&
    box.x + box.width >= other.x &&
    box.y <= other.y + other.height &&
    box.y + box.height >= other.y
  );
}
