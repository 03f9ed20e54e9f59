import assert from "node:assert/strict";
import { test } from "node:test";
import { testClock } from "./clock.ts";
import { testIds } from "./ids.ts";

test("time stands still until it is advanced", async () => {
  const clock = testClock(1_000);
  const seen: number[] = [];
  clock.after(10, () => seen.push(clock.now()));
  await clock.settle();
  assert.deepEqual(seen, []);
  await clock.advance(9);
  assert.deepEqual(seen, []);
  await clock.advance(1);
  assert.deepEqual(seen, [1_010]);
  assert.equal(clock.pending, 0);
});

test("timers fire in order of time, then of creation, and see their own time", async () => {
  const clock = testClock(0);
  const seen: string[] = [];
  clock.after(20, () => seen.push(`c@${clock.now()}`));
  clock.after(10, () => seen.push(`a@${clock.now()}`));
  clock.after(10, () => seen.push(`b@${clock.now()}`));
  await clock.advance(100);
  assert.deepEqual(seen, ["a@10", "b@10", "c@20"]);
  assert.equal(clock.now(), 100);
});

test("a timer set by a continuation within the span fires within it", async () => {
  const clock = testClock(0);
  const seen: number[] = [];
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
  const done = (async () => {
    for (let n = 0; n < 3; n++) {
      await sleep(10);
      seen.push(clock.now());
    }
  })();
  await clock.advance(30);
  await done;
  assert.deepEqual(seen, [10, 20, 30]);
});

test("a disposed timer does not fire", async () => {
  const clock = testClock();
  let fired = false;
  clock.after(1, () => (fired = true))[Symbol.dispose]();
  await clock.advance(5);
  assert.equal(fired, false);
});

test("counted ids are unique, well formed and the same in every test", () => {
  const ids = testIds();
  const one = ids.uuid();
  assert.match(one, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(one, ids.uuid());
  assert.match(ids.suffix(5), /^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  assert.equal(testIds().uuid(), one);
});
