import assert from "node:assert/strict";
import { test } from "node:test";
import { gapsOf, percentile } from "./measure.ts";

test("gaps lie between the end of a tick and the start of the next", () => {
  assert.deepEqual(gapsOf("1.0,1.5;1.75,2.0;2.0,3.0;").map(Math.round), [250, 0]);
});

test("a percentile is a value of the sample", () => {
  assert.equal(percentile([3, 1, 2], 0.5), 2);
  assert.equal(percentile([3, 1, 2], 0.99), 3);
});
