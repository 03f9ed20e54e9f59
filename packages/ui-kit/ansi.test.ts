import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAnsi, stripAnsi } from "./ansi.ts";

test("colours and weight become spans", () => {
  assert.deepEqual(parseAnsi("a \u001B[1;31mred\u001B[0m b"), [
    { text: "a ", bold: false, dim: false },
    { text: "red", bold: true, dim: false, colour: "red" },
    { text: " b", bold: false, dim: false },
  ]);
});

test("extended colours of the basic palette are kept, others fall back to the text's colour", () => {
  assert.deepEqual(
    parseAnsi("\u001B[38;5;2mok\u001B[38;2;1;2;3mrgb").map((span) => span.colour),
    ["green", undefined],
  );
});

test("what moves the cursor, sets titles or rings is dropped", () => {
  assert.equal(stripAnsi("\u001B[2K\u001B]0;title\u0007done\u0007 \u001B[1Aup"), "done up");
});

test("a line without escapes is one span, an empty line none", () => {
  assert.deepEqual(parseAnsi("plain"), [{ text: "plain", bold: false, dim: false }]);
  assert.deepEqual(parseAnsi(""), []);
});
