import type { Clock } from "../clock.ts";

export interface TestClock extends Clock {
  /**
   * Moves time forward by `ms`, firing what falls due in order of its time. After each timer the promises that it woke are
   * run to their rest, so a timer set by a continuation within the span fires too.
   */
  advance(ms: number): Promise<void>;
  /** Lets everything that is ready run, without moving time. */
  settle(): Promise<void>;
  /** How many timers wait: 0 after a clean stop. */
  readonly pending: number;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that moves only by hand. Starts at 2026-01-01T00:00:00Z unless told otherwise. */
export function testClock(startMs = Date.UTC(2026, 0, 1)): TestClock {
  const timers = new Set<Timer>();
  let now = startMs;
  let order = 0;

  function nextDue(limit: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.at > limit) continue;
      if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    return next;
  }

  return {
    now: () => now,
    monotonic: () => now - startMs,
    after(delayMs, callback) {
      const timer = { at: now + Math.max(delayMs, 0), order: order++, callback };
      timers.add(timer);
      return { [Symbol.dispose]: () => void timers.delete(timer) };
    },
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (let timer = nextDue(end); timer; timer = nextDue(end)) {
        timers.delete(timer);
        now = Math.max(now, timer.at);
        timer.callback();
        await settle();
      }
      now = end;
      await settle();
    },
    settle,
    get pending() {
      return timers.size;
    },
  };
}

/**
 * Lets promises, immediates and the answers of in-process calls run to their rest. Counted in turns of the event loop, not in
 * time; what waits for a socket or a process wants `eventually`.
 */
export async function settle(turns = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
