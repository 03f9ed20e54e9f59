/**
 * Time, injected. `now()` is milliseconds since the epoch. Nothing outside the one file that implements the system
 * clock may call `Date.now` or a bare timer, so that tests move time by hand.
 */
export interface Clock {
  now(): number;
  /** Monotonic milliseconds, for durations; unaffected by changes of the wall clock. */
  monotonic(): number;
  /** Calls `callback` once, not before `delayMs` from now. Disposing cancels it. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): Disposable;
}

/** Identifiers, injected for the same reason as time. */
export interface Ids {
  /** A random UUID (RFC 4122, version 4), lower case. */
  uuid(): string;
  /** `length` characters of Kubernetes' name alphabet `bcdfghjklmnpqrstvwxz2456789`, as generateName appends them. */
  suffix(length: number): string;
}

/** RFC 3339 in whole seconds, UTC: the form of Kubernetes' `Time`. */
export function formatTime(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, UTC: the form of Kubernetes' `MicroTime`. */
export function formatMicroTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
