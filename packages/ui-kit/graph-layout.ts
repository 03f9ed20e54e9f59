import { Graph, layout } from "@dagrejs/dagre";
import { packFans } from "./graph-fans.ts";
import { rankMembers } from "./graph-ranks.ts";
import { routeWires, type Column, type Point, type Wire } from "./graph-route.ts";

/** What the layout must know of a node; nothing of its state, so that a change of state moves nothing. */
export interface LayoutNode {
  readonly id: string;
  /** The frame it stands in. */
  readonly parent?: string;
  /** True for a frame whose inside is shown. */
  readonly open?: boolean;
  /** True for a frame with a strip of iterations under its head. */
  readonly strip?: boolean;
}

/** Both ends stand in the same frame. */
export interface LayoutEdge {
  readonly from: string;
  readonly to: string;
}

/** Left upper corner and size, in pixels of the drawing. */
export interface Placed {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedEdge extends LayoutEdge {
  readonly points: readonly Point[];
}

export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: Readonly<Record<string, Placed>>;
  readonly edges: readonly PlacedEdge[];
}

export const nodeSize = { width: 216, height: 52 } as const;
export const frameSize = { head: 28, strip: 32, padding: 16, emptyHeight: 40 } as const;
const gaps = { rank: 40, node: 16, edge: 10 } as const;

/**
 * Left to right, frame by frame from the inside out: each frame is laid out alone and is one large node for the frame
 * around it. Opening a frame therefore moves only what stands beside it. The result depends on the order of `nodes` and
 * on nothing else.
 */
export function layoutGraph(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): GraphLayout {
  const ids = new Set(nodes.map((node) => node.id));
  const children = Map.groupBy(nodes, (node) => (node.parent !== undefined && ids.has(node.parent) ? node.parent : ""));
  const parentOf = new Map(nodes.map((node) => [node.id, node.parent ?? ""]));
  const edgesOf = Map.groupBy(edges, (edge) => parentOf.get(edge.from) ?? "");
  const placed: Record<string, Placed> = {};
  const routed: PlacedEdge[] = [];

  const inside = new Map<string, GraphLayout>();
  const measure = (frame: string): GraphLayout => {
    const known = inside.get(frame);
    if (known) return known;
    const members = (children.get(frame) ?? []).map((node) => ({ id: node.id, ...sizeOf(node, measure) }));
    const result = layoutSiblings(members, edgesOf.get(frame) ?? []);
    inside.set(frame, result);
    return result;
  };
  const place = (frame: string, left: number, top: number): void => {
    const local = measure(frame);
    for (const node of children.get(frame) ?? []) {
      const box = local.nodes[node.id];
      if (!box) continue;
      const at = { ...box, x: box.x + left, y: box.y + top };
      placed[node.id] = at;
      if (node.open === true) place(node.id, at.x + frameSize.padding, at.y + frameTop(node));
    }
    for (const edge of local.edges) {
      routed.push({ ...edge, points: edge.points.map((point) => ({ x: point.x + left, y: point.y + top })) });
    }
  };

  const whole = measure("");
  place("", 0, 0);
  return { width: whole.width, height: whole.height, nodes: placed, edges: routed };
}

function sizeOf(
  node: LayoutNode,
  measure: (frame: string) => GraphLayout,
): { readonly width: number; readonly height: number } {
  if (node.open !== true) return nodeSize;
  const inner = measure(node.id);
  return {
    width: Math.max(nodeSize.width, inner.width) + 2 * frameSize.padding,
    height: frameTop(node) + Math.max(inner.height, frameSize.emptyHeight) + frameSize.padding,
  };
}

const frameTop = (node: LayoutNode): number =>
  frameSize.head + (node.strip === true ? frameSize.strip : 0) + frameSize.padding;

interface Member {
  readonly id: string;
  readonly width: number;
  readonly height: number;
}

