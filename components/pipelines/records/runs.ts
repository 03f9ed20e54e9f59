import type { ArtifactTable, AttemptTable, RunTable, TaskTable } from "@headrace/records";
import { type Insertable, type Selectable, sql } from "kysely";
import { stepTypes } from "../resources/index.ts";
import { dropUnusedDocuments } from "./documents.ts";
import {
  type ListColumn,
  type Listing,
  optionalTextColumn,
  numberColumn,
  optionalTimeColumn,
  type Page,
  takePage,
  textColumn,
  timeColumn,
} from "./listing.ts";
import type { PipelineDatabase, PipelineRunTable, RunStateTable, StorageState } from "./tables.ts";

/** A run with both its rows. `version` is the version that it was made from, while that exists. */
export type RunRow = Selectable<PipelineRunTable> &
  Pick<Selectable<RunTable>, "state" | "error" | "started_at" | "finished_at"> & { version: string | null };

/** The feed's kind for runs that are gone, by the names of their Workflows: those cannot be looked up any more. */
export const workflowChanges = "workflows";

export type TaskRow = Selectable<TaskTable>;
export type AttemptRow = Selectable<AttemptTable>;
/** What ended CANCELED is FAILED to clients of KFP, so it is found under that name. */
const shownState: ListColumn = {
  type: "text",
  value: sql`case when run.state = 'CANCELED' then 'FAILED' else run.state end`,
};

export const runColumns: Readonly<Record<string, ListColumn>> = {
  run_id: textColumn("run.id"),
  id: textColumn("run.id"),
  display_name: textColumn("pipeline_run.display_name"),
  name: textColumn("pipeline_run.display_name"),
  created_at: timeColumn("run.created_at"),
  scheduled_at: timeColumn("pipeline_run.scheduled_at"),
  finished_at: optionalTimeColumn("run.finished_at"),
  description: textColumn("pipeline_run.description"),
  storage_state: textColumn("pipeline_run.storage_state"),
  state: shownState,
  status: shownState,
  namespace: textColumn("run.ns"),
  experiment_id: textColumn("pipeline_run.experiment"),
  pipeline_id: optionalTextColumn("pipeline_run.pipeline"),
  pipeline_version_id: optionalTextColumn("pipeline_run.pipeline_version"),
  recurring_run_id: optionalTextColumn("pipeline_run.recurring_run"),
};

const runQuery = (db: PipelineDatabase) =>
  db
    .selectFrom("run")
    .innerJoin("pipeline_run", "pipeline_run.run", "run.id")
    .leftJoin("pipeline_version", "pipeline_version.id", "pipeline_run.pipeline_version")
    .selectAll("pipeline_run")
    .select(["run.state", "run.error", "run.started_at", "run.finished_at", "pipeline_version.id as version"]);

export async function findRun(db: PipelineDatabase, id: string): Promise<RunRow | undefined> {
  return runQuery(db).where("run.id", "=", id).executeTakeFirst();
}

export async function listRuns(db: PipelineDatabase, ns: string, listing: Listing): Promise<Page<RunRow>> {
  return takePage(runQuery(db).where("run.ns", "=", ns), "run.id", listing, async () => {
    const query = db.selectFrom("run").select(sql<number>`count(*)`.as("total"));
    return Number((await query.where("ns", "=", ns).executeTakeFirst())?.total ?? 0);
  });
}

/** The oldest run of a schedule by that name. */
export async function findRunOfSchedule(
  db: PipelineDatabase,
  recurring: string,
  displayName: string,
): Promise<string | undefined> {
  const found = await db
    .selectFrom("pipeline_run")
    .select("run")
    .where("recurring_run", "=", recurring)
    .where("display_name", "=", displayName)
    .orderBy("created_at")
    .executeTakeFirst();
  return found?.run;
}

/** The rows of a new run, PENDING, with its contexts. Its document is there already. */
export async function insertRun(db: PipelineDatabase, row: Insertable<PipelineRunTable>): Promise<void> {
  const { run, ns, created_at } = row;
  await db
    .insertInto("run")
    .values({ id: run, ns, state: "PENDING", error: null, created_at, started_at: null, finished_at: null })
    .execute();
  await db.insertInto("pipeline_run").values(row).execute();
  await db.insertInto("run_state").values({ run, ns, at: created_at, state: "PENDING", error: null }).execute();
  await keepContext(db, ns, "system.Pipeline", row.pipeline_name);
  await keepContext(db, ns, "system.PipelineRun", run);
  await db
    .updateTable("experiment")
    .set({ last_run_created_at: created_at })
    .where("ns", "=", ns)
    .where("id", "=", row.experiment)
    .execute();
}

async function keepContext(db: PipelineDatabase, ns: string, kind: string, ref: string): Promise<void> {
  if (await findContext(db, ns, kind, ref)) return;
  await db.insertInto("context").values({ ns, kind, ref }).execute();
}

