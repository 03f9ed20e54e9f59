import {
  areaUnder,
  Bytes,
  ConfusionMatrix,
  CopyId,
  DefinitionList,
  EmptyState,
  ErrorPanel,
  formatBytes,
  formatNumber,
  HtmlFrame,
  Markdown,
  PlainTable,
  RocChart,
  Skeleton,
  StateMark,
  Table,
  useAnswer,
  useKit,
  useKitMessages,
  useMessages,
  type TableColumn,
  type TableSort,
} from "@headrace/ui-kit";
import { Suspense, useMemo, useState } from "react";
import type { TaskArtifact } from "../resources/index.ts";
import { artifactPath } from "./api.ts";
import {
  artifactKind,
  confusionMatrix,
  looksBinary,
  metricRows,
  metricTable,
  readFileList,
  rocPoints,
  typeName,
  type ArtifactFile,
  type NamedArtifact,
} from "./artifacts.ts";
import { pipelineMessages } from "./messages.ts";
import { taskState } from "./state.ts";

/** One artifact in the right panel: what it is, and the best way to look at it. */
export function ArtifactPanel({
  item,
  namespace,
  onClose,
}: {
  readonly item: NamedArtifact;
  readonly namespace: string;
  readonly onClose: () => void;
}) {
  const t = useMessages(pipelineMessages);
  const kit = useKitMessages();
  const { artifact, output, task } = item;
  return (
    <>
      <header className="panel-head">
        <h2>{output}</h2>
        <span className="faint">{typeName(artifact.type)}</span>
        <span className="grow" />
        <a className="button-link" href={artifactPath(namespace, artifact.id)} download={`${task.spec.name}-${output}`}>
          {t("artifact.download")}
        </a>
        <button type="button" className="quiet" aria-label={kit("close")} title={t("artifact.close")} onClick={onClose}>
          ×
        </button>
      </header>
      <div className="panel-body">
        <div className="panel-facts">
          <DefinitionList
            items={[
              [t("column.step"), <code key="step">{task.spec.displayName}</code>],
              [t("column.size"), artifact.size === undefined ? undefined : <Bytes size={artifact.size} />],
              [t("fact.uri"), <CopyId key="uri" id={artifact.uri} short={false} />],
              [
                t("fact.digest"),
                artifact.digest === undefined ? undefined : <CopyId id={artifact.digest.replace(/^sha256:/, "")} />,
              ],
            ]}
          />
        </div>
        <div className="panel-section">
          <ArtifactContent artifact={artifact} namespace={namespace} />
        </div>
        <Metadata artifact={artifact} />
      </div>
    </>
  );
}

function ArtifactContent({ artifact, namespace }: { readonly artifact: TaskArtifact; readonly namespace: string }) {
  const kind = artifactKind(artifact.type);
  switch (kind) {
    case "metrics":
      return <Metrics artifact={artifact} />;
    case "classification":
      return <Classification artifact={artifact} name={artifact.name} />;
    default:
      return <FileContent artifact={artifact} namespace={namespace} kind={kind} />;
  }
}

function Metrics({ artifact }: { readonly artifact: TaskArtifact }) {
  const t = useMessages(pipelineMessages);
  return (
    <PlainTable table={{ header: [t("column.metric"), t("column.value")], rows: metricRows(artifact.metadata) }} />
  );
}

function Classification({ artifact, name }: { readonly artifact: TaskArtifact; readonly name: string }) {
  const t = useMessages(pipelineMessages);
  const points = rocPoints(artifact.metadata);
  const matrix = confusionMatrix(artifact.metadata);
  return (
    <div className="charts">
      {points ? <RocChart title={t("artifact.roc")} curves={[{ name, points, area: areaUnder(points) }]} /> : null}
      {matrix ? <ConfusionMatrix title={t("artifact.confusion")} labels={matrix.labels} rows={matrix.rows} /> : null}
    </div>
  );
}

/** Metrics and charts show their metadata already; for the rest it is what somebody noted. */
function Metadata({ artifact }: { readonly artifact: TaskArtifact }) {
  const t = useMessages(pipelineMessages);
  const kind = artifactKind(artifact.type);
  const rows = metricRows(artifact.metadata);
  if (kind === "metrics" || kind === "classification" || rows.length === 0) return null;
  return (
    <section className="panel-section">
      <h3>{t("artifact.metadata")}</h3>
      <DefinitionList
        items={rows.map(([name, value]) => [
          name,
          <code key={name}>{typeof value === "number" ? formatNumber(value) : value}</code>,
        ])}
      />
    </section>
  );
}

const previewLimit = { text: 65_536, document: 4_194_304 } as const;

