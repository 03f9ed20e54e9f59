import {
  Duration,
  GraphView,
  StateLabel,
  Switch,
  Table,
  Time,
  useMessages,
  useNowWhile,
  useQueryItem,
  urgency,
  type TableColumn,
  type TableSort,
} from "@headrace/ui-kit";
import { useMemo, useState } from "react";
import type { Run } from "../resources/index.ts";
import { failureLine } from "./failure-words.ts";
import { pipelineMessages } from "./messages.ts";
import { graphModel, shownIteration } from "./run-graph-model.ts";
import { RunTimeline } from "./run-timeline.tsx";
import {
  criticalPath,
  flatten,
  isGroup,
  iterationsOf,
  withoutIterations,
  type CriticalPath,
  type RunNode,
} from "./run-tree.ts";
import { useStepSearch } from "./step-search.tsx";
import { sayDetail, sayLabel, type Words } from "./run-words.ts";
import { isRunOver } from "./state.ts";

export interface RunStepsProps {
  readonly tree: RunNode;
  readonly run: Run;
  readonly selected: RunNode | undefined;
  readonly onSelect: (key: string | undefined) => void;
}

const views = ["graph", "table", "timeline"] as const;

/** The steps of a run as graph, table or timeline: three views of one selection. */
export function RunSteps({ tree, run, selected, onSelect }: RunStepsProps) {
  const t = useMessages(pipelineMessages);
  const [viewText, setView] = useQueryItem("view");
  const view = views.find((name) => name === viewText) ?? "graph";
  const [critical, setCritical] = useQueryItem("critical");
  const search = useStepSearch(tree, selected?.key, onSelect);
  const tools = (
    <>
      <Switch
        label={t("view")}
        value={view}
        onChange={(next) => setView(next === "graph" ? "" : next)}
        options={views.map((value) => ({ value, label: t(`view.${value}`) }))}
      />
      {isRunOver(run) && view !== "table" ? (
        <button
          type="button"
          className="quiet"
          aria-pressed={critical !== ""}
          onClick={() => setCritical(critical === "" ? "1" : "")}
        >
          {t("view.critical")}
        </button>
      ) : null}
      {search.field}
    </>
  );
  const path = useMemo(() => (critical === "" ? undefined : criticalPath(tree)), [critical, tree]);
  const shared = { tree, run, selected, onSelect, found: search.found };
  return (
    <div className="steps-view" onKeyDown={search.onKeyDown}>
      {view === "graph" ? (
        <RunGraph {...shared} tools={tools} critical={path} />
      ) : (
        <>
          <div className="view-tools">{tools}</div>
          {view === "table" ? <StepTable {...shared} t={t} /> : <RunTimeline {...shared} critical={path} />}
        </>
      )}
    </div>
  );
}

interface RunGraphProps {
  readonly tree: RunNode;
  readonly run: Run;
  readonly found: ReadonlySet<string> | undefined;
  readonly selected: RunNode | undefined;
  readonly onSelect: (key: string | undefined) => void;
  readonly tools: React.ReactNode;
  readonly critical: CriticalPath | undefined;
}

function RunGraph({ tree, run, found, selected, onSelect, tools, critical }: RunGraphProps) {
  const t = useMessages(pipelineMessages);
  const now = useNowWhile(!isRunOver(run));
  const [open, setOpen] = useState<Readonly<Record<string, boolean>>>({});
  const [chosen, setChosen] = useState<Readonly<Record<string, number>>>({});
  // What is selected is also shown: its groups are open and its loops show its iteration.
  const decisive = useMemo(() => decisiveIterations(tree, critical), [tree, critical]);
  const shown = useMemo(
    () => ({ ...decisive, ...chosen, ...(selected && placesOf(tree, selected.key)) }),
    [decisive, chosen, tree, selected],
  );
  const model = useMemo(
    () =>
      graphModel(tree, {
        open: { ...open, ...(selected && ancestors(selected.path)) },
        shown,
        critical,
        label: (node) => sayLabel(node, t),
        detail: (node) => sayDetail(node, t, now),
      }),
    [tree, open, shown, selected, critical, t, now],
  );
  // What is looked for matters more than what took longest.
  const keys = found ?? critical;
  const paths = useMemo(() => keys && new Set([...keys.keys()].map(withoutIterations)), [keys]);
  const keyOf = (id: string): string | undefined => model.byId.get(id)?.key;
  return (
    <GraphView
      nodes={model.nodes}
      edges={model.edges}
      selected={selected?.path}
      emphasised={paths}
      tools={tools}
      onSelect={(id) => onSelect(id === undefined ? undefined : keyOf(id))}
      onToggle={(id) => {
        const isOpen = model.nodes.find((node) => node.id === id)?.frame === "open";
        setOpen({ ...open, [id]: !isOpen });
        // A closed group cannot hold the selection: it becomes the selection.
        if (isOpen && selected?.path.startsWith(`${id}/`)) onSelect(keyOf(id));
      }}
      onIteration={(id, index) => {
        setChosen({ ...chosen, [id]: index });
        const loop = model.byId.get(id);
        const iteration = loop?.children[index];
        const before = loop && shownIteration(loop, shown);
        // Whoever looks at a step goes on looking at it, in the other iteration.
        if (iteration && before && selected?.key.startsWith(`${before.key}/`))
          onSelect(`${iteration.key}${selected.key.slice(before.key.length)}`);
        else if (iteration) onSelect(iteration.key);
      }}
    />
  );
}

