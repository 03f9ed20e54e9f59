import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { rowWindow, scrollToRow } from "./window.ts";

test("only the rows on the screen and a few around it exist", () => {
  assert.deepEqual(rowWindow(10_000, 32, 3200, 640, 4), {
    start: 96,
    end: 124,
    before: 3072,
    after: (10_000 - 124) * 32,
  });
});

test("spacers and rows always add up to the whole height", () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.nat(200_000), fc.integer({ min: 1, max: 2000 }), (count, top, height) => {
      const seen = rowWindow(count, 32, top, height);
      assert.equal(seen.before + (seen.end - seen.start) * 32 + seen.after, count * 32);
      assert.ok(count === 0 || seen.end > seen.start);
    }),
  );
});

test("a row comes into view with the least movement", () => {
  assert.equal(scrollToRow(0, 32, 100, 320), 0);
  assert.equal(scrollToRow(5, 32, 100, 320), 100);
  assert.equal(scrollToRow(20, 32, 100, 320), 352);
});
