import assert from "node:assert/strict";
import { test } from "node:test";
import { findCondition, humanDuration, isConditionTrue, withCondition, type Condition } from "./index.ts";

const start = Date.parse("2026-01-01T00:00:00Z");

test("a condition's time moves only when its status does", () => {
  const first = withCondition<"Ready" | "Done">(
    undefined,
    { type: "Ready", status: "False", reason: "Starting" },
    start,
  );
  const same = withCondition(first, { type: "Ready", status: "False", reason: "Starting" }, start + 60_000);
  const reason = withCondition(first, { type: "Ready", status: "False", reason: "Pulling" }, start + 60_000);
  const turned = withCondition(first, { type: "Ready", status: "True" }, start + 60_000);
  assert.equal(same, first);
  assert.equal(findCondition(reason, "Ready")?.lastTransitionTime, "2026-01-01T00:00:00Z");
  assert.equal(findCondition(turned, "Ready")?.lastTransitionTime, "2026-01-01T00:01:00Z");
  assert.ok(isConditionTrue(turned, "Ready"));
  assert.ok(!isConditionTrue(turned, "Done"));
});

test("other conditions keep their place", () => {
  const list: readonly Condition[] = [
    { type: "A", status: "True" },
    { type: "B", status: "True" },
  ];
  assert.deepEqual(
    withCondition(list, { type: "A", status: "False" }, start).map((each) => `${each.type}=${each.status}`),
    ["A=False", "B=True"],
  );
});

test("ages are coarser the longer they are", () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  const ages = new Map([
    [-5 * second, "<invalid>"],
    [-second, "0s"],
    [119 * second, "119s"],
    [2 * minute, "2m"],
    [3 * minute + 10 * second, "3m10s"],
    [10 * minute, "10m"],
    [179 * minute, "179m"],
    [3 * hour, "3h"],
    [5 * hour + 30 * minute, "5h30m"],
    [47 * hour, "47h"],
    [2 * day + 3 * hour, "2d3h"],
    [8 * day, "8d"],
    [400 * day, "400d"],
    [750 * day, "2y20d"],
    [3000 * day, "8y"],
  ]);
  for (const [ms, text] of ages) assert.equal(humanDuration(ms), text);
});
