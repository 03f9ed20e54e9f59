import assert from "node:assert/strict";
import { test } from "node:test";
import { columnWidths } from "./column-widths.ts";

test("columns with shares take what fixed ones leave, where nothing else does", () => {
  const at = { room: 1000, narrow: false };
  assert.deepEqual(columnWidths(["20%", "100px", "10%"], at), ["600px", "100px", "300px"]);
  assert.deepEqual(columnWidths(["60%", "800px", "40%"], at), ["120px", "800px", "80px"]);
  assert.deepEqual(columnWidths(["20%", "100px", undefined], at), ["20%", "100px", undefined]);
  assert.deepEqual(columnWidths(["100px", "50px"], at), ["100px", "50px"]);
  assert.deepEqual(columnWidths(["20%", "100px"], { ...at, room: 0 }), ["20%", "100px"]);
});

test("on a narrow screen what is not fixed is shared equally", () => {
  assert.deepEqual(columnWidths(["20%", "100px"], { room: 300, narrow: true }), [undefined, "100px"]);
});
