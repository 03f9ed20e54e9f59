import type { Migration } from "@headrace/model";
import { column, withCounter } from "@headrace/records";
import type { Kysely } from "kysely";
import { freePipelineName, freeVersionName } from "./object-names.ts";
import type { PipelineTables } from "./tables.ts";

type SchemaBuilder = Kysely<unknown>["schema"];

/** The tables of tables.ts. */
export const pipelineMigrations: readonly Migration[] = [
  {
    component: "pipelines",
    id: 1,
    name: "pipelines",
    up: (schema) => createTables((schema as Kysely<unknown>).schema),
  },
  {
    component: "pipelines",
    id: 2,
    name: "recurring runs",
    up: (schema) => createRecurringRuns((schema as Kysely<unknown>).schema),
  },
  {
    component: "pipelines",
    id: 3,
    name: "options of runs",
    up: (schema) => addRunOptions((schema as Kysely<unknown>).schema),
  },
  {
    component: "pipelines",
    id: 4,
    name: "objects",
    up: (schema) => showAsObjects(schema as Kysely<PipelineTables>),
  },
  {
    component: "pipelines",
    id: 5,
    name: "retention",
    up: (schema) => addArchiveTime((schema as Kysely<unknown>).schema),
  },
];

/** Retention asks for the oldest of those that are over, and of those that are archived. */
async function addArchiveTime(schema: SchemaBuilder): Promise<void> {
  await schema.alterTable("pipeline_run").addColumn("archived_at", column.time).execute();
  await schema
    .createIndex("run_by_storage")
    .on("pipeline_run")
    .columns(["storage_state", "archived_at", "created_at"])
    .execute();
}

async function createTables(schema: SchemaBuilder): Promise<void> {
  await createExperiments(schema);
  await createPipelines(schema);
  await createRuns(schema);
}

async function createExperiments(schema: SchemaBuilder): Promise<void> {
  await schema
    .createTable("experiment")
    .addColumn("id", column.uuid, (c) => c.primaryKey())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("name", column.key, (c) => c.notNull())
    .addColumn("description", column.text, (c) => c.notNull())
    .addColumn("storage_state", column.word, (c) => c.notNull())
    .addColumn("created_at", column.time, (c) => c.notNull())
    .addColumn("last_run_created_at", column.time, (c) => c.notNull())
    .execute();
  await schema.createIndex("experiment_by_name").on("experiment").columns(["ns", "name"]).unique().execute();
  await schema.createIndex("experiment_by_age").on("experiment").columns(["ns", "created_at", "id"]).execute();
}

async function createPipelines(schema: SchemaBuilder): Promise<void> {
  await schema
    .createTable("pipeline")
    .addColumn("id", column.uuid, (c) => c.primaryKey())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("name", column.key, (c) => c.notNull())
    .addColumn("display_name", column.key, (c) => c.notNull())
    .addColumn("description", column.text, (c) => c.notNull())
    .addColumn("tags", column.text, (c) => c.notNull())
    .addColumn("created_at", column.time, (c) => c.notNull())
    .execute();
  await schema.createIndex("pipeline_by_name").on("pipeline").columns(["ns", "name"]).unique().execute();
  await schema.createIndex("pipeline_by_age").on("pipeline").columns(["ns", "created_at", "id"]).execute();
  await schema
    .createTable("pipeline_version")
    .addColumn("id", column.uuid, (c) => c.primaryKey())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("pipeline", column.uuid, (c) => c.notNull())
    .addColumn("name", column.key, (c) => c.notNull())
    .addColumn("display_name", column.key, (c) => c.notNull())
    .addColumn("description", column.text, (c) => c.notNull())
    .addColumn("tags", column.text, (c) => c.notNull())
    .addColumn("spec", column.key, (c) => c.notNull())
    .addColumn("package_url", column.text, (c) => c.notNull())
    .addColumn("code_source_url", column.text, (c) => c.notNull())
    .addColumn("created_at", column.time, (c) => c.notNull())
    .execute();
  await schema.createIndex("version_by_name").on("pipeline_version").columns(["pipeline", "name"]).unique().execute();
  await schema.createIndex("version_by_age").on("pipeline_version").columns(["pipeline", "created_at", "id"]).execute();
  await schema.createIndex("version_by_spec").on("pipeline_version").columns(["spec", "ns"]).execute();
}

async function createRuns(schema: SchemaBuilder): Promise<void> {
  await schema
    .createTable("pipeline_run")
    .addColumn("run", column.uuid, (c) => c.primaryKey())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("experiment", column.uuid, (c) => c.notNull())
    .addColumn("display_name", column.key, (c) => c.notNull())
    .addColumn("description", column.text, (c) => c.notNull())
    .addColumn("storage_state", column.word, (c) => c.notNull())
    .addColumn("pipeline", column.uuid)
    .addColumn("pipeline_version", column.uuid)
    .addColumn("pipeline_name", column.key, (c) => c.notNull())
    .addColumn("resource_name", column.key, (c) => c.notNull())
    .addColumn("spec", column.key, (c) => c.notNull())
    .addColumn("parameters", column.text, (c) => c.notNull())
    .addColumn("pipeline_root", column.text, (c) => c.notNull())
    .addColumn("service_account", column.key, (c) => c.notNull())
    .addColumn("cache", column.integer, (c) => c.notNull())
    .addColumn("created_at", column.time, (c) => c.notNull())
    .addColumn("scheduled_at", column.time, (c) => c.notNull())
    .execute();
  await schema.createIndex("run_by_experiment").on("pipeline_run").columns(["experiment", "created_at"]).execute();
  await schema.createIndex("run_by_pipeline").on("pipeline_run").columns(["pipeline", "created_at"]).execute();
  await schema.createIndex("run_by_creation").on("pipeline_run").columns(["ns", "created_at", "run"]).execute();
  await schema.createIndex("run_by_name").on("pipeline_run").columns(["ns", "display_name"]).execute();
  await schema.createIndex("run_by_resource").on("pipeline_run").columns(["ns", "resource_name"]).execute();
  await schema.createIndex("run_by_spec").on("pipeline_run").columns(["spec", "ns"]).execute();
  await withCounter(schema.createTable("run_state"), "id")
    .addColumn("run", column.uuid, (c) => c.notNull())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("at", column.time, (c) => c.notNull())
    .addColumn("state", column.word, (c) => c.notNull())
    .addColumn("error", column.text)
    .execute();
  await schema.createIndex("run_state_by_run").on("run_state").columns(["run", "id"]).execute();
}