/** Numbers of iterations as places in their loops, which may lack some. */
function placesOf(tree: RunNode, key: string): Readonly<Record<string, number>> {
  const wanted = iterationsOf(key);
  const places: Record<string, number> = {};
  for (const { node } of flatten(tree)) {
    const iteration = wanted[node.path];
    if (node.kind !== "loop" || iteration === undefined || !key.startsWith(node.key)) continue;
    const place = node.children.findIndex((child) => child.iteration === iteration);
    if (place >= 0) places[node.path] = place;
  }
  return places;
}

/** Loops show the iteration that took longest while the critical path is shown. */
function decisiveIterations(tree: RunNode, critical: CriticalPath | undefined): Readonly<Record<string, number>> {
  const keys = [...(critical?.keys() ?? [])].filter((key) => key.endsWith("]"));
  return Object.assign({}, ...keys.map((key) => placesOf(tree, key)));
}

function ancestors(path: string): Readonly<Record<string, boolean>> {
  const parts = path.split("/");
  return Object.fromEntries(parts.slice(1, -1).map((_, index) => [parts.slice(0, index + 2).join("/"), true]));
}

interface StepRow {
  readonly node: RunNode;
  readonly depth: number;
  readonly order: number;
}

function StepTable({
  tree,
  found,
  selected,
  onSelect,
  t,
}: {
  readonly tree: RunNode;
  readonly found: ReadonlySet<string> | undefined;
  readonly selected: RunNode | undefined;
  readonly onSelect: (key: string) => void;
  readonly t: Words;
}) {
  const [sort, setSort] = useState<TableSort>({ column: "order", descending: false });
  const rows = useMemo(
    () =>
      flatten(tree)
        .map((row, order): StepRow => ({ ...row, order }))
        .filter(({ node }) => found?.has(node.key) !== false),
    [tree, found],
  );
  const columns = useMemo(() => stepColumns(t), [t]);
  return (
    <Table
      label={t("tab.steps")}
      rows={rows}
      columns={columns}
      rowKey={(row) => row.node.key}
      sort={sort}
      onSort={setSort}
      selected={selected?.key}
      onSelect={(row) => onSelect(row.node.key)}
      empty={null}
    />
  );
}

function stepColumns(t: Words): readonly TableColumn<StepRow>[] {
  return [
    {
      id: "order",
      header: t("column.step"),
      width: "30%",
      sort: (row) => row.order,
      cell: ({ node, depth }) => (
        <span style={{ paddingInlineStart: depth * 16 }} title={node.key}>
          <span className={isGroup(node) ? undefined : "name"}>{sayLabel(node, t)}</span>
        </span>
      ),
    },
    {
      id: "state",
      header: t("column.state"),
      width: "30%",
      sort: (row) => urgency(row.node.state),
      cell: ({ node }) => <StateLabel state={node.state} detail={reasonOf(node)} />,
    },
    {
      id: "kind",
      header: t("column.kind"),
      width: "88px",
      wideOnly: true,
      sort: (row) => row.node.kind,
      cell: ({ node }) => <span className="muted">{t(`kind.${node.kind}`)}</span>,
    },
    {
      id: "duration",
      header: t("column.duration"),
      width: "88px",
      align: "right",
      sort: ({ node }) => spanMs(node),
      cell: ({ node }) => <Duration from={node.task?.status.startedAt} to={node.task?.status.finishedAt} />,
    },
    {
      id: "tries",
      header: t("column.tries"),
      width: "64px",
      align: "right",
      wideOnly: true,
      sort: ({ node }) => node.task?.status.attempts.length,
      cell: ({ node }) => <span className="muted">{node.task?.status.attempts.length || ""}</span>,
    },
    {
      id: "started",
      header: t("column.started"),
      width: "116px",
      wideOnly: true,
      sort: ({ node }) => node.task?.status.startedAt,
      cell: ({ node }) => (
        <span className="muted">
          <Time at={node.task?.status.startedAt} />
        </span>
      ),
    },
  ];
}

function reasonOf(node: RunNode): string | undefined {
  const status = node.task?.status;
  if (node.state === "waiting") return status?.waiting?.summary.replaceAll("`", "");
  return node.state === "failed" && status?.error ? failureLine(status.error) : undefined;
}

function spanMs(node: RunNode): number | undefined {
  const { startedAt, finishedAt } = node.task?.status ?? {};
  if (startedAt === undefined) return undefined;
  return finishedAt === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(finishedAt) - Date.parse(startedAt);
}
