/** Thrown by `eventually` when its condition never held. */
export class NeverHeldError extends Error {
  override readonly name = "NeverHeldError";
}

/** What a crowded machine may take for what takes a moment here. It only bounds how long a test that has failed goes on. */
const patienceMs = 120_000;

/**
 * Waits until `probe` returns something other than undefined, false or null, and returns that. Looks once a turn of the event
 * loop at first, then every few milliseconds, so that it neither sleeps longer than needed nor spins. Its limit is of real time.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + patienceMs;
  for (let looks = 0; ; looks++) {
    const found = await probe();
    if (isThere(found)) return found;
    if (performance.now() > deadline) {
      throw new NeverHeldError(`Gave up after ${patienceMs} ms waiting until ${what}`);
    }
    await pause(looks < 50 ? 0 : 5);
  }
}

function isThere<T>(value: T): value is Exclude<T, undefined | null | false> {
  return value !== undefined && value !== null && value !== false;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (ms === 0) setImmediate(resolve);
    else setTimeout(resolve, ms);
  });
}
