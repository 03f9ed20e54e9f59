import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fillMacros } from "./macros.ts";

const facts = { runId: "7c5e", now: Date.UTC(2026, 2, 5, 15, 4, 9), scheduled: Date.UTC(2026, 2, 5, 0, 30, 0) };

describe("macros in parameters", () => {
  const filled: readonly [text: string, becomes: string][] = [
    ["run [[RunUUID]]", "run 7c5e"],
    ["[[CurrentTime]]", "20260305150409"],
    ["[[ScheduledTime]]", "20260305003000"],
    ["[[CurrentTime.2006-01-02T15:04:05Z07:00]]", "2026-03-05T15:04:09Z"],
    ["[[CurrentTime.Mon Jan 2 3:04 PM]]", "Thu Mar 5 3:04 PM"],
    [
      "{{$.scheduledTime.strftime('%Y/%m/%d %H%M')}} {{$.currentTime.strftime('%j %a %%')}}",
      "2026/03/05 0030 064 Thu %",
    ],
    ["[[Index]] [[Other]] {{$.other}}", "[[Index]] [[Other]] {{$.other}}"],
  ];
  for (const [text, becomes] of filled) {
    test(`${text} becomes ${becomes}`, () =>
      assert.deepEqual(fillMacros({ text, n: 1 }, facts), { text: becomes, n: 1 }));
  }

  test("the index is a recurring run's", () => {
    assert.deepEqual(fillMacros({ text: "[[Index]]" }, { ...facts, index: 3 }), { text: "3" });
  });
});
