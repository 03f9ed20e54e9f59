import type { Selectable } from "kysely";
import { dropUnusedDocuments } from "./documents.ts";
import { type ListColumn, type Listing, type Page, takePage, textColumn, timeColumn } from "./listing.ts";
import type { PipelineDatabase, PipelineTable, PipelineVersionTable } from "./tables.ts";

export type PipelineRow = Selectable<PipelineTable>;
export type PipelineVersionRow = Selectable<PipelineVersionTable>;

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

export async function insertPipeline(db: PipelineDatabase, row: PipelineRow): Promise<void> {
  await db.insertInto("pipeline").values(row).execute();
}

export async function updatePipeline(
  db: PipelineDatabase,
  { ns, id }: PipelineRow,
  change: Partial<Pick<PipelineRow, "display_name" | "tags">>,
): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await db.updateTable("pipeline").set(change).where("ns", "=", ns).where("id", "=", id).execute();
}

function versionsOf(db: PipelineDatabase, { ns, id }: Pick<PipelineRow, "ns" | "id">) {
  return db.selectFrom("pipeline_version").where("ns", "=", ns).where("pipeline", "=", id);
}

export async function hasVersions(db: PipelineDatabase, { ns, id }: PipelineRow): Promise<boolean> {
  const row = await versionsOf(db, { ns, id }).select("id").limit(1).executeTakeFirst();
  return row !== undefined;
}

/** With its versions. Runs keep what they ran. */
export async function deletePipeline(db: PipelineDatabase, { ns, id }: PipelineRow): Promise<void> {
  const specs = await versionsOf(db, { ns, id }).select("spec").distinct().execute();
  await db.deleteFrom("pipeline_version").where("ns", "=", ns).where("pipeline", "=", id).execute();
  await db.deleteFrom("pipeline").where("ns", "=", ns).where("id", "=", id).execute();
  await dropUnusedDocuments(
    db,
    ns,
    specs.map(({ spec }) => spec),
  );
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

export async function insertVersion(db: PipelineDatabase, row: PipelineVersionRow): Promise<void> {
  await db.insertInto("pipeline_version").values(row).execute();
}

export async function updateVersion(
  db: PipelineDatabase,
  { ns, id }: PipelineVersionRow,
  change: Partial<Pick<PipelineVersionRow, "display_name" | "tags">>,
): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await db.updateTable("pipeline_version").set(change).where("ns", "=", ns).where("id", "=", id).execute();
}

export async function deleteVersion(db: PipelineDatabase, { ns, id, spec }: PipelineVersionRow): Promise<void> {
  await db.deleteFrom("pipeline_version").where("ns", "=", ns).where("id", "=", id).execute();
  await dropUnusedDocuments(db, ns, [spec]);
}
