import type { Clock } from "@headrace/model";

/** Resolves after `ms` (at once for 0), or when the signal aborts: the caller looks at the signal afterwards. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || ms <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = clock.after(ms, finish);
    signal.addEventListener("abort", finish, { once: true });
    function finish(): void {
      timer[Symbol.dispose]();
      signal.removeEventListener("abort", finish);
      resolve();
    }
  });
}

/**
 * Resolves once this turn of the event loop is over, with all that follows from it at once: for what nobody waits for, so that it
 * takes its time while the disk or another process is waited for, and not before.
 */
export function afterThisTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
