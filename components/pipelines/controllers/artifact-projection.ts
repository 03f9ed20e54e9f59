import { formatTime } from "@headrace/model";
import type { Records } from "@headrace/records";
import type { ExpressionBuilder, SelectQueryBuilder } from "kysely";
import { parseObject } from "../core/json.ts";
import type { ArtifactRow } from "../records/artifacts.ts";
import { holdsWord } from "../records/listing.ts";
import type { PipelineDatabase, PipelineTables } from "../records/tables.ts";
import { type Artifact, artifacts, runLabel, stepTypes, type TaskArtifact } from "../resources/index.ts";
import { lookBack, numberAfter, type Window } from "./look-back.ts";
import { byNumber, createView, type View } from "./projection.ts";

/** `artifacts.headrace.io`, the newest first, each with the step that made it. */
export function artifactProjection(records: Records): View<Artifact> {
  return createView(records, {
    definition: artifacts,
    changes: "artifacts",
    places: byNumber,
    remedy: "an artifact shows what a step made; it goes with its run, by `headrace runs delete`",
    isFixed: true,
    async find(db, { namespace, names, fields, labels, search = [], after, limit }) {
      const { "spec.type": type } = fields;
      const run = labels[runLabel];
      const ids = names?.flatMap((name) => (/^\d{1,15}$/.test(name) ? [Number(name)] : []));
      if (ids?.length === 0) return [];
      const named = (query: ArtifactQuery) => search.reduce((found, word) => found.where(isKnownBy(word)), query);
      const within = ({ from, below, limit }: Window) =>
        named(db.selectFrom("artifact").selectAll())
          .$if(namespace !== "", (query) => query.where("ns", "=", namespace))
          .$if(ids !== undefined, (query) => query.where("id", "in", ids ?? []))
          .$if(type !== undefined, (query) => query.where("type", "=", type ?? ""))
          .$if(run !== undefined, (query) => query.where("id", "in", madeBy(db, run ?? "")))
          .$if(from !== undefined, (query) => query.where("id", ">=", from ?? 0))
          .$if(below !== undefined, (query) => query.where("id", "<", below ?? 0))
          .$if(limit !== undefined, (query) => query.limit(limit ?? 0))
          .orderBy("id", "desc")
          .execute();
      const rows =
        search.length === 0 || ids !== undefined
          ? await within({ below: after, limit })
          : await lookBack({ below: after ?? (await numberAfter(db, "artifact")), limit }, within);
      const producers = await readProducers(
        db,
        rows.map(({ id }) => id),
      );
      return rows.map((row) => ({ place: row.id, object: toArtifact(row, producers.get(row.id)) }));
    },
  });
}

type ArtifactQuery = SelectQueryBuilder<PipelineTables, "artifact", ArtifactRow>;

/** By what it is called, where it lies, its type, or the step, run and pipeline that made it or took it from the cache. */
const isKnownBy =
  (word: string) =>
  ({ exists, or, selectFrom }: ExpressionBuilder<PipelineTables, "artifact">) =>
    or([
      holdsWord(["artifact.name", "artifact.uri", "artifact.type"], word),
      exists(
        selectFrom("task_artifact")
          .innerJoin("task", "task.id", "task_artifact.task")
          .innerJoin("pipeline_run", "pipeline_run.run", "task.run")
          .select("task_artifact.task")
          .whereRef("task_artifact.artifact", "=", "artifact.id")
          .where("task_artifact.direction", "=", "OUTPUT")
          .where(
            holdsWord(
              ["task_artifact.name", "task.display_name", "pipeline_run.display_name", "pipeline_run.pipeline_name"],
              word,
            ),
          ),
      ),
    ]);

const madeBy = (db: PipelineDatabase, run: string) =>
  db
    .selectFrom("task_artifact")
    .innerJoin("task", "task.id", "task_artifact.task")
    .select("task_artifact.artifact")
    .where("task.run", "=", run)
    .where("task.type", "in", stepTypes)
    .where("task.cached_from", "is", null)
    .where("task_artifact.direction", "=", "OUTPUT");

type Producer = NonNullable<Artifact["spec"]["producer"]>;

/** The step that made an artifact is the first at whose end it came out: groups hand it on later, and so does the cache. */
async function readProducers(db: PipelineDatabase, ids: readonly number[]): Promise<ReadonlyMap<number, Producer>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom("task_artifact")
    .innerJoin("task", "task.id", "task_artifact.task")
    .innerJoin("pipeline_run", "pipeline_run.run", "task.run")
    .select(["task_artifact.artifact", "task_artifact.name", "task.id", "task.key", "task.display_name"])
    .select(["task.run", "pipeline_run.display_name as run_name", "pipeline_run.pipeline_name"])
    .where("task_artifact.artifact", "in", ids)
    .where("task_artifact.direction", "=", "OUTPUT")
    .where("task.type", "in", stepTypes)
    .orderBy("task.id", "desc")
    .execute();
  return new Map(
    rows.map((row) => [
      row.artifact,
      {
        run: row.run,
        runName: row.run_name,
        task: row.id,
        key: row.key,
        step: row.display_name,
        output: row.name,
        ...(row.pipeline_name !== "" && { pipeline: row.pipeline_name }),
      },
    ]),
  );
}

function toArtifact(row: ArtifactRow, producer: Producer | undefined): Artifact {
  return {
    apiVersion: "headrace.io/v1alpha1",
    kind: "Artifact",
    metadata: {
      name: String(row.id),
      namespace: row.ns,
      uid: row.uid,
      creationTimestamp: formatTime(row.created_at),
      ...(producer && { labels: { [runLabel]: producer.run } }),
    },
    spec: { ...artifactFacts(row), ...(producer && { producer }) },
  };
}

/** What is known of an artifact itself, wherever it is shown. */
export function artifactFacts(row: ArtifactRow): TaskArtifact {
  return {
    id: row.id,
    name: row.name ?? "",
    type: row.type,
    uri: row.uri,
    metadata: parseObject(row.metadata),
    ...(row.digest !== null && { digest: row.digest }),
    ...(row.size !== null && { size: row.size }),
  };
}
