import type { Clock } from "@headrace/model";

/** The delay before try number `failures + 1`: `firstMs` doubled with each failure, never above `maxMs`; 0 without failures. */
export function exponentialDelay(failures: number, limits: { firstMs: number; maxMs: number }): number {
  if (failures <= 0) return 0;
  return Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(failures - 1, 60));
}

/** Decides how long a key waits before it is tried again. */
export interface RateLimiter {
  /** Counts a failure and answers the delay in milliseconds. */
  delay(key: string): number;
  forget(key: string): void;
  failures(key: string): number;
}

export interface RateLimits {
  /** Delay after a key's first failure; it doubles with each further one. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** All keys together: so many retries a second, with bursts of `burst`. */
  readonly perSecond: number;
  readonly burst: number;
}

/** client-go's numbers for controllers, but with a ceiling of five minutes where client-go waits up to sixteen. */
export const defaultRateLimits: RateLimits = { firstMs: 5, maxMs: 300_000, perSecond: 10, burst: 100 };

/** The longer of two delays: exponential for each key, and a token bucket over all of them. */
export function createRateLimiter(clock: Clock, limits: RateLimits = defaultRateLimits): RateLimiter {
  const failuresByKey = new Map<string, number>();
  let tokens = limits.burst;
  let filledAt = clock.monotonic();

  // The bucket may go into debt: then the debt is the wait.
  function bucketDelay(): number {
    const now = clock.monotonic();
    tokens = Math.min(limits.burst, tokens + ((now - filledAt) / 1000) * limits.perSecond) - 1;
    filledAt = now;
    return tokens >= 0 ? 0 : (-tokens / limits.perSecond) * 1000;
  }

  return {
    delay(key) {
      const failures = (failuresByKey.get(key) ?? 0) + 1;
      failuresByKey.set(key, failures);
      return Math.max(exponentialDelay(failures, limits), bucketDelay());
    },
    forget: (key) => void failuresByKey.delete(key),
    failures: (key) => failuresByKey.get(key) ?? 0,
  };
}
