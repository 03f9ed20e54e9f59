import type { Run } from "../resources/index.ts";

/** Runs that can be compared at once. */
export const mostRuns = 50;

/** Ids in the order in which they were chosen, each once. */
export function readRunList(text: string): readonly string[] {
  return [...new Set(text.split(",").map((id) => id.trim()))].filter((id) => id !== "");
}

export interface CompareRow {
  readonly name: string;
  /** One a run, in the order of the runs; undefined where the run has none. */
  readonly values: readonly unknown[];
  readonly differs: boolean;
}

/** A row for each parameter that one of the runs was given. */
export const parameterRows = (runs: readonly Run[]): readonly CompareRow[] =>
  rowsOf(runs.map((run) => run.spec.parameters));

/** A row for each metric that a step of one of the runs logged; each value is the list of what was logged. */
export const metricRowsOf = (runs: readonly Run[]): readonly CompareRow[] =>
  rowsOf(runs.map((run) => run.status.metrics ?? {}));

function rowsOf(columns: readonly Readonly<Record<string, unknown>>[]): readonly CompareRow[] {
  const names = new Set(columns.flatMap((column) => Object.keys(column)));
  return [...names].map((name) => {
    const values = columns.map((column) => column[name]);
    return { name, values, differs: differ(values) };
  });
}

export function differ(values: readonly unknown[]): boolean {
  const texts = values.map((value) => JSON.stringify(value) ?? "");
  return texts.some((text) => text !== texts[0]);
}

/** The number that stands for a metric of a run: what was logged last. */
export function lastValue(values: unknown): number | undefined {
  const last: unknown = Array.isArray(values) ? values.at(-1) : values;
  return typeof last === "number" ? last : undefined;
}

/** Numbers of each run under one name, metric or parameter, for an axis of a scatter plot. */
export function axisValues(runs: readonly Run[], name: string): readonly (number | undefined)[] {
  return runs.map((run) => lastValue(run.status.metrics?.[name] ?? run.spec.parameters[name]));
}

/** What can be an axis: metrics first, then parameters that are numbers. */
export function axisNames(runs: readonly Run[]): readonly string[] {
  const metrics = metricRowsOf(runs).map(({ name }) => name);
  const numbers = parameterRows(runs)
    .filter(({ values }) => values.some((value) => typeof value === "number"))
    .map(({ name }) => name);
  return [...new Set([...metrics, ...numbers])];
}
