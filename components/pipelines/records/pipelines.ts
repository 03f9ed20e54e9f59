import type { WriteScope } from "@headrace/records";
import type { Selectable } from "kysely";
import { dropUnusedDocuments } from "./documents.ts";
import { type ListColumn, type Listing, type Page, takePage, textColumn, timeColumn } from "./listing.ts";
import { freePipelineName, freeVersionName } from "./object-names.ts";
import { findObjects, type ObjectSearch } from "./object-search.ts";
import type { PipelineDatabase, PipelineTable, PipelineTables, PipelineVersionTable } from "./tables.ts";

/** What only Kubernetes' view has. */
type ObjectColumn = "object" | "labels" | "annotations";
type ObjectFacts = Pick<Selectable<PipelineTable>, ObjectColumn>;

export type PipelineRow = Omit<Selectable<PipelineTable>, ObjectColumn>;
export type PipelineVersionRow = Omit<Selectable<PipelineVersionTable>, ObjectColumn>;
export type PipelineObjectRow = PipelineRow & ObjectFacts;
export type VersionObjectRow = PipelineVersionRow &
  ObjectFacts & { readonly pipeline_name: string; readonly pipeline_object: string; readonly content: string | null };

/** The feed's kinds of their changes; the keys are the objects' names. Every write here tells them. */
export const pipelineChanges = "pipelines";
export const versionChanges = "pipelineversions";

type Scope = WriteScope<PipelineTables>;

export const pipelineColumns: Readonly<Record<string, ListColumn>> = {
  pipeline_id: textColumn("pipeline.id"),
  id: textColumn("pipeline.id"),
  name: textColumn("pipeline.name"),
  display_name: textColumn("pipeline.display_name"),
  created_at: timeColumn("pipeline.created_at"),
  description: textColumn("pipeline.description"),
  namespace: textColumn("pipeline.ns"),
  tags: textColumn("pipeline.tags"),
};

export const versionColumns: Readonly<Record<string, ListColumn>> = {
  pipeline_version_id: textColumn("pipeline_version.id"),
  id: textColumn("pipeline_version.id"),
  name: textColumn("pipeline_version.name"),
  display_name: textColumn("pipeline_version.display_name"),
  created_at: timeColumn("pipeline_version.created_at"),
  description: textColumn("pipeline_version.description"),
  tags: textColumn("pipeline_version.tags"),
};

export async function findPipeline(db: PipelineDatabase, id: string): Promise<PipelineRow | undefined> {
  return db.selectFrom("pipeline").selectAll().where("id", "=", id).executeTakeFirst();
}

export async function findPipelineNamed(
  db: PipelineDatabase,
  ns: string,
  name: string,
): Promise<PipelineRow | undefined> {
  return db.selectFrom("pipeline").selectAll().where("ns", "=", ns).where("name", "=", name).executeTakeFirst();
}

export async function listPipelines(db: PipelineDatabase, ns: string, listing: Listing): Promise<Page<PipelineRow>> {
  return takePage(db.selectFrom("pipeline").selectAll().where("ns", "=", ns), "pipeline.id", listing);
}

/** `facts` is what an object was made with; without it, the object gets a name that is like the pipeline's. */
export async function insertPipeline({ db, changed }: Scope, row: PipelineRow, facts?: ObjectFacts): Promise<void> {
  const object = facts?.object ?? (await freePipelineName(db, row));
  await db
    .insertInto("pipeline")
    .values({ ...row, ...facts, object })
    .execute();
  changed({ ns: row.ns, kind: pipelineChanges, key: object, op: "PUT" });
}

export async function updatePipeline(
  { db, changed }: Scope,
  { ns, id }: PipelineRow,
  change: Partial<Pick<PipelineObjectRow, "display_name" | "description" | "tags" | "labels" | "annotations">>,
): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await db.updateTable("pipeline").set(change).where("ns", "=", ns).where("id", "=", id).execute();
  const row = await pipelinesOf(db, { ns, id }).select("object").executeTakeFirst();
  if (row) changed({ ns, kind: pipelineChanges, key: row.object, op: "PUT" });
}

function pipelinesOf(db: PipelineDatabase, { ns, id }: Pick<PipelineRow, "ns" | "id">) {
  return db.selectFrom("pipeline").where("ns", "=", ns).where("id", "=", id);
}

function versionsOf(db: PipelineDatabase, { ns, id }: Pick<PipelineRow, "ns" | "id">) {
  return db.selectFrom("pipeline_version").where("ns", "=", ns).where("pipeline", "=", id);
}

export async function hasVersions(db: PipelineDatabase, { ns, id }: PipelineRow): Promise<boolean> {
  const row = await versionsOf(db, { ns, id }).select("id").limit(1).executeTakeFirst();
  return row !== undefined;
}

