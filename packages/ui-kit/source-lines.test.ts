import assert from "node:assert/strict";
import { test } from "node:test";
import { foldsAround, searchLines, sourceLines, visibleLines, yamlParts } from "./source-lines.ts";

const source = sourceLines("root:\n  dag:\n    tasks:\n      train: {}\n\n  inputs: []\nname: digits\n");

test("a line folds what is indented below it, blank lines between included", () => {
  assert.deepEqual(
    [...source.folds].toSorted(([a], [b]) => a - b),
    [
      [0, 5],
      [1, 3],
      [2, 3],
    ],
  );
  assert.deepEqual(visibleLines(source, new Set([1])), [0, 1, 4, 5, 6]);
  assert.deepEqual(visibleLines(source, new Set([0, 1])), [0, 6]);
});

test("what hides a match is known, so that it can be opened", () => {
  assert.deepEqual(searchLines(source, "TRAIN"), [3]);
  assert.deepEqual(foldsAround(source, 3).toSorted(), [0, 1, 2]);
  assert.deepEqual(searchLines(source, ""), []);
});

test("keys are told from values, and text that only looks like one is not a key", () => {
  assert.deepEqual(yamlParts("  image: python:3.11"), { key: "  image:", value: " python:3.11" });
  assert.deepEqual(yamlParts("    - name: a"), { key: "    - name:", value: " a" });
  assert.deepEqual(yamlParts("    - print('a: b')"), { key: "", value: "    - print('a: b')" });
  assert.deepEqual(yamlParts("python:3.11"), { key: "", value: "python:3.11" });
});
