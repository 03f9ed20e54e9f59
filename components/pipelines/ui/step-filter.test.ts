import assert from "node:assert/strict";
import { test } from "node:test";
import { askedOfServer } from "./step-filter.ts";

test("the server is asked for a state that it has recorded, and for nothing that would leave matches out", () => {
  assert.equal(askedOfServer("state:failed run:nightly"), "status.state=FAILED");
  assert.equal(askedOfServer("state:cancelled"), "status.state=CANCELED");
  for (const text of ["", "failed", "-state:failed", "state:failed state:cached", "state:waiting", "state:fail"])
    assert.equal(askedOfServer(text), "", text);
});
