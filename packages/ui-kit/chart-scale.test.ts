import assert from "node:assert/strict";
import { test } from "node:test";
import { areaUnder, linearScale, roundStep, toCsv } from "./chart-scale.ts";

test("ticks are round and hold the data", () => {
  const scale = linearScale([0.13, 0.87], [0, 100], { zero: true });
  assert.deepEqual(scale.ticks, [0, 0.5, 1]);
  assert.equal(scale(0.5), 50);
});

test("one value and no value still make an axis", () => {
  assert.deepEqual(linearScale([5], [0, 1]).domain, [0, 6]);
  assert.deepEqual(linearScale([], [0, 1]).domain, [0, 1]);
  assert.deepEqual(linearScale([Number.NaN], [0, 1]).domain, [0, 1]);
});

test("steps are 1, 2 or 5 times a power of ten", () => {
  assert.deepEqual([0.13, 3, 7, 40].map(roundStep), [0.2, 5, 10, 50]);
});

test("CSV quotes what needs it and disarms formulas", () => {
  assert.equal(
    toCsv(
      ["a", "b,c"],
      [
        ["=1+1", 2],
        ['say "x"', 3],
      ],
    ),
    'a,"b,c"\r\n\'=1+1,2\r\n"say ""x""",3\r\n',
  );
});

test("the area under the diagonal is one half", () => {
  assert.equal(
    areaUnder([
      { x: 0, y: 0 },
      { x: 1, y: 1 },
    ]),
    0.5,
  );
});
