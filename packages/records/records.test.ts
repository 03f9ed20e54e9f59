import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock, systemIds } from "@headrace/model";
import { sql } from "kysely";
import { DiskFullError } from "./errors.ts";
import { openRecords } from "./open.ts";
import type { Records } from "./records.ts";
import { recordsConformance } from "./testing/conformance.ts";

const open = (path: string, options: { feedLimit?: number } = {}): Promise<Records> =>
  openRecords({ path, clock: systemClock, ids: systemIds, ...options });

recordsConformance("SQLite in memory", async (options) => {
  const records = await open(":memory:", options);
  return { records, dispose: () => records.close() };
});

recordsConformance("SQLite in a file", async (options) => {
  const folder = await mkdtemp(join(tmpdir(), "headrace-records-"));
  const path = join(folder, "records.db");
  let records = await open(path, options);
  return {
    records,
    async reopen() {
      await records.close();
      records = await open(path, options);
      return records;
    },
    async dispose() {
      await records.close();
      await rm(folder, { recursive: true });
    },
  };
});

test("the database's files are their owner's alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "headrace-records-"));
  const records = await open(join(folder, "records.db"));
  for (const name of ["records.db", "records.db-wal"])
    assert.equal((await stat(join(folder, name))).mode & 0o077, 0, name);
  await records.close();
  await rm(folder, { recursive: true });
});

test("when the disk is full, writers are told so, nothing of theirs is there, and the next one succeeds", async () => {
  const records = await open(":memory:");
  try {
    const { db, transaction } = records.in("a");
    const limitPages = (count: number) => sql.raw(`pragma max_page_count = ${count}`).execute(db);
    const store = (digest: string, size: number) =>
      transaction(async (tx) => {
        await tx.db
          .insertInto("document")
          .values({ ns: "a", digest, content: "x".repeat(size), created_at: 0 })
          .execute();
      });
    await limitPages(1);
    const outcomes = await Promise.allSettled([store("one", 1), store("large", 10_000_000), store("two", 1)]);
    await limitPages(1_000_000);
    await store("after", 10_000_000);
    const kept = await db.selectFrom("document").select("digest").where("ns", "=", "a").execute();
    const succeeded = ["one", "large", "two"].filter((_, index) => outcomes[index]?.status === "fulfilled");
    assert.deepEqual(kept.map((row) => row.digest).sort(), [...succeeded, "after"].sort());
    assert.ok(outcomes[1]?.status === "rejected");
    assert.ok(outcomes[1].reason instanceof DiskFullError, String(outcomes[1].reason));
  } finally {
    await records.close();
  }
});
