import type { Clock } from "@headrace/model";
import { exponentialDelay, pause } from "@headrace/runtime";

export interface JobsOptions {
  readonly clock: Clock;
  /** Told of each try that failed. */
  readonly onError: (error: unknown) => void;
}

/** `again` is true from the second try on: what the first was to do may be done already. */
export type Job = (again: boolean) => Promise<void>;

const atOnce = 32;
const backoff = { firstMs: 200, maxMs: 30_000 };

/** What is to be done through the API, a limited number at a time, each until it works or the engine stops. */
export class Jobs {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #queue: Job[] = [];
  #busy = 0;
  #signal = new AbortController().signal;

  constructor({ clock, onError }: JobsOptions) {
    this.#clock = clock;
    this.#onError = onError;
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener("abort", () => (this.#queue.length = 0), { once: true });
  }

  enqueue(job: Job): void {
    this.#queue.push(job);
    if (this.#busy < atOnce) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy += 1;
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) await this.#persist(job);
    this.#busy -= 1;
  }

  async #persist(job: Job): Promise<void> {
    for (let failures = 0; !this.#signal.aborted; failures++) {
      await pause(this.#clock, exponentialDelay(failures, backoff), this.#signal);
      try {
        if (!this.#signal.aborted) await job(failures > 0);
        return;
      } catch (error) {
        if (!this.#signal.aborted) this.#onError(error);
      }
    }
  }
}
