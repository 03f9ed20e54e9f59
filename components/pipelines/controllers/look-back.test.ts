import assert from "node:assert/strict";
import { test } from "node:test";
import { lookBack } from "./look-back.ts";

test("a search goes back window by window, until it has enough or has seen all", async () => {
  const rows = [9_000, 8_999, 5_001, 5_000, 4_999, 2, 1];
  let windows = 0;
  const search = async (below: number, limit?: number) => {
    windows = 0;
    return lookBack({ below, limit }, async ({ from = 0, below: end = 0, limit: most }) => {
      windows += 1;
      return rows.filter((row) => row >= from && row < end).slice(0, most);
    });
  };
  assert.deepEqual(await search(9_001), rows);
  assert.deepEqual(await search(9_000, 3), [8_999, 5_001, 5_000]);
  assert.equal(windows, 2);
  assert.deepEqual(await search(1), []);
});
