import { due, type Trigger } from "../core/schedule.ts";

/** What stands in the fields that say when a recurring run happens. */
export interface TriggerDraft {
  readonly kind: "interval" | "cron";
  readonly every: string;
  readonly unit: IntervalUnit;
  readonly cron: string;
  /** As `datetime-local` has them, in the reader's time zone; empty for none. */
  readonly start: string;
  readonly end: string;
  readonly catchUp: boolean;
  readonly maxConcurrency: string;
}

export const intervalUnits = ["second", "minute", "hour", "day", "week"] as const;
export type IntervalUnit = (typeof intervalUnits)[number];

const secondsOf: Readonly<Record<IntervalUnit, number>> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
  week: 604_800,
};

export const freshTrigger: TriggerDraft = {
  kind: "cron",
  every: "1",
  unit: "hour",
  cron: "0 0 2 * * *",
  start: "",
  end: "",
  catchUp: false,
  maxConcurrency: "1",
};

/** The trigger that the fields describe; undefined while they describe none. Whether a cron expression reads is not looked at. */
export function triggerOf(draft: TriggerDraft): Trigger | undefined {
  if (draft.kind === "cron") return draft.cron.trim() === "" ? undefined : { cron: draft.cron.trim() };
  const every = Number(draft.every);
  if (!/^\d+$/.test(draft.every.trim()) || every < 1) return undefined;
  return { intervalMs: every * secondsOf[draft.unit] * 1000 };
}

/** An interval in the largest unit that leaves it whole. */
export function splitInterval(intervalMs: number): { readonly count: number; readonly unit: IntervalUnit } {
  const seconds = Math.max(1, Math.round(intervalMs / 1000));
  const unit = intervalUnits.findLast((it) => seconds % secondsOf[it] === 0) ?? "second";
  return { count: seconds / secondsOf[unit], unit };
}

/** KFP counts the first field as seconds. Five fields as everybody else writes them mean something else: this is how they must be written. */
export function withSeconds(cron: string): string | undefined {
  const fields = cron.trim().split(/\s+/);
  return fields.length === 5 && !cron.trim().startsWith("@") ? ["0", ...fields].join(" ") : undefined;
}

/** The field as `datetime-local` has it, as RFC 3339 in UTC; undefined for none. */
export function instantOf(local: string): string | undefined {
  const time = local === "" ? Number.NaN : new Date(local).getTime();
  return Number.isNaN(time) ? undefined : `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/** The other way round. */
export function localOf(instant: string): string {
  const time = Date.parse(instant);
  if (Number.isNaN(time)) return "";
  const shifted = new Date(time - new Date(time).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

export interface Ahead {
  readonly trigger: Trigger;
  /** RFC 3339; empty or undefined for none. */
  readonly startAt?: string | undefined;
  readonly endAt?: string | undefined;
  /** When it happened last, in milliseconds: an interval counts from there. */
  readonly last?: number | undefined;
}

/**
 * The next times, at most `count`, in milliseconds. `zone` is the server's time zone. Throws ApiError BadRequest for a cron
 * expression that does not read.
 */
export function nextTimes(
  { trigger, startAt, endAt, last }: Ahead,
  now: number,
  count: number,
  zone: string,
): readonly number[] {
  const bound = (text: string | undefined): number | undefined => {
    const time = Date.parse(text ?? "");
    return Number.isNaN(time) ? undefined : time;
  };
  const [start, end] = [bound(startAt), bound(endAt)];
  // What was missed happens at once or not at all; asked for is what is still to come.
  const base = "intervalMs" in trigger ? latestBeat(trigger.intervalMs, last ?? start, now) : now;
  const schedule = { trigger, createdAt: now, startAt: start, endAt: end, catchUp: true };
  return due(schedule, {
    last: start !== undefined && start > now ? undefined : base,
    now: Number.MAX_SAFE_INTEGER,
    limit: count,
    zone,
  }).ticks;
}

function latestBeat(intervalMs: number, from: number | undefined, now: number): number {
  if (from === undefined || from > now) return from ?? now;
  return from + Math.floor((now - from) / intervalMs) * intervalMs;
}
