import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { testClock } from "@headrace/model/testing";
import { createRateLimiter } from "./backoff.ts";
import { createWorkQueue } from "./work-queue.ts";

describe("a work queue", () => {
  test("holds a key once and hands keys out in order", async () => {
    const queue = createWorkQueue(testClock());
    for (const key of ["a", "b", "a"]) queue.add(key);
    assert.equal(queue.length, 2);
    assert.equal(await queue.take(), "a");
    assert.equal(await queue.take(), "b");
    assert.equal(queue.length, 0);
  });

  test("gives a key that was added during its work again, after the work", async () => {
    const queue = createWorkQueue(testClock());
    queue.add("a");
    await queue.take();
    queue.add("a");
    queue.add("a");
    assert.equal(queue.length, 0);
    queue.done("a");
    assert.equal(queue.length, 1);
    assert.equal(await queue.take(), "a");
    queue.done("a");
    assert.equal(queue.length, 0);
  });

  test("wakes a waiting taker, one for each key", async () => {
    const queue = createWorkQueue(testClock());
    const takers = [queue.take(), queue.take()];
    queue.add("a");
    queue.add("a");
    queue.add("b");
    assert.deepEqual(await Promise.all(takers), ["a", "b"]);
    queue.done("a");
    assert.equal(await queue.take(), "a");
  });

  test("adds later, at the earliest of the times asked for", async () => {
    const clock = testClock();
    const queue = createWorkQueue(clock);
    queue.addAfter("a", 100);
    queue.addAfter("a", 10);
    queue.addAfter("a", 50);
    await clock.advance(9);
    assert.equal(queue.length, 0);
    await clock.advance(1);
    assert.equal(queue.length, 1);
    assert.equal(clock.pending, 0);
  });

  test("drops everything when closed, timers too, and wakes its takers", async () => {
    const clock = testClock();
    const queue = createWorkQueue(clock);
    const taker = queue.take();
    queue.addAfter("later", 10);
    queue.close();
    assert.equal(await taker, undefined);
    assert.equal(await queue.take(), undefined);
    assert.equal(clock.pending, 0);
    queue.add("a");
    assert.equal(queue.length, 0);
  });
});

describe("a rate limiter", () => {
  const limits = { firstMs: 5, maxMs: 1_000, perSecond: 10, burst: 3 };

  test("doubles a key's delay with each failure up to the ceiling, and forgets", () => {
    const limiter = createRateLimiter(testClock(), { ...limits, burst: 100 });
    assert.deepEqual([limiter.delay("a"), limiter.delay("a"), limiter.delay("a")], [5, 10, 20]);
    for (let n = 0; n < 20; n++) limiter.delay("a");
    assert.equal(limiter.delay("a"), 1_000);
    assert.equal(limiter.delay("b"), 5);
    limiter.forget("a");
    assert.equal(limiter.delay("a"), 5);
  });

  test("holds all keys together to a rate beyond a burst", async () => {
    const clock = testClock();
    const limiter = createRateLimiter(clock, limits);
    const delays = ["a", "b", "c", "d", "e"].map((key) => limiter.delay(key));
    assert.deepEqual(delays, [5, 5, 5, 100, 200]);
    await clock.advance(1_000);
    assert.equal(limiter.delay("f"), 5);
  });
});
