import assert from "node:assert/strict";
import { test } from "node:test";
import { growthOf } from "./memory.ts";

test("growth is that of the second half, by the thousand", () => {
  const points = [1, 2, 3, 4, 5, 6].map((at) => ({ done: at * 500, alive: at < 4 ? 0 : at * 10, resident: 300 }));
  assert.equal(Math.round(growthOf(points, "alive")), 20);
  assert.equal(growthOf(points, "resident"), 0);
});
