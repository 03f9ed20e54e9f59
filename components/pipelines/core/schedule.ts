import { nextCronTime, parseCron } from "./cron.ts";

/** When a recurring run is to happen. Times in milliseconds since the epoch, counted in whole seconds as upstream does. */
export interface Schedule {
  /** Undefined for one that happens once, when it is made. */
  readonly trigger: Trigger | undefined;
  readonly createdAt: number;
  readonly startAt: number | undefined;
  /** A tick at this very time still happens. */
  readonly endAt: number | undefined;
  /** Whether ticks that were missed happen later, each of them; otherwise only the latest does. */
  readonly catchUp: boolean;
}

/** `cron` is read in the time zone of the server. */
export type Trigger = { readonly cron: string } | { readonly intervalMs: number };

export interface Due {
  /** What is to happen now, in order. */
  readonly ticks: readonly number[];
  /** The tick after those, which may be due already if `limit` held it back; undefined if none will come. */
  readonly next: number | undefined;
}

/**
 * Which ticks are due at `now` when `last` was the latest that happened: none before the start or after the end, at most `limit`.
 * It looks at nothing but its arguments, so clocks may jump: forward is like having slept, backward waits for the time after `last`.
 */
export function due(
  schedule: Schedule,
  { last, now, limit, zone }: { last: number | undefined; now: number; limit: number; zone: string },
): Due {
  if (schedule.trigger === undefined) return dueOnce(wholeSeconds(schedule.createdAt), { last, now, limit });
  const beat = beatOf(schedule.trigger, zone);
  const until = schedule.endAt ?? Number.POSITIVE_INFINITY;
  const after = (time: number): number | undefined => {
    const tick = beat.next(time);
    return tick !== undefined && tick <= until ? tick : undefined;
  };
  const base = wholeSeconds(last ?? schedule.startAt ?? schedule.createdAt);
  let next = after(Math.max(base, wholeSeconds(schedule.startAt ?? base)));
  if (next !== undefined && next <= now && !schedule.catchUp) next = beat.latest(next, Math.min(now, until));
  const ticks: number[] = [];
  while (next !== undefined && next <= now && ticks.length < limit) {
    ticks.push(next);
    next = after(next);
  }
  return { ticks, next };
}

function dueOnce(tick: number, { last, now, limit }: { last: number | undefined; now: number; limit: number }): Due {
  if (last !== undefined) return { ticks: [], next: undefined };
  return tick <= now && limit > 0 ? { ticks: [tick], next: undefined } : { ticks: [], next: tick };
}

const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;

interface Beat {
  next(after: number): number | undefined;
  /** The latest tick up to `until`, given one of them. */
  latest(tick: number, until: number): number;
}

function beatOf(trigger: Trigger, zone: string): Beat {
  if ("intervalMs" in trigger) {
    const { intervalMs } = trigger;
    return {
      next: (after) => after + intervalMs,
      latest: (tick, until) => tick + Math.floor((until - tick) / intervalMs) * intervalMs,
    };
  }
  const cron = parseCron(trigger.cron, "cron");
  const next = (after: number): number | undefined => nextCronTime(cron, after, zone);
  return { next, latest: (tick, until) => latestBefore(next, tick, until) };
}

/** By halves: years of missed seconds take some thirty steps. */
function latestBefore(next: (after: number) => number | undefined, tick: number, until: number): number {
  let latest = tick;
  let low = tick;
  let high = wholeSeconds(until);
  while (high - low > 0) {
    const middle = low + wholeSeconds((high - low) / 2);
    const found = next(middle);
    if (found !== undefined && found <= until) {
      latest = found;
      low = found;
    } else high = middle;
  }
  return latest;
}
