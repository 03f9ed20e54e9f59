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
