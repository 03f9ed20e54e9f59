import assert from "node:assert/strict";
import { test } from "node:test";
import { defineMessage, messageName } from "./message.ts";
import { s } from "./schema.ts";

test("every field of a message has a number of its own", () => {
  const text = s.at(1, s.string());
  assert.equal(messageName(defineMessage("a.v1.B", { text })), "a.v1.B");
  assert.throws(() => defineMessage("a.v1.B", { text, other: s.string() }), {
    message: /"other" has no protobuf number/,
  });
  assert.throws(() => defineMessage("a.v1.B", { text, twin: text }), { message: /"twin" and "text" share number 1/ });
  assert.throws(() => messageName(s.string()), { message: /no message/ });
});
