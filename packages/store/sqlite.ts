import { backup, DatabaseSync, type StatementSync } from "node:sqlite";
import { systemClock, type Clock } from "@headrace/model";
import { StoreUnavailable } from "./errors.ts";
import type { Journal, JournalBatch, JournalRow } from "./journal.ts";
import { createObjectLog } from "./object-log.ts";
import { createSeal, type Seal, type SealedResources } from "./seal.ts";
import { storedFromBytes } from "./stored.ts";
import type { HistoryLimits, Store, TransientResource } from "./store.ts";
import { checkpointPages, isDiskFull, WalSync } from "@headrace/sqlite";

export interface SqliteStoreOptions {
  /** Path of the database file; created if it is missing, in a directory that exists. */
  readonly path: string;
  readonly clock?: Clock;
  readonly history?: HistoryLimits;
  readonly transient?: readonly TransientResource[];
  readonly sealed?: SealedResources;
}

export interface SqliteStore extends Store {
  /**
   * Writes a consistent copy of the file to a path where nothing is, while the store goes on working. The copy is for another
   * Headrace to open: this one's is held exclusively.
   */
  copyTo(path: string): Promise<void>;
}

/** Pages of a copy that are written at a time; between two lots writers have their turn. */
const copiedPages = 1000;

/**
 * Changes that history may hold beyond its limits on the disk. Forgotten together, rows that lie side by side free whole pages; one
 * by one, each commit would write a tenth more.
 */
const forgottenAtOnce = 512;

/** What `meta` says under VERSION. A file with a newer one is refused. */
const formatVersion = 1;

/**
 * A store on one SQLite file: WAL, synced before anybody hears of a commit, one transaction for all writes that came while the
 * disk was busy with the one before. Everything is read into memory here; reads never touch the disk afterwards. Throws StoreUnavailable if the file cannot be opened, is held
 * by another process, was written by a newer Headrace, or is sealed with another key.
 */
export async function openSqliteStore({
  path,
  clock = systemClock,
  sealed,
  ...limits
}: SqliteStoreOptions): Promise<SqliteStore> {
  const { journal, database } = openJournal(path, createSeal(sealed));
  try {
    const log = createObjectLog({ journal, clock, gather: setImmediate, ...limits });
    return Object.assign(log, {
      async copyTo(target: string) {
        await backup(database, target, { rate: copiedPages });
      },
    });
  } catch (error) {
    journal.close();
    throw error;
  }
}

function openJournal(path: string, seal: Seal): { journal: Journal; database: DatabaseSync } {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    prepare(database);
    return { journal: createJournal(database, path, seal), database };
  } catch (cause) {
    database?.close();
    if (cause instanceof StoreUnavailable) throw cause;
    const held = cause instanceof Error && cause.message.includes("locked");
    const why = held
      ? "another process holds it; stop that one first"
      : cause instanceof Error
        ? cause.message
        : String(cause);
    throw new StoreUnavailable(`Cannot open the object log ${path}: ${why}`, { cause });
  }
}

