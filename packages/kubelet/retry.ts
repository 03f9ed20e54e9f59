import { type Clock, isApiError, type StatusReason } from "@headrace/model";
import { exponentialDelay, pause } from "@headrace/runtime";

export interface RetryOptions {
  readonly clock: Clock;
  /** Ends the tries: the next process of this node does it again. */
  readonly signal: AbortSignal;
  /** Told of each failure but the final one. */
  readonly onError: (error: unknown) => void;
  /** Answers of the API that will not change. */
  readonly final: readonly StatusReason[];
}

const delays = { firstMs: 100, maxMs: 30_000 };

/** The object is gone, or is another one by now, or the answer will always be no. */
export const finalForObject: readonly StatusReason[] = [
  "NotFound",
  "Gone",
  "Conflict",
  "BadRequest",
  "Forbidden",
  "Invalid",
];

/** What will never be taken: the run is gone, or the report is not its pod's. */
export const finalForReport: readonly StatusReason[] = ["NotFound", "Gone", "BadRequest", "Forbidden", "Invalid"];

/** Tries until it succeeds, is refused for good, or the signal aborts. */
export async function persist(options: RetryOptions, work: () => Promise<unknown>): Promise<void> {
  for (let failures = 1; !options.signal.aborted; failures++) {
    try {
      await work();
      return;
    } catch (error) {
      if (options.final.some((reason) => isApiError(error, reason))) return;
      options.onError(error);
      await pause(options.clock, exponentialDelay(failures, delays), options.signal);
    }
  }
}
