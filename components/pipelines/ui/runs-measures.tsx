import { formatValue, Measured, Sparkline, useMessages, type TableColumn } from "@headrace/ui-kit";
import { useMemo, useState } from "react";
import type { Run } from "../resources/index.ts";
import { lastValue } from "./compare.ts";
import { measuresOf, type Measure } from "./measures.ts";
import { resultMessages } from "./results-messages.ts";

const storageKey = "headrace.columns.runs.measures";

export interface MeasuredColumns {
  readonly columns: readonly TableColumn<Run>[];
  /** Ids of those that are not chosen. */
  readonly hidden: readonly string[];
  readonly isMeasure: (id: string) => boolean;
  readonly toggle: (id: string, hide: boolean) => void;
}

/** A column for each metric and parameter of the runs. Until somebody chooses, the metric that most of them have is shown. */
export function useMeasuredColumns(runs: readonly Run[]): MeasuredColumns {
  const t = useMessages(resultMessages);
  const [stored, setStored] = useState(() => localStorage.getItem(storageKey));
  const known = useMemo(() => measuresOf(runs), [runs]);
  const key = known.map(({ id }) => id).join("\n");
  // Runs come and go all the time; columns change only with the names.
  const columns = useMemo(
    () =>
      known.map((measure) => columnOf(measure, t(measure.kind === "metric" ? "measure.metric" : "measure.parameter"))),
    [key, t],
  );
  const chosen =
    stored === null
      ? known
          .filter(({ kind }) => kind === "metric")
          .slice(0, 1)
          .map(({ id }) => id)
      : stored.split("\n");
  const hidden = useMemo(
    () => known.map(({ id }) => id).filter((id) => !chosen.includes(id)),
    [key, chosen.join("\n")],
  );
  const toggle = (id: string, hide: boolean): void => {
    const next = (hide ? chosen.filter((it) => it !== id) : [...chosen, id]).join("\n");
    localStorage.setItem(storageKey, next);
    setStored(next);
  };
  return { columns, hidden, isMeasure: (id) => known.some((measure) => measure.id === id), toggle };
}

function columnOf({ id, kind, name }: Measure, suffix: string): TableColumn<Run> {
  const header = { id, header: name, chooserLabel: `${name} · ${suffix}`, width: "120px", wideOnly: true };
  if (kind === "metric") {
    return {
      ...header,
      align: "right",
      sort: (run) => lastValue(run.status.metrics?.[name]),
      cell: (run) => <MetricCell values={run.status.metrics?.[name]} />,
    };
  }
  return {
    ...header,
    sort: (run) => {
      const value = run.spec.parameters[name];
      return typeof value === "number" || value === undefined ? value : formatValue(value);
    },
    cell: (run) => {
      const value = run.spec.parameters[name];
      return value === undefined ? null : <code title={formatValue(value)}>{formatValue(value)}</code>;
    },
  };
}

function MetricCell({ values }: { readonly values: readonly number[] | undefined }) {
  const last = values?.at(-1);
  if (!values || last === undefined) return null;
  return (
    <>
      {values.length > 1 ? <Sparkline values={values} /> : null}
      <Measured value={last} />
    </>
  );
}