/** MLMD's id of a context; undefined if there is none. */
export async function findContext(
  db: PipelineDatabase,
  ns: string,
  kind: "system.Pipeline" | "system.PipelineRun" | (string & {}),
  ref: string,
): Promise<number | undefined> {
  const row = await db
    .selectFrom("context")
    .select("id")
    .where("ns", "=", ns)
    .where("kind", "=", kind)
    .where("ref", "=", ref)
    .executeTakeFirst();
  return row?.id;
}

export async function setRunStorage(
  db: PipelineDatabase,
  { ns, run }: Pick<RunRow, "ns" | "run">,
  state: StorageState,
  now: number,
): Promise<void> {
  await db
    .updateTable("pipeline_run")
    .set({ storage_state: state, ...(state === "ARCHIVED" && { archived_at: now }) })
    .where("ns", "=", ns)
    .where("run", "=", run)
    .execute();
}

/**
 * Removes the run with its tasks, attempts and history, and the artifacts that no other run's task has at an end. Answers the
 * ids of what is gone. Bytes stay.
 */
export async function deleteRun(
  db: PipelineDatabase,
  { ns, run, spec }: RunRow,
): Promise<{ readonly tasks: readonly number[]; readonly artifacts: readonly Selectable<ArtifactTable>[] }> {
  const tasks = db.selectFrom("task").select("id").where("ns", "=", ns).where("run", "=", run);
  const ends = db.selectFrom("task_artifact").select("artifact").where("ns", "=", ns).where("task", "in", tasks);
  const gone = await db
    .deleteFrom("artifact")
    .where("ns", "=", ns)
    .where("id", "in", ends)
    .where(({ exists, not, selectFrom }) =>
      not(
        exists(
          selectFrom("task_artifact as other")
            .select("other.task")
            .whereRef("other.artifact", "=", "artifact.id")
            .where("other.task", "not in", tasks),
        ),
      ),
    )
    .returningAll()
    .execute();
  await db.deleteFrom("task_artifact").where("ns", "=", ns).where("task", "in", tasks).execute();
  await db.deleteFrom("attempt").where("ns", "=", ns).where("run", "=", run).execute();
  const removed = await tasks.execute();
  await db.deleteFrom("task").where("ns", "=", ns).where("run", "=", run).execute();
  await db.deleteFrom("run_state").where("ns", "=", ns).where("run", "=", run).execute();
  await db.deleteFrom("pipeline_run").where("ns", "=", ns).where("run", "=", run).execute();
  await db.deleteFrom("run").where("ns", "=", ns).where("id", "=", run).execute();
  await db
    .deleteFrom("context")
    .where("ns", "=", ns)
    .where("kind", "=", "system.PipelineRun")
    .where("ref", "=", run)
    .execute();
  await dropUnusedDocuments(db, ns, [spec]);
  return { tasks: removed.map((task) => task.id), artifacts: gone };
}

/** state_history of several runs, oldest first. */
export async function statesOf(
  db: PipelineDatabase,
  ns: string,
  runs: readonly string[],
): Promise<readonly Selectable<RunStateTable>[]> {
  if (runs.length === 0) return [];
  return db.selectFrom("run_state").selectAll().where("ns", "=", ns).where("run", "in", runs).orderBy("id").execute();
}

/** The step of a run that failed first, and how many did. */
export type Failure = Pick<TaskRow, "run" | "display_name" | "error"> & { readonly total: number };

/** Of several runs, by run. The rest of what failed is only counted: it may be thousands of steps. */
export async function failuresOf(
  db: PipelineDatabase,
  ns: string,
  runs: readonly string[],
): Promise<ReadonlyMap<string, Failure>> {
  if (runs.length === 0) return new Map();
  const numbered = db
    .selectFrom("task")
    .select("id")
    .select(sql<number>`row_number() over (partition by run order by finished_at, id)`.as("position"))
    .select(sql<number>`count(*) over (partition by run)`.as("total"))
    .where("ns", "=", ns)
    .where("run", "in", runs)
    .where("state", "=", "FAILED")
    .where("type", "in", stepTypes);
  const rows = await db
    .selectFrom(numbered.as("failure"))
    .innerJoin("task", "task.id", "failure.id")
    .select(["task.run", "task.display_name", "task.error", "failure.total"])
    .where("failure.position", "=", 1)
    .execute();
  return new Map(rows.map((row) => [row.run, { ...row, total: Number(row.total) }]));
}

export async function tasksOf(db: PipelineDatabase, ns: string, run: string): Promise<readonly TaskRow[]> {
  return db.selectFrom("task").selectAll().where("ns", "=", ns).where("run", "=", run).orderBy("id").execute();
}

