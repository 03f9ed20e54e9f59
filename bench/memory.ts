import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { residentMiB } from "./measure.ts";

/** This process's memory at one point of its work, in MiB. */
export interface MemoryPoint {
  /** How much of the work was done. */
  readonly done: number;
  /** What is left after a collection: the heap, and what hangs on it outside. */
  readonly alive: number;
  /** Just before it: garbage that nobody has needed the room of, and what the allocator keeps, included. */
  readonly resident: number;
}

export interface MemoryWatch extends Disposable {
  readonly points: readonly MemoryPoint[];
}

/**
 * Notes the memory of this process as often as a `share` of the work is done, until it is disposed of. A collection takes a tenth of
 * a second: ten of them do not slow a run of minutes.
 */
export function watchMemory(share: number, done: () => number): MemoryWatch {
  const collect = collector();
  const points: MemoryPoint[] = [];
  const looking = setInterval(() => {
    const now = done();
    if (now < (points.length + 1) * share) return;
    const resident = residentMiB(process.pid);
    collect();
    const { heapUsed, external } = process.memoryUsage();
    points.push({ done: now, alive: (heapUsed + external) / (1 << 20), resident });
  }, 500);
  return { points, [Symbol.dispose]: () => clearInterval(looking) };
}

function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

/** MiB that a thousand more of the work add, by the line that lies closest to the points of its second half. */
export function growthOf(points: readonly MemoryPoint[], what: "alive" | "resident"): number {
  const half = points.slice(Math.floor(points.length / 2));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(half.map(({ done }) => done)), mean(half.map((point) => point[what]))];
  const covariance = mean(half.map((point) => (point.done - x) * (point[what] - y)));
  return (covariance / mean(half.map(({ done }) => (done - x) ** 2))) * 1000;
}
