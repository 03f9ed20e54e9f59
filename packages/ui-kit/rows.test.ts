import assert from "node:assert/strict";
import { test } from "node:test";
import { csvRows } from "./csv-rows.ts";
import { parquetRows } from "./parquet-rows.ts";

test("a table from text: quotes, the delimiter guessed, the last line of a beginning left out", async () => {
  const whole = csvRows('id;name\n1;"a;b"\n2;c\n', false);
  assert.deepEqual([whole.columns, whole.count], [["id", "name"], 2]);
  assert.deepEqual(await whole.rows(0, 1), [["1", "a;b"]]);
  const beginning = csvRows("id,name\n1,a\n2,b\n3,", true);
  assert.deepEqual([beginning.count, beginning.cut], [2, true]);
});

/** Two rows, `n` (int64) and `word` (string), Snappy, written by pyarrow. */
const parquetFile = Uint8Array.from(
  atob(
    "UEFSMRUAFSwVMCwVBBUAFQYVBhwAAAAWVAIAAAAEAQEAAAAAAAAAAgAAAAAAAAAVABUoFSwsFQQVABUGFQYcAAAAFEwCAAAABAEDAAAAb25lAwAAAHR3bxUEGTw1ABgGc2NoZW1hFQQAFQQlAhgBbgAVDCUCGAR3b3JkJQBMHAAAABYEGRwZLCYAHBUEGSUGABkYAW4VAhYEFlIWViYISRwVABUAFQIAPCkGGSYABAAAACYAHBUMGSUGABkYBHdvcmQVAhYEFk4WUiZeSRwVABUAFQIAPBYMGQYZJgAEAAAAFqABFgQmCBaoAQAoIHBhcnF1ZXQtY3BwLWFycm93IHZlcnNpb24gMjEuMC4wGSwcAAAcAAAAvwAAAFBBUjE=",
  ),
  (char) => char.charCodeAt(0),
);

test("a table from Parquet: the footer first, then only the rows that are asked for", async () => {
  const asked: [number, number][] = [];
  const table = await parquetRows({
    size: parquetFile.length,
    read: async (from, to) => {
      asked.push([from, to]);
      return parquetFile.slice(from, to);
    },
  });
  assert.deepEqual([table.columns, table.count], [["n", "word"], 2]);
  assert.deepEqual(await table.rows(1, 2), [[2n, "two"]]);
  assert.ok(asked.every(([from, to]) => from < to && to <= parquetFile.length));
});
