import {
  Answered,
  ColumnChooser,
  distinctValues,
  Duration,
  EmptyState,
  Link,
  ListPage,
  liveAnswer,
  StateLabel,
  Table,
  timeColumn,
  urgency,
  useHiddenColumns,
  useKit,
  useListing,
  useMessages,
  useNavigate,
  usePage,
  useQueryItem,
  useTableSort,
  type Filterable,
  type FilterField,
  type TableColumn,
  type Translate,
} from "@headrace/ui-kit";
import { useMemo } from "react";
import { isStepType, tasks as taskKind, type Task } from "../resources/index.ts";
import { failureLine } from "./failure-words.ts";
import { NoMatchYet, OlderRows, useCount, useFound, useReach } from "./older-rows.tsx";
import { resultMessages } from "./results-messages.ts";
import { spanField, spanOrder } from "./span.ts";
import { taskState } from "./state.ts";
import { askedState, askedWords } from "./step-filter.ts";

type Words = Translate<keyof (typeof resultMessages)["en"]>;

/** The steps of all runs, what stands around them left out. */
export function ExecutionsPage() {
  const t = useMessages(resultMessages);
  const { namespace } = useKit();
  const navigate = useNavigate();
  const [sort, setSort] = useTableSort({ column: "started", descending: true });
  usePage(t("steps"), [{ label: t("steps") }]);
  const reach = useReach();
  const [text] = useQueryItem("q");
  const asked = askedWords(text, searchedFields);
  const live = useFound(taskKind, { namespace, most: reach.most, fieldSelector: askedState(text) }, asked.search);
  const steps = useMemo(() => live.items.filter(isStep), [live.items]);
  const list = useListing(steps, filterable);
  const filtered = text !== "";
  const isWhole = live.isSearched && asked.isWhole;
  const atHand = {
    count: isWhole ? list.rows.length : steps.length,
    more: live.more === true,
    filtered: filtered && !isWhole,
  };
  const count = useCount(list.rows.length, atHand);
  const columns = useMemo(() => stepColumns(t, namespace === ""), [t, namespace]);
  const [hidden, toggle] = useHiddenColumns("headrace.columns.steps", columns);
  return (
    <ListPage
      title={t("steps")}
      count={live.complete ? count : undefined}
      sentence={t("steps.sentence")}
      filter={{ ...list.filter, fields: filterFields(t, steps), placeholder: t("steps.filter") }}
      tools={<ColumnChooser columns={columns} hidden={hidden} onToggle={toggle} />}
    >
      <Answered answer={liveAnswer(live, list.rows)} failed={t("steps.failed")} rows={12}>
        {(rows) => (
          <Table
            label={t("steps")}
            rows={rows}
            columns={columns}
            hidden={hidden}
            rowKey={(task) => task.metadata.name ?? ""}
            sort={sort}
            onSort={setSort}
            onOpen={(task) => void navigate(pathOf(task))}
            empty={
              steps.length === 0 && !filtered ? (
                <EmptyState sentence={t("steps.empty")} />
              ) : (
                <NoMatchYet reach={reach} atHand={atHand} sentence={t("steps.emptyFilter")} onClear={list.clear} />
              )
            }
          />
        )}
      </Answered>
      <OlderRows reach={reach} atHand={atHand} />
    </ListPage>
  );
}

/** Fields of the filter that the server searches too. */
const searchedFields = ["name", "run"];

const isStep = ({ spec }: Task): boolean => isStepType(spec.type);
const pathOf = ({ spec }: Task): string => `/executions/${spec.id}`;

function reasonOf(task: Task): string | undefined {
  const { waiting, error } = task.status;
  return waiting ? waiting.summary.replaceAll("`", "") : error && failureLine(error);
}

/** Counted the way a reader does: one parameter or one artifact is one. */
const portsOf = (values: Task["status"]["inputs"]): number =>
  Object.keys(values.parameters).length + Object.keys(values.artifacts).length;

