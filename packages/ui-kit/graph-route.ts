export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A stack of nodes that share a rank; edges may turn only in the gaps between two columns. */
export interface Column {
  readonly left: number;
  readonly right: number;
}

/** An edge before it is drawn: where it leaves, the height at which it crosses each column in between, where it arrives. */
export interface Wire {
  readonly from: string;
  readonly to: string;
  readonly start: Point;
  readonly end: Point;
  /** Index of the column it leaves. `heights[i]` belongs to column `column + 1 + i`. */
  readonly column: number;
  readonly heights: readonly number[];
}

interface Turn {
  readonly bundle: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Turns wires into horizontal and vertical stretches. Every gap has lanes: wires of one source share a lane, so that a
 * fan-out reads as one line that branches; the order of the lanes keeps wires that run the same way from crossing.
 */
export function routeWires(wires: readonly Wire[], columns: readonly Column[]): readonly (readonly Point[])[] {
  const lanes = columns.map((_, gap) => lanesOfGap(wires, columns, gap));
  return wires.map((wire) => {
    const points: Point[] = [wire.start];
    let y = wire.start.y;
    for (let step = 0; step <= wire.heights.length; step++) {
      const next = wire.heights[step] ?? wire.end.y;
      if (Math.abs(next - y) < 0.5) continue;
      const x = lanes[wire.column + step]?.get(`${wire.from} ${y}`) ?? wire.start.x;
      points.push({ x, y }, { x, y: next });
      y = next;
    }
    points.push({ x: wire.end.x, y: wire.end.y });
    return points;
  });
}

function lanesOfGap(wires: readonly Wire[], columns: readonly Column[], gap: number): ReadonlyMap<string, number> {
  const left = columns[gap]?.right ?? 0;
  const right = columns[gap + 1]?.left ?? left;
  const bundles = new Map<string, Turn>();
  for (const wire of wires) {
    const step = gap - wire.column;
    if (step < 0 || step > wire.heights.length) continue;
    const from = step === 0 ? wire.start.y : (wire.heights[step - 1] ?? wire.start.y);
    const to = wire.heights[step] ?? wire.end.y;
    if (Math.abs(from - to) >= 0.5) bundles.set(`${wire.from} ${from}`, { bundle: `${wire.from} ${from}`, from, to });
  }
  // Going down, the lowest start turns first; going up, the highest.
  const ordered = [...bundles.values()].sort((a, b) => {
    const downA = a.to > a.from;
    const downB = b.to > b.from;
    if (downA !== downB) return downA ? 1 : -1;
    return downA ? b.from - a.from : a.from - b.from;
  });
  const spacing = Math.min(10, (right - left - 16) / Math.max(1, ordered.length));
  const first = (left + right) / 2 - (spacing * (ordered.length - 1)) / 2;
  return new Map(ordered.map((turn, index) => [turn.bundle, Math.round(first + index * spacing) + 0.5]));
}

/** SVG path data with rounded corners; `radius` shrinks where a stretch is too short for it. */
export function roundedPath(points: readonly Point[], radius: number): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let path = `M${first.x} ${first.y}`;
  rest.forEach((point, index) => {
    const before = index === 0 ? first : (rest[index - 1] ?? first);
    const after = rest[index + 1];
    if (!after) {
      path += `L${point.x} ${point.y}`;
      return;
    }
    const into = towards(point, before, radius);
    const out = towards(point, after, radius);
    path += `L${into.x} ${into.y}Q${point.x} ${point.y} ${out.x} ${out.y}`;
  });
  return path;
}

function towards(corner: Point, other: Point, radius: number): Point {
  const length = Math.hypot(other.x - corner.x, other.y - corner.y);
  if (length === 0) return corner;
  const step = Math.min(radius, length / 2) / length;
  return { x: corner.x + (other.x - corner.x) * step, y: corner.y + (other.y - corner.y) * step };
}
