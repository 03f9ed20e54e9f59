import type { Clock } from "@headrace/model";

/** Entries that wait for their time, all for equally long: what is taken back before is never told. One timer serves them all. */
export interface Patience<T> extends Disposable {
  /** Begins to wait anew if the key waits already. */
  add(key: string, value: T): void;
  remove(key: string): void;
}

/** `tell` gets each entry once, `delayMs` after it was added. */
export function createPatience<T>(clock: Clock, delayMs: number, tell: (key: string, value: T) => void): Patience<T> {
  /** In the order of their time: a Map goes through its entries as they came. */
  const entries = new Map<string, { readonly at: number; readonly value: T }>();
  let timer: Disposable | undefined;

  function wake(): void {
    timer = undefined;
    for (const [key, { at, value }] of entries) {
      if (at > clock.monotonic()) break;
      entries.delete(key);
      tell(key, value);
    }
    arm();
  }

  function arm(): void {
    const [next] = entries.values();
    if (timer === undefined && next !== undefined) timer = clock.after(next.at - clock.monotonic(), wake);
  }

  return {
    add(key, value) {
      entries.delete(key);
      entries.set(key, { at: clock.monotonic() + delayMs, value });
      arm();
    },
    remove(key) {
      entries.delete(key);
    },
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      entries.clear();
    },
  };
}
