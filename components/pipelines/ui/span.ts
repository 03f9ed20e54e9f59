import { parseTime } from "@headrace/ui-kit";

/** From when to when something went on; RFC 3339. */
interface Span {
  readonly startedAt?: string;
  readonly finishedAt?: string;
}

/** What to sort by: milliseconds, where what goes on is longer than all that ended; undefined for what has not begun. */
export function spanOrder({ startedAt, finishedAt }: Span): number | undefined {
  const from = parseTime(startedAt);
  return from === undefined ? undefined : (parseTime(finishedAt) ?? Number.MAX_SAFE_INTEGER) - from;
}

/** What a filter compares: seconds, of what has ended. */
export function spanField({ startedAt, finishedAt }: Span): { readonly duration?: number } {
  const [from, to] = [parseTime(startedAt), parseTime(finishedAt)];
  return from === undefined || to === undefined ? {} : { duration: (to - from) / 1000 };
}
