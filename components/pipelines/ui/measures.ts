import type { Run } from "../resources/index.ts";

/** A metric or a parameter that runs can be told apart by. */
export interface Measure {
  /** `metric:accuracy`: names of columns are one space, these another. */
  readonly id: string;
  readonly kind: "metric" | "parameter";
  readonly name: string;
}

/** Names of one kind that are offered; more make no table. */
const mostNames = 40;

/** Metrics, then parameters, each the most frequent first. */
export function measuresOf(runs: readonly Run[]): readonly Measure[] {
  const metrics = byFrequency(runs.map((run) => run.status.metrics ?? {}));
  const parameters = byFrequency(runs.map((run) => run.spec.parameters));
  return [
    ...metrics.map((name): Measure => ({ id: `metric:${name}`, kind: "metric", name })),
    ...parameters.map((name): Measure => ({ id: `parameter:${name}`, kind: "parameter", name })),
  ];
}

function byFrequency(records: readonly Readonly<Record<string, unknown>>[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const record of records) for (const name in record) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, mostNames)
    .map(([name]) => name);
}
