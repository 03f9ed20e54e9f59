import assert from "node:assert/strict";
import { test } from "node:test";
import { countSteps, stepBars } from "./state.ts";

test("cached steps are done steps", () => {
  assert.deepEqual(countSteps({ SUCCEEDED: 8, CACHED: 1, FAILED: 1, SKIPPED: 2 }), { done: 9, cached: 1, total: 12 });
});

test("a strip has one bar a step while they fit", () => {
  assert.deepEqual(stepBars({ FAILED: 1, SUCCEEDED: 2 }), ["succeeded", "succeeded", "failed"]);
});

test("in a strip of a thousand steps the one that failed is still seen", () => {
  const bars = stepBars({ SUCCEEDED: 999, FAILED: 1 }, 20);
  assert.equal(bars.length, 20);
  assert.equal(bars.filter((bar) => bar === "failed").length, 1);
});
