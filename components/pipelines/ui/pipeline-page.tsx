import {
  CopyId,
  DefinitionList,
  DetailPage,
  EmptyState,
  formatTime,
  FoundPage,
  Link,
  MissingPage,
  parseTime,
  Popover,
  Selection,
  Sentence,
  Split,
  Table,
  Tabs,
  Time,
  timeColumn,
  useChosen,
  useFreshAnswer,
  useKit,
  useMessages,
  useNavigate,
  useNow,
  useParams,
  useTab,
  useTableSort,
  type TableColumn,
} from "@headrace/ui-kit";
import { useMemo, useState } from "react";
import { pipelineVersions as versionKind, type Run } from "../resources/index.ts";
import { DeletePipelines } from "./delete-pipelines.tsx";
import { DeleteVersions } from "./delete-versions.tsx";
import { useDeletion } from "./deletion.ts";
import { EditNaming } from "./edit-naming.tsx";
import { LastRuns } from "./last-runs.tsx";
import { useLiveStamp } from "./live-stamp.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";
import { getPipeline, listVersions, type Pipeline, type PipelineVersion } from "./pipelines-api.ts";
import type { PipelineWords } from "./pipelines-page.tsx";
import { newRunPath, newVersionPath, pipelinePath, pipelinesPath, type PipelineTab } from "./places.ts";
import { PlanGraph } from "./plan-graph.tsx";
import { beganAt, useRunsBy } from "./runs-of.ts";
import { RunsTable } from "./runs-table.tsx";
import { SpecSource } from "./spec-source.tsx";
import { TagList } from "./tag-list.tsx";

const tabNames = ["graph", "spec", "versions", "runs"] as const satisfies readonly PipelineTab[];
const pipelineOf = (run: Run): string | undefined => run.spec.pipeline.id;

/** The page of one pipeline: finds it, or says that there is none. */
export function PipelinePage() {
  const t = useMessages(pipelinesMessages);
  const { request } = useKit();
  const { pipeline: id = "" } = useParams();
  const stamp = useLiveStamp(versionKind, { labelSelector: `pipelines.kubeflow.org/pipeline-id=${id}` });
  const deletion = useDeletion(pipelinesPath);
  const answer = useFreshAnswer(id, deletion.underWay ? undefined : stamp, async (signal) => {
    const [pipeline, versions] = await Promise.all([
      getPipeline(request, id, signal),
      listVersions(request, id, signal),
    ]);
    return { pipeline, versions };
  });
  return (
    <FoundPage
      id={id}
      answer={answer}
      nameOf={({ pipeline }) => pipeline.displayName}
      list={{ to: pipelinesPath, label: t("pipelines") }}
      missing={{ title: t("missing"), sentence: t("missingWhy", { id }), back: t("back") }}
      failed={t("page.failed")}
    >
      {(found) => (
        <>
          <FoundPipeline {...found} onChanged={answer.retry} onDelete={deletion.ask} />
          {deletion.asking ? (
            <DeletePipelines pipelines={[found.pipeline]} onClose={deletion.close} onDone={deletion.done} />
          ) : null}
        </>
      )}
    </FoundPage>
  );
}

interface Found {
  readonly pipeline: Pipeline;
  readonly versions: readonly PipelineVersion[];
  readonly onChanged: () => void;
  readonly onDelete: () => void;
}

type Asking = "edit" | { readonly versions: readonly PipelineVersion[] };

