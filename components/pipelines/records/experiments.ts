import type { Selectable } from "kysely";
import { type ListColumn, type Listing, type Page, takePage, textColumn, timeColumn } from "./listing.ts";
import type { ExperimentTable, PipelineDatabase, StorageState } from "./tables.ts";

export type ExperimentRow = Selectable<ExperimentTable>;

/** Names by which the API sorts and filters. */
export const experimentColumns: Readonly<Record<string, ListColumn>> = {
  experiment_id: textColumn("experiment.id"),
  id: textColumn("experiment.id"),
  display_name: textColumn("experiment.name"),
  name: textColumn("experiment.name"),
  created_at: timeColumn("experiment.created_at"),
  last_run_created_at: timeColumn("experiment.last_run_created_at"),
  description: textColumn("experiment.description"),
  namespace: textColumn("experiment.ns"),
  storage_state: textColumn("experiment.storage_state"),
};

export async function findExperiment(db: PipelineDatabase, id: string): Promise<ExperimentRow | undefined> {
  return db.selectFrom("experiment").selectAll().where("id", "=", id).executeTakeFirst();
}

export async function findExperimentNamed(
  db: PipelineDatabase,
  ns: string,
  name: string,
): Promise<ExperimentRow | undefined> {
  return db.selectFrom("experiment").selectAll().where("ns", "=", ns).where("name", "=", name).executeTakeFirst();
}

export async function listExperiments(
  db: PipelineDatabase,
  ns: string,
  listing: Listing,
): Promise<Page<ExperimentRow>> {
  return takePage(db.selectFrom("experiment").selectAll().where("ns", "=", ns), "experiment.id", listing);
}

export async function insertExperiment(db: PipelineDatabase, row: ExperimentRow): Promise<void> {
  await db.insertInto("experiment").values(row).execute();
}

export async function setExperimentStorage(
  db: PipelineDatabase,
  { ns, id }: ExperimentRow,
  state: StorageState,
): Promise<void> {
  await db.updateTable("experiment").set({ storage_state: state }).where("ns", "=", ns).where("id", "=", id).execute();
}

/** Archives the experiment's runs; answers the ids of those that were not archived before. */
export async function archiveRunsOf(
  db: PipelineDatabase,
  { ns, id }: ExperimentRow,
  now: number,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("pipeline_run")
    .select("run")
    .where("ns", "=", ns)
    .where("experiment", "=", id)
    .where("storage_state", "=", "AVAILABLE")
    .execute();
  await db
    .updateTable("pipeline_run")
    .set({ storage_state: "ARCHIVED", archived_at: now })
    .where("ns", "=", ns)
    .where("experiment", "=", id)
    .where("storage_state", "=", "AVAILABLE")
    .execute();
  return rows.map((row) => row.run);
}

export async function deleteExperiment(db: PipelineDatabase, { ns, id }: ExperimentRow): Promise<void> {
  await db.deleteFrom("experiment").where("ns", "=", ns).where("id", "=", id).execute();
}
