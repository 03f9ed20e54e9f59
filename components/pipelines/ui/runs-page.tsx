import {
  Answered,
  ColumnChooser,
  CopyId,
  distinctValues,
  Duration,
  EmptyState,
  Link,
  ListPage,
  liveAnswer,
  NoMatch,
  shortId,
  StateLabel,
  StatusStrip,
  Table,
  timeColumn,
  urgency,
  useChosen,
  useHiddenColumns,
  useKit,
  useListing,
  useLiveList,
  useMessages,
  useNavigate,
  usePage,
  useQueryItem,
  useTableSort,
  type Filterable,
  type FilterField,
  type TableColumn,
} from "@headrace/ui-kit";
import { useMemo } from "react";
import { runs as runKind, type Run } from "../resources/index.ts";
import { failureLine, thrownIn } from "./failure-words.ts";
import { pipelineMessages } from "./messages.ts";
import { newRunPath, pipelinePath, schedulePath } from "./places.ts";
import type { Words } from "./run-words.ts";
import { RunsBulkBar } from "./runs-bulk-bar.tsx";
import { useMeasuredColumns } from "./runs-measures.tsx";
import { runId, runPath } from "./runs-of.ts";
import { spanField, spanOrder } from "./span.ts";
import { countSteps, runState, stepBars } from "./state.ts";

export function RunsPage() {
  const t = useMessages(pipelineMessages);
  const { namespace } = useKit();
  const navigate = useNavigate();
  const [sort, setSort] = useTableSort({ column: "started", descending: true });
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
      <Answered answer={liveAnswer(live, list.rows)} failed={t("runs.failed")} rows={12}>
        {(rows) => (
          <Table
            label={t("runs")}
            rows={rows}
            columns={columns}
            hidden={hidden}
            rowKey={runId}
            sort={sort}
            onSort={setSort}
            {...chosen.boxes}
            onOpen={(run) => void navigate(runPath(runId(run)))}
            empty={
              kept.length === 0 ? <NoRuns t={t} /> : <NoMatch sentence={t("runs.emptyFilter")} onClear={list.clear} />
            }
          />
        )}
      </Answered>
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

/** Which step failed, and why. */
function whole(error: string): string {
  const [first = "", ...rest] = error.split("\n");
  return [first, thrownIn(rest.join("\n"))].filter(Boolean).join("\n");
}

export function runColumns(t: Words, allNamespaces: boolean): readonly TableColumn<Run>[] {
  return [
    {
      id: "name",
      header: t("column.name"),
      width: "15%",
      sort: (run) => run.spec.displayName.toLowerCase(),
      cell: (run) => (
        <Link className="name" to={runPath(runId(run))} title={run.spec.displayName}>
          {run.spec.displayName}
        </Link>
      ),
    },
    {
      id: "state",
      header: t("column.state"),
      width: "16%",
      sort: (run) => urgency(runState(run)),
      cell: (run) => (
        <span title={run.status.error === undefined ? undefined : whole(run.status.error)}>
          <StateLabel state={runState(run)} detail={run.status.error && failureLine({ message: run.status.error })} />
        </span>
      ),
    },
    {
      id: "duration",
      header: t("column.duration"),
      width: "80px",
      align: "right",
      sort: ({ status }) => spanOrder(status),
      cell: (run) => <Duration from={run.status.startedAt} to={run.status.finishedAt} />,
    },
    {
      id: "pipeline",
      header: t("column.pipeline"),
      width: "9%",
      wideOnly: true,
      sort: (run) => run.spec.pipeline.name,
      cell: (run) => <Muted text={run.spec.pipeline.name} />,
    },
    {
      id: "steps",
      header: t("column.steps"),
      width: "128px",
      wideOnly: true,
      cell: (run) => <Steps run={run} t={t} />,
    },
    {
      id: "cached",
      header: t("column.cached"),
      width: "72px",
      align: "right",
      wideOnly: true,
      optional: true,
      sort: (run) => countSteps(run.status.steps).cached,
      cell: (run) => <span className="muted">{countSteps(run.status.steps).cached || ""}</span>,
    },
    {
      id: "experiment",
      header: t("column.experiment"),
      width: "8%",
      wideOnly: "roomy",
      sort: (run) => run.spec.experiment.name,
      cell: (run) => <Muted text={run.spec.experiment.name} />,
    },
    {
      id: "namespace",
      header: t("column.namespace"),
      width: "8%",
      wideOnly: "roomy",
      optional: !allNamespaces,
      sort: (run) => run.metadata.namespace,
      cell: (run) => <Muted text={run.metadata.namespace ?? ""} />,
    },
    {
      id: "version",
      header: t("column.version"),
      width: "96px",
      wideOnly: true,
      optional: true,
      sort: (run) => run.spec.pipeline.versionId,
      cell: ({ spec: { pipeline } }) =>
        pipeline.id === undefined || pipeline.versionId === undefined ? null : (
          <Link className="quiet-link mono" to={pipelinePath(pipeline.id, pipeline.versionId)}>
            {shortId(pipeline.versionId)}
          </Link>
        ),
    },
    {
      id: "schedule",
      header: t("fact.schedule"),
      width: "96px",
      wideOnly: true,
      optional: true,
      sort: (run) => run.spec.recurringRun,
      cell: ({ spec: { recurringRun } }) =>
        recurringRun === undefined ? null : (
          <Link className="quiet-link mono" to={schedulePath(recurringRun)}>
            {shortId(recurringRun)}
          </Link>
        ),
    },
    timeColumn("started", t("column.started"), (run) => run.status.startedAt ?? run.metadata.creationTimestamp, {
      width: "104px",
    }),
    {
      id: "id",
      header: t("column.id"),
      width: "96px",
      wideOnly: true,
      optional: true,
      cell: (run) => <CopyId id={runId(run)} />,
    },
  ];
}

function Steps({ run, t }: { readonly run: Run; readonly t: Words }) {
  const { done, total } = countSteps(run.status.steps);
  if (total === 0) return null;
  const bars = stepBars(run.status.steps, 14).map((state, index) => ({ key: String(index), state, label: state }));
  return <StatusStrip bars={bars} label={t("steps.of", { done, total })} />;
}

const Muted = ({ text }: { readonly text: string }) => (
  <span className="muted" title={text}>
    {text}
  </span>
);

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
