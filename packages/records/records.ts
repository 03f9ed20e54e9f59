import type { Clock, Ids, Migration } from "@headrace/model";
import type { Kysely, Transaction } from "kysely";
import type { LineageTables } from "./tables.ts";

/** SQL history. Every query goes through `in(ns)` or, for administrators and the engine's own start-up, `all()`. */
export interface Records {
  /**
   * Kysely over the tables of `DB` (LineageTables and the component's own), for reading. Rows are not filtered by magic: the
   * returned `ns` is what the query must name, and a test of the house checks that components do.
   */
  in<DB = LineageTables>(namespace: string): Scope<DB>;
  all<DB = LineageTables>(): Scope<DB>;
  /** Runs the components' migrations in order; refuses a database that is newer than the code. */
  migrate(migrations: readonly Migration[]): Promise<void>;
  /** Changes of a kind after `since`, then live, until the signal aborts. Throws ApiError Expired if `since` was trimmed. */
  changes(query: { kind: string; since: number; signal: AbortSignal }): AsyncIterable<readonly Change[]>;
  /** The newest sequence number of the feed. */
  sequence(): Promise<number>;
  close(): Promise<void>;
}

export interface Scope<DB> {
  readonly namespace: string | undefined;
  readonly db: Kysely<DB>;
  /**
   * One transaction, durable when the promise resolves. Changes recorded with `changed` are appended to the feed in the same
   * transaction and reach watchers after the commit. Keep the body free of anything but queries.
   */
  transaction<R>(body: (tx: WriteScope<DB>) => Promise<R>): Promise<R>;
}

export interface WriteScope<DB> {
  readonly db: Transaction<DB>;
  changed(change: { ns: string; kind: string; key: string; op: "PUT" | "DELETE" }): void;
}

export interface Change {
  readonly seq: number;
  readonly ns: string;
  readonly kind: string;
  readonly key: string;
  readonly op: "PUT" | "DELETE";
}

export interface RecordsOptions {
  /** `:memory:` or a file's path. */
  readonly path: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Rows that the change feed keeps. */
  readonly feedLimit?: number;
}
