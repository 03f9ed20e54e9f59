import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "@headrace/model";
import { testClock } from "@headrace/model/testing";
import { createAlarm } from "./alarm.ts";

test("keys are woken at their times by one timer, and a new time takes the place of the old one", async () => {
  const clock = testClock(0);
  const rung: string[] = [];
  const alarm = createAlarm(clock, (key) => rung.push(`${key}@${clock.now()}`));
  alarm.set("a", 30_000);
  alarm.set("b", 10_000);
  alarm.set("c", 20_000);
  alarm.set("b", 40_000);
  alarm.set("c", undefined);
  assert.equal(clock.pending, 1);
  await clock.advance(100_000);
  assert.deepEqual(rung, ["a@30000", "b@40000"]);
  assert.equal(clock.pending, 0);
});

test("a clock on the wall that jumps is noticed within a minute", async () => {
  const machine = testClock(0);
  let jump = 0;
  const clock: Clock = { ...machine, now: () => machine.now() + jump, after: machine.after };
  const rung: number[] = [];
  const alarm = createAlarm(clock, () => rung.push(machine.now()));
  alarm.set("a", 86_400_000);
  await machine.advance(90_000);
  assert.deepEqual(rung, []);
  jump = 86_400_000;
  await machine.advance(60_000);
  assert.deepEqual(rung, [120_000]);
});

test("what is stopped rings no more", async () => {
  const clock = testClock(0);
  const alarm = createAlarm(clock, () => assert.fail("it rang"));
  alarm.set("a", 1_000);
  alarm.stop();
  alarm.set("b", 2_000);
  await clock.advance(10_000);
  assert.equal(clock.pending, 0);
});
