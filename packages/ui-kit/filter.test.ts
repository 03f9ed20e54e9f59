import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { matchesFilter, parseFilter, printFilter, type Filterable } from "./filter.ts";

const row: Filterable = { text: "digits-train-7f3a", fields: { state: "failed", experiment: "digits", duration: 192 } };
const matches = (text: string): boolean => matchesFilter(parseFilter(text), row);

test("terms are joined by AND, one field's values by OR", () => {
  assert.ok(matches("state:failed experiment:digits"));
  assert.ok(matches("state:failed state:running"));
  assert.ok(!matches("state:failed experiment:wine"));
});

test("words look into the name, letter case ignored", () => {
  assert.ok(matches("TRAIN 7f3a"));
  assert.ok(!matches("train wine"));
});

test("numbers compare, and a minus excludes", () => {
  assert.ok(matches("duration>60 duration<200"));
  assert.ok(!matches("duration>200"));
  assert.ok(!matches("-state:failed"));
  assert.ok(matches("-state:running"));
});

test("a field that the row lacks matches nothing", () => {
  assert.ok(!matches("sttae:failed"));
});

test("values with blanks are quoted", () => {
  const filter = parseFilter('pipeline:"digits v7" two');
  assert.deepEqual(filter, { terms: [{ field: "pipeline", operator: ":", value: "digits v7" }], words: ["two"] });
  assert.equal(printFilter(filter), 'pipeline:"digits v7" two');
});

test("a field without a value yet is a word, so that typing does not empty the table at once", () => {
  assert.deepEqual(parseFilter("state:").terms, []);
});

test("printing and parsing again changes nothing", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      const once = parseFilter(text);
      const again = parseFilter(printFilter(once));
      assert.deepEqual(parseFilter(printFilter(again)), again);
    }),
  );
});
