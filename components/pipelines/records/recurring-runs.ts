import { activeRunStates } from "@headrace/records";
import { type Insertable, type Selectable, sql, type Updateable } from "kysely";
import type { Schedule, Trigger } from "../core/schedule.ts";
import { dropUnusedDocuments } from "./documents.ts";
import { type ListColumn, type Listing, type Page, takePage, textColumn, timeColumn } from "./listing.ts";
import { findObjects, type ObjectSearch } from "./object-search.ts";
import type { PipelineDatabase, RecurringRunTable } from "./tables.ts";

/** A recurring run. `version` is the version that it is bound to, while that exists. */
export type RecurringRunRow = Selectable<RecurringRunTable> & { version: string | null };

/** The feed's kind of their changes; the key is the name. */
export const recurringRunChanges = "recurringruns";

export const recurringRunColumns: Readonly<Record<string, ListColumn>> = {
  recurring_run_id: textColumn("recurring_run.id"),
  id: textColumn("recurring_run.id"),
  display_name: textColumn("recurring_run.display_name"),
  name: textColumn("recurring_run.display_name"),
  created_at: timeColumn("recurring_run.created_at"),
  updated_at: timeColumn("recurring_run.updated_at"),
  description: textColumn("recurring_run.description"),
  namespace: textColumn("recurring_run.ns"),
  experiment_id: textColumn("recurring_run.experiment"),
  status: {
    type: "text",
    value: sql`case when recurring_run.enabled = 1 then 'ENABLED' else 'DISABLED' end`,
  },
};

const query = (db: PipelineDatabase) =>
  db
    .selectFrom("recurring_run")
    .leftJoin("pipeline_version", "pipeline_version.id", "recurring_run.pipeline_version")
    .selectAll("recurring_run")
    .select("pipeline_version.id as version");

export async function findRecurringRun(db: PipelineDatabase, id: string): Promise<RecurringRunRow | undefined> {
  return query(db).where("recurring_run.id", "=", id).executeTakeFirst();
}

export async function findRecurringRunNamed(
  db: PipelineDatabase,
  ns: string,
  name: string,
): Promise<RecurringRunRow | undefined> {
  return query(db).where("recurring_run.ns", "=", ns).where("recurring_run.name", "=", name).executeTakeFirst();
}

export async function listRecurringRuns(
  db: PipelineDatabase,
  ns: string,
  listing: Listing,
): Promise<Page<RecurringRunRow>> {
  return takePage(query(db).where("recurring_run.ns", "=", ns), "recurring_run.id", listing);
}

/** Those of a namespace (all if it is empty), or by name, in the order of both. */
export async function recurringRunsAsObjects(
  db: PipelineDatabase,
  search: ObjectSearch,
): Promise<readonly RecurringRunRow[]> {
  return findObjects(query(db), { ns: "recurring_run.ns", name: "recurring_run.name" }, search);
}

export async function insertRecurringRun(db: PipelineDatabase, row: Insertable<RecurringRunTable>): Promise<void> {
  await db.insertInto("recurring_run").values(row).execute();
}

export async function updateRecurringRun(
  db: PipelineDatabase,
  { ns, id }: Pick<RecurringRunRow, "ns" | "id">,
  change: Updateable<RecurringRunTable>,
): Promise<void> {
  await db.updateTable("recurring_run").set(change).where("ns", "=", ns).where("id", "=", id).execute();
}

/** Those that are enabled, some at a time. */
export async function* enabledRecurringRuns(
  db: PipelineDatabase,
): AsyncGenerator<{ readonly ns: string; readonly name: string }> {
  for (let after = ""; ;) {
    const rows = await db
      .selectFrom("recurring_run")
      .select(["id", "ns", "name"])
      .where("enabled", "=", 1)
      .where("id", ">", after)
      .orderBy("id")
      .limit(pageSize)
      .execute();
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < pageSize) return;
    after = last.id;
  }
}

const pageSize = 500;

/** That a tick has happened; false if the row is no longer as it was read, or was disabled since. */
export async function recordTick(
  db: PipelineDatabase,
  { ns, id, last_index }: RecurringRunRow,
  tick: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("recurring_run")
    .set({ last_at: tick, last_index: last_index + 1, error: null })
    .where("ns", "=", ns)
    .where("id", "=", id)
    .where("last_index", "=", last_index)
    .where("enabled", "=", 1)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Its runs stay, and remember its id. */
export async function deleteRecurringRun(db: PipelineDatabase, { ns, id, spec }: RecurringRunRow): Promise<void> {
  await db.deleteFrom("recurring_run").where("ns", "=", ns).where("id", "=", id).execute();
  if (spec !== null) await dropUnusedDocuments(db, ns, [spec]);
}

/** Disables those of an experiment; answers the names of those that were enabled. */
export async function disableRecurringRunsOf(
  db: PipelineDatabase,
  { ns, id }: { readonly ns: string; readonly id: string },
  now: number,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("recurring_run")
    .select("name")
    .where("ns", "=", ns)
    .where("experiment", "=", id)
    .where("enabled", "=", 1)
    .execute();
  await db
    .updateTable("recurring_run")
    .set({ enabled: 0, updated_at: now })
    .where("ns", "=", ns)
    .where("experiment", "=", id)
    .where("enabled", "=", 1)
    .execute();
  return rows.map((row) => row.name);
}

/** Ids of its runs that have not ended. */
export async function unfinishedRunsOf(
  db: PipelineDatabase,
  { ns, id }: Pick<RecurringRunRow, "ns" | "id">,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("pipeline_run")
    .innerJoin("run", "run.id", "pipeline_run.run")
    .select("run.id")
    .where("pipeline_run.ns", "=", ns)
    .where("pipeline_run.recurring_run", "=", id)
    .where("run.state", "in", activeRunStates)
    .orderBy("run.created_at")
    .execute();
  return rows.map((row) => row.id);
}

/** Those to which any of these runs belongs. */
export async function recurringRunsOfRuns(
  db: PipelineDatabase,
  runs: readonly string[],
): Promise<readonly { readonly ns: string; readonly name: string }[]> {
  return db
    .selectFrom("pipeline_run")
    .innerJoin("recurring_run", "recurring_run.id", "pipeline_run.recurring_run")
    .select(["recurring_run.ns", "recurring_run.name"])
    .distinct()
    .where("pipeline_run.run", "in", runs)
    .execute();
}

function triggerOf({ cron, interval_seconds }: RecurringRunRow): Trigger | undefined {
  if (cron !== null) return { cron };
  return interval_seconds === null ? undefined : { intervalMs: interval_seconds * 1000 };
}

export function scheduleOf(row: RecurringRunRow): Schedule {
  return {
    trigger: triggerOf(row),
    createdAt: row.created_at,
    startAt: row.start_at ?? undefined,
    endAt: row.end_at ?? undefined,
    catchUp: row.no_catchup === 0,
  };
}
