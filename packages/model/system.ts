import type { Clock, Ids } from "./clock.ts";

const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** The machine's own clock. The only place that reads it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    // Timers beyond 2^31 ms fire at once; a cap wakes the caller early, and callers look at the clock again.
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), 2_147_483_647));
    (timer as { unref?: () => void }).unref?.();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** The machine's own randomness. */
export const systemIds: Ids = {
  uuid: () => crypto.randomUUID(),
  suffix(length) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    return Array.from(bytes, (byte) => alphabet[byte % alphabet.length]).join("");
  },
};