/** With its versions. Runs keep what they ran. */
export async function deletePipeline({ db, changed }: Scope, { ns, id }: PipelineRow): Promise<void> {
  const versions = await versionsOf(db, { ns, id }).select(["object", "spec"]).execute();
  const [owner] = await pipelinesOf(db, { ns, id }).select("object").execute();
  await db.deleteFrom("pipeline_version").where("ns", "=", ns).where("pipeline", "=", id).execute();
  await db.deleteFrom("pipeline").where("ns", "=", ns).where("id", "=", id).execute();
  await dropUnusedDocuments(
    db,
    ns,
    versions.map(({ spec }) => spec),
  );
  for (const { object } of versions) changed({ ns, kind: versionChanges, key: object, op: "DELETE" });
  if (owner) changed({ ns, kind: pipelineChanges, key: owner.object, op: "DELETE" });
}

export async function findVersion(db: PipelineDatabase, id: string): Promise<PipelineVersionRow | undefined> {
  return db.selectFrom("pipeline_version").selectAll().where("id", "=", id).executeTakeFirst();
}

export async function findVersionNamed(
  db: PipelineDatabase,
  pipeline: PipelineRow,
  name: string,
): Promise<PipelineVersionRow | undefined> {
  return versionsOf(db, pipeline).selectAll().where("name", "=", name).executeTakeFirst();
}

export async function findLatestVersion(
  db: PipelineDatabase,
  pipeline: PipelineRow,
): Promise<PipelineVersionRow | undefined> {
  return versionsOf(db, pipeline)
    .selectAll()
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
}

/** Each row with the content of its document. */
export async function listVersions(
  db: PipelineDatabase,
  pipeline: PipelineRow,
  listing: Listing,
): Promise<Page<PipelineVersionRow & { content: string | null }>> {
  const query = db
    .selectFrom("pipeline_version")
    .leftJoin("document", (join) =>
      join.onRef("document.digest", "=", "pipeline_version.spec").onRef("document.ns", "=", "pipeline_version.ns"),
    )
    .selectAll("pipeline_version")
    .select("document.content")
    .where("pipeline_version.ns", "=", pipeline.ns)
    .where("pipeline_version.pipeline", "=", pipeline.id);
  return takePage(query, "pipeline_version.id", listing);
}

/** `facts` as with a pipeline. */
export async function insertVersion(
  { db, changed }: Scope,
  owner: PipelineRow,
  row: PipelineVersionRow,
  facts?: ObjectFacts,
): Promise<void> {
  const object = facts?.object ?? (await freeVersionName(db, { ...row, pipeline: owner.name }));
  await db
    .insertInto("pipeline_version")
    .values({ ...row, ...facts, object })
    .execute();
  changed({ ns: row.ns, kind: versionChanges, key: object, op: "PUT" });
}

export async function updateVersion(
  { db, changed }: Scope,
  { ns, id }: PipelineVersionRow,
  change: Partial<Pick<VersionObjectRow, "display_name" | "tags" | "labels" | "annotations">>,
): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await db.updateTable("pipeline_version").set(change).where("ns", "=", ns).where("id", "=", id).execute();
  const row = await versionObject(db, { ns, id });
  if (row) changed({ ns, kind: versionChanges, key: row.object, op: "PUT" });
}

export async function deleteVersion({ db, changed }: Scope, { ns, id, spec }: PipelineVersionRow): Promise<void> {
  const row = await versionObject(db, { ns, id });
  await db.deleteFrom("pipeline_version").where("ns", "=", ns).where("id", "=", id).execute();
  await dropUnusedDocuments(db, ns, [spec]);
  if (row) changed({ ns, kind: versionChanges, key: row.object, op: "DELETE" });
}

async function versionObject(db: PipelineDatabase, { ns, id }: Pick<PipelineVersionRow, "ns" | "id">) {
  return db
    .selectFrom("pipeline_version")
    .select("object")
    .where("ns", "=", ns)
    .where("id", "=", id)
    .executeTakeFirst();
}

/** Pipelines as objects; those that everybody may use are in no namespace, and none. */
export async function pipelinesAsObjects(
  db: PipelineDatabase,
  search: ObjectSearch,
): Promise<readonly PipelineObjectRow[]> {
  const query = db.selectFrom("pipeline").selectAll().where("ns", "<>", "");
  return findObjects(query, { ns: "ns", name: "object" }, search);
}

export async function versionsAsObjects(
  db: PipelineDatabase,
  search: ObjectSearch,
): Promise<readonly VersionObjectRow[]> {
  const query = db
    .selectFrom("pipeline_version")
    .innerJoin("pipeline", "pipeline.id", "pipeline_version.pipeline")
    .leftJoin("document", (join) =>
      join.onRef("document.digest", "=", "pipeline_version.spec").onRef("document.ns", "=", "pipeline_version.ns"),
    )
    .selectAll("pipeline_version")
    .select(["document.content", "pipeline.name as pipeline_name", "pipeline.object as pipeline_object"])
    .where("pipeline_version.ns", "<>", "");
  return findObjects(query, { ns: "pipeline_version.ns", name: "pipeline_version.object" }, search);
}
