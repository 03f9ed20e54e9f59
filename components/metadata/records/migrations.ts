import type { Migration } from "@headrace/model";
import { column, withCounter } from "@headrace/records";
import type { Kysely } from "kysely";
import { builtInTypes, firstOwnId } from "../core/ownership.ts";
import type { MetadataDatabase } from "./tables.ts";

/** The tables of tables.ts. */
export const metadataMigrations: readonly Migration[] = [
  { component: "metadata", id: 1, name: "metadata", up: (schema) => createTables(schema as MetadataDatabase) },
];

async function createTables(db: MetadataDatabase): Promise<void> {
  await createTypes(db.schema);
  await createNodes(db.schema);
  await createEdges(db.schema);
  await db
    .insertInto("metadata_type")
    .values(
      builtInTypes.map(({ kind, name }, index) => ({
        id: index + 1,
        ns: "",
        kind,
        name,
        version: "",
        description: null,
        external_id: null,
        properties: "{}",
        rest: "{}",
      })),
    )
    .execute();
  // A counter never gives a number twice: from here on it counts where the lineage's never come.
  const before = { id: firstOwnId - 1, ns: "", kind: "context" as const, type: 0, name: null, uri: null };
  await db
    .insertInto("metadata_node")
    .values({
      ...before,
      external_id: null,
      state: null,
      properties: "{}",
      custom_properties: "{}",
      system_metadata: null,
      created_at: 0,
      updated_at: 0,
    })
    .execute();
  await db.deleteFrom("metadata_node").where("id", "=", before.id).execute();
}

type SchemaBuilder = Kysely<unknown>["schema"];

async function createTypes(schema: SchemaBuilder): Promise<void> {
  await withCounter(schema.createTable("metadata_type"), "id")
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("kind", column.word, (c) => c.notNull())
    .addColumn("name", column.key, (c) => c.notNull())
    .addColumn("version", column.key, (c) => c.notNull())
    .addColumn("description", column.text)
    .addColumn("external_id", column.key)
    .addColumn("properties", column.text, (c) => c.notNull())
    .addColumn("rest", column.text, (c) => c.notNull())
    .execute();
  await unique(schema, "metadata_type", ["ns", "kind", "name", "version"]);
}

async function createNodes(schema: SchemaBuilder): Promise<void> {
  await withCounter(schema.createTable("metadata_node"), "id")
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("kind", column.word, (c) => c.notNull())
    .addColumn("type", column.integer, (c) => c.notNull())
    .addColumn("name", column.key)
    .addColumn("uri", column.path)
    .addColumn("external_id", column.key)
    .addColumn("state", column.word)
    .addColumn("properties", column.text, (c) => c.notNull())
    .addColumn("custom_properties", column.text, (c) => c.notNull())
    .addColumn("system_metadata", column.text)
    .addColumn("created_at", column.time, (c) => c.notNull())
    .addColumn("updated_at", column.time, (c) => c.notNull())
    .execute();
  await unique(schema, "metadata_node", ["ns", "type", "name"]);
  await unique(schema, "metadata_node", ["ns", "kind", "external_id"]);
  await schema.createIndex("metadata_node_by_uri").on("metadata_node").columns(["uri", "ns"]).execute();
  await schema.createIndex("metadata_node_by_kind").on("metadata_node").columns(["kind", "ns", "id"]).execute();
}

async function createEdges(schema: SchemaBuilder): Promise<void> {
  await withCounter(schema.createTable("metadata_event"), "id")
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("artifact", column.integer, (c) => c.notNull())
    .addColumn("execution", column.integer, (c) => c.notNull())
    .addColumn("type", column.word, (c) => c.notNull())
    .addColumn("path", column.text)
    .addColumn("system_metadata", column.text)
    .addColumn("at", column.time, (c) => c.notNull())
    .execute();
  await unique(schema, "metadata_event", ["artifact", "execution", "type"]);
  await schema.createIndex("metadata_event_by_execution").on("metadata_event").column("execution").execute();
  await schema
    .createTable("metadata_link")
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("context", column.integer, (c) => c.notNull())
    .addColumn("kind", column.word, (c) => c.notNull())
    .addColumn("node", column.integer, (c) => c.notNull())
    .addColumn("system_metadata", column.text)
    .addPrimaryKeyConstraint("metadata_link_key", ["context", "kind", "node"])
    .execute();
  await schema.createIndex("metadata_link_by_node").on("metadata_link").columns(["kind", "node"]).execute();
  await schema
    .createTable("metadata_parent")
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("child", column.integer, (c) => c.notNull())
    .addColumn("parent", column.integer, (c) => c.notNull())
    .addColumn("system_metadata", column.text)
    .addPrimaryKeyConstraint("metadata_parent_key", ["child", "parent"])
    .execute();
  await schema.createIndex("metadata_parent_by_parent").on("metadata_parent").column("parent").execute();
}

async function unique(schema: SchemaBuilder, table: string, columns: readonly string[]): Promise<void> {
  await schema
    .createIndex(`${table}_by_${columns.at(-1)}`)
    .on(table)
    .columns([...columns])
    .unique()
    .execute();
}
