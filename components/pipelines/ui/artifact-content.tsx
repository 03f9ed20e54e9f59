import {
  areaUnder,
  ConfusionMatrix,
  ContentPreview,
  DefinitionList,
  ErrorPanel,
  FileTree,
  formatBytes,
  formatNumber,
  formatValue,
  HtmlFrame,
  PlainTable,
  RocChart,
  Skeleton,
  useAnswer,
  useKit,
  useMessages,
} from "@headrace/ui-kit";
import { useState } from "react";
import { artifactPath } from "./api.ts";
import {
  artifactKind,
  confusionMatrix,
  metricRows,
  notedProperties,
  readFileList,
  rocPoints,
  slicesOf,
} from "./artifacts.ts";
import { pipelineMessages } from "./messages.ts";
import { resultMessages } from "./results-messages.ts";

/** What of an artifact its content is shown by: a step's output and a listed artifact both have it. */
export interface ShownArtifact {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly uri: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly size?: number;
}

/** The best way to look at an artifact: charts of what it says about itself, or what its file holds. */
export function ArtifactContent({
  artifact,
  namespace,
}: {
  readonly artifact: ShownArtifact;
  readonly namespace: string;
}) {
  const t = useMessages(pipelineMessages);
  switch (artifactKind(artifact.type)) {
    case "metrics":
      return (
        <PlainTable table={{ header: [t("column.metric"), t("column.value")], rows: metricRows(artifact.metadata) }} />
      );
    case "classification":
      return <Classification metadata={artifact.metadata} name={artifact.name} />;
    case "sliced":
      return <Slices metadata={artifact.metadata} />;
    case "html":
    case "markdown":
    case "file":
      return <FileContent artifact={artifact} namespace={namespace} />;
  }
}

function Classification({
  metadata,
  name,
}: {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly name: string;
}) {
  const t = useMessages(pipelineMessages);
  const points = rocPoints(metadata);
  const matrix = confusionMatrix(metadata);
  return (
    <div className="charts">
      {points ? <RocChart title={t("artifact.roc")} curves={[{ name, points, area: areaUnder(points) }]} /> : null}
      {matrix ? <ConfusionMatrix title={t("artifact.confusion")} labels={matrix.labels} rows={matrix.rows} /> : null}
    </div>
  );
}

/** One curve a slice in one chart, one matrix a slice below. */
function Slices({ metadata }: { readonly metadata: Readonly<Record<string, unknown>> }) {
  const t = useMessages(pipelineMessages);
  const results = useMessages(resultMessages);
  const slices = slicesOf(metadata);
  const curves = slices.flatMap(({ name, points }) => (points ? [{ name, points, area: areaUnder(points) }] : []));
  return (
    <div className="charts">
      {curves.length > 0 ? <RocChart title={t("artifact.roc")} curves={curves} /> : null}
      {slices.map(({ name, matrix }) =>
        matrix ? (
          <ConfusionMatrix
            key={name}
            title={`${t("artifact.confusion")} · ${results("artifact.slice", { name })}`}
            labels={matrix.labels}
            rows={matrix.rows}
          />
        ) : null,
      )}
    </div>
  );
}

/** A folder answers with its files, however little of it is asked for. */
const folderLimit = 4 << 20;

function FileContent({ artifact, namespace }: { readonly artifact: ShownArtifact; readonly namespace: string }) {
  const t = useMessages(pipelineMessages);
  const { request } = useKit();
  const path = artifactPath(namespace, artifact.id);
  const answer = useAnswer(path, (signal) => request.text(`${path}?limit=1`, { signal, limit: folderLimit }));
  if (answer.state === "loading") return <Skeleton rows={4} />;
  if (answer.state === "failed")
    return (
      <ErrorPanel what={t("artifact.failed", { name: artifact.name })} error={answer.error} onRetry={answer.retry} />
    );
  const files = answer.value.type === "application/json" ? readFileList(answer.value.text) : undefined;
  if (files) return <FolderContent files={files} path={path} />;
  const kind = artifactKind(artifact.type);
  if (kind === "html") return <HtmlFrame address={path} />;
  const name = artifact.uri.split("/").at(-1) ?? artifact.name;
  return <ContentPreview path={path} name={kind === "markdown" ? `${name}.md` : name} />;
}

/** What a folder holds, the chosen file shown below it. */
function FolderContent({
  files,
  path,
}: {
  readonly files: ReturnType<typeof readFileList> & object;
  readonly path: string;
}) {
  const t = useMessages(pipelineMessages);
  const results = useMessages(resultMessages);
  const [chosen, setChosen] = useState("");
  const name = chosen.split("/").at(-1) ?? "";
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const address = `${path}?path=${encodeURIComponent(chosen)}`;
  return (
    <>
      <p className="end">
        <span className="muted">
          {results("artifact.files", { count: formatNumber(files.length) })}, {formatBytes(size)}
        </span>
        <span className="grow" />
        <a className="button-link" href={`${path}?archive=tar.gz`} download>
          {results("artifact.archive")}
        </a>
      </p>
      <FileTree files={files} selected={chosen} onSelect={setChosen} />
      {chosen === "" ? null : (
        <section className="chosen-file">
          <p className="end">
            <code>{chosen}</code>
            <span className="grow" />
            <a className="button-link" href={address} download={name}>
              {t("artifact.download")}
            </a>
          </p>
          <ContentPreview key={chosen} path={address} name={name} />
        </section>
      )}
    </>
  );
}

/** What somebody noted about an artifact; nothing for metrics and charts, whose content that is. */
export function ArtifactProperties({ artifact }: { readonly artifact: Pick<ShownArtifact, "type" | "metadata"> }) {
  return (
    <DefinitionList
      items={notedProperties(artifact).map(([name, value]) => [
        name,
        <code key={name} className="value">
          {formatValue(value)}
        </code>,
      ])}
    />
  );
}
