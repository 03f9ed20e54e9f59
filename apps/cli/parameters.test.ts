import assert from "node:assert/strict";
import { test } from "node:test";
import { parseParameters } from "./parameters.ts";

const inputs = new Map([
  ["text", "STRING"],
  ["count", "NUMBER_INTEGER"],
  ["names", "LIST"],
]);

test("strings are taken as they are and everything else is JSON", () => {
  assert.deepEqual(parseParameters(["text=1=2", "count=3", 'names=["a"]'], inputs), {
    text: "1=2",
    count: 3,
    names: ["a"],
  });
});

test("an unknown parameter is refused with the names of those that exist", () => {
  assert.throws(() => parseParameters(["cuont=3"], inputs), {
    message: 'The pipeline has no parameter "cuont"',
    remedy: "It takes: text, count, names",
  });
});

test("a value that is not of its type is refused with an example", () => {
  assert.throws(() => parseParameters(["count=three"], inputs), {
    message: /"three" is not a NUMBER_INTEGER/,
    remedy: /-p count='3'/,
  });
});
