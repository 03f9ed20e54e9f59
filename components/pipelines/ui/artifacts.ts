import type { ChartPoint } from "@headrace/ui-kit";
import type { Task, TaskArtifact } from "../resources/index.ts";

/** How an artifact is best looked at. */
export type ArtifactKind = "metrics" | "classification" | "sliced" | "html" | "markdown" | "file";

export function artifactKind(type: string): ArtifactKind {
  switch (type.replace(/@.*$/, "")) {
    case "system.Metrics":
      return "metrics";
    case "system.ClassificationMetrics":
      return "classification";
    case "system.SlicedClassificationMetrics":
      return "sliced";
    case "system.HTML":
      return "html";
    case "system.Markdown":
      return "markdown";
    default:
      return "file";
  }
}

/** `system.Dataset` is a Dataset to a reader. */
export const typeName = (type: string): string => type.replace(/^system\./, "").replace(/@.*$/, "");

/** Names that the lineage store adds to metadata and that mean nothing to a reader. */
const hidden = new Set(["display_name", "store_session_info"]);

export function metricRows(
  metadata: Readonly<Record<string, unknown>>,
): readonly (readonly [string, string | number])[] {
  return Object.entries(metadata)
    .filter(([name]) => !hidden.has(name))
    .map(
      ([name, value]) =>
        [name, typeof value === "number" || typeof value === "string" ? value : JSON.stringify(value)] as const,
    );
}

/** What somebody noted about an artifact; metrics and charts show their metadata already. */
export function notedProperties({
  type,
  metadata,
}: {
  readonly type: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}): readonly (readonly [string, string | number])[] {
  const kind = artifactKind(type);
  return kind === "metrics" || kind === "classification" || kind === "sliced" ? [] : metricRows(metadata);
}

type Json = Readonly<Record<string, unknown>>;
const record = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
const list = (value: unknown): readonly unknown[] => {
  if (Array.isArray(value)) return value;
  // A list that went through the lineage store comes back inside an object.
  const inner = Object.values(record(value));
  return inner.length === 1 && Array.isArray(inner[0]) ? inner[0] : [];
};

/** The points of a ROC curve from the corner of nothing to the corner of everything; undefined if the artifact has none. */
export function rocPoints(metadata: Readonly<Record<string, unknown>>): readonly ChartPoint[] | undefined {
  const points = list(metadata["confidenceMetrics"]).map((entry): ChartPoint => {
    const { falsePositiveRate, recall, confidenceThreshold } = record(entry);
    const threshold = Number(confidenceThreshold);
    return {
      x: Number(falsePositiveRate ?? 0),
      y: Number(recall ?? 0),
      ...(Number.isFinite(threshold) && { note: `≥ ${threshold.toPrecision(3)}` }),
    };
  });
  if (points.length === 0) return undefined;
  const sorted = points.toSorted((a, b) => a.x - b.x || a.y - b.y);
  const [first, last] = [sorted[0], sorted.at(-1)];
  const before = first && (first.x > 0 || first.y > 0) ? [{ x: 0, y: 0 }] : [];
  const after = last && (last.x < 1 || last.y < 1) ? [{ x: 1, y: 1 }] : [];
  return [...before, ...sorted, ...after];
}

export interface Confusion {
  readonly labels: readonly string[];
  readonly rows: readonly (readonly number[])[];
}

export function confusionMatrix(metadata: Readonly<Record<string, unknown>>): Confusion | undefined {
  const matrix = record(metadata["confusionMatrix"]);
  const source = Array.isArray(matrix["rows"]) ? matrix : record(matrix["struct"]);
  const rows = list(source["rows"]).map((row) => list(record(row)["row"] ?? row).map(Number));
  if (rows.length === 0) return undefined;
  const names = list(source["annotationSpecs"]).map((entry) => String(record(entry)["displayName"] ?? ""));
  return { rows, labels: rows.map((_, index) => names[index] || String(index)) };
}

export interface Slice {
  readonly name: string;
  readonly points: readonly ChartPoint[] | undefined;
  readonly matrix: Confusion | undefined;
}

/** The curves and matrices of a sliced classification, one of each a slice. */
export function slicesOf(metadata: Readonly<Record<string, unknown>>): readonly Slice[] {
  return list(metadata["evaluationSlices"]).map((entry, index) => {
    const { slice, sliceClassificationMetrics } = record(entry);
    const measured = record(sliceClassificationMetrics);
    return {
      name: String(slice ?? index),
      points: rocPoints(measured),
      matrix: confusionMatrix(measured),
    };
  });
}

export interface NamedArtifact {
  readonly artifact: TaskArtifact;
  readonly output: string;
  readonly task: Task;
}

/** What the tasks of a run made, in the order of their making; an artifact that groups pass on is listed with its maker only. */
export function producedArtifacts(tasks: readonly Task[]): readonly NamedArtifact[] {
  const made = new Map<number, NamedArtifact>();
  for (const task of tasks) {
    if (task.spec.type !== "RUNTIME" && task.spec.type !== "IMPORTER") continue;
    for (const [output, artifacts] of Object.entries(task.status.outputs.artifacts)) {
      for (const artifact of artifacts) if (!made.has(artifact.id)) made.set(artifact.id, { artifact, output, task });
    }
  }
  return [...made.values()].sort((a, b) => a.artifact.id - b.artifact.id);
}

/** The same with what one step made in the order of its iterations, whichever of them was done first. */
export function byIteration(items: readonly NamedArtifact[]): readonly NamedArtifact[] {
  const steps = Map.groupBy(items, ({ task }) => task.spec.key.replace(iteration, "[]"));
  return [...steps.values()].flatMap((made) =>
    made.toSorted((a, b) => a.task.spec.key.localeCompare(b.task.spec.key, "en", { numeric: true })),
  );
}

const iteration = /\[\d+\]/g;

export interface MetricTable {
  readonly metrics: readonly string[];
  readonly rows: readonly { readonly place: string; readonly values: Readonly<Record<string, string | number>> }[];
}

/** Metrics side by side: one row for each step that recorded some, one column for each metric. */
export function metricTable(items: readonly NamedArtifact[], placeOf: (item: NamedArtifact) => string): MetricTable {
  const rows = items
    .filter((item) => artifactKind(item.artifact.type) === "metrics")
    .map((item) => ({ place: placeOf(item), values: Object.fromEntries(metricRows(item.artifact.metadata)) }))
    .filter((row) => Object.keys(row.values).length > 0);
  return { rows, metrics: [...new Set(rows.flatMap((row) => Object.keys(row.values)))] };
}

export interface ArtifactFile {
  readonly path: string;
  readonly size: number;
}

/** The list that the server sends for an artifact that is a folder; undefined if the text is anything else. */
export function readFileList(text: string): readonly ArtifactFile[] | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { files } = record(body);
  if (!Array.isArray(files)) return undefined;
  return files.map((file: unknown) => ({
    path: String(record(file)["path"]),
    size: Number(record(file)["size"] ?? 0),
  }));
}
