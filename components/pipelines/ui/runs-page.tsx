import {
  ColumnChooser,
  distinctValues,
  EmptyState,
  Link,
  ListPage,
  liveAnswer,
  NoMatch,
  useChosen,
  useHiddenColumns,
  useKit,
  useListing,
  useLiveList,
  useMessages,
  usePage,
  useQueryItem,
  type Filterable,
  type FilterField,
  type TableColumn,
} from "@headrace/ui-kit";
import { useMemo } from "react";
import { runs as runKind, type Run } from "../resources/index.ts";
import { pipelineMessages } from "./messages.ts";
import { newRunPath } from "./places.ts";
import type { Words } from "./run-words.ts";
import { RunsBulkBar } from "./runs-bulk-bar.tsx";
import { runColumns } from "./runs-columns.tsx";
import { useMeasuredColumns } from "./runs-measures.tsx";
import { runId } from "./runs-of.ts";
import { RunRows } from "./runs-table.tsx";
import { spanField } from "./span.ts";
import { runState } from "./state.ts";

export function RunsPage() {
  const t = useMessages(pipelineMessages);
  const { namespace } = useKit();
  const [archived, setArchived] = useQueryItem("archived");
  usePage(t("runs"), [{ label: t("runs") }]);
  const live = useLiveList(runKind, { namespace });
  const facts = useMemo(() => runColumns(t, namespace === ""), [t, namespace]);
  const [hiddenFacts, toggleFact] = useHiddenColumns("headrace.columns.runs", facts);
  const measures = useMeasuredColumns(live.items);
  const columns = useMemo(() => withMeasures(facts, measures.columns), [facts, measures.columns]);
  const hidden = useMemo(() => [...hiddenFacts, ...measures.hidden], [hiddenFacts, measures.hidden]);
  const toggle = (id: string, hide: boolean): void =>
    measures.isMeasure(id) ? measures.toggle(id, hide) : toggleFact(id, hide);
  const kept = useMemo(
    () => live.items.filter((run) => (archived === "only" ? run.spec.archived : archived !== "" || !run.spec.archived)),
    [live.items, archived],
  );
  const list = useListing(kept, filterable);
  const chosen = useChosen(list.rows, runId);

  return (
    <ListPage
      title={t("runs")}
      count={live.complete ? list.count : undefined}
      sentence={t("runs.sentence")}
      actions={
        <Link className="button primary" to={newRunPath()}>
          {t("runs.new")}
        </Link>
      }
      filter={{ ...list.filter, fields: filterFields(t, kept), placeholder: t("runs.filter") }}
      tools={
        <>
          <label className="check muted">
            <input
              type="checkbox"
              checked={archived !== ""}
              onChange={(event) => setArchived(event.target.checked ? "1" : "")}
            />{" "}
            {t("runs.archived")}
          </label>
          <ColumnChooser columns={columns} hidden={hidden} onToggle={toggle} />
        </>
      }
      bulk={chosen.items.length > 0 ? <RunsBulkBar chosen={chosen} /> : null}
    >
      <RunRows
        answer={liveAnswer(live, list.rows)}
        columns={columns}
        hidden={hidden}
        chosen={chosen}
        failed={t("runs.failed")}
        height={12}
        empty={kept.length === 0 ? <NoRuns t={t} /> : <NoMatch sentence={t("runs.emptyFilter")} onClear={list.clear} />}
      />
    </ListPage>
  );
}

/** What was measured stands beside how it went, before what it belongs to. */
function withMeasures(
  facts: readonly TableColumn<Run>[],
  measures: readonly TableColumn<Run>[],
): readonly TableColumn<Run>[] {
  const place = facts.findIndex(({ id }) => id === "duration") + 1;
  return [...facts.slice(0, place), ...measures, ...facts.slice(place)];
}

function NoRuns({ t }: { readonly t: Words }) {
  const snippet = `from kfp import Client, dsl

@dsl.component
def hello(name: str) -> str:
    return f"Hello {name}"

@dsl.pipeline
def first(name: str = "world"):
    hello(name=name)

Client(host="${location.origin}").create_run_from_pipeline_func(first)`;
  return <EmptyState sentence={t("runs.empty")} snippet={snippet} />;
}

function filterable(run: Run): Filterable {
  const parameters = Object.entries(run.spec.parameters).map(
    ([name, value]) => [name.toLowerCase(), typeof value === "number" ? value : String(value)] as const,
  );
  const metrics = Object.entries(run.status.metrics ?? {}).map(([name, values]) => [name.toLowerCase(), values.at(-1)]);
  return {
    text: `${run.spec.displayName} ${runId(run)}`,
    fields: {
      ...Object.fromEntries(parameters),
      ...Object.fromEntries(metrics),
      state: runState(run),
      name: run.spec.displayName,
      pipeline: run.spec.pipeline.name,
      experiment: run.spec.experiment.name,
      namespace: run.metadata.namespace,
      schedule: run.spec.recurringRun,
      version: run.spec.pipeline.versionId,
      id: runId(run),
      ...spanField(run.status),
    },
  };
}

function filterFields(t: Words, runs: readonly Run[]): readonly FilterField[] {
  return [
    {
      name: "state",
      label: t("column.state").toLowerCase(),
      values: ["running", "failed", "succeeded", "pending", "cancelled"],
    },
    {
      name: "pipeline",
      label: t("column.pipeline").toLowerCase(),
      values: distinctValues(runs, (run) => run.spec.pipeline.name),
    },
    {
      name: "experiment",
      label: t("column.experiment").toLowerCase(),
      values: distinctValues(runs, (run) => run.spec.experiment.name),
    },
    { name: "duration", label: t("column.duration").toLowerCase(), values: [] },
  ];
}
