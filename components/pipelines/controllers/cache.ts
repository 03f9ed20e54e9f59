import { inChunks } from "@headrace/records";
import type { Artifact, Values } from "../core/graph.ts";
import { isList, isObject, parseObject } from "../core/json.ts";
import type { PipelineDatabase } from "../records/tables.ts";
import { artifactOf } from "./active-run.ts";

/** An earlier success of a step: the task that really ran, and what it made. */
export interface CacheHit {
  readonly task: number;
  readonly outputs: Values;
}

export interface CacheScope {
  readonly ns: string;
  readonly pipelineName: string;
  /** Earlier successes are too old, in milliseconds since the epoch. What counts is when the step really ran. */
  readonly notBefore?: number;
}

/** The newest success of that fingerprint, within the namespace and the pipeline's name, if its artifacts are still kept. */
export async function lookUp(
  db: PipelineDatabase,
  { ns, pipelineName, notBefore }: CacheScope,
  fingerprint: string,
): Promise<CacheHit | undefined> {
  const row = await db
    .selectFrom("task")
    .innerJoin("pipeline_run", "pipeline_run.run", "task.run")
    .select(["task.id", "task.outputs", "task.cached_from"])
    .$if(notBefore !== undefined, (query) =>
      query
        .leftJoin("task as source", "source.id", "task.cached_from")
        .where(({ fn }) => fn.coalesce("source.finished_at", "task.finished_at"), ">=", notBefore ?? 0),
    )
    .where("task.ns", "=", ns)
    .where("task.fingerprint", "=", fingerprint)
    .where("task.state", "in", ["SUCCEEDED", "CACHED"])
    .where("pipeline_run.pipeline_name", "=", pipelineName)
    .orderBy("task.id", "desc")
    .limit(1)
    .executeTakeFirst();
  const outputs = row && (await readOutputs(db, ns, row.outputs));
  return outputs && { task: row.cached_from ?? row.id, outputs };
}

/** Whether the rows of a hit's artifacts are still kept: their run may have been deleted since it was found. */
export async function areKept(db: PipelineDatabase, ns: string, { outputs }: CacheHit): Promise<boolean> {
  const ids = [...outputs.artifacts.values()].flat().map(({ id }) => id);
  const known = await artifactsOf(db, ns, ids);
  return ids.every((id) => known.has(id));
}

/** A task's outputs with their artifacts; undefined if one of those is no longer kept. */
async function readOutputs(db: PipelineDatabase, ns: string, text: string | null): Promise<Values | undefined> {
  const { parameters, artifacts } = parseObject(text);
  const lists = Object.entries(isObject(artifacts) ? artifacts : {}).map(([name, ids]) => ({
    name,
    ids: isList(ids) ? ids.map(Number) : [],
  }));
  const known = await artifactsOf(
    db,
    ns,
    lists.flatMap(({ ids }) => ids),
  );
  const found = new Map<string, readonly Artifact[]>();
  for (const { name, ids } of lists) {
    const list = ids.flatMap((id) => known.get(id) ?? []);
    if (list.length < ids.length) return undefined;
    found.set(name, list);
  }
  return { parameters: new Map(Object.entries(isObject(parameters) ? parameters : {})), artifacts: found };
}

async function artifactsOf(
  db: PipelineDatabase,
  ns: string,
  ids: readonly number[],
): Promise<ReadonlyMap<number, Artifact>> {
  const rows = await inChunks(ids, (some) =>
    db
      .selectFrom("artifact")
      .selectAll()
      .where("ns", "=", ns)
      .where("id", "in", some)
      .where("state", "=", "LIVE")
      .execute(),
  );
  return new Map(rows.map((row) => [row.id, artifactOf(row)]));
}
