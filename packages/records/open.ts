import { closeSync, constants, openSync } from "node:fs";
import { Kysely, type KyselyPlugin, type Transaction } from "kysely";
import { rowChunks } from "./chunks.ts";
import { ChangeFeed } from "./change-feed.ts";
import { CommitQueue } from "./commit-queue.ts";
import { createHousekeeping, lineageMigrations } from "./lineage-migrations.ts";
import { migrate } from "./migrate.ts";
import type { Change, Records, RecordsOptions, Scope } from "./records.ts";
import { sqliteDialect } from "./sqlite-dialect.ts";
import type { LineageTables } from "./tables.ts";

const defaultFeedLimit = 10_000;

/** Opens the database, creating it (readable by its owner alone) where there is none, and brings the lineage tables up to date. */
export async function openRecords(options: RecordsOptions): Promise<Records> {
  createPrivately(options.path);
  const db = new Kysely<LineageTables>({ dialect: sqliteDialect(options.path) });
  try {
    await createHousekeeping(db.schema);
    await migrate(db, lineageMigrations, options.clock);
    const feed = new ChangeFeed(db, options.feedLimit ?? defaultFeedLimit);
    await feed.open();
    return createRecords(db, feed, options);
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

function createRecords(db: Kysely<LineageTables>, feed: ChangeFeed, { clock }: RecordsOptions): Records {
  const writers = new CommitQueue(db, clock);
  const readable = db.withPlugin(refuseWithin(writers));

  const scope = <DB>(namespace: string | undefined): Scope<DB> => ({
    namespace,
    db: asTablesOf<DB>(readable),
    async transaction(body) {
      let result: { value: Awaited<ReturnType<typeof body>> } | undefined;
      const written: Change[] = [];
      await writers.run(async (tx) => {
        const changes: Parameters<Parameters<typeof body>[0]["changed"]>[0][] = [];
        result = {
          value: await body({ db: asTablesOf<DB>(tx), changed: (change) => void changes.push(change) }),
        };
        for (const some of rowChunks(changes))
          written.push(...(await tx.insertInto("change").values(some).returningAll().execute()));
      });
      // Watchers hear of it soon; the writer does not wait for that. A failed read is made good by the next.
      if (written.length > 0) feed.committed(written).catch(() => {});
      if (!result) throw new TypeError("A committed body has a result");
      return result.value;
    },
  });

  return {
    in: (namespace) => scope(namespace),
    all: () => scope(undefined),
    migrate: (migrations) => migrate(db, migrations, clock),
    changes: (query) => feed.watch(query),
    sequence: () => feed.newest(),
    async close() {
      await writers.close();
      await feed.close();
      await db.destroy();
    },
  };
}

/** The one place that trusts a caller's word for which tables exist: components name their own beside the lineage. */
function asTablesOf<DB>(db: Transaction<LineageTables>): Transaction<DB>;
function asTablesOf<DB>(db: Kysely<LineageTables>): Kysely<DB>;
function asTablesOf<DB>(db: Kysely<LineageTables>): Kysely<DB> {
  return db as unknown as Kysely<DB>;
}

function refuseWithin(writers: CommitQueue): KyselyPlugin {
  return {
    transformQuery({ node }) {
      writers.refuseInside();
      return node;
    },
    transformResult: async ({ result }) => result,
  };
}

function createPrivately(path: string): void {
  if (path === ":memory:") return;
  closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600));
}