function FoundPipeline({ pipeline, versions, onChanged, onDelete }: Found) {
  const t = useMessages(pipelinesMessages);
  const navigate = useNavigate();
  const { version: wanted } = useParams();
  const tab = useTab(tabNames);
  const version = wanted === undefined ? versions[0] : versions.find(({ id }) => id === wanted);
  // Runs of a shared pipeline may lie anywhere.
  const { live, groups } = useRunsBy(pipelineOf, { namespace: pipeline.namespace });
  const runs = groups.get(pipeline.id) ?? noRuns;
  const [asking, setAsking] = useState<Asking>();
  const close = (): void => setAsking(undefined);
  if (wanted !== undefined && version === undefined)
    return (
      <MissingPage
        title={t("missing.version")}
        sentence={<Sentence text={t("missing.versionWhy", { name: pipeline.displayName, id: wanted })} />}
        back={{ to: pipelinePath(pipeline.id), label: t("back.pipeline") }}
      />
    );

  return (
    <>
      <DetailPage
        mark={null}
        name={pipeline.displayName}
        sentence={<Status versions={versions} runs={runs} />}
        actions={
          <>
            <button type="button" onClick={onDelete}>
              {t("delete")}
            </button>
            <button type="button" onClick={() => setAsking(asking === "edit" ? undefined : "edit")}>
              {t("edit")}
            </button>
            <Link className="button" to={newVersionPath(pipeline.id)}>
              {t("newVersion")}
            </Link>
            {version ? (
              <Link
                className="button primary"
                to={newRunPath({ pipelineId: pipeline.id, pipelineVersionId: version.id })}
              >
                {t("newRun")}
              </Link>
            ) : null}
          </>
        }
        facts={<Facts pipeline={pipeline} versions={versions} version={version} tab={tab} />}
        tabs={
          <Tabs
            label={t("tabs")}
            names={tabNames}
            current={tab}
            path={pipelinePath(pipeline.id, wanted)}
            say={(name) => t(`tab.${name}`)}
            counts={{ versions: versions.length, runs: runs.length }}
          />
        }
      >
        <Split
          name="pipeline"
          panel={
            asking === "edit" ? (
              <EditNaming pipeline={pipeline} version={version} onSaved={onChanged} onClose={close} />
            ) : undefined
          }
        >
          {tab === "versions" ? (
            <Versions
              versions={versions}
              runs={runs}
              current={version?.id}
              t={t}
              onDelete={(chosen) => setAsking({ versions: chosen })}
            />
          ) : tab === "runs" ? (
            <RunsTable
              runs={runs}
              live={live}
              without={["pipeline"]}
              failed={t("runs.failed")}
              empty={<NoRuns pipeline={pipeline} version={version} />}
            />
          ) : version === undefined ? (
            <EmptyState
              sentence={t("page.noVersion")}
              action={
                <Link className="button" to={newVersionPath(pipeline.id)}>
                  {t("newVersion")}
                </Link>
              }
            />
          ) : tab === "spec" ? (
            <SpecSource spec={version.spec} name={`${pipeline.name}-${version.name}`} />
          ) : (
            <PlanGraph key={version.id} spec={version.spec} />
          )}
        </Split>
      </DetailPage>
      {typeof asking === "object" ? (
        <DeleteVersions
          versions={asking.versions}
          onClose={close}
          onDone={() => {
            onChanged();
            if (asking.versions.some(({ id }) => id === wanted))
              void navigate(pipelinePath(pipeline.id, undefined, "versions"));
          }}
        />
      ) : null}
    </>
  );
}

const noRuns: readonly Run[] = [];

function Status({ versions, runs }: { readonly versions: readonly PipelineVersion[]; readonly runs: readonly Run[] }) {
  const t = useMessages(pipelinesMessages);
  const { language } = useKit();
  const now = useNow();
  const [latest] = versions;
  const [last] = runs;
  const ago = (time: number): string => formatTime(time, now, language);
  const had = latest
    ? t("page.sentence", { count: versions.length, uploaded: ago(parseTime(latest.createdAt) ?? now) })
    : t("page.noVersion");
  return `${had} ${last ? sayLast(last, ago, t) : latest ? t("page.neverRan") : ""}`;
}

function sayLast(run: Run, ago: (time: number) => string, t: PipelineWords): string {
  const { state, finishedAt } = run.status;
  if (state === "SUCCEEDED" || state === "FAILED" || state === "CANCELED")
    return t("page.ran", { when: ago(parseTime(finishedAt) ?? beganAt(run)), how: t(`how.${state}`) });
  return t("page.running", { when: ago(beganAt(run)) });
}

function Facts({
  pipeline,
  versions,
  version,
  tab,
}: {
  readonly pipeline: Pipeline;
  readonly versions: readonly PipelineVersion[];
  readonly version: PipelineVersion | undefined;
  readonly tab: PipelineTab;
}) {
  const t = useMessages(pipelinesMessages);
  const tags = { ...pipeline.tags, ...version?.tags };
  const description = version?.description === "" ? pipeline.description : version?.description;
  return (
    <DefinitionList
      wide
      items={[
        [
          t("column.version"),
          version === undefined ? undefined : (
            <VersionPicker pipeline={pipeline} versions={versions} version={version} tab={tab} />
          ),
        ],
        [t("fact.uploaded"), version === undefined ? undefined : <Time at={version.createdAt} />],
        [t("fact.tags"), Object.keys(tags).length === 0 ? undefined : <TagList tags={tags} />],
        [t("fact.code"), version?.codeSource ? <CodeSource text={version.codeSource} /> : undefined],
        [t("fact.id"), <CopyId id={version?.id ?? pipeline.id} />],
        [t("fact.description"), description || undefined],
      ]}
    />
  );
}

