import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isTimeZone, nextCronTime, parseCron } from "./cron.ts";

const next = (expression: string, after: string, zone = "UTC"): string | undefined => {
  const at = nextCronTime(parseCron(expression, "cron"), Date.parse(after), zone);
  return at === undefined ? undefined : new Date(at).toISOString().replace(".000Z", "Z");
};

describe("the next time of a cron expression", () => {
  const cases: readonly [expression: string, after: string, next: string | undefined][] = [
    ["0 30 9 * * *", "2026-01-02T09:29:59Z", "2026-01-02T09:30:00Z"],
    ["0 30 9 * * *", "2026-01-02T09:30:00Z", "2026-01-03T09:30:00Z"],
    ["0 30 9 * * *", "2026-01-02T09:29:59.999Z", "2026-01-02T09:30:00Z"],
    ["* * * * * *", "2026-01-02T09:30:00.500Z", "2026-01-02T09:30:01Z"],
    // Five fields begin with the seconds too; what is left out is the day of the week.
    ["*/5 * * * *", "2026-01-01T00:00:01Z", "2026-01-01T00:00:05Z"],
    ["0 */5 * * *", "2026-01-01T00:00:01Z", "2026-01-01T00:05:00Z"],
    ["0 0 9 ? * MON-fri", "2026-01-02T09:00:00Z", "2026-01-05T09:00:00Z"],
    ["0 0 0 * * 0", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"],
    ["0 0 0 1 jan,Jul *", "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z"],
    ["10/20 * * * * *", "2026-01-01T00:00:10Z", "2026-01-01T00:00:30Z"],
    ["0 10-40/15 * * * *", "2026-01-01T00:25:00Z", "2026-01-01T00:40:00Z"],
    ["5,,10 * * * * *", "2026-01-01T00:00:05Z", "2026-01-01T00:00:10Z"],
    ["0 0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"],
    ["0 0 0 30 2 *", "2026-01-01T00:00:00Z", undefined],
    // Both days given: either will do. One of them with a star: both must match.
    ["0 0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
    ["0 0 0 13 * 5", "2026-01-10T00:00:00Z", "2026-01-13T00:00:00Z"],
    ["0 0 0 */2 * 5", "2026-01-01T00:00:00Z", "2026-01-09T00:00:00Z"],
    ["@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["@annually", "2026-05-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["@monthly", "2026-12-05T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"],
    ["@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
    ["@midnight", "2026-01-01T12:00:00Z", "2026-01-02T00:00:00Z"],
    ["@hourly", "2026-01-01T12:34:56Z", "2026-01-01T13:00:00Z"],
    ["@every 1h30m", "2026-01-01T12:34:56.789Z", "2026-01-01T14:04:56Z"],
    ["@every 1.5s", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"],
    ["@every 10ms", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"],
    ["@every -1h", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"],
  ];
  for (const [expression, after, expected] of cases) {
    test(`${expression} after ${after} is ${expected ?? "never"}`, () =>
      assert.equal(next(expression, after), expected));
  }

  const zones: readonly [expression: string, zone: string, after: string, next: string, what: string][] = [
    ["0 0 9 * * *", "Asia/Kolkata", "2026-01-01T00:00:00Z", "2026-01-01T03:30:00Z", "half-hour zone"],
    ["0 0 9 * * *", "Europe/Berlin", "2026-03-28T09:00:00Z", "2026-03-29T07:00:00Z", "nine o'clock stays nine o'clock"],
    [
      "0 30 2 * * *",
      "America/New_York",
      "2026-03-07T12:00:00Z",
      "2026-03-09T06:30:00Z",
      "skipped hour has no such time",
    ],
    ["0 30 1 * * *", "America/New_York", "2026-11-01T04:00:00Z", "2026-11-01T05:30:00Z", "hour shown twice, first"],
    ["0 30 1 * * *", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "hour shown twice, second"],
    ["0 0 * * * *", "America/New_York", "2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "hours go on over the gap"],
    ["0 30 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-05T02:30:00Z", "midnight that is skipped"],
  ];
  for (const [expression, zone, after, expected, what] of zones) {
    test(`${what}: ${expression} in ${zone}`, () => assert.equal(next(expression, after, zone), expected));
  }
});

describe("what is no cron expression", () => {
  const refused: readonly [expression: string, why: RegExp][] = [
    ["", /expected 5 or 6 fields, found 0/],
    ["* * * *", /expected 5 or 6 fields, found 4/],
    ["* * * * * * *", /found 7/],
    ["60 * * * * *", /second 60 is not within 0 and 59/],
    ["* * 24 * * *", /hour 24 is not within/],
    ["* * * 0 * *", /day 0 is not within 1 and 31/],
    ["* * * * 13 *", /month 13/],
    ["* * * * * 7", /weekday 7 is not within 0 and 6/],
    ["5-1 * * * * *", /begins beyond its end/],
    ["1-2-3 * * * * *", /too many hyphens/],
    ["1/2/3 * * * * *", /too many slashes/],
    ["*/0 * * * * *", /step of the second \*\/0 must be a positive number/],
    ["*/x * * * * *", /step/],
    ["x * * * * *", /"x" in the second x is no number/],
    ["* * * * foo *", /"foo" in the month foo is no number and no name/],
    [", * * * * *", /the second is empty/],
    ["1- * * * * *", /"" in the second 1- is no number/],
    ["@fortnightly", /unknown word; known are @yearly/],
    ["@every", /unknown word/],
    ["@every soon", /"soon" is not a duration such as 90s or 1h30m/],
    ["@every 99999999999999h", /285 years/],
    ["*".repeat(600), /more than 512 characters/],
  ];
  for (const [expression, why] of refused) {
    test(`"${expression.slice(0, 30)}"`, () => {
      assert.throws(() => parseCron(expression, "trigger.cron_schedule.cron"), { name: "ApiError", message: why });
      assert.throws(() => parseCron(expression, "trigger.cron_schedule.cron"), {
        message: /^trigger\.cron_schedule\.cron: /,
      });
    });
  }
});

test("time zones are known by their IANA names", () => {
  assert.deepEqual(["UTC", "Europe/Berlin", "Mars/Olympus", ""].map(isTimeZone), [true, true, false, false]);
});