function stepColumns(t: Words, allNamespaces: boolean): readonly TableColumn<Task>[] {
  const count = (value: number) => <span className="muted number">{value || ""}</span>;
  return [
    {
      id: "name",
      header: t("column.step"),
      width: "18%",
      sort: (task) => task.spec.displayName.toLowerCase(),
      cell: (task) => (
        <Link className="name" to={pathOf(task)} title={task.spec.key}>
          {task.spec.displayName}
        </Link>
      ),
    },
    {
      id: "state",
      header: t("column.state"),
      width: "22%",
      sort: (task) => urgency(taskState(task)),
      cell: (task) => (
        <span title={reasonOf(task)}>
          <StateLabel state={taskState(task)} detail={reasonOf(task)} />
        </span>
      ),
    },
    {
      id: "duration",
      header: t("column.duration"),
      width: "88px",
      align: "right",
      sort: ({ status }) => spanOrder(status),
      cell: ({ status }) => <Duration from={status.startedAt} to={status.finishedAt} />,
    },
    {
      id: "run",
      header: t("column.run"),
      wideOnly: true,
      sort: (task) => task.spec.runName,
      cell: ({ spec }) => (
        <Link className="quiet-link" to={`/runs/details/${spec.run}/execution/${spec.id}`} title={spec.runName}>
          {spec.runName}
        </Link>
      ),
    },
    {
      id: "reused",
      header: t("column.reused"),
      width: "104px",
      wideOnly: "roomy",
      cell: ({ status: { cachedFrom } }) =>
        cachedFrom ? (
          <Link className="quiet-link mono" to={`/executions/${cachedFrom.task}`}>
            {cachedFrom.run.slice(0, 8)}
          </Link>
        ) : null,
    },
    {
      id: "inputs",
      header: t("column.inputs"),
      width: "72px",
      align: "right",
      wideOnly: true,
      optional: true,
      sort: (task) => portsOf(task.status.inputs),
      cell: (task) => count(portsOf(task.status.inputs)),
    },
    {
      id: "outputs",
      header: t("column.outputs"),
      width: "80px",
      align: "right",
      wideOnly: true,
      optional: true,
      sort: (task) => portsOf(task.status.outputs),
      cell: (task) => count(portsOf(task.status.outputs)),
    },
    {
      id: "tries",
      header: t("column.tries"),
      width: "56px",
      align: "right",
      wideOnly: true,
      sort: (task) => task.status.attempts.length,
      cell: (task) => count(task.status.attempts.length),
    },
    ...(allNamespaces
      ? [
          {
            id: "namespace",
            header: t("column.namespace"),
            width: "96px",
            wideOnly: "roomy" as const,
            sort: (task: Task) => task.metadata.namespace,
            cell: (task: Task) => <span className="muted">{task.metadata.namespace}</span>,
          },
        ]
      : []),
    timeColumn("started", t("column.started"), (task) => task.status.startedAt ?? task.metadata.creationTimestamp, {
      // Steps that have not started come with those that were made when they were; the number tells equals apart.
      sort: (task) => task.spec.id,
    }),
  ];
}

function filterable(task: Task): Filterable {
  const { spec, status, metadata } = task;
  return {
    text: taskKind.searchText?.(task) ?? "",
    fields: {
      name: spec.displayName,
      state: taskState(task),
      run: spec.runName,
      namespace: metadata.namespace,
      id: spec.id,
      tries: status.attempts.length,
      ...spanField(status),
    },
  };
}

function filterFields(t: Words, items: readonly Task[]): readonly FilterField[] {
  return [
    {
      name: "state",
      label: t("column.state").toLowerCase(),
      values: ["running", "waiting", "failed", "succeeded", "cached", "skipped"],
    },
    { name: "run", label: t("column.run").toLowerCase(), values: distinctValues(items, ({ spec }) => spec.runName) },
    {
      name: "name",
      label: t("column.step").toLowerCase(),
      values: distinctValues(items, ({ spec }) => spec.displayName),
    },
    { name: "duration", label: t("column.duration").toLowerCase(), values: [] },
  ];
}
