import type { Migration } from "@headrace/model";
import { column } from "@headrace/records";
import type { Kysely } from "kysely";

/** The tables of tables.ts. */
export const storageMigrations: readonly Migration[] = [
  { component: "storage", id: 1, name: "objects", up: (schema) => createTables((schema as Kysely<unknown>).schema) },
];

async function createTables(schema: Kysely<unknown>["schema"]): Promise<void> {
  await schema
    .createTable("storage_bucket")
    .addColumn("name", column.key, (c) => c.primaryKey())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("created_at", column.time, (c) => c.notNull())
    .execute();
  await schema
    .createTable("storage_object")
    .addColumn("bucket", column.key, (c) => c.notNull())
    .addColumn("key", column.path, (c) => c.notNull())
    .addColumn("ns", column.key, (c) => c.notNull())
    .addColumn("size", column.integer, (c) => c.notNull())
    .addColumn("modified_at", column.time, (c) => c.notNull())
    .addColumn("etag", column.key, (c) => c.notNull())
    .addColumn("headers", column.text, (c) => c.notNull())
    .addColumn("checksums", column.text, (c) => c.notNull())
    .addPrimaryKeyConstraint("storage_object_key", ["bucket", "key"])
    .execute();
}
