import type { GraphLayout, LayoutEdge, Placed } from "./graph-layout.ts";
import type { Point } from "./graph-route.ts";

interface Member {
  readonly id: string;
  readonly width: number;
  readonly height: number;
}

/** A graph in which each fan is one member, and how its layout becomes that of the whole. */
export interface PackedFans {
  readonly members: readonly Member[];
  readonly edges: readonly LayoutEdge[];
  readonly unpack: (layout: GraphLayout) => GraphLayout;
}

/** Fewer fit on a screen below each other. */
const fewest = 12;
const cell = { column: 32, row: 16, side: 16, end: 8 } as const;
/** Into a node wires come above it and out of it they leave below it, each this far from it. */
const lane = { above: 5, beside: 10 } as const;

/**
 * Members between the same neighbours, of one size, are a fan: forty steps that train on what one has loaded. Below each
 * other they would be a column of several screens, so they stand in a block, which their wires enter at the left and leave
 * at the right.
 */
export function packFans(members: readonly Member[], edges: readonly LayoutEdge[]): PackedFans {
  const fans = findFans(members, edges);
  if (fans.length === 0) return { members, edges, unpack: (layout) => layout };
  const fanOf = new Map(fans.flatMap((fan) => fan.members.map(({ id }) => [id, fan] as const)));
  const outer = (id: string): string => fanOf.get(id)?.id ?? id;
  const packed = new Map(
    edges.map(({ from, to }) => [`${outer(from)} ${outer(to)}`, { from: outer(from), to: outer(to) }]),
  );
  return {
    members: [...new Set(members.map((member) => fanOf.get(member.id) ?? member))].map(({ id, width, height }) => ({
      id,
      width,
      height,
    })),
    edges: [...packed.values()],
    unpack({ nodes, edges: routed, ...size }) {
      const boxes: Record<string, Placed> = {};
      for (const { id } of members) {
        const box = nodes[outer(id)];
        if (box) boxes[id] = fanOf.get(id)?.place(id, box) ?? box;
      }
      const points = new Map(routed.map((edge) => [`${edge.from} ${edge.to}`, edge.points]));
      return {
        ...size,
        nodes: boxes,
        edges: edges.map(({ from, to }) => {
          const way = points.get(`${outer(from)} ${outer(to)}`) ?? [];
          const [source, target] = [fanOf.get(from), fanOf.get(to)];
          const leave = source ? wayOut(boxes[from], nodes[source.id]) : [];
          const enter = target ? wayIn(boxes[to], nodes[target.id]) : [];
          return { from, to, points: withoutRepeats([...leave, ...way, ...enter]) };
        }),
      };
    },
  };
}

interface Fan extends Member {
  readonly members: readonly Member[];
  /** Where a member stands in the block. */
  place(id: string, block: Placed): Placed;
}

function findFans(members: readonly Member[], edges: readonly LayoutEdge[]): readonly Fan[] {
  const before = Map.groupBy(edges, (edge) => edge.to);
  const after = Map.groupBy(edges, (edge) => edge.from);
  const surroundings = ({ id, width, height }: Member): string =>
    JSON.stringify([
      before
        .get(id)
        ?.map(({ from }) => from)
        .toSorted() ?? [],
      after
        .get(id)
        ?.map(({ to }) => to)
        .toSorted() ?? [],
      width,
      height,
    ]);
  const groups = Map.groupBy(members, surroundings);
  return [...groups.values()].filter((group) => group.length >= fewest).map(asFan);
}

function asFan(members: readonly Member[]): Fan {
  const { id, width, height } = members[0] ?? { id: "", width: 0, height: 0 };
  const columns = Math.ceil(members.length / Math.ceil(Math.sqrt(members.length * 2.5)));
  const rows = Math.ceil(members.length / columns);
  const order = new Map(members.map((member, index) => [member.id, index]));
  return {
    // Told from its members by the blank.
    id: `${id} `,
    width: 2 * cell.side + columns * width + (columns - 1) * cell.column,
    height: 2 * cell.end + rows * height + (rows - 1) * cell.row,
    members,
    place(member, block) {
      const index = order.get(member) ?? 0;
      return {
        x: block.x + cell.side + Math.floor(index / rows) * (width + cell.column),
        y: block.y + cell.end + (index % rows) * (height + cell.row),
        width,
        height,
      };
    },
  };
}

/** From the block's left edge to the node: down the edge, along above the node's row, and in. */
function wayIn(node: Placed | undefined, block: Placed | undefined): readonly Point[] {
  if (!node || !block) return [];
  const rail = block.x + lane.above;
  const [start, end] = [block.y + block.height / 2, node.y + node.height / 2];
  const first = node.x - block.x <= cell.side;
  if (first)
    return [
      { x: rail, y: start },
      { x: rail, y: end },
      { x: node.x, y: end },
    ];
  const [over, beside] = [node.y - lane.above, node.x - lane.beside];
  return [
    { x: rail, y: start },
    { x: rail, y: over },
    { x: beside, y: over },
    { x: beside, y: end },
    { x: node.x, y: end },
  ];
}

/** From the node to the block's right edge: along below the node's row. */
function wayOut(node: Placed | undefined, block: Placed | undefined): readonly Point[] {
  if (!node || !block) return [];
  // The same way, seen in a mirror in both directions, backwards.
  const mirrored = wayIn(mirror(node), mirror(block));
  return mirrored.map(({ x, y }) => ({ x: -x, y: -y })).toReversed();
}

const mirror = ({ x, y, width, height }: Placed): Placed => ({ x: -x - width, y: -y - height, width, height });

/** Without points that stand on one another, or on the way between their neighbours. */
function withoutRepeats(points: readonly Point[]): readonly Point[] {
  const kept: Point[] = [];
  for (const point of points) {
    const [before, last] = [kept.at(-2), kept.at(-1)];
    if (last && last.x === point.x && last.y === point.y) continue;
    const straight =
      before && last && ((before.x === last.x && last.x === point.x) || (before.y === last.y && last.y === point.y));
    if (straight) kept.pop();
    kept.push(point);
  }
  return kept;
}
