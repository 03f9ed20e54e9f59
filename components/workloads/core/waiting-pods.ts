import type { Pod } from "@headrace/k8s";
import type { PodDemand } from "./node-fit.ts";

interface WaitingPod {
  readonly uid: string;
  readonly pod: Pod;
  readonly demand: PodDemand;
  readonly arrival: number;
}

/**
 * Pods that found no room, in one line for each shape: when the first of a line does not fit, none behind it does, so a thousand
 * equal pods cost one look.
 */
interface WaitingPods {
  add(waiting: WaitingPod): void;
  remove(uid: string): void;
  /** True if an equal pod waits already. */
  hasShape(shape: string): boolean;
  /** Why pods of this shape wait, as it was found for the first of them. */
  reason(shape: string): string | undefined;
  setReason(shape: string, reason: string): void;
  /** The first of each line, by priority, then by arrival. */
  firsts(): readonly WaitingPod[];
  /** The first of this line. */
  first(shape: string): WaitingPod | undefined;
  readonly size: number;
}

export function createWaitingPods(): WaitingPods {
  const lines = new Map<string, { readonly pods: Map<string, WaitingPod>; reason: string | undefined }>();
  const shapes = new Map<string, string>();

  function first(shape: string): WaitingPod | undefined {
    return lines.get(shape)?.pods.values().next().value;
  }

  function remove(uid: string): void {
    const shape = shapes.get(uid);
    if (shape === undefined) return;
    shapes.delete(uid);
    const line = lines.get(shape);
    line?.pods.delete(uid);
    if (line?.pods.size === 0) lines.delete(shape);
  }

  return {
    add(waiting) {
      const { shape } = waiting.demand;
      if (shapes.get(waiting.uid) !== shape) remove(waiting.uid);
      const line = lines.get(shape) ?? { pods: new Map<string, WaitingPod>(), reason: undefined };
      line.pods.set(waiting.uid, waiting);
      lines.set(shape, line);
      shapes.set(waiting.uid, shape);
    },
    remove,
    hasShape: (shape) => lines.has(shape),
    reason: (shape) => lines.get(shape)?.reason,
    setReason(shape, reason) {
      const line = lines.get(shape);
      if (line) line.reason = reason;
    },
    firsts() {
      const heads = [...lines.keys()].flatMap((shape) => first(shape) ?? []);
      return heads.toSorted((a, b) => b.demand.priority - a.demand.priority || a.arrival - b.arrival);
    },
    first,
    get size() {
      return shapes.size;
    },
  };
}
