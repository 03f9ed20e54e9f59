import type { Migration } from "@headrace/model";
import type { Kysely } from "kysely";
import { column, withCounter } from "./columns.ts";

/** The tables of tables.ts, with an index for each question that the engine and the faces ask. */
export const lineageMigrations: readonly Migration[] = [
  { component: "records", id: 1, name: "lineage", up: (schema) => createLineage((schema as Kysely<unknown>).schema) },
  { component: "records", id: 2, name: "garbage", up: (schema) => createGarbage((schema as Kysely<unknown>).schema) },
  { component: "records", id: 3, name: "attempts", up: (schema) => indexAttempts((schema as Kysely<unknown>).schema) },
];

type SchemaBuilder = Kysely<unknown>["schema"];

async function createLineage(schema: SchemaBuilder): Promise<void> {
  await createRuns(schema);
  await createTasks(schema);
  await createAttempts(schema);
  await createArtifacts(schema);
  await createContextsAndDocuments(schema);
}

async function createRuns(schema: SchemaBuilder): Promise<void> {
  await schema
    .createTable("run")
    .addColumn("id", column.uuid, (c) => c.primaryKey())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("state", column.word, (c) => c.notNull())
    .addColumn("error", column.text)
    .addColumn("created_at", column.time, (c) => c.notNull())
    .addColumn("started_at", column.time)
    .addColumn("finished_at", column.time)
    .execute();
  await schema.createIndex("run_by_state").on("run").columns(["state", "created_at"]).execute();
  await schema.createIndex("run_by_age").on("run").columns(["ns", "created_at", "id"]).execute();
}

async function createTasks(schema: SchemaBuilder): Promise<void> {
  await withCounter(schema.createTable("task"), "id")
    .addColumn("uid", column.uuid, (c) => c.notNull().unique())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("run", column.uuid, (c) => c.notNull())
    .addColumn("parent", column.integer)
    .addColumn("key", column.path, (c) => c.notNull())
    .addColumn("name", column.key, (c) => c.notNull())
    .addColumn("display_name", column.key, (c) => c.notNull())
    .addColumn("type", column.word, (c) => c.notNull())
    .addColumn("iteration", column.integer)
    .addColumn("state", column.word, (c) => c.notNull())
    .addColumn("inputs", column.text)
    .addColumn("outputs", column.text)
    .addColumn("items", column.text)
    .addColumn("fingerprint", column.key)
    .addColumn("cached_from", column.integer)
    .addColumn("error", column.text)
    .addColumn("created_at", column.time, (c) => c.notNull())
    .addColumn("started_at", column.time)
    .addColumn("finished_at", column.time)
    .addColumn("retry_at", column.time)
    .addColumn("deadline_at", column.time)
    .execute();
  await schema.createIndex("task_by_key").on("task").columns(["run", "key"]).unique().execute();
  await schema.createIndex("task_by_parent").on("task").columns(["parent", "name"]).execute();
  await schema.createIndex("task_by_state").on("task").columns(["state", "run"]).execute();
  await schema.createIndex("task_by_fingerprint").on("task").columns(["fingerprint", "ns", "id"]).execute();
}

async function createAttempts(schema: SchemaBuilder): Promise<void> {
  await schema
    .createTable("attempt")
    .addColumn("task", column.integer, (c) => c.notNull())
    .addColumn("n", column.integer, (c) => c.notNull())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("run", column.uuid, (c) => c.notNull())
    .addColumn("pod", column.key, (c) => c.notNull())
    .addColumn("state", column.word, (c) => c.notNull())
    .addColumn("exit_code", column.integer)
    .addColumn("reason", column.text)
    .addColumn("message", column.text)
    .addColumn("log", column.text)
    .addColumn("created_at", column.time, (c) => c.notNull())
    .addColumn("started_at", column.time)
    .addColumn("finished_at", column.time)
    .addPrimaryKeyConstraint("attempt_key", ["task", "n"])
    .execute();
  await schema.createIndex("attempt_by_run").on("attempt").columns(["run", "state"]).execute();
  await schema.createIndex("attempt_by_pod").on("attempt").columns(["ns", "pod"]).execute();
  await schema.createIndex("attempt_by_state").on("attempt").columns(["state", "ns"]).execute();
}

