import type { Requester } from "@headrace/ui-kit";
import { isStepType } from "../resources/index.ts";
import { artifactKind, confusionMatrix, rocPoints, slicesOf, type ArtifactKind, type Slice } from "./artifacts.ts";
import { readEdge } from "./lineage-api.ts";
import { everyPage, recordOf, textOf } from "./listing.ts";

/** Something that a step of a compared run made, to be put beside those of other runs. */
export interface CompareArtifact {
  readonly run: string;
  readonly number: number;
  readonly namespace: string;
  /** Where in the run: step and output, the same in runs of one pipeline. */
  readonly place: string;
  readonly kind: ArtifactKind;
  /** Curves and matrices, one a slice; a classification without slices is one slice without a name. */
  readonly measured: readonly Slice[];
}

const shownKinds: ReadonlySet<ArtifactKind> = new Set(["classification", "sliced", "html", "markdown"]);

/** Charts and documents of several runs, in three requests however many they are. */
export async function fetchCompared(
  request: Requester,
  runs: readonly string[],
  signal: AbortSignal,
): Promise<readonly CompareArtifact[]> {
  if (runs.length === 0) return [];
  const rows = await everyPage(request, "/apis/v2beta1/artifact_tasks", {
    query: { run_ids: runs.join(",") },
    field: "artifact_tasks",
    pageSize: 200,
    signal,
  });
  const made = rows
    .map((row) => ({ ...readEdge(row), namespace: textOf(row, "namespace") }))
    .filter(({ direction, task }) => direction === "out" && isStepType(task.type))
    .map((edge) => ({ ...edge, kind: artifactKind(edge.artifact.type) }))
    .filter(({ kind }) => shownKinds.has(kind));
  const charts = made.filter(({ kind }) => kind === "classification" || kind === "sliced");
  const metadata = await fetchMetadata(request, charts, signal);
  return made.map(({ artifact, task, port, kind, namespace }) => ({
    run: task.run,
    number: artifact.number,
    namespace,
    place: `${task.key.replace(/^root\//, "")} · ${port}`,
    kind,
    measured: measuredOf(kind, metadata.get(artifact.uid) ?? {}),
  }));
}

/** Ids of one question. */
const mostIds = 100;

async function fetchMetadata(
  request: Requester,
  charts: readonly { readonly artifact: { readonly uid: string }; readonly namespace: string }[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
  const found = new Map<string, Readonly<Record<string, unknown>>>();
  for (const [namespace, list] of Map.groupBy(charts, (chart) => chart.namespace)) {
    const ids = [...new Set(list.map(({ artifact }) => artifact.uid))];
    for (let from = 0; from < ids.length; from += mostIds) {
      const values = ids.slice(from, from + mostIds);
      const filter = { predicates: [{ key: "artifact_id", operation: "IN", string_values: { values } }] };
      const rows = await everyPage(request, "/apis/v2beta1/artifacts", {
        query: { namespace, filter: JSON.stringify(filter) },
        field: "artifacts",
        pageSize: 200,
        signal,
      });
      for (const row of rows) found.set(textOf(row, "artifact_id"), recordOf(row, "metadata"));
    }
  }
  return found;
}

function measuredOf(kind: ArtifactKind, metadata: Readonly<Record<string, unknown>>): readonly Slice[] {
  if (kind === "sliced") return slicesOf(metadata);
  return kind === "classification"
    ? [{ name: "", points: rocPoints(metadata), matrix: confusionMatrix(metadata) }]
    : [];
}
