import type { GraphEdge, GraphNode } from "@headrace/ui-kit";
import { isGroup, iterationToShow, type CriticalPath, type RunNode } from "./run-tree.ts";

export interface GraphChoice {
  /** Paths of groups that were opened or closed by hand. */
  readonly open: Readonly<Record<string, boolean>>;
  /** Paths of loops, and the place of the iteration that each shows. */
  readonly shown: Readonly<Record<string, number>>;
  /** The second line of a node. */
  readonly detail: (node: RunNode) => string;
  readonly label: (node: RunNode) => string;
  /** The pipeline itself, without a run: nothing in it has a state. */
  readonly planned?: boolean;
  /** Marks the edges along which the run's length was decided. */
  readonly critical?: CriticalPath | undefined;
}

export interface GraphModel {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** The run's node for each node of the graph. Graph nodes are named by path, so that another iteration moves nothing. */
  readonly byId: ReadonlyMap<string, RunNode>;
}

/** Up to this many nodes, every group starts open. */
const smallGraph = 60;

export function graphModel(root: RunNode, choice: GraphChoice): GraphModel {
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  const byId = new Map<string, RunNode>();
  const openAtFirst = countPaths(root) <= smallGraph;

  const visit = (siblings: readonly RunNode[], parent: string | undefined): void => {
    const names = new Map(siblings.map((node) => [node.name, node]));
    for (const node of siblings) {
      const isOpen = isGroup(node) && (choice.open[node.path] ?? openAtFirst);
      byId.set(node.path, node);
      nodes.push({
        id: node.path,
        label: choice.label(node),
        detail: choice.detail(node),
        ...(choice.planned !== true && { state: node.state }),
        ...(parent !== undefined && { parent }),
        ...(isGroup(node) && { frame: isOpen ? ("open" as const) : ("closed" as const) }),
        ...(choice.planned !== true && loopStrip(node, choice.shown)),
        ...progressOf(node),
      });
      for (const name of node.dependsOn) {
        const source = names.get(name);
        if (source)
          edges.push({
            from: source.path,
            to: node.path,
            dashed: source.state === "skipped" || node.state === "skipped",
            emphasised: choice.critical?.get(node.key) === source.key,
          });
      }
      if (isOpen) visit(insideOf(node, choice.shown), node.path);
    }
  };
  visit(root.children, undefined);
  return { nodes, edges, byId };
}

function insideOf(node: RunNode, shown: Readonly<Record<string, number>>): readonly RunNode[] {
  if (node.kind !== "loop") return node.children;
  return shownIteration(node, shown)?.children ?? node.template ?? [];
}

/** The iteration that a loop shows now. */
export function shownIteration(loop: RunNode, shown: Readonly<Record<string, number>>): RunNode | undefined {
  return loop.children[shown[loop.path] ?? iterationToShow(loop)] ?? loop.children[0];
}

function loopStrip(node: RunNode, shown: Readonly<Record<string, number>>): Pick<GraphNode, "iterations"> {
  // A loop has its strip from the start, so that nothing moves when its iterations are known.
  if (node.kind !== "loop") return {};
  const now = shownIteration(node, shown);
  return { iterations: { states: node.children.map((it) => it.state), shown: now ? node.children.indexOf(now) : 0 } };
}

/** A running group has got as far as the share of its parts that are over. */
function progressOf(node: RunNode): Pick<GraphNode, "progress"> {
  if (node.state !== "running" || node.children.length === 0) return {};
  const over = node.children.filter((child) => child.task?.status.finishedAt !== undefined).length;
  return { progress: over / node.children.length };
}

function countPaths(root: RunNode): number {
  const paths = new Set<string>();
  const visit = (node: RunNode): void => {
    paths.add(node.path);
    // One iteration stands for all: the graph shows one at a time.
    const inside = node.kind === "loop" ? (node.children[0]?.children ?? node.template ?? []) : node.children;
    for (const child of inside) visit(child);
  };
  visit(root);
  return paths.size;
}