/** Nobody asks for attempts by their state, and an index with it in it is written to again when the attempt ends. */
async function indexAttempts(schema: SchemaBuilder): Promise<void> {
  await schema.dropIndex("attempt_by_state").execute();
  await schema.dropIndex("attempt_by_run").execute();
  await schema.createIndex("attempt_by_run").on("attempt").columns(["run", "task", "n"]).execute();
}

async function createArtifacts(schema: SchemaBuilder): Promise<void> {
  await withCounter(schema.createTable("artifact"), "id")
    .addColumn("uid", column.uuid, (c) => c.notNull().unique())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("type", column.key, (c) => c.notNull())
    .addColumn("type_schema", column.text)
    .addColumn("name", column.key)
    .addColumn("uri", column.path, (c) => c.notNull())
    .addColumn("metadata", column.text, (c) => c.notNull())
    .addColumn("digest", column.key)
    .addColumn("size", column.integer)
    .addColumn("state", column.word, (c) => c.notNull())
    .addColumn("created_at", column.time, (c) => c.notNull())
    .execute();
  await schema.createIndex("artifact_by_uri").on("artifact").columns(["uri", "ns"]).execute();
  await schema.createIndex("artifact_by_type").on("artifact").columns(["ns", "type", "id"]).execute();
  await schema
    .createTable("task_artifact")
    .addColumn("task", column.integer, (c) => c.notNull())
    .addColumn("artifact", column.integer, (c) => c.notNull())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("direction", column.word, (c) => c.notNull())
    .addColumn("name", column.key, (c) => c.notNull())
    .addColumn("index", column.integer, (c) => c.notNull())
    .addPrimaryKeyConstraint("task_artifact_key", ["task", "direction", "name", "index"])
    .execute();
  await schema
    .createIndex("task_artifact_by_artifact")
    .on("task_artifact")
    .columns(["artifact", "direction"])
    .execute();
}

async function createGarbage(schema: SchemaBuilder): Promise<void> {
  await schema
    .createTable("garbage")
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("uri", column.path, (c) => c.notNull())
    .addColumn("created_at", column.time, (c) => c.notNull())
    .addPrimaryKeyConstraint("garbage_key", ["uri", "ns"])
    .execute();
}

async function createContextsAndDocuments(schema: SchemaBuilder): Promise<void> {
  await withCounter(schema.createTable("context"), "id")
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("kind", column.key, (c) => c.notNull())
    .addColumn("ref", column.key, (c) => c.notNull())
    .execute();
  await schema.createIndex("context_by_ref").on("context").columns(["ns", "kind", "ref"]).unique().execute();
  await schema
    .createTable("document")
    .addColumn("digest", column.key, (c) => c.notNull())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("content", column.text, (c) => c.notNull())
    .addColumn("created_at", column.time, (c) => c.notNull())
    .addPrimaryKeyConstraint("document_key", ["ns", "digest"])
    .execute();
}

/** What the records need before any migration can run: the table of migrations and the change feed. */
export async function createHousekeeping(schema: SchemaBuilder): Promise<void> {
  await schema
    .createTable("migration")
    .ifNotExists()
    .addColumn("component", column.key, (c) => c.notNull())
    .addColumn("id", column.integer, (c) => c.notNull())
    .addColumn("name", column.key, (c) => c.notNull())
    .addColumn("applied_at", column.time, (c) => c.notNull())
    .addPrimaryKeyConstraint("migration_key", ["component", "id"])
    .execute();
  await withCounter(schema.createTable("change").ifNotExists(), "seq")
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("kind", column.key, (c) => c.notNull())
    .addColumn("key", column.key, (c) => c.notNull())
    .addColumn("op", column.word, (c) => c.notNull())
    .execute();
  await schema.createIndex("change_by_kind").ifNotExists().on("change").columns(["kind", "seq"]).execute();
}
