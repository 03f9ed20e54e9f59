import assert from "node:assert/strict";
import { test } from "node:test";
import { failureLine } from "./failure-words.ts";

const message = "the step exited with code 1";
const frame = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n    ^^^\n';

test("a failed Python program gives its reason by what it threw", () => {
  const tail = `reading\n${frame}KeyError: 'id'\n\nDuring handling of the above, another:\n\n${frame}ValueError: no rows\nbye\n`;
  assert.equal(failureLine({ message, tail }), "ValueError: no rows");
  assert.equal(
    failureLine({ message: `${message}\n${tail.slice(tail.lastIndexOf("  File"))}` }),
    "ValueError: no rows",
  );
});

test("any other failure gives its reason by the first line of what the platform says", () => {
  assert.equal(failureLine({ message, tail: "cannot open rows.csv\n" }), message);
  assert.equal(failureLine({ message: `${message}\nmore`, tail: frame }), message);
});
