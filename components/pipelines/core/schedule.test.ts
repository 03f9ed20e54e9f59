import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { due, type Schedule } from "./schedule.ts";

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);
const shown = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString().slice(11, 19);

const everyMinute: Schedule = {
  trigger: { intervalMs: 60_000 },
  createdAt: at("00:00:00"),
  startAt: undefined,
  endAt: undefined,
  catchUp: true,
};
const byCron = (cron: string): Pick<Schedule, "trigger"> => ({ trigger: { cron } });

describe("what is due", () => {
  interface Case {
    readonly what: string;
    readonly schedule?: Partial<Schedule>;
    readonly last?: string;
    readonly now: string;
    readonly limit?: number;
    readonly ticks: readonly string[];
    readonly next: string | undefined;
  }
  const cases: readonly Case[] = [
    { what: "nothing before the first interval", now: "00:00:59", ticks: [], next: "00:01:00" },
    { what: "the first interval after the creation", now: "00:01:00", ticks: ["00:01:00"], next: "00:02:00" },
    { what: "the interval after the last", last: "00:05:00", now: "00:06:30", ticks: ["00:06:00"], next: "00:07:00" },
    {
      what: "each that was missed, in order",
      last: "00:05:00",
      now: "00:08:00",
      ticks: ["00:06:00", "00:07:00", "00:08:00"],
      next: "00:09:00",
    },
    {
      what: "no more than may be, the rest at once after that",
      last: "00:05:00",
      now: "00:08:00",
      limit: 2,
      ticks: ["00:06:00", "00:07:00"],
      next: "00:08:00",
    },
    { what: "nothing while nothing may be", last: "00:05:00", now: "00:08:00", limit: 0, ticks: [], next: "00:06:00" },
    {
      what: "only the latest of those missed, without catching up",
      schedule: { catchUp: false },
      last: "00:05:00",
      now: "00:08:59",
      ticks: ["00:08:00"],
      next: "00:09:00",
    },
    {
      what: "the latest before the end, without catching up",
      schedule: { catchUp: false, endAt: at("00:07:30") },
      last: "00:05:00",
      now: "00:08:59",
      ticks: ["00:07:00"],
      next: undefined,
    },
    {
      what: "an interval after the start",
      schedule: { startAt: at("01:00:00") },
      now: "01:01:00",
      ticks: ["01:01:00"],
      next: "01:02:00",
    },
    {
      what: "nothing before the start",
      schedule: { startAt: at("01:00:00") },
      now: "00:30:00",
      ticks: [],
      next: "01:01:00",
    },
    {
      what: "what lies between a start in the past and now",
      schedule: { createdAt: at("00:10:00"), startAt: at("00:07:00") },
      now: "00:10:00",
      ticks: ["00:08:00", "00:09:00", "00:10:00"],
      next: "00:11:00",
    },
    {
      what: "a tick at the very end, and none after it",
      schedule: { endAt: at("00:02:00") },
      now: "00:05:00",
      ticks: ["00:01:00", "00:02:00"],
      next: undefined,
    },
    {
      what: "nothing while the clock is back before the last",
      last: "00:05:00",
      now: "00:01:00",
      ticks: [],
      next: "00:06:00",
    },
    {
      what: "a cron expression's times after the creation, in whole seconds",
      schedule: { ...byCron("0 */2 * * * *"), createdAt: at("00:01:59.900") },
      now: "00:04:00",
      ticks: ["00:02:00", "00:04:00"],
      next: "00:06:00",
    },
    {
      what: "not the start itself, if the expression begins there",
      schedule: { ...byCron("0 0 * * * *"), startAt: at("02:00:00") },
      now: "03:00:00",
      ticks: ["03:00:00"],
      next: "04:00:00",
    },
    {
      what: "the latest of an expression's missed times",
      schedule: { ...byCron("0 0,10,45 * * * *"), catchUp: false },
      last: "00:45:00",
      now: "03:30:00",
      ticks: ["03:10:00"],
      next: "03:45:00",
    },
    {
      what: "its creation, of one that happens once",
      schedule: { trigger: undefined, createdAt: at("00:01:00.250") },
      now: "00:01:01",
      ticks: ["00:01:00"],
      next: undefined,
    },
    {
      what: "nothing more of it",
      schedule: { trigger: undefined },
      last: "00:00:00",
      now: "05:00:00",
      ticks: [],
      next: undefined,
    },
    {
      what: "nothing of an expression that never comes",
      schedule: byCron("0 0 0 31 4 *"),
      now: "23:00:00",
      ticks: [],
      next: undefined,
    },
  ];
  for (const { what, schedule, last, now, limit = 10, ticks, next } of cases) {
    test(what, () => {
      const found = due(
        { ...everyMinute, ...schedule },
        { last: last === undefined ? undefined : at(last), now: at(now), limit, zone: "UTC" },
      );
      assert.deepEqual([found.ticks.map(shown), shown(found.next)], [ticks, next]);
    });
  }
});

test("a change of the time zone moves what comes next, and repeats nothing", () => {
  const schedule = { ...everyMinute, ...byCron("0 0 9 * * *") };
  const asked = { last: at("09:00:00"), now: at("09:30:00"), limit: 1 };
  const next = (zone: string) => new Date(due(schedule, { ...asked, zone }).next ?? 0).toISOString().slice(0, 16);
  assert.deepEqual(["UTC", "America/New_York", "Asia/Tokyo"].map(next), [
    "2026-01-02T09:00",
    "2026-01-01T14:00",
    "2026-01-02T00:00",
  ]);
});

test("years of missed seconds are skipped in an instant", () => {
  const schedule = { ...everyMinute, ...byCron("* * * * 1 *"), createdAt: Date.UTC(2016, 0, 1), catchUp: false };
  const { ticks, next } = due(schedule, { last: undefined, now: Date.UTC(2026, 5, 1), limit: 1, zone: "UTC" });
  assert.deepEqual([...ticks, next], [Date.UTC(2026, 0, 31, 23, 59, 59), Date.UTC(2027, 0, 1)]);
});

test("however the time passes and however often it is asked, each tick is due once and in order", () => {
  const trigger = fc.constantFrom<Schedule["trigger"]>(
    { intervalMs: 7_000 },
    { cron: "*/7 * * * * *" },
    { cron: "0 30 1 * * *" },
    { cron: "@every 9s" },
  );
  const steps = fc.array(
    fc.record({ ms: fc.integer({ min: -40_000, max: 90_000 }), limit: fc.integer({ min: 0, max: 3 }) }),
    {
      maxLength: 20,
    },
  );
  fc.assert(
    fc.property(trigger, steps, (each, walk) => {
      const schedule = { ...everyMinute, trigger: each };
      const zone = "America/New_York";
      let now = schedule.createdAt;
      let latest = now;
      let last: number | undefined;
      const seen: number[] = [];
      for (const { ms, limit } of [...walk, { ms: 0, limit: 1000 }]) {
        now += ms;
        latest = Math.max(latest, now);
        const { ticks } = due(schedule, { last, now, limit, zone });
        seen.push(...ticks);
        last = ticks.at(-1) ?? last;
      }
      const { ticks } = due(schedule, { last, now: latest, limit: 1000, zone });
      seen.push(...ticks);
      assert.deepEqual(seen, due(schedule, { last: undefined, now: latest, limit: 1000, zone }).ticks);
    }),
    { numRuns: 60 },
  );
});
