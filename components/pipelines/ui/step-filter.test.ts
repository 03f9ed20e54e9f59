import assert from "node:assert/strict";
import { test } from "node:test";
import { askedState, askedWords } from "./step-filter.ts";

test("the server is asked for a state that it has recorded, and for nothing that would leave matches out", () => {
  assert.equal(askedState("state:failed run:nightly"), "status.state=FAILED");
  assert.equal(askedState("state:cancelled"), "status.state=CANCELED");
  for (const text of ["", "failed", "-state:failed", "state:failed state:cached", "state:waiting", "state:fail"])
    assert.equal(askedState(text), "", text);
});

test("the server is asked for the words of a filter, and for no alternative and no exception", () => {
  const fields = ["run", "step"];
  assert.deepEqual(askedWords('model "night ly" run:a step:b', fields), {
    search: ["model", "night ly", "a", "b"],
    isWhole: false,
  });
  assert.deepEqual(askedWords("model nightly", fields), { search: ["model", "nightly"], isWhole: true });
  for (const text of ["-run:a", "run:a run:b", "size>3", "state:failed"])
    assert.deepEqual(askedWords(text, fields), { search: [], isWhole: false }, text);
  assert.equal(askedWords("x ".repeat(20), fields).search.length, 10);
});
