import assert from "node:assert/strict";
import { test } from "node:test";
import { freshTrigger, instantOf, localOf, nextTimes, splitInterval, triggerOf, withSeconds } from "./trigger-draft.ts";

const at = (text: string): number => Date.parse(text);
const print = (times: readonly number[]): readonly string[] =>
  times.map((time) => new Date(time).toISOString().slice(0, 16));
const now = at("2026-11-25T15:30:00Z");

test("the fields describe a trigger, or none while they are incomplete", () => {
  assert.deepEqual(triggerOf(freshTrigger), { cron: "0 0 2 * * *" });
  assert.deepEqual(triggerOf({ ...freshTrigger, kind: "interval", every: "90", unit: "minute" }), {
    intervalMs: 5_400_000,
  });
  assert.equal(triggerOf({ ...freshTrigger, kind: "interval", every: "0" }), undefined);
  assert.equal(triggerOf({ ...freshTrigger, cron: " " }), undefined);
});

test("an interval is told in the largest unit that leaves it whole", () => {
  assert.deepEqual(splitInterval(7_200_000), { count: 2, unit: "hour" });
  assert.deepEqual(splitInterval(5_400_000), { count: 90, unit: "minute" });
  assert.deepEqual(splitInterval(604_800_000), { count: 1, unit: "week" });
});

test("five fields are known as the form of others, and how to write them here", () => {
  assert.equal(withSeconds("0 9 * * 1"), "0 0 9 * * 1");
  assert.equal(withSeconds("0 0 9 * * 1"), undefined);
  assert.equal(withSeconds("@daily"), undefined);
});

test("the next times are those still to come, within start and end", () => {
  const daily = { trigger: { cron: "0 0 2 * * *" } };
  assert.deepEqual(print(nextTimes(daily, now, 2, "UTC")), ["2026-11-26T02:00", "2026-11-27T02:00"]);
  assert.deepEqual(print(nextTimes({ ...daily, startAt: "2026-12-01T00:00:00Z" }, now, 1, "UTC")), [
    "2026-12-01T02:00",
  ]);
  assert.deepEqual(print(nextTimes({ ...daily, endAt: "2026-11-26T12:00:00Z" }, now, 5, "UTC")), ["2026-11-26T02:00"]);
});

test("an interval goes on from its last time, however long ago that was", () => {
  const hourly = { trigger: { intervalMs: 3_600_000 }, last: at("2026-11-20T00:10:00Z") };
  assert.deepEqual(print(nextTimes(hourly, now, 2, "UTC")), ["2026-11-25T16:10", "2026-11-25T17:10"]);
  assert.deepEqual(print(nextTimes({ trigger: { intervalMs: 3_600_000 } }, now, 1, "UTC")), ["2026-11-25T16:30"]);
});

test("a field's time survives the way to the server and back", () => {
  const instant = instantOf("2026-11-25T15:30") ?? "";
  assert.equal(localOf(instant), "2026-11-25T15:30");
  assert.equal(instantOf(""), undefined);
  assert.equal(localOf(""), "");
});
