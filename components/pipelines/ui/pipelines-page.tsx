import {
  Answered,
  ColumnChooser,
  CopyId,
  DropTarget,
  EmptyState,
  Link,
  ListPage,
  NoMatch,
  RowToggle,
  Selection,
  Switch,
  Table,
  timeColumn,
  useAnswer,
  useChosen,
  useFreshAnswer,
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
import { useMemo, useState } from "react";
import { pipelines as pipelineKind, type Run } from "../resources/index.ts";
import { DeletePipelines } from "./delete-pipelines.tsx";
import { handFile } from "./handed-file.ts";
import { LastRuns } from "./last-runs.tsx";
import { useLiveStamp } from "./live-stamp.ts";
import { isMultiUser, listPipelines, listVersions, type Pipeline, type PipelineVersion } from "./pipelines-api.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";
import { newRunPath, newVersionPath, pipelinePath } from "./places.ts";
import { recentRuns, useRunsBy } from "./runs-of.ts";
import { TagList } from "./tag-list.tsx";

export type PipelineWords = Translate<keyof (typeof pipelinesMessages)["en"]>;

/** A pipeline, one of its versions, or a line that says how the reading of them goes. */
type Row =
  | { readonly kind: "pipeline"; readonly pipeline: Pipeline }
  | { readonly kind: "version"; readonly version: PipelineVersion }
  | { readonly kind: "note"; readonly pipeline: string; readonly text: string };

type Versions =
  | { readonly state: "loading" }
  | { readonly state: "ready"; readonly versions: readonly PipelineVersion[] }
  | { readonly state: "failed" };

const pipelineOf = (run: Run): string | undefined => run.spec.pipeline.id;
const versionOf = (run: Run): string | undefined => run.spec.pipeline.versionId;

/** What can be run: the pipelines, each opening to its versions in place. */
export function PipelinesPage() {
  const t = useMessages(pipelinesMessages);
  const { namespace, request } = useKit();
  const navigate = useNavigate();
  const [sort, setSort] = useTableSort({ column: "uploaded", descending: true });
  const [scope, setScope] = useQueryItem("scope");
  usePage(t("pipelines"), [{ label: t("pipelines") }]);
  const shared = useAnswer("healthz", (signal) => isMultiUser(request, signal));
  const canShare = shared.state === "ready" && shared.value && namespace !== "";
  const from = canShare && scope === "shared" ? "" : namespace;
  const stamp = useLiveStamp(pipelineKind, { namespace: from });
  const answer = useFreshAnswer(`pipelines/${from}`, stamp, (signal) => listPipelines(request, from, signal));
  const { groups } = useRunsBy(pipelineOf, { namespace, most: recentRuns });
  const { groups: byVersion } = useRunsBy(versionOf, { namespace, most: recentRuns });
  const [open, toggle] = useOpenPipelines();
  const all = answer.state === "ready" ? answer.value : none;
  const list = useListing(all, filterable);
  const rows = useMemo(() => list.rows.map((pipeline): Row => ({ kind: "pipeline", pipeline })), [list.rows]);
  const chosen = useChosen(list.rows, ({ id }) => id);
  const [deleting, setDeleting] = useState<readonly Pipeline[]>();
  const columns = pipelineColumns(t, { groups, byVersion, open, toggle });
  const [hidden, hide] = useHiddenColumns("headrace.columns.pipelines", columns);
  const take = (file: File): void => {
    handFile(file);
    void navigate(newVersionPath());
  };

  return (
    <DropTarget label={t("drop")} onFile={take}>
      <ListPage
        title={t("pipelines")}
        count={answer.state === "ready" ? list.count : undefined}
        sentence={t("sentence")}
        actions={
          <Link className="button primary" to={newVersionPath()}>
            {t("upload")}
          </Link>
        }
        filter={{ ...list.filter, fields: filterFields(all), placeholder: t("filter") }}
        tools={
          <>
            {canShare ? (
              <Switch
                label={t("scope")}
                value={scope === "shared" ? "shared" : "private"}
                onChange={(next) => setScope(next === "shared" ? next : "")}
                options={[
                  { value: "private", label: t("private", { namespace }) },
                  { value: "shared", label: t("shared") },
                ]}
              />
            ) : null}
            <ColumnChooser columns={columns} hidden={hidden} onToggle={hide} />
          </>
        }
        bulk={
          <Selection chosen={chosen}>
            <button type="button" className="compact danger" onClick={() => setDeleting(chosen.items)}>
              {t("delete")} <span className="count">{chosen.items.length}</span>
            </button>
          </Selection>
        }
      >
        <Answered answer={answer} failed={t("failed")} rows={8}>
          {() => (
            <Table
              label={t("pipelines")}
              rows={rows}
              columns={columns}
              hidden={hidden}
              rowKey={rowKey}
              sort={sort}
              onSort={setSort}
              {...chosen.boxes}
              onOpen={(row) => row.kind !== "note" && void navigate(rowPath(row))}
              tree={{
                isOpen: (row) => (row.kind === "pipeline" ? open.has(row.pipeline.id) : undefined),
                below: (row) =>
                  row.kind === "pipeline" ? rowsBelow(row.pipeline.id, open.get(row.pipeline.id), t) : [],
                onToggle: (row) => row.kind === "pipeline" && toggle(row.pipeline.id),
              }}
              empty={
                all.length === 0 ? <NoPipelines t={t} /> : <NoMatch sentence={t("emptyFilter")} onClear={list.clear} />
              }
            />
          )}
        </Answered>
      </ListPage>
      {deleting === undefined ? null : (
        <DeletePipelines
          pipelines={deleting}
          onClose={() => setDeleting(undefined)}
          onDone={() => {
            chosen.clear();
            answer.retry();
          }}
        />
      )}
    </DropTarget>
  );
}

const none: readonly Pipeline[] = [];

/** Which pipelines are open, and what is known of their versions. */
function useOpenPipelines(): readonly [ReadonlyMap<string, Versions>, (id: string) => void] {
  const { request } = useKit();
  const [open, setOpen] = useState<ReadonlyMap<string, Versions>>(new Map());
  const toggle = (id: string): void => {
    if (open.has(id)) return setOpen(new Map([...open].filter(([key]) => key !== id)));
    const learn = (versions: Versions): void =>
      setOpen((before) =>
        versions.state === "loading" || before.has(id) ? new Map(before).set(id, versions) : before,
      );
    learn({ state: "loading" });
    listVersions(request, id, new AbortController().signal).then(
      (versions) => learn({ state: "ready", versions }),
      () => learn({ state: "failed" }),
    );
  };
  return [open, toggle];
}

function rowsBelow(pipeline: string, versions: Versions | undefined, t: PipelineWords): readonly Row[] {
  const note = (text: string): readonly Row[] => [{ kind: "note", pipeline, text }];
  if (versions === undefined || versions.state === "loading") return note(t("versions.loading"));
  if (versions.state === "failed") return note(t("versions.failed"));
  if (versions.versions.length === 0) return note(t("versions.none"));
  return versions.versions.map((version): Row => ({ kind: "version", version }));
}

function rowKey(row: Row): string {
  if (row.kind === "pipeline") return row.pipeline.id;
  return row.kind === "version" ? row.version.id : `${row.pipeline}/note`;
}

const rowPath = (row: Exclude<Row, { kind: "note" }>): string =>
  row.kind === "pipeline" ? pipelinePath(row.pipeline.id) : pipelinePath(row.version.pipeline, row.version.id);

interface ColumnsOf {
  readonly groups: ReadonlyMap<string, readonly Run[]>;
  readonly byVersion: ReadonlyMap<string, readonly Run[]>;
  readonly open: ReadonlyMap<string, Versions>;
  readonly toggle: (id: string) => void;
}

function pipelineColumns(
  t: PipelineWords,
  { groups, byVersion, open, toggle }: ColumnsOf,
): readonly TableColumn<Row>[] {
  const plain = (row: Row): Pipeline | PipelineVersion | undefined =>
    row.kind === "pipeline" ? row.pipeline : row.kind === "version" ? row.version : undefined;
  return [
    {
      id: "name",
      header: t("column.name"),
      width: "22%",
      sort: (row) => plain(row)?.displayName.toLowerCase(),
      cell: (row) => <NameCell row={row} open={open} toggle={toggle} t={t} />,
    },
    {
      id: "description",
      header: t("column.description"),
      wideOnly: true,
      sort: (row) => plain(row)?.description.toLowerCase(),
      cell: (row) => (
        <span className="muted" title={plain(row)?.description}>
          {plain(row)?.description.split("\n")[0]}
        </span>
      ),
    },
    {
      id: "tags",
      header: t("column.tags"),
      width: "200px",
      wideOnly: true,
      cell: (row) => <TagList tags={plain(row)?.tags ?? {}} />,
    },
    {
      id: "runs",
      header: t("column.runs"),
      width: "132px",
      cell: (row) => (
        <LastRuns
          runs={
            row.kind === "pipeline"
              ? groups.get(row.pipeline.id)
              : row.kind === "version"
                ? byVersion.get(row.version.id)
                : undefined
          }
        />
      ),
    },
    timeColumn("uploaded", t("column.uploaded"), (row) => plain(row)?.createdAt),
    {
      id: "id",
      header: t("column.id"),
      width: "96px",
      wideOnly: true,
      optional: true,
      cell: (row) => (row.kind === "note" ? null : <CopyId id={rowKey(row)} />),
    },
    {
      id: "run",
      header: "",
      width: "84px",
      align: "right",
      wideOnly: true,
      cell: (row) =>
        row.kind === "note" ? null : (
          <Link
            to={newRunPath(
              row.kind === "pipeline"
                ? { pipelineId: row.pipeline.id }
                : { pipelineId: row.version.pipeline, pipelineVersionId: row.version.id },
            )}
          >
            {t("newRun")}
          </Link>
        ),
    },
  ];
}

function NameCell({
  row,
  open,
  toggle,
  t,
}: {
  readonly row: Row;
  readonly open: ReadonlyMap<string, Versions>;
  readonly toggle: (id: string) => void;
  readonly t: PipelineWords;
}) {
  if (row.kind === "note") return <span className="row-below muted">{row.text}</span>;
  if (row.kind === "version") {
    const { displayName } = row.version;
    return (
      <span className="row-name row-below">
        <Link className="name" to={rowPath(row)} title={displayName}>
          {displayName}
        </Link>
      </span>
    );
  }
  const { id, displayName } = row.pipeline;
  const label = t(open.has(id) ? "close" : "open", { name: displayName });
  return (
    <span className="row-name">
      <RowToggle open={open.has(id)} label={label} onToggle={() => toggle(id)} />
      <Link className="name" to={rowPath(row)} title={displayName}>
        {displayName}
      </Link>
    </span>
  );
}

function NoPipelines({ t }: { readonly t: PipelineWords }) {
  const snippet = `from kfp import Client

client = Client(host="${location.origin}")
client.upload_pipeline("pipeline.yaml", pipeline_name="digits")`;
  return (
    <EmptyState
      sentence={t("empty")}
      action={
        <Link className="button" to={newVersionPath()}>
          {t("upload")}
        </Link>
      }
      snippet={snippet}
    />
  );
}

/** Each tag is a field: `team:vision`. */
function filterable({ id, name, displayName, description, namespace, tags }: Pipeline): Filterable {
  const own = Object.fromEntries(Object.entries(tags).map(([key, value]) => [key.toLowerCase(), value]));
  return {
    text: `${displayName} ${name} ${description} ${id}`,
    fields: { ...own, name: displayName, description, namespace, id },
  };
}

function filterFields(pipelines: readonly Pipeline[]): readonly FilterField[] {
  const values = new Map<string, Set<string>>();
  for (const { tags } of pipelines) {
    for (const [key, value] of Object.entries(tags)) values.set(key, (values.get(key) ?? new Set()).add(value));
  }
  return [...values].map(([key, found]) => ({ name: key.toLowerCase(), label: key, values: [...found].slice(0, 12) }));
}
