import type { Clock } from "@headrace/model";

/**
 * Keys that need work. A key is in it at most once however often it is added, and is never handed to two workers at the same
 * time: added while it is being worked on, it comes again after `done`. So its size is bounded by the number of objects.
 */
export interface WorkQueue {
  add(key: string): void;
  /** Adds later; of several calls for one key the earliest time wins. */
  addAfter(key: string, delayMs: number): void;
  /** The next key, first in first out, as soon as there is one; undefined once the queue is closed. Call `done` afterwards. */
  take(): Promise<string | undefined>;
  done(key: string): void;
  /** Drops what waits and wakes every taker with undefined. */
  close(): void;
  /** Keys ready to be taken. */
  readonly length: number;
  /** Keys that wait for their time. */
  readonly delayed: number;
}

interface Delayed {
  readonly at: number;
  readonly timer: Disposable;
}

export function createWorkQueue(clock: Clock): WorkQueue {
  const ready = new Set<string>();
  const working = new Set<string>();
  const dirty = new Set<string>();
  const delayed = new Map<string, Delayed>();
  const takers: ((key: string | undefined) => void)[] = [];
  let closed = false;

  function add(key: string): void {
    if (closed) return;
    if (working.has(key)) {
      dirty.add(key);
      return;
    }
    const taker = takers.shift();
    if (!taker) {
      ready.add(key);
      return;
    }
    working.add(key);
    taker(key);
  }

  function dropDelay(key: string): void {
    delayed.get(key)?.timer[Symbol.dispose]();
    delayed.delete(key);
  }

  return {
    add,
    addAfter(key, delayMs) {
      if (closed) return;
      if (delayMs <= 0) {
        add(key);
        return;
      }
      const at = clock.monotonic() + delayMs;
      const waiting = delayed.get(key);
      if (waiting && waiting.at <= at) return;
      dropDelay(key);
      const timer = clock.after(delayMs, () => {
        delayed.delete(key);
        add(key);
      });
      delayed.set(key, { at, timer });
    },
    take() {
      if (closed) return Promise.resolve(undefined);
      for (const key of ready) {
        ready.delete(key);
        working.add(key);
        return Promise.resolve(key);
      }
      return new Promise((resolve) => takers.push(resolve));
    },
    done(key) {
      working.delete(key);
      if (dirty.delete(key)) add(key);
    },
    close() {
      closed = true;
      for (const key of delayed.keys()) dropDelay(key);
      ready.clear();
      dirty.clear();
      for (const taker of takers.splice(0)) taker(undefined);
    },
    get length() {
      return ready.size;
    },
    get delayed() {
      return delayed.size;
    },
  };
}