/** A link where it is one that a browser may follow, else the text. */
function CodeSource({ text }: { readonly text: string }) {
  if (!/^https?:\/\//.test(text)) return <code>{text}</code>;
  return (
    <a href={text} target="_blank" rel="noreferrer noopener">
      {text.replace(/^https?:\/\//, "")}
    </a>
  );
}

function VersionPicker({
  pipeline,
  versions,
  version,
  tab,
}: {
  readonly pipeline: Pipeline;
  readonly versions: readonly PipelineVersion[];
  readonly version: PipelineVersion;
  readonly tab: PipelineTab;
}) {
  const t = useMessages(pipelinesMessages);
  const navigate = useNavigate();
  const isLatest = version === versions[0];
  return (
    <Popover
      look="box"
      label={
        <>
          <code>{version.displayName}</code> {isLatest ? <span className="faint">{t("latest")}</span> : null} ▾
        </>
      }
    >
      {(close) => (
        <div className="pick-options" role="listbox" aria-label={t("tab.versions")}>
          {versions.slice(0, 100).map((it, index) => (
            <button
              key={it.id}
              type="button"
              className="option"
              aria-selected={it === version}
              role="option"
              onClick={() => {
                close();
                // The latest has the address without a version, so that it stays the latest when another comes.
                void navigate(pipelinePath(pipeline.id, index === 0 ? undefined : it.id, tab));
              }}
            >
              <code>{it.displayName}</code>
              <span className="faint">{index === 0 ? t("latest") : <Time at={it.createdAt} />}</span>
            </button>
          ))}
        </div>
      )}
    </Popover>
  );
}

function NoRuns({ pipeline, version }: { readonly pipeline: Pipeline; readonly version: PipelineVersion | undefined }) {
  const t = useMessages(pipelinesMessages);
  return (
    <EmptyState
      sentence={t("runs.none")}
      action={
        <Link
          className="button"
          to={newRunPath({ pipelineId: pipeline.id, ...(version && { pipelineVersionId: version.id }) })}
        >
          {t("newRun")}
        </Link>
      }
    />
  );
}

function Versions({
  versions,
  runs,
  current,
  t,
  onDelete,
}: {
  readonly versions: readonly PipelineVersion[];
  readonly runs: readonly Run[];
  readonly current: string | undefined;
  readonly t: PipelineWords;
  readonly onDelete: (versions: readonly PipelineVersion[]) => void;
}) {
  const navigate = useNavigate();
  const [sort, setSort] = useTableSort({ column: "uploaded", descending: true });
  const chosen = useChosen(versions, ({ id }) => id);
  const byVersion = useMemo(() => Map.groupBy(runs, (run) => run.spec.pipeline.versionId ?? ""), [runs]);
  const columns = useMemo(() => versionColumns(t, byVersion, versions[0]), [t, byVersion, versions]);
  return (
    <>
      <Table
        label={t("tab.versions")}
        rows={versions}
        columns={columns}
        rowKey={({ id }) => id}
        sort={sort}
        onSort={setSort}
        selected={current}
        {...chosen.boxes}
        onOpen={(it) => void navigate(pipelinePath(it.pipeline, it.id))}
        empty={<EmptyState sentence={t("page.noVersion")} />}
      />
      <Selection chosen={chosen}>
        <button type="button" className="compact danger" onClick={() => onDelete(chosen.items)}>
          {t("delete")} <span className="count">{chosen.items.length}</span>
        </button>
      </Selection>
    </>
  );
}

function versionColumns(
  t: PipelineWords,
  byVersion: ReadonlyMap<string, readonly Run[]>,
  latest: PipelineVersion | undefined,
): readonly TableColumn<PipelineVersion>[] {
  return [
    {
      id: "name",
      header: t("column.version"),
      width: "24%",
      sort: (it) => it.displayName.toLowerCase(),
      cell: (it) => (
        <>
          <Link className="name" to={pipelinePath(it.pipeline, it.id)} title={it.displayName}>
            {it.displayName}
          </Link>{" "}
          {it === latest ? <span className="faint">{t("latest")}</span> : null}
        </>
      ),
    },
    {
      id: "description",
      header: t("column.description"),
      wideOnly: true,
      cell: (it) => (
        <span className="muted" title={it.description}>
          {it.description.split("\n")[0]}
        </span>
      ),
    },
    { id: "tags", header: t("column.tags"), width: "16%", wideOnly: true, cell: (it) => <TagList tags={it.tags} /> },
    {
      id: "code",
      header: t("column.code"),
      width: "14%",
      wideOnly: true,
      cell: (it) => (it.codeSource === "" ? null : <CodeSource text={it.codeSource} />),
    },
    {
      id: "runs",
      header: t("column.runs"),
      width: "132px",
      cell: (it) => <LastRuns runs={byVersion.get(it.id)} />,
    },
    timeColumn("uploaded", t("column.uploaded"), (it) => it.createdAt, { wideOnly: false }),
  ];
}