function prepare(database: DatabaseSync): void {
  // Exclusive locking both keeps a second process out and spares WAL its shared memory file.
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA wal_autocheckpoint = ${checkpointPages};
    BEGIN EXCLUSIVE;
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS log (
      revision INTEGER PRIMARY KEY,
      type TEXT NOT NULL,
      resource TEXT NOT NULL,
      "namespace" TEXT NOT NULL,
      name TEXT NOT NULL,
      uid TEXT NOT NULL,
      previous INTEGER,
      json BLOB NOT NULL
    );
    CREATE TABLE IF NOT EXISTS transient (
      revision INTEGER PRIMARY KEY,
      resource TEXT NOT NULL,
      "namespace" TEXT NOT NULL,
      name TEXT NOT NULL,
      uid TEXT NOT NULL,
      expires INTEGER NOT NULL,
      json BLOB NOT NULL
    );
    INSERT OR IGNORE INTO meta VALUES ('VERSION', ${formatVersion}), ('revision', 0), ('floor', 0);
    COMMIT;
  `);
}

type Row = Readonly<Record<string, unknown>>;

function createJournal(database: DatabaseSync, path: string, seal: Seal): Journal {
  const metaOf = (key: string): number =>
    Number(database.prepare("SELECT value FROM meta WHERE key = ?").get(key)?.["value"]);
  const version = metaOf("VERSION");
  if (version > formatVersion) {
    throw new StoreUnavailable(
      `Cannot open the object log ${path}: it has format ${version} and this Headrace knows formats up to ${formatVersion}; use the newer Headrace that wrote it`,
    );
  }
  let floor = metaOf("floor");
  const wal = new WalSync(path);

  const setMeta = database.prepare("UPDATE meta SET value = ? WHERE key = ?");
  const insertLog = database.prepare("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  const insertTransient = database.prepare("INSERT INTO transient VALUES (?, ?, ?, ?, ?, ?, ?)");
  const deleteTransient = database.prepare("DELETE FROM transient WHERE revision = ?");
  // A row at or below the floor is needed only while it is live. Changes between the old floor and the new one say what they
  // replaced: those rows were kept for their sake, and so were the deletions themselves.
  const forgetReplaced = database.prepare(
    "DELETE FROM log WHERE revision IN (SELECT previous FROM log WHERE revision > ? AND revision <= ? AND previous IS NOT NULL)",
  );
  const forgetDeletions = database.prepare("DELETE FROM log WHERE revision > ? AND revision <= ? AND type = 'DELETED'");

  function insert({ type, stored, previous, expires }: JournalRow): void {
    const { revision, resource, namespace, name, uid } = stored;
    const bytes = seal.close(resource, stored.bytes);
    if (expires === undefined) {
      insertLog.run(revision, type, resource, namespace, name, uid, previous ?? null, bytes);
      return;
    }
    if (previous !== undefined) deleteTransient.run(previous);
    if (type !== "DELETED") insertTransient.run(revision, resource, namespace, name, uid, expires, bytes);
  }

  function compact(to: number): void {
    if (to === floor) return;
    forgetReplaced.run(floor, to);
    forgetDeletions.run(floor, to);
    setMeta.run(to, "floor");
  }

  return {
    load: () => ({ revision: metaOf("revision"), floor, rows: rowsOf(database, seal) }),
    async append(batch: JournalBatch) {
      wal.refuseAfterFailure();
      const reached = batch.floor - floor >= forgottenAtOnce ? batch.floor : floor;
      database.exec("BEGIN IMMEDIATE");
      try {
        for (const row of batch.rows) insert(row);
        setMeta.run(batch.revision, "revision");
        compact(reached);
        database.exec("COMMIT");
      } catch (error) {
        if (database.isTransaction) database.exec("ROLLBACK");
        throw isDiskFull(error) ? diskFull(error) : error;
      }
      floor = reached;
      await wal.sync();
    },
    close() {
      wal[Symbol.dispose]();
      if (database.isOpen) database.close();
    },
  };
}

function diskFull(cause: unknown): StoreUnavailable {
  const why = "Cannot write to the object log: its disk is full; free some space, then try again";
  return new StoreUnavailable(why, { cause });
}

function* rowsOf(database: DatabaseSync, seal: Seal): Iterable<JournalRow> {
  for (const row of iterate(database.prepare("SELECT * FROM log ORDER BY revision"))) {
    const previous = row["previous"];
    yield {
      type: row["type"] === "ADDED" ? "ADDED" : row["type"] === "DELETED" ? "DELETED" : "MODIFIED",
      stored: storedOf(row, seal),
      previous: previous === null ? undefined : Number(previous),
      expires: undefined,
    };
  }
  for (const row of iterate(database.prepare("SELECT * FROM transient ORDER BY revision"))) {
    yield { type: "ADDED", stored: storedOf(row, seal), previous: undefined, expires: Number(row["expires"]) };
  }
}

const iterate = (statement: StatementSync): Iterable<Row> => statement.iterate();

function storedOf(row: Row, seal: Seal): ReturnType<typeof storedFromBytes> {
  const key = { resource: String(row["resource"]), namespace: String(row["namespace"]), name: String(row["name"]) };
  const bytes = seal.open(key.resource, row["json"] as Uint8Array);
  return storedFromBytes(key, String(row["uid"]), Number(row["revision"]), bytes);
}
