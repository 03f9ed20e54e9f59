import {
  Answered,
  Bytes,
  distinctValues,
  EmptyState,
  Link,
  ListPage,
  liveAnswer,
  parseTime,
  RowToggle,
  Switch,
  Table,
  timeColumn,
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
import { useMemo, useState } from "react";
import { artifacts as artifactKindOf, type Artifact } from "../resources/index.ts";
import { typeName } from "./artifacts.ts";
import { runOf } from "./lineage-view.tsx";
import { NoMatchYet, OlderRows, useCount, useFound, useReach } from "./older-rows.tsx";
import { askedWords } from "./step-filter.ts";
import { resultMessages } from "./results-messages.ts";

type Words = Translate<keyof (typeof resultMessages)["en"]>;

/** A run with what it made, or one artifact. */
type Row =
  | { readonly kind: "run"; readonly key: string; readonly name: string; readonly made: readonly Artifact[] }
  | { readonly kind: "artifact"; readonly key: string; readonly artifact: Artifact };

/** What steps of all runs made. */
export function ArtifactsPage() {
  const t = useMessages(resultMessages);
  const { namespace } = useKit();
  const navigate = useNavigate();
  const [sort, setSort] = useTableSort({ column: "created", descending: true });
  const [view, setView] = useQueryItem("view");
  usePage(t("artifacts"), [{ label: t("artifacts") }]);
  const reach = useReach();
  const [text] = useQueryItem("q");
  const asked = askedWords(text, searchedFields);
  const live = useFound(artifactKindOf, { namespace, most: reach.most }, asked.search);
  const list = useListing(live.items, filterable);
  const found = list.rows;
  const isWhole = live.isSearched && asked.isWhole;
  const atHand = {
    count: isWhole ? found.length : live.items.length,
    more: live.more === true,
    filtered: text !== "" && !isWhole,
  };
  const count = useCount(found.length, atHand);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const grouped = view === "runs";
  const rows = useMemo(() => (grouped ? byRun(found) : found.map(asRow)), [found, grouped]);
  const toggle = (key: string): void => {
    const next = new Set(closed);
    if (!next.delete(key)) next.add(key);
    setClosed(next);
  };
  const columns = useMemo(
    () => [nameColumn(t, { grouped, closed, toggle }), ...artifactColumns(t, namespace === "")],
    [t, namespace, grouped, closed],
  );
  return (
    <ListPage
      title={t("artifacts")}
      count={live.complete ? count : undefined}
      sentence={t("artifacts.sentence")}
      filter={{ ...list.filter, fields: filterFields(t, live.items), placeholder: t("artifacts.filter") }}
      tools={
        <Switch
          label={t("artifacts.view")}
          value={grouped ? "runs" : "all"}
          onChange={(next) => setView(next === "runs" ? "runs" : "")}
          options={[
            { value: "all", label: t("artifacts.flat") },
            { value: "runs", label: t("artifacts.byRun") },
          ]}
        />
      }
    >
      <Answered answer={liveAnswer(live, rows)} failed={t("artifacts.failed")} rows={12}>
        {() => (
          <Table
            label={t("artifacts")}
            rows={rows}
            columns={columns}
            rowKey={(row) => row.key}
            sort={sort}
            onSort={setSort}
            onOpen={(row) =>
              void navigate(row.kind === "run" ? `/runs/details/${row.key}/artifacts` : pathOf(row.artifact))
            }
            {...(grouped && {
              tree: {
                isOpen: (row: Row) => (row.kind === "run" ? !closed.has(row.key) : undefined),
                below: (row: Row) => (row.kind === "run" ? row.made.map(asRow) : []),
                onToggle: (row: Row) => toggle(row.key),
              },
            })}
            empty={
              live.items.length === 0 ? (
                <EmptyState sentence={t("artifacts.empty")} snippet={snippet} />
              ) : (
                <NoMatchYet reach={reach} atHand={atHand} sentence={t("artifacts.emptyFilter")} onClear={list.clear} />
              )
            }
          />
        )}
      </Answered>
      <OlderRows reach={reach} atHand={atHand} />
    </ListPage>
  );
}

const snippet = `from kfp.dsl import Dataset, Output, component

@component
def load(data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write("id,price\\n1,40\\n")
    data.metadata["rows"] = 1`;

const asRow = (artifact: Artifact): Row => ({ kind: "artifact", key: artifact.metadata.name ?? "", artifact });

function byRun(found: readonly Artifact[]): readonly Row[] {
  const runs = Map.groupBy(found, (artifact) => artifact.spec.producer?.run ?? "");
  return [...runs].flatMap(([run, made]): readonly Row[] =>
    run === "" ? made.map(asRow) : [{ kind: "run", key: run, name: made[0]?.spec.producer?.runName ?? run, made }],
  );
}

/** Fields of the filter that the server searches too. */
const searchedFields = ["name", "type", "run", "step", "pipeline"];

const pathOf = (artifact: Artifact): string => `/artifacts/${artifact.spec.id}`;
export const outputName = (artifact: Artifact): string =>
  artifact.spec.producer?.output || artifact.spec.name || artifact.spec.uri.split("/").at(-1) || "";

/** Of a run, what is known of the sizes of all that it made. */
function sizeOf(row: Row): number | undefined {
  if (row.kind === "artifact") return row.artifact.spec.size;
  const sizes = row.made.flatMap(({ spec }) => spec.size ?? []);
  return sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0);
}

