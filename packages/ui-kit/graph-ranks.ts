import type { LayoutEdge } from "./graph-layout.ts";

export interface RankMember {
  readonly id: string;
  readonly width: number;
  readonly height: number;
}

export interface Ranks {
  /** Left upper corner of each member. */
  readonly places: ReadonlyMap<string, { readonly x: number; readonly y: number }>;
  readonly rankOf: ReadonlyMap<string, number>;
  /** Left and right of each rank's widest member. */
  readonly columns: readonly { readonly left: number; readonly right: number }[];
  /** For each edge the heights at which it crosses the ranks between its ends. */
  readonly crossings: readonly (readonly number[])[];
}

/** A member, or the place where a long edge crosses a rank. */
interface Entry {
  readonly member?: RankMember;
  readonly height: number;
  readonly before: Entry[];
  readonly after: Entry[];
  order: number;
  top: number;
}

const sweeps = 6;

/**
 * Layers for graphs of thousands of nodes, in time that grows with nodes and edges alone: ranks by the longest path, order
 * by the mean of the neighbours, heights as near to them as the order allows. Edges that would close a circle are left out
 * of the ranking.
 */
export function rankMembers(
  members: readonly RankMember[],
  edges: readonly LayoutEdge[],
  gaps: { readonly rank: number; readonly node: number; readonly edge: number },
): Ranks {
  const rankOf = longestPaths(members, edges);
  const entries = new Map(members.map((member) => [member.id, entryOf(member.height, member)]));
  const ranks: Entry[][] = Array.from({ length: Math.max(0, ...rankOf.values()) + 1 }, () => []);
  for (const [id, entry] of entries) ranks[rankOf.get(id) ?? 0]?.push(entry);
  const crossed = edges.map((edge) => linkEdge(edge, entries, rankOf, ranks));
  arrange(ranks, gaps);
  const columns = columnsOf(ranks, gaps.rank);
  const least = Math.min(...ranks.flat().map((entry) => entry.top));
  const places = new Map<string, { x: number; y: number }>();
  for (const [id, entry] of entries)
    places.set(id, { x: columns[rankOf.get(id) ?? 0]?.left ?? 0, y: Math.round(entry.top - least) });
  const crossings = crossed.map((list) => list.map((entry) => Math.round(entry.top - least) + entry.height / 2));
  return { places, rankOf, columns, crossings };
}

const entryOf = (height: number, member?: RankMember): Entry => ({
  height,
  before: [],
  after: [],
  order: 0,
  top: 0,
  ...(member && { member }),
});

function longestPaths(members: readonly RankMember[], edges: readonly LayoutEdge[]): ReadonlyMap<string, number> {
  const after = Map.groupBy(edges, (edge) => edge.from);
  const open = new Map(members.map(({ id }) => [id, 0]));
  for (const { to } of edges) open.set(to, (open.get(to) ?? 0) + 1);
  const rankOf = new Map(members.map(({ id }) => [id, 0]));
  const ready = members.flatMap(({ id }) => (open.get(id) === 0 ? [id] : []));
  for (const id of ready) {
    for (const { to } of after.get(id) ?? []) {
      rankOf.set(to, Math.max(rankOf.get(to) ?? 0, (rankOf.get(id) ?? 0) + 1));
      const left = (open.get(to) ?? 0) - 1;
      open.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  return rankOf;
}

/** Joins the ends of an edge, by an entry in each rank between them. */
function linkEdge(
  { from, to }: LayoutEdge,
  entries: ReadonlyMap<string, Entry>,
  rankOf: ReadonlyMap<string, number>,
  ranks: readonly Entry[][],
): readonly Entry[] {
  const [source, target] = [entries.get(from), entries.get(to)];
  if (!source || !target) return [];
  const between: Entry[] = [];
  let last = source;
  for (let rank = (rankOf.get(from) ?? 0) + 1; rank < (rankOf.get(to) ?? 0); rank++) {
    const crossing = entryOf(0);
    ranks[rank]?.push(crossing);
    between.push(crossing);
    join(last, crossing);
    last = crossing;
  }
  join(last, target);
  return between;
}

function join(left: Entry, right: Entry): void {
  left.after.push(right);
  right.before.push(left);
}

function arrange(ranks: readonly Entry[][], gaps: { readonly node: number; readonly edge: number }): void {
  for (const rank of ranks) for (const [order, entry] of rank.entries()) entry.order = order;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const forward = sweep % 2 === 0;
    for (const rank of forward ? ranks : ranks.toReversed()) {
      const wanted = new Map(
        rank.map((entry) => [entry, mean(forward ? entry.before : entry.after, (it) => it.order, entry.order)]),
      );
      rank.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
      for (const [order, entry] of rank.entries()) entry.order = order;
    }
  }
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const forward = sweep % 2 === 0;
    for (const rank of forward ? ranks : ranks.toReversed())
      stack(rank, (entry) => mean(forward ? entry.before : entry.after, middleOf, middleOf(entry)), gaps);
  }
}

const middleOf = (entry: Entry): number => entry.top + entry.height / 2;

function mean(entries: readonly Entry[], value: (entry: Entry) => number, otherwise: number): number {
  if (entries.length === 0) return otherwise;
  let sum = 0;
  for (const entry of entries) sum += value(entry);
  return sum / entries.length;
}

/** Puts a rank's entries below each other, each as near to where it is wanted as those above allow; then all as a whole. */
function stack(
  rank: readonly Entry[],
  wantedMiddle: (entry: Entry) => number,
  gaps: { readonly node: number; readonly edge: number },
): void {
  let bottom = -Infinity;
  let displaced = 0;
  for (const entry of rank) {
    const wanted = wantedMiddle(entry) - entry.height / 2;
    const gap = entry.member ? gaps.node : gaps.edge;
    entry.top = Math.max(wanted, bottom + gap);
    displaced += entry.top - wanted;
    bottom = entry.top + entry.height;
  }
  const shift = displaced / Math.max(1, rank.length);
  for (const entry of rank) entry.top -= shift;
}

function columnsOf(ranks: readonly Entry[][], gap: number): Ranks["columns"] {
  let left = 0;
  return ranks.map((rank) => {
    const width = Math.max(0, ...rank.map((entry) => entry.member?.width ?? 0));
    const column = { left, right: left + width };
    left += width + gap;
    return column;
  });
}