function FileContent({
  artifact,
  namespace,
  kind,
}: {
  readonly artifact: TaskArtifact;
  readonly namespace: string;
  readonly kind: "file" | "html" | "markdown";
}) {
  const t = useMessages(pipelineMessages);
  const { request } = useKit();
  const limit = { file: previewLimit.text, html: 1, markdown: previewLimit.document }[kind];
  const path = artifactPath(namespace, artifact.id);
  const answer = useAnswer(path, (signal) => request.text(`${path}?limit=${limit + 1}`, { signal, limit }));
  if (answer.state === "loading") return <Skeleton rows={4} />;
  if (answer.state === "failed")
    return (
      <ErrorPanel what={t("artifact.failed", { name: artifact.name })} error={answer.error} onRetry={answer.retry} />
    );
  const { text, cut, type } = answer.value;
  const files = type === "application/json" ? readFileList(text) : undefined;
  if (files) return <FileTable files={files} path={path} />;
  if (kind === "html") return <HtmlFrame address={path} />;
  if (kind === "markdown") {
    return (
      <Suspense fallback={<Skeleton rows={4} />}>
        <Markdown text={text} />
      </Suspense>
    );
  }
  if (looksBinary(text))
    return <p className="muted">{t("artifact.binary", { size: formatBytes(artifact.size ?? text.length) })}</p>;
  return (
    <>
      <pre className="preview">{text}</pre>
      {cut ? <p className="faint">{t("artifact.cut", { size: formatBytes(limit) })}</p> : null}
    </>
  );
}

/** What an artifact that is a folder holds. */
function FileTable({ files, path }: { readonly files: readonly ArtifactFile[]; readonly path: string }) {
  const t = useMessages(pipelineMessages);
  return (
    <div className="plain-table">
      <table>
        <thead>
          <tr>
            <th>{t("column.file")}</th>
            <th className="right">{t("column.size")}</th>
          </tr>
        </thead>
        <tbody>
          {files.map((file) => (
            <tr key={file.path}>
              <td>
                <a
                  className="mono"
                  href={`${path}?path=${encodeURIComponent(file.path)}`}
                  download={file.path.split("/").at(-1)}
                >
                  {file.path}
                </a>
              </td>
              <td className="right">{formatBytes(file.size)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Every metric of the run in one table, then the charts. */
export function MetricsView({ items }: { readonly items: readonly NamedArtifact[] }) {
  const t = useMessages(pipelineMessages);
  const table = metricTable(items, placeOf);
  const charts = items.filter((item) => artifactKind(item.artifact.type) === "classification");
  const curves = charts.flatMap((item) => {
    const points = rocPoints(item.artifact.metadata);
    return points ? [{ name: placeOf(item), points, area: areaUnder(points) }] : [];
  });
  if (table.rows.length === 0 && charts.length === 0) return <EmptyState sentence={t("metrics.none")} />;
  return (
    <div className="page-scroll charts">
      {table.rows.length === 0 ? null : (
        <PlainTable
          table={{
            header: [t("column.step"), ...table.metrics],
            rows: table.rows.map((row) => [row.place, ...table.metrics.map((metric) => row.values[metric] ?? "")]),
          }}
        />
      )}
      <div className="chart-grid">
        {curves.length === 0 ? null : <RocChart title={t("artifact.roc")} curves={curves} />}
        {charts.map((item) => {
          const matrix = confusionMatrix(item.artifact.metadata);
          return matrix ? (
            <ConfusionMatrix
              key={item.artifact.id}
              title={`${t("artifact.confusion")} · ${placeOf(item)}`}
              labels={matrix.labels}
              rows={matrix.rows}
            />
          ) : null;
        })}
      </div>
    </div>
  );
}

/** Where an artifact comes from, iteration included. */
function placeOf({ task }: NamedArtifact): string {
  const iteration = [...task.spec.key.matchAll(/\[(\d+)\]/g)].at(-1)?.[1];
  return iteration === undefined ? task.spec.displayName : `${task.spec.displayName} · ${Number(iteration) + 1}`;
}

export function ArtifactTable({
  items,
  selected,
  onSelect,
}: {
  readonly items: readonly NamedArtifact[];
  readonly selected: string;
  readonly onSelect: (id: number) => void;
}) {
  const t = useMessages(pipelineMessages);
  const [sort, setSort] = useState<TableSort>({ column: "id", descending: false });
  const columns = useMemo(
    (): readonly TableColumn<NamedArtifact>[] => [
      {
        id: "artifact",
        header: t("column.artifact"),
        sort: (item) => item.output,
        cell: (item) => <span className="name">{item.output}</span>,
      },
      {
        id: "type",
        header: t("column.type"),
        sort: (item) => item.artifact.type,
        cell: (item) => <span className="muted">{typeName(item.artifact.type)}</span>,
      },
      {
        id: "step",
        header: t("column.step"),
        sort: placeOf,
        cell: (item) => (
          <>
            <StateMark state={taskState(item.task)} /> <span className="name">{placeOf(item)}</span>
          </>
        ),
      },
      {
        id: "size",
        header: t("column.size"),
        align: "right",
        width: "96px",
        sort: (item) => item.artifact.size,
        cell: (item) => <Bytes size={item.artifact.size} />,
      },
      {
        id: "uri",
        header: t("fact.uri"),
        wideOnly: true,
        width: "36%",
        sort: (item) => item.artifact.uri,
        cell: (item) => (
          <code className="muted" title={item.artifact.uri}>
            {item.artifact.uri}
          </code>
        ),
      },
    ],
    [t],
  );
  return (
    <Table
      label={t("tab.artifacts")}
      rows={items}
      columns={columns}
      rowKey={(item) => String(item.artifact.id)}
      sort={sort}
      onSort={setSort}
      selected={selected === "" ? undefined : selected}
      onSelect={(item) => onSelect(item.artifact.id)}
      empty={<EmptyState sentence={t("artifacts.none")} />}
    />
  );
}
