import assert from "node:assert/strict";
import { test } from "node:test";
import { timeTicks } from "./timeline.ts";

test("the axis has a few round marks from milliseconds to days", () => {
  for (const duration of [1, 850, 12_000, 192_000, 7_200_000, 500_000_000]) {
    const { marks, span } = timeTicks(duration);
    assert.ok(marks.length >= 2 && marks.length <= 7, `${duration}: ${marks.length} marks`);
    assert.ok(span >= duration && marks.every((mark) => mark <= span));
  }
});