function layoutSiblings(members: readonly Member[], edges: readonly LayoutEdge[]): GraphLayout {
  const known = new Set(members.map((member) => member.id));
  const wanted = edges.filter((edge) => known.has(edge.from) && known.has(edge.to) && edge.from !== edge.to);
  const linked = new Set(wanted.flatMap((edge) => [edge.from, edge.to]));
  const alone = members.filter((member) => !linked.has(member.id));
  // Many nodes without any edge would make one endless column: they form a block of their own.
  if (alone.length <= 8) return layoutFans(members, wanted);
  const ranks = layoutFans(
    members.filter((member) => linked.has(member.id)),
    wanted,
  );
  return joinBelow(ranks, layoutBlock(alone));
}

function layoutFans(members: readonly Member[], edges: readonly LayoutEdge[]): GraphLayout {
  const packed = packFans(members, edges);
  return packed.unpack(layoutRanks(packed.members, packed.edges));
}

/** From so many nodes on, the careful layout takes longer than anybody waits. */
const largeFrom = 300;

function layoutRanks(members: readonly Member[], edges: readonly LayoutEdge[]): GraphLayout {
  if (members.length === 0) return { width: 0, height: 0, nodes: {}, edges: [] };
  if (members.length >= largeFrom) return layoutLarge(members, edges);
  const graph = new Graph();
  graph.setGraph({
    rankdir: "LR",
    ranksep: gaps.rank,
    nodesep: gaps.node,
    edgesep: gaps.edge,
    ranker: "network-simplex",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const member of members) graph.setNode(member.id, { width: member.width, height: member.height });
  for (const edge of edges) graph.setEdge(edge.from, edge.to);
  layout(graph);

  const centres = [...new Set(members.map((member) => Math.round(graph.node(member.id).x)))].sort((a, b) => a - b);
  const columnOf = (x: number): number => centres.indexOf(Math.round(x));
  const columns: Column[] = centres.map(() => ({ left: Infinity, right: -Infinity }));
  for (const member of members) {
    const { x } = graph.node(member.id);
    const column = columns[columnOf(x)];
    if (column)
      columns[columnOf(x)] = {
        left: Math.min(column.left, x - member.width / 2),
        right: Math.max(column.right, x + member.width / 2),
      };
  }
  const top = Math.min(...members.map((member) => graph.node(member.id).y - member.height / 2));
  const nodes: Record<string, Placed> = {};
  for (const member of members) {
    const { x, y } = graph.node(member.id);
    nodes[member.id] = {
      x: columns[columnOf(x)]?.left ?? 0,
      y: y - member.height / 2 - top,
      width: member.width,
      height: member.height,
    };
  }
  const wires = edges.map((edge) =>
    wireOf(
      edge,
      nodes,
      graph.edge(edge.from, edge.to).points ?? [],
      centres,
      columnOf(graph.node(edge.from).x),
      columnOf(graph.node(edge.to).x),
      top,
    ),
  );
  const paths = routeWires(wires, columns);
  return framed({ nodes, edges: edges.map((edge, index) => ({ ...edge, points: paths[index] ?? [] })) });
}

function layoutLarge(members: readonly Member[], edges: readonly LayoutEdge[]): GraphLayout {
  const { places, rankOf, columns, crossings } = rankMembers(members, edges, gaps);
  const nodes: Record<string, Placed> = {};
  for (const { id, width, height } of members) nodes[id] = { ...(places.get(id) ?? { x: 0, y: 0 }), width, height };
  const wires = edges.map((edge, index): Wire => {
    const source = nodes[edge.from] ?? { x: 0, y: 0, ...nodeSize };
    const target = nodes[edge.to] ?? { x: 0, y: 0, ...nodeSize };
    return {
      from: edge.from,
      to: edge.to,
      column: rankOf.get(edge.from) ?? 0,
      start: { x: source.x + source.width, y: source.y + source.height / 2 },
      end: { x: target.x, y: target.y + target.height / 2 },
      heights: crossings[index] ?? [],
    };
  });
  const paths = routeWires(wires, columns);
  return framed({ nodes, edges: edges.map((edge, index) => ({ ...edge, points: paths[index] ?? [] })) });
}

/** Moves a drawing to where its upper edge is 0 and says how large it is; wires that run around nodes count too. */
function framed({ nodes, edges }: Pick<GraphLayout, "nodes" | "edges">): GraphLayout {
  let [top, bottom, width] = [0, 0, 0];
  for (const box of Object.values(nodes)) {
    bottom = Math.max(bottom, box.y + box.height);
    width = Math.max(width, box.x + box.width);
  }
  for (const point of edges.flatMap((edge) => edge.points)) {
    top = Math.min(top, point.y);
    bottom = Math.max(bottom, point.y);
  }
  const height = bottom - top;
  if (top === 0) return { width, height, nodes, edges };
  const lowered = Object.entries(nodes).map(([id, box]) => [id, { ...box, y: box.y - top }] as const);
  return {
    width,
    height,
    nodes: Object.fromEntries(lowered),
    edges: edges.map((edge) => ({ ...edge, points: edge.points.map(({ x, y }) => ({ x, y: y - top })) })),
  };
}

function wireOf(
  edge: LayoutEdge,
  nodes: Readonly<Record<string, Placed>>,
  points: readonly Point[],
  centres: readonly number[],
  from: number,
  to: number,
  top: number,
): Wire {
  const source = nodes[edge.from] ?? { x: 0, y: 0, ...nodeSize };
  const target = nodes[edge.to] ?? { x: 0, y: 0, ...nodeSize };
  const heights = centres.slice(from + 1, Math.max(from + 1, to)).map((centre) => nearest(points, centre) - top);
  return {
    from: edge.from,
    to: edge.to,
    column: from,
    start: { x: source.x + source.width, y: source.y + source.height / 2 },
    end: { x: target.x, y: target.y + target.height / 2 },
    heights,
  };
}

function nearest(points: readonly Point[], x: number): number {
  let best: Point | undefined;
  for (const point of points) if (!best || Math.abs(point.x - x) < Math.abs(best.x - x)) best = point;
  return best?.y ?? 0;
}

function layoutBlock(members: readonly Member[]): GraphLayout {
  const perColumn = Math.ceil(Math.sqrt(members.length * 2.5));
  const nodes: Record<string, Placed> = {};
  let left = 0;
  let bottom = 0;
  for (let from = 0; from < members.length; from += perColumn) {
    const column = members.slice(from, from + perColumn);
    let y = 0;
    for (const member of column) {
      nodes[member.id] = { x: left, y, width: member.width, height: member.height };
      y += member.height + gaps.node;
    }
    bottom = Math.max(bottom, y - gaps.node);
    left += Math.max(...column.map((member) => member.width)) + gaps.node;
  }
  return { width: left - gaps.node, height: bottom, nodes, edges: [] };
}

function joinBelow(above: GraphLayout, below: GraphLayout): GraphLayout {
  const offset = above.height === 0 ? 0 : above.height + gaps.rank;
  const moved = Object.entries(below.nodes).map(([id, box]) => [id, { ...box, y: box.y + offset }] as const);
  return {
    width: Math.max(above.width, below.width),
    height: offset + below.height,
    nodes: { ...above.nodes, ...Object.fromEntries(moved) },
    edges: above.edges,
  };
}

/** The node to go to with an arrow key: the nearest whose centre lies in that direction, sideways distance counting double. */
export function neighbour(
  nodes: Readonly<Record<string, Placed>>,
  from: string,
  direction: "left" | "right" | "up" | "down",
): string | undefined {
  const origin = nodes[from];
  if (!origin) return undefined;
  const [dx, dy] = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] }[direction] as [number, number];
  let best: { readonly id: string; readonly cost: number } | undefined;
  for (const [id, box] of Object.entries(nodes)) {
    const x = box.x + box.width / 2 - (origin.x + origin.width / 2);
    const y = box.y + box.height / 2 - (origin.y + origin.height / 2);
    const along = x * dx + y * dy;
    if (id === from || along <= 4) continue;
    const cost = along + 2 * Math.abs(x * dy + y * dx);
    if (!best || cost < best.cost) best = { id, cost };
  }
  return best?.id;
}
