import type { Clock } from "@headrace/model";

/** Wakes keys at their times with a single timer, for the earliest. */
export interface Alarm {
  /** In place of the key's earlier time; undefined for none. In milliseconds since the epoch. */
  set(key: string, at: number | undefined): void;
  /** For good: nothing that is set afterwards rings. */
  stop(): void;
}

/**
 * A timer counts the time that passed for the machine, and an alarm is about the clock on the wall, which may jump, or go on while
 * the machine sleeps: so nobody waits longer than this before looking at it again.
 */
const maxWaitMs = 60_000;

export function createAlarm(clock: Clock, ring: (key: string) => void): Alarm {
  const times = new Map<string, number>();
  let timer: Disposable | undefined;
  let timerAt = Number.POSITIVE_INFINITY;
  let isStopped = false;

  function arm(): void {
    timer?.[Symbol.dispose]();
    timer = undefined;
    timerAt = times.values().reduce((earliest, at) => Math.min(earliest, at), Number.POSITIVE_INFINITY);
    if (times.size > 0) timer = clock.after(Math.min(timerAt - clock.now(), maxWaitMs), look);
  }

  function look(): void {
    const now = clock.now();
    for (const [key, at] of times) {
      if (at > now) continue;
      times.delete(key);
      ring(key);
    }
    arm();
  }

  return {
    set(key, at) {
      if (isStopped) return;
      const before = times.get(key);
      if (at === undefined) times.delete(key);
      else times.set(key, at);
      // Only what touches the earliest time touches the timer.
      if (before === timerAt || (at ?? Number.POSITIVE_INFINITY) < timerAt) arm();
    },
    stop() {
      isStopped = true;
      times.clear();
      arm();
    },
  };
}