async function addRunOptions(schema: SchemaBuilder): Promise<void> {
  await schema.alterTable("pipeline_run").addColumn("cache_max_age", column.time).execute();
  await schema
    .alterTable("pipeline_run")
    .addColumn("keep_going", column.integer, (c) => c.notNull().defaultTo(0))
    .execute();
  await schema.alterTable("pipeline_run").addColumn("run_again", column.text).execute();
}

async function createRecurringRuns(schema: SchemaBuilder): Promise<void> {
  await schema
    .createTable("recurring_run")
    .addColumn("id", column.uuid, (c) => c.primaryKey())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("experiment", column.uuid, (c) => c.notNull())
    .addColumn("name", column.key, (c) => c.notNull())
    .addColumn("display_name", column.key, (c) => c.notNull())
    .addColumn("description", column.text, (c) => c.notNull())
    .addColumn("enabled", column.integer, (c) => c.notNull())
    .addColumn("max_concurrency", column.integer, (c) => c.notNull())
    .addColumn("no_catchup", column.integer, (c) => c.notNull())
    .addColumn("cron", column.text)
    .addColumn("interval_seconds", column.integer)
    .addColumn("start_at", column.time)
    .addColumn("end_at", column.time)
    .addColumn("pipeline", column.uuid)
    .addColumn("pipeline_version", column.uuid)
    .addColumn("spec", column.key)
    .addColumn("parameters", column.text, (c) => c.notNull())
    .addColumn("pipeline_root", column.text, (c) => c.notNull())
    .addColumn("service_account", column.key, (c) => c.notNull())
    .addColumn("created_at", column.time, (c) => c.notNull())
    .addColumn("updated_at", column.time, (c) => c.notNull())
    .addColumn("last_at", column.time)
    .addColumn("last_index", column.integer, (c) => c.notNull())
    .addColumn("error", column.text)
    .execute();
  const index = (name: string) => schema.createIndex(name).on("recurring_run");
  await index("recurring_run_by_name").columns(["ns", "name"]).unique().execute();
  await index("recurring_run_by_age").columns(["ns", "created_at", "id"]).execute();
  await index("recurring_run_by_experiment").columns(["experiment", "created_at"]).execute();
  await index("recurring_run_by_pipeline").columns(["pipeline"]).execute();
  await index("recurring_run_by_spec").columns(["spec", "ns"]).execute();
  await schema.alterTable("pipeline_run").addColumn("recurring_run", column.uuid).execute();
  await schema.alterTable("pipeline_run").addColumn("recurring_index", column.integer).execute();
  await schema
    .createIndex("run_by_recurring_run")
    .on("pipeline_run")
    .columns(["recurring_run", "created_at"])
    .execute();
}

/** What Kubernetes knows of an object and KFP does not: its name, labels and annotations. */
async function showAsObjects(db: Kysely<PipelineTables>): Promise<void> {
  for (const table of ["recurring_run", "pipeline", "pipeline_version"]) {
    for (const name of ["labels", "annotations"])
      await db.schema
        .alterTable(table)
        .addColumn(name, column.text, (c) => c.notNull().defaultTo("{}"))
        .execute();
  }
  await db.schema
    .alterTable("recurring_run")
    .addColumn("keep_going", column.integer, (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema.alterTable("recurring_run").addColumn("cache_max_age", column.time).execute();
  for (const table of ["pipeline", "pipeline_version"]) {
    await db.schema
      .alterTable(table)
      .addColumn("object", column.key, (c) => c.notNull().defaultTo(""))
      .execute();
  }
  await nameObjects(db);
  await db.schema.createIndex("pipeline_by_object").on("pipeline").columns(["ns", "object"]).unique().execute();
  await db.schema.createIndex("version_by_object").on("pipeline_version").columns(["ns", "object"]).unique().execute();
}

async function nameObjects(db: Kysely<PipelineTables>): Promise<void> {
  for (const { id, ns, name } of await db.selectFrom("pipeline").select(["id", "ns", "name"]).execute()) {
    const object = await freePipelineName(db, { ns, id, name });
    await db.updateTable("pipeline").set({ object }).where("ns", "=", ns).where("id", "=", id).execute();
  }
  const versions = await db
    .selectFrom("pipeline_version")
    .innerJoin("pipeline", "pipeline.id", "pipeline_version.pipeline")
    .select(["pipeline_version.id", "pipeline_version.ns", "pipeline_version.name", "pipeline.name as pipeline"])
    .execute();
  for (const { id, ns, name, pipeline } of versions) {
    const object = await freeVersionName(db, { ns, id, name, pipeline });
    await db.updateTable("pipeline_version").set({ object }).where("ns", "=", ns).where("id", "=", id).execute();
  }
}
