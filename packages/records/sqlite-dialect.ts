import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { DiskFullError } from "./errors.ts";
import { checkpointPages, isDiskFull, WalSync } from "@headrace/sqlite";

/** Prepared statements kept per connection; the least recently used goes first. */
const statementLimit = 256;

/**
 * Kysely over `node:sqlite`. One connection, which kysely hands out one caller at a time, so a transaction never sees
 * another's statements between its own. Durable: a transaction has reached the disk when its commit resolves, and is seen by
 * nobody before; so has a write outside of a transaction when it resolves.
 *
 * @param path `:memory:` or a file, created for its owner alone.
 */
export function sqliteDialect(path: string): Dialect {
  return {
    createDriver: () => new SqliteDriver(path),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  };
}

class SqliteDriver implements Driver {
  readonly #path: string;
  #database: DatabaseSync | undefined;
  #connection: SqliteConnection | undefined;
  #wal: WalSync | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async init(): Promise<void> {
    const database = new DatabaseSync(this.#path, { timeout: 5000 });
    database.exec(`
      pragma journal_mode = wal;
      pragma synchronous = normal;
      pragma wal_autocheckpoint = ${checkpointPages};
      pragma foreign_keys = on;
      pragma temp_store = memory;
      pragma cache_size = -32768;
    `);
    this.#database = database;
    if (this.#path !== ":memory:") this.#wal = new WalSync(this.#path);
    this.#connection = new SqliteConnection(database, this.#wal);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (!this.#connection) await this.init();
    return this.#open();
  }

  #open(): SqliteConnection {
    if (!this.#connection) throw new TypeError("The connection is opened before it is acquired");
    return this.#connection;
  }

  // Writers come one at a time, so the lock is taken at the start: a transaction never fails half-way for want of it.
  async beginTransaction(): Promise<void> {
    this.#wal?.refuseAfterFailure();
    this.#open().exec("begin immediate");
  }

  async commitTransaction(): Promise<void> {
    this.#open().exec("commit");
    await this.#wal?.sync();
  }

  async rollbackTransaction(): Promise<void> {
    // A full disk makes SQLite roll back by itself; to do it again would hide why.
    if (this.#open().isInTransaction) this.#open().exec("rollback");
  }

  async savepoint(_: DatabaseConnection, name: string): Promise<void> {
    this.#open().exec(`savepoint "${name}"`);
  }

  async rollbackToSavepoint(_: DatabaseConnection, name: string): Promise<void> {
    this.#open().exec(`rollback to "${name}"`);
  }

  async releaseSavepoint(_: DatabaseConnection, name: string): Promise<void> {
    this.#open().exec(`release "${name}"`);
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#wal?.[Symbol.dispose]();
    this.#database?.close();
    this.#database = undefined;
    this.#connection = undefined;
  }
}

interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
}

class SqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;
  /** In order of use: a Map iterates in the order of insertion. */
  readonly #statements = new Map<string, Prepared>();
  readonly #wal: WalSync | undefined;

  constructor(database: DatabaseSync, wal: WalSync | undefined) {
    this.#database = database;
    this.#wal = wal;
  }

  get isInTransaction(): boolean {
    return this.#database.isTransaction;
  }

  exec(sql: string): void {
    explained(() => this.#prepare(sql).statement.run());
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const result = explained(() => this.#execute<R>(query));
    if (!this.#database.isTransaction && query.query.kind !== "SelectQueryNode") await this.#wal?.sync();
    return result;
  }

  #execute<R>(query: CompiledQuery): QueryResult<R> {
    const { statement, returnsRows } = this.#prepare(query.sql);
    const values = query.parameters.map(toSqlValue);
    if (returnsRows) return { rows: statement.all(...values) as R[] };
    const { changes, lastInsertRowid } = statement.run(...values);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  async *streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    // A statement of its own: a cached one would be reset when the same text runs again.
    const statement = this.#database.prepare(query.sql);
    let rows: R[] = [];
    for (const row of statement.iterate(...query.parameters.map(toSqlValue))) {
      rows.push(row as R);
      if (rows.length < chunkSize) continue;
      yield { rows };
      rows = [];
    }
    if (rows.length > 0) yield { rows };
  }

  #prepare(sql: string): Prepared {
    const known = this.#statements.get(sql);
    if (known) {
      this.#statements.delete(sql);
      this.#statements.set(sql, known);
      return known;
    }
    const statement = this.#database.prepare(sql);
    const prepared = { statement, returnsRows: statement.columns().length > 0 };
    this.#statements.set(sql, prepared);
    if (this.#statements.size > statementLimit) {
      for (const oldest of this.#statements.keys()) {
        this.#statements.delete(oldest);
        break;
      }
    }
    return prepared;
  }
}

function explained<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (isDiskFull(cause)) throw new DiskFullError({ cause });
    throw cause;
  }
}

/** SQLite has no booleans and `undefined` is nobody's value. */
function toSqlValue(value: unknown): SQLInputValue {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "bigint")
    return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`Cannot bind a value of type ${typeof value} to a query: pass text, a number, bytes or null`);
}