/** What of a task says where it belongs. */
export type TaskOutline = Pick<TaskRow, "id" | "uid" | "parent" | "name">;

/** Of all tasks of a run, in the order of their creation. */
export async function outlineOf(db: PipelineDatabase, ns: string, run: string): Promise<readonly TaskOutline[]> {
  return db
    .selectFrom("task")
    .select(["id", "uid", "parent", "name"])
    .where("ns", "=", ns)
    .where("run", "=", run)
    .orderBy("id")
    .execute();
}

/** Some tasks, in the order of their creation. */
export async function tasksNumbered(
  db: PipelineDatabase,
  ns: string,
  ids: readonly number[],
): Promise<readonly TaskRow[]> {
  return db.selectFrom("task").selectAll().where("ns", "=", ns).where("id", "in", ids).orderBy("id").execute();
}

export const taskColumns = {
  /** The order of creation. */
  number: numberColumn("task.id"),
  task_id: textColumn("task.uid"),
  name: textColumn("task.name"),
  display_name: textColumn("task.display_name"),
  type: textColumn("task.type"),
  parent_task_id: optionalTextColumn("parent.uid"),
  cache_fingerprint: optionalTextColumn("task.fingerprint"),
  create_time: timeColumn("task.created_at"),
  start_time: optionalTimeColumn("task.started_at"),
  end_time: optionalTimeColumn("task.finished_at"),
} satisfies Readonly<Record<string, ListColumn>>;

export async function listTasks(
  db: PipelineDatabase,
  { ns, run }: Pick<RunRow, "ns" | "run">,
  listing: Listing,
): Promise<Page<TaskRow>> {
  const query = db
    .selectFrom("task")
    .leftJoin("task as parent", "parent.id", "task.parent")
    .selectAll("task")
    .where("task.ns", "=", ns)
    .where("task.run", "=", run);
  return takePage(query, "task.uid", listing);
}

export async function findTask(
  db: PipelineDatabase,
  { ns, run }: Pick<RunRow, "ns" | "run">,
  uid: string,
): Promise<TaskRow | undefined> {
  return db
    .selectFrom("task")
    .selectAll()
    .where("ns", "=", ns)
    .where("run", "=", run)
    .where("uid", "=", uid)
    .executeTakeFirst();
}

/** The newest that succeeded, itself or by another's result. */
export async function findTaskByFingerprint(
  db: PipelineDatabase,
  ns: string,
  fingerprint: string,
): Promise<TaskRow | undefined> {
  return db
    .selectFrom("task")
    .selectAll()
    .where("ns", "=", ns)
    .where("fingerprint", "=", fingerprint)
    .where("state", "in", ["SUCCEEDED", "CACHED"])
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
}

/** The tasks around several of one run: what they are in, and what is in them. In the order of their creation. */
export async function neighboursOf(
  db: PipelineDatabase,
  { ns, run }: Pick<RunRow, "ns" | "run">,
  tasks: readonly TaskRow[],
): Promise<readonly TaskRow[]> {
  if (tasks.length === 0) return [];
  const parents = tasks.flatMap(({ parent }) => (parent === null ? [] : [parent]));
  return db
    .selectFrom("task")
    .selectAll()
    .where("ns", "=", ns)
    .where("run", "=", run)
    .where(({ eb, or }) =>
      or([
        eb(
          "parent",
          "in",
          tasks.map(({ id }) => id),
        ),
        ...(parents.length > 0 ? [eb("id", "in", parents)] : []),
      ]),
    )
    .orderBy("id")
    .execute();
}

/** How many tasks each of several runs has. Only the runs are asked for, not their namespace: so an index answers alone. */
export async function countTasks(db: PipelineDatabase, runs: readonly string[]): Promise<ReadonlyMap<string, number>> {
  if (runs.length === 0) return new Map();
  const rows = await db
    .selectFrom("task")
    .select(["run", sql<number>`count(*)`.as("count")])
    .where("run", "in", runs)
    .groupBy("run")
    .execute();
  return new Map(rows.map((row) => [row.run, Number(row.count)]));
}

export async function findAttemptOfPod(db: PipelineDatabase, ns: string, pod: string): Promise<AttemptRow | undefined> {
  return db.selectFrom("attempt").selectAll().where("ns", "=", ns).where("pod", "=", pod).executeTakeFirst();
}

/** The tries of a run's tasks, or of some of them. */
export async function attemptsOf(
  db: PipelineDatabase,
  ns: string,
  run: string,
  tasks?: readonly number[],
): Promise<readonly AttemptRow[]> {
  if (tasks?.length === 0) return [];
  return db
    .selectFrom("attempt")
    .selectAll()
    .where("ns", "=", ns)
    .where("run", "=", run)
    .$if(tasks !== undefined, (query) => query.where("task", "in", tasks ?? []))
    .orderBy("task")
    .orderBy("n")
    .execute();
}
