import type { RunNode } from "./run-tree.ts";

/** Milliseconds since the run's start. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

export interface TimelineRow {
  readonly node: RunNode;
  readonly depth: number;
  readonly bar?: TimeSpan;
  /** From when what it depends on was over until it started. */
  readonly waited?: TimeSpan;
  /** Starts of the second and later tries. */
  readonly tries: readonly number[];
}

/** Rows of a Gantt chart; `start` and `end` are milliseconds since the epoch, `end` is now for what still runs. */
export function timelineRows(
  nodes: readonly { readonly node: RunNode; readonly depth: number }[],
  start: number,
  end: number,
): readonly TimelineRow[] {
  return nodes.map(({ node, depth }): TimelineRow => {
    const status = node.task?.status;
    const from = parse(status?.startedAt);
    if (from === undefined) return { node, depth, tries: [] };
    const to = parse(status?.finishedAt) ?? end;
    const tries = (status?.attempts ?? []).slice(1).flatMap((attempt) => parse(attempt.startedAt) ?? []);
    const created = parse(node.task?.metadata.creationTimestamp);
    return {
      node,
      depth,
      bar: { from: from - start, to: Math.max(from, to) - start },
      tries: tries.map((at) => at - start),
      // Creation times are whole seconds, so shorter waits cannot be told from rounding.
      ...(created !== undefined && from - created >= 1500 && { waited: { from: created - start, to: from - start } }),
    };
  });
}

const steps = [
  100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000,
  3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000,
];

/** Round marks for an axis of `duration` milliseconds, and the axis' whole length. */
export function timeTicks(duration: number): { readonly marks: readonly number[]; readonly span: number } {
  const wanted = Math.max(duration, 100) / 5;
  const step = steps.find((it) => it >= wanted) ?? Math.ceil(wanted / 86_400_000) * 86_400_000;
  const span = Math.max(duration, step) * 1.04;
  return { span, marks: Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step) };
}

function parse(text: string | undefined): number | undefined {
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
