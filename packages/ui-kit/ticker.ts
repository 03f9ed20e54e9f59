import type { Clock } from "@headrace/model";

/** One timer for everything on a page that shows how long ago something was. Ticks each second while somebody listens. */
export class Ticker {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #now: number;
  #timer: Disposable | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#now = clock.now();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    if (this.#listeners.size === 0) this.#now = this.#clock.now();
    this.#listeners.add(listener);
    this.#timer ??= this.#schedule();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#timer?.[Symbol.dispose]();
      this.#timer = undefined;
    };
  };

  /** Milliseconds since the epoch at the last tick. */
  readonly now = (): number => this.#now;

  #schedule(): Disposable {
    return this.#clock.after(1000, () => {
      this.#now = this.#clock.now();
      this.#timer = this.#schedule();
      for (const listener of this.#listeners) listener();
    });
  }
}