const newestOf = (row: Row): Artifact | undefined => (row.kind === "artifact" ? row.artifact : row.made[0]);

interface Groups {
  readonly grouped: boolean;
  /** Keys of runs that somebody closed. */
  readonly closed: ReadonlySet<string>;
  readonly toggle: (key: string) => void;
}

const nameColumn = (t: Words, groups: Groups): TableColumn<Row> => ({
  id: "name",
  header: t("column.artifact"),
  width: "20%",
  sort: (row) => (row.kind === "run" ? row.name : outputName(row.artifact)).toLowerCase(),
  cell: (row) => <NameCell row={row} groups={groups} t={t} />,
});

function NameCell({ row, groups, t }: { readonly row: Row; readonly groups: Groups; readonly t: Words }) {
  if (row.kind === "artifact") {
    const { artifact } = row;
    return (
      <span className={groups.grouped ? "row-name row-below" : "row-name"}>
        <Link className="name" to={pathOf(artifact)} title={artifact.spec.uri}>
          {outputName(artifact)}
        </Link>
      </span>
    );
  }
  const open = !groups.closed.has(row.key);
  const label = t(open ? "artifacts.close" : "artifacts.open", { name: row.name });
  return (
    <span className="row-name">
      <RowToggle open={open} label={label} onToggle={() => groups.toggle(row.key)} />
      <Link className="name" to={`/runs/details/${row.key}/artifacts`} title={row.name}>
        {row.name}
      </Link>
    </span>
  );
}

function artifactColumns(t: Words, allNamespaces: boolean): readonly TableColumn<Row>[] {
  const own = (row: Row, show: (artifact: Artifact) => React.ReactNode) =>
    row.kind === "artifact" ? show(row.artifact) : null;
  return [
    {
      id: "type",
      header: t("column.type"),
      width: "14%",
      sort: (row) => (row.kind === "artifact" ? row.artifact.spec.type : ""),
      cell: (row) => (
        <span className="muted">
          {row.kind === "run" ? t("lineage.artifacts", { count: row.made.length }) : typeName(row.artifact.spec.type)}
        </span>
      ),
    },
    {
      id: "size",
      header: t("column.size"),
      width: "88px",
      align: "right",
      sort: sizeOf,
      cell: (row) => <Bytes size={sizeOf(row)} />,
    },
    {
      id: "step",
      header: t("column.step"),
      wideOnly: true,
      sort: (row) => newestOf(row)?.spec.producer?.step,
      cell: (row) =>
        own(row, ({ spec: { producer } }) =>
          producer ? (
            <Link className="quiet-link" to={runOf(producer)} title={producer.key}>
              {producer.step}
            </Link>
          ) : null,
        ),
    },
    {
      id: "run",
      header: t("column.run"),
      wideOnly: true,
      sort: (row) => newestOf(row)?.spec.producer?.runName,
      cell: (row) =>
        own(row, ({ spec: { producer } }) =>
          producer ? (
            <Link className="quiet-link" to={`/runs/details/${producer.run}`} title={producer.runName}>
              {producer.runName}
            </Link>
          ) : null,
        ),
    },
    ...(allNamespaces
      ? [
          {
            id: "namespace",
            header: t("column.namespace"),
            width: "10%",
            wideOnly: true,
            sort: (row: Row) => newestOf(row)?.metadata.namespace,
            cell: (row: Row) => <span className="muted">{newestOf(row)?.metadata.namespace}</span>,
          },
        ]
      : []),
    timeColumn("created", t("column.created"), (row) => newestOf(row)?.metadata.creationTimestamp, {
      // The number tells those of one second apart.
      sort: (row) => newestOf(row)?.spec.id,
    }),
  ];
}

function filterable(artifact: Artifact): Filterable {
  const { spec, metadata } = artifact;
  const created = parseTime(metadata.creationTimestamp);
  return {
    text: artifactKindOf.searchText?.(artifact) ?? "",
    fields: {
      name: outputName(artifact),
      type: typeName(spec.type),
      run: spec.producer?.runName,
      step: spec.producer?.step,
      pipeline: spec.producer?.pipeline,
      namespace: metadata.namespace,
      id: spec.id,
      ...(spec.size !== undefined && { size: spec.size }),
      ...(created !== undefined && { created }),
    },
  };
}

function filterFields(t: Words, items: readonly Artifact[]): readonly FilterField[] {
  return [
    {
      name: "type",
      label: t("column.type").toLowerCase(),
      values: distinctValues(items, ({ spec }) => typeName(spec.type).toLowerCase()),
    },
    {
      name: "pipeline",
      label: t("column.pipeline").toLowerCase(),
      values: distinctValues(items, ({ spec }) => spec.producer?.pipeline),
    },
    {
      name: "run",
      label: t("column.run").toLowerCase(),
      values: distinctValues(items, ({ spec }) => spec.producer?.runName),
    },
    { name: "size", label: t("column.size").toLowerCase(), values: [] },
  ];
}
