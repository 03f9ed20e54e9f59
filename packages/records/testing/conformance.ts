import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiError, isApiError, type Migration } from "@headrace/model";
import type { Generated, Kysely } from "kysely";
import { column, withCounter } from "../columns.ts";
import {
  DatabaseNewerError,
  MigrationFailedError,
  QueryBesideTransactionError,
  RecordsClosedError,
} from "../errors.ts";
import type { Change, Records } from "../records.ts";
import type { LineageTables } from "../tables.ts";

/** Opens empty records. `reopen` closes them and opens the same database again; absent where nothing outlives the process. */
export type MakeRecords = (options?: {
  feedLimit?: number;
}) => Promise<{ records: Records; reopen?: () => Promise<Records>; dispose: () => Promise<void> }>;

interface NoteTables extends LineageTables {
  note: { id: Generated<number>; ns: string; text: string };
}

const notes: Migration = {
  component: "notes",
  id: 1,
  name: "notes",
  async up(schema) {
    await withCounter((schema as Kysely<unknown>).schema.createTable("note"), "id")
      .addColumn("ns", column.key, (c) => c.notNull())
      .addColumn("text", column.text, (c) => c.notNull())
      .execute();
  },
};

/** What every database behind `Records` must do. */
export function recordsConformance(name: string, make: MakeRecords): void {
  const withNotes = async (
    body: (records: Records, again: (() => Promise<Records>) | undefined) => Promise<void>,
    feedLimit?: number,
  ): Promise<void> => {
    const { records, reopen, dispose } = await make(feedLimit === undefined ? {} : { feedLimit });
    try {
      await records.migrate([notes]);
      await body(records, reopen);
    } finally {
      await dispose();
    }
  };

  describe(`records: ${name}`, () => {
    test("a transaction's rows are there when it resolves, and its result comes back", () =>
      withNotes(async (records) => {
        const answer = await write(records, "one");
        assert.equal(answer, "one");
        assert.deepEqual(await texts(records), ["one"]);
      }));

    test("a transaction that throws leaves nothing, and its error is the caller's", () =>
      withNotes(async (records) => {
        const failure = new ApiError("Conflict", "changed my mind");
        const attempt = records.in<NoteTables>("a").transaction(async ({ db, changed }) => {
          await db.insertInto("note").values({ ns: "a", text: "gone" }).execute();
          changed({ ns: "a", kind: "notes", key: "gone", op: "PUT" });
          throw failure;
        });
        await assert.rejects(attempt, failure);
        assert.deepEqual(await texts(records), []);
        assert.equal(await records.sequence(), 0);
      }));

    test("one transaction tells of any number of changes, in order", () =>
      withNotes(async (records) => {
        const keys = Array.from({ length: 12_000 }, (_, n) => String(n));
        const { transaction } = records.in<NoteTables>("a");
        await transaction(async ({ changed }) => {
          for (const key of keys) changed({ ns: "a", kind: "notes", key, op: "PUT" });
        });
        const told: string[] = [];
        const stop = new AbortController();
        for await (const some of records.changes({ kind: "notes", since: 0, signal: stop.signal })) {
          told.push(...some.map(({ key }) => key));
          if (told.length >= keys.length) stop.abort();
        }
        assert.deepEqual(told, keys);
      }, 20_000));

    test("writers that come together all succeed, except the one that throws", () =>
      withNotes(async (records) => {
        const outcomes = await Promise.allSettled(
          Array.from({ length: 100 }, (_, n) =>
            records.in<NoteTables>("a").transaction(async ({ db }) => {
              await db
                .insertInto("note")
                .values({ ns: "a", text: String(n) })
                .execute();
              if (n === 50) throw new ApiError("Conflict", "fifty");
            }),
          ),
        );
        assert.deepEqual(
          outcomes.flatMap((outcome, n) => (outcome.status === "rejected" ? [n] : [])),
          [50],
        );
        assert.equal((await texts(records)).length, 99);
      }));

    test("writers that come at any moment are served, none is left waiting", () =>
      withNotes(async (records) => {
        for (let ticks = 0; ticks < 30; ticks++) {
          const first = write(records, "first");
          for (let n = 0; n < ticks; n++) await Promise.resolve();
          await first;
          for (let n = 0; n < ticks; n++) await Promise.resolve();
          await write(records, "second");
        }
        assert.equal((await texts(records)).length, 60);
      }));

    test("a transaction sees its own rows and those of earlier ones, never half of another", () =>
      withNotes(async (records) => {
        const counts = await Promise.all(
          Array.from({ length: 20 }, () =>
            records.in<NoteTables>("a").transaction(async ({ db }) => {
              await db.insertInto("note").values({ ns: "a", text: "x" }).execute();
              await db.insertInto("note").values({ ns: "a", text: "y" }).execute();
              const row = await db
                .selectFrom("note")
                .select((eb) => eb.fn.countAll<number>().as("count"))
                .executeTakeFirstOrThrow();
              return Number(row.count);
            }),
          ),
        );
        assert.deepEqual(
          counts,
          Array.from({ length: 20 }, (_, n) => 2 * (n + 1)),
        );
      }));

    test("a query beside an open transaction is an error, not a wait without end", () =>
      withNotes(async (records) => {
        const scope = records.in<NoteTables>("a");
        await assert.rejects(
          scope.transaction(() => scope.db.selectFrom("note").selectAll().execute()),
          QueryBesideTransactionError,
        );
        await assert.rejects(
          scope.transaction(() => scope.transaction(async () => {})),
          QueryBesideTransactionError,
        );
      }));

    test("what a transaction's body started may query once the transaction is over", () =>
      withNotes(async (records) => {
        const scope = records.in<NoteTables>("a");
        const { promise: over, resolve } = Promise.withResolvers<void>();
        let later: Promise<string[]> | undefined;
        await scope.transaction(async () => {
          later = over.then(() => texts(records));
        });
        resolve();
        assert.deepEqual(await later, []);
      }));

    test("numbers of deleted rows are not used again", () =>
      withNotes(async (records) => {
        const { db } = records.in<NoteTables>("a");
        const insert = (text: string) =>
          db.insertInto("note").values({ ns: "a", text }).returning("id").executeTakeFirstOrThrow();
        const first = await insert("first");
        await db.deleteFrom("note").where("ns", "=", "a").execute();
        assert.ok((await insert("second")).id > first.id);
      }));

    test("the lineage tables take a run, a task, an attempt and an artifact, and give them back", () =>
      withNotes(async (records) => {
        const { db } = records.in("a");
        await db
          .insertInto("run")
          .values({
            id: "r",
            ns: "a",
            state: "PENDING",
            error: null,
            created_at: 1,
            started_at: null,
            finished_at: null,
          })
          .execute();
        const task = await db
          .insertInto("task")
          .values({
            uid: "t",
            ns: "a",
            run: "r",
            parent: null,
            key: "root",
            name: "root",
            display_name: "root",
            type: "ROOT",
            iteration: null,
            state: "RUNNING",
            inputs: null,
            outputs: null,
            items: null,
            fingerprint: null,
            cached_from: null,
            error: null,
            created_at: 2,
            started_at: null,
            finished_at: null,
            retry_at: null,
            deadline_at: null,
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        assert.equal(typeof task.id, "number");
        await assert.rejects(
          db
            .insertInto("task")
            .values({ ...task, id: task.id + 1, uid: "u" })
            .execute(),
          "the key is unique in its run",
        );
        const artifact = await db
          .insertInto("artifact")
          .values({
            uid: "x",
            ns: "a",
            type: "system.Model",
            type_schema: null,
            name: "model",
            uri: "minio://b/k",
            metadata: "{}",
            digest: null,
            size: 9_007_199_254_740_991,
            state: "LIVE",
            created_at: 3,
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        assert.equal(artifact.size, 9_007_199_254_740_991);
      }));

    test("changes come after the commit, in order, each once, of the kind asked for", () =>
      withNotes(async (records) => {
        const stop = new AbortController();
        const seen = collect(
          records.changes({ kind: "notes", since: await records.sequence(), signal: stop.signal }),
          3,
        );
        await change(records, "notes", "one");
        await change(records, "others", "not for us");
        await change(records, "notes", "two", "three");
        const changes = await seen;
        stop.abort();
        assert.deepEqual(
          changes.map(({ kind, key, op }) => [kind, key, op]),
          [
            ["notes", "one", "PUT"],
            ["notes", "two", "PUT"],
            ["notes", "three", "PUT"],
          ],
        );
        assert.deepEqual(
          [...changes].sort((a, b) => a.seq - b.seq),
          changes,
        );
      }));

    test("a watch from an earlier sequence first brings what it missed", () =>
      withNotes(async (records) => {
        await change(records, "notes", "one");
        const since = await records.sequence();
        await change(records, "notes", "two");
        const stop = new AbortController();
        const [second] = await collect(records.changes({ kind: "notes", since, signal: stop.signal }), 1);
        stop.abort();
        assert.equal(second?.key, "two");
      }));

    test("a watch from before what the feed keeps, or from its future, is Expired", () =>
      withNotes(async (records) => {
        for (let n = 0; n < 1200; n += 100)
          await change(records, "notes", ...Array.from({ length: 100 }, (_, i) => String(n + i)));
        const watch = (since: number) =>
          collect(records.changes({ kind: "notes", since, signal: AbortSignal.timeout(5000) }), 1);
        const newest = await records.sequence();
        await assert.rejects(watch(1), (error) => isApiError(error, "Expired"));
        await assert.rejects(watch(newest + 1), (error) => isApiError(error, "Expired"));
        assert.equal((await watch(newest - 1)).length, 1);
      }, 16));

    test("a watch ends without an error when its signal aborts, and when the records close", () =>
      withNotes(async (records) => {
        const stop = new AbortController();
        const aborted = collect(records.changes({ kind: "notes", since: 0, signal: stop.signal }), 1);
        const closed = collect(records.changes({ kind: "notes", since: 0, signal: new AbortController().signal }), 1);
        stop.abort();
        assert.deepEqual(await aborted, []);
        await records.close();
        assert.deepEqual(await closed, []);
        await assert.rejects(write(records, "late"), RecordsClosedError);
      }));

    test("rows, numbers, migrations and the feed outlive the process", (t) =>
      withNotes(async (records, reopen) => {
        if (!reopen) return t.skip("in memory: nothing outlives it");
        await write(records, "kept");
        await change(records, "notes", "one");
        const again = await reopen();
        await again.migrate([notes]);
        assert.deepEqual(await texts(again), ["kept"]);
        const stop = new AbortController();
        const [first] = await collect(again.changes({ kind: "notes", since: 0, signal: stop.signal }), 1);
        stop.abort();
        assert.equal(first?.key, "one");
      }));

    test("a database that knows more migrations than the code is refused", () =>
      withNotes(async (records) => {
        await records.migrate([notes, { ...notes, id: 2, name: "later", up: async () => {} }]);
        await assert.rejects(records.migrate([notes]), DatabaseNewerError);
      }));

    test("a migration that fails is undone, names itself, and runs again the next time", () =>
      withNotes(async (records) => {
        const broken: Migration = {
          component: "notes",
          id: 2,
          name: "drafts",
          async up(schema) {
            const { schema: tables } = schema as Kysely<unknown>;
            await tables.createTable("draft").addColumn("text", column.text).execute();
            await tables.dropTable("no_such_table").execute();
          },
        };
        await assert.rejects(
          records.migrate([notes, broken]),
          (error) => error instanceof MigrationFailedError && /drafts/.test(error.message),
        );
        const mended: Migration = {
          ...broken,
          up: (schema) =>
            (schema as Kysely<unknown>).schema.createTable("draft").addColumn("text", column.text).execute(),
        };
        await records.migrate([notes, mended]);
      }));
  });
}

function write(records: Records, text: string): Promise<string> {
  return records.in<NoteTables>("a").transaction(async ({ db }) => {
    await db.insertInto("note").values({ ns: "a", text }).execute();
    return text;
  });
}

async function texts(records: Records): Promise<string[]> {
  const rows = await records
    .in<NoteTables>("a")
    .db.selectFrom("note")
    .select("text")
    .where("ns", "=", "a")
    .orderBy("id")
    .execute();
  return rows.map((row) => row.text);
}

function change(records: Records, kind: string, ...keys: string[]): Promise<void> {
  return records.in("a").transaction(async ({ changed }) => {
    for (const key of keys) changed({ ns: "a", kind, key, op: "PUT" });
  });
}

/** The first `count` changes, or those until the watch ended. */
async function collect(watch: AsyncIterable<readonly Change[]>, count: number): Promise<Change[]> {
  const seen: Change[] = [];
  for await (const changes of watch) {
    seen.push(...changes);
    if (seen.length >= count) break;
  }
  return seen;
}
