import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "@headrace/model";
import { Ticker } from "./ticker.ts";

test("it ticks while somebody listens, with one timer", () => {
  const timers: (() => void)[] = [];
  let now = 0;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after(_, callback) {
      timers.push(callback);
      return { [Symbol.dispose]: () => void timers.splice(timers.indexOf(callback), 1) };
    },
  };
  const ticker = new Ticker(clock);
  let heard = 0;
  const stopFirst = ticker.subscribe(() => heard++);
  const stopSecond = ticker.subscribe(() => heard++);
  assert.equal(timers.length, 1);
  now = 1000;
  timers.shift()?.();
  assert.equal(heard, 2);
  assert.equal(ticker.now(), 1000);
  stopFirst();
  stopSecond();
  assert.equal(timers.length, 0);
});
