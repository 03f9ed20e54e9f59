import {
  areaUnder,
  Bytes,
  ConfusionMatrix,
  CopyId,
  DefinitionList,
  EmptyState,
  Link,
  PlainTable,
  RocChart,
  StateMark,
  Table,
  useMessages,
  type TableColumn,
  type TableSort,
} from "@headrace/ui-kit";
import { useMemo, useState } from "react";
import { artifactPath } from "./api.ts";
import { ArtifactContent, ArtifactProperties } from "./artifact-content.tsx";
import {
  artifactKind,
  confusionMatrix,
  byIteration,
  metricTable,
  notedProperties,
  rocPoints,
  typeName,
  type NamedArtifact,
} from "./artifacts.ts";
import { pipelineMessages } from "./messages.ts";
import { PanelHead } from "./panel-head.tsx";
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
  const { artifact, output, task } = item;
  return (
    <>
      <PanelHead
        tools={
          <>
            <Link className="button-link" to={`/artifacts/${artifact.id}`}>
              {t("artifact.open")}
            </Link>
            <a
              className="button-link"
              href={artifactPath(namespace, artifact.id)}
              download={`${task.spec.name}-${output}`}
            >
              {t("artifact.download")}
            </a>
          </>
        }
        closeTitle={t("artifact.close")}
        onClose={onClose}
      >
        <h2>{output}</h2>
        <span className="faint">{typeName(artifact.type)}</span>
      </PanelHead>
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
        {notedProperties(artifact).length === 0 ? null : (
          <section className="panel-section">
            <h3>{t("artifact.metadata")}</h3>
            <ArtifactProperties artifact={artifact} />
          </section>
        )}
      </div>
    </>
  );
}

/** Every metric of the run in one table, then the charts. */
export function MetricsView({ items: made }: { readonly items: readonly NamedArtifact[] }) {
  const t = useMessages(pipelineMessages);
  const items = byIteration(made);
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
