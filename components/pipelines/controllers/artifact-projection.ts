import { formatTime, type WatchEvent } from "@headrace/model";
import type { Records } from "@headrace/records";
import { parseObject } from "../core/json.ts";
import type { ArtifactRow } from "../records/artifacts.ts";
import type { PipelineDatabase, PipelineTables } from "../records/tables.ts";
import { type Artifact, artifacts, runLabel } from "../resources/index.ts";
import {
  deletedObject,
  listOf,
  liveChanges,
  pageLimit,
  readToken,
  type View,
  withVersion,
  writeToken,
} from "./projection.ts";

/** `artifacts.headrace.io`, the newest first, each with the step that made it. */
export function artifactProjection(records: Records): View<Artifact> {
  const dbOf = (namespace: string) =>
    (namespace ? records.in<PipelineTables>(namespace) : records.all<PipelineTables>()).db;
  return {
    definition: artifacts,
    async get({ namespace, name }) {
      const version = await records.sequence();
      const [artifact] = await find(dbOf(namespace), { namespace, names: [name] });
      return artifact && withVersion(artifact, version);
    },
    async list({ namespace, fields, labels, continue: token, ...query }) {
      const version = await records.sequence();
      const limit = pageLimit({ namespace, fields, labels, ...query });
      const name = fields["metadata.name"];
      const found = await find(dbOf(namespace), {
        namespace,
        names: name === undefined ? undefined : [name],
        run: labels[runLabel],
        type: fields["spec.type"],
        before: readToken(token)?.time,
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      const last = page.at(-1);
      const more = found.length > limit && last ? writeToken(last.spec.id, "artifact") : undefined;
      return listOf(
        artifacts,
        page.map((artifact) => withVersion(artifact, version)),
        { version, more },
      );
    },
    async *watch({ namespace, fields, labels, since, signal }): AsyncGenerator<WatchEvent> {
      const name = fields["metadata.name"];
      for await (const changes of liveChanges(records, { kind: "artifacts", namespace, since, signal })) {
        const own = [...changes.values()].filter(({ key }) => name === undefined || key === name);
        const found = await find(dbOf(namespace), { namespace, names: own.map(({ key }) => key) });
        const byName = new Map(found.map((artifact) => [artifact.metadata.name, artifact]));
        for (const change of own) {
          const artifact = byName.get(change.key);
          // Who made an artifact and of what type it is never changes: what is not selected never was.
          if (!artifact) yield { type: "DELETED", object: deletedObject(artifacts, change) };
          else if (isSelected(artifact, fields, labels))
            yield { type: "MODIFIED", object: withVersion(artifact, change.seq) };
        }
      }
    },
  };
}

function isSelected(
  { metadata, spec }: Artifact,
  fields: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  const { "spec.type": type = spec.type } = fields;
  const run = labels[runLabel];
  return type === spec.type && (run === undefined || run === metadata.labels?.[runLabel]);
}

interface Search {
  /** Empty for all. */
  readonly namespace: string;
  readonly names?: readonly string[] | undefined;
  /** The run whose step made it. */
  readonly run?: string | undefined;
  readonly type?: string | undefined;
  /** Artifacts with a lower number. */
  readonly before?: number | undefined;
  readonly limit?: number;
}

async function find(
  db: PipelineDatabase,
  { namespace, names, run, type, before, limit }: Search,
): Promise<readonly Artifact[]> {
  const ids = names?.flatMap((name) => (/^\d{1,15}$/.test(name) ? [Number(name)] : []));
  if (ids?.length === 0) return [];
  const rows = await db
    .selectFrom("artifact")
    .selectAll()
    .$if(namespace !== "", (query) => query.where("ns", "=", namespace))
    .$if(ids !== undefined, (query) => query.where("id", "in", ids ?? []))
    .$if(type !== undefined, (query) => query.where("type", "=", type ?? ""))
    .$if(run !== undefined, (query) => query.where("id", "in", madeBy(db, run ?? "")))
    .$if(before !== undefined, (query) => query.where("id", "<", before ?? 0))
    .$if(limit !== undefined, (query) => query.limit(limit ?? 0))
    .orderBy("id", "desc")
    .execute();
  const producers = await readProducers(
    db,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => toArtifact(row, producers.get(row.id)));
}

const madeBy = (db: PipelineDatabase, run: string) =>
  db
    .selectFrom("task_artifact")
    .innerJoin("task", "task.id", "task_artifact.task")
    .select("task_artifact.artifact")
    .where("task.run", "=", run)
    .where("task.type", "in", ["RUNTIME", "IMPORTER"])
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
    .where("task.type", "in", ["RUNTIME", "IMPORTER"])
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
    spec: {
      id: row.id,
      name: row.name ?? "",
      type: row.type,
      uri: row.uri,
      metadata: parseObject(row.metadata),
      ...(row.digest !== null && { digest: row.digest }),
      ...(row.size !== null && { size: row.size }),
      ...(producer && { producer }),
    },
  };
}
