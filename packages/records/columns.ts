import type { CreateTableBuilder } from "kysely";

/**
 * Column types that every database understands and can index. `key` holds names and identifiers, `text` what is only
 * carried, `time` milliseconds since the epoch.
 */
export const column = {
  uuid: "varchar(36)",
  key: "varchar(255)",
  /** URIs and paths: long, yet indexed. */
  path: "varchar(1024)",
  word: "varchar(32)",
  text: "text",
  integer: "bigint",
  time: "bigint",
} as const;

/** Adds a counter as primary key: numbers are never used twice, also not after the newest row is deleted. */
export function withCounter<T extends string, C extends string, N extends string>(
  table: CreateTableBuilder<T, C>,
  name: N,
) {
  return table.addColumn(name, "integer", (builder) => builder.primaryKey().autoIncrement());
}
