import assert from "node:assert/strict";
import { test } from "node:test";
import { DiskFullError } from "@headrace/records";
import { errorResponse } from "./status.ts";

test("a full disk is told to the caller, who can do something about it, and to the log", () => {
  const reported: unknown[] = [];
  const error = new DiskFullError({ cause: "SQLite" });
  const { status, body } = errorResponse(error, (each) => reported.push(each));
  assert.equal(status, 503);
  assert.match(String(body), /disk is full; free some space/);
  assert.deepEqual(reported, [error]);
});

test("any other bug is told to the log alone", () => {
  const { status, body } = errorResponse(new TypeError("secret"), () => {});
  assert.equal(status, 500);
  assert.doesNotMatch(String(body), /secret/);
});
