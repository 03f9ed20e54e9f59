import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock, systemIds } from "@headrace/model";
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
