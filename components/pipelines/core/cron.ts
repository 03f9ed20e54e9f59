import { badRequest, parseDuration } from "@headrace/model";

/**
 * A cron expression as KFP reads it, which is robfig/cron v1: `second minute hour day-of-month month [day-of-week]`, so that five
 * fields begin with the seconds too, or a word such as `@daily` or `@every 1h30m`.
 */
export type Cron = CronFields | { readonly everyMs: number };

interface CronFields {
  readonly second: ReadonlySet<number>;
  readonly minute: ReadonlySet<number>;
  readonly hour: ReadonlySet<number>;
  readonly day: ReadonlySet<number>;
  readonly month: ReadonlySet<number>;
  /** Sunday is 0. */
  readonly weekday: ReadonlySet<number>;
  /** Neither day field has a star: then it is enough that one of them matches. */
  readonly eitherDay: boolean;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const bounds = {
  second: { min: 0, max: 59 },
  minute: { min: 0, max: 59 },
  hour: { min: 0, max: 23 },
  day: { min: 1, max: 31 },
  month: {
    min: 1,
    max: 12,
    names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  },
  weekday: { min: 0, max: 6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
} as const satisfies Readonly<Record<string, Bounds>>;

const words: Readonly<Record<string, string>> = {
  "@yearly": "0 0 0 1 1 *",
  "@annually": "0 0 0 1 1 *",
  "@monthly": "0 0 0 1 * *",
  "@weekly": "0 0 0 * * 0",
  "@daily": "0 0 0 * * *",
  "@midnight": "0 0 0 * * *",
  "@hourly": "0 0 * * * *",
};

const maxLength = 512;
/** Beyond this no time is looked for, as upstream: `0 0 0 30 2 *` never comes. */
const yearsAhead = 5;

/** Throws ApiError BadRequest that names `place` and what is wrong. */
export function parseCron(text: string, place: string): Cron {
  const fail = (reason: string) => badRequest(`${place}: Invalid value: "${text.slice(0, maxLength)}": ${reason}`);
  if (text.length > maxLength) throw fail(`has more than ${maxLength} characters`);
  if (text.startsWith("@every ")) return { everyMs: readEvery(text.slice("@every ".length), fail) };
  const expression = text.startsWith("@") ? words[text] : text;
  if (expression === undefined)
    throw fail(`unknown word; known are ${Object.keys(words).join(", ")} and @every <duration>`);
  const parts = expression.split(/\s+/).filter((part) => part !== "");
  if (parts.length !== 5 && parts.length !== 6) {
    throw fail(
      `expected 5 or 6 fields, found ${parts.length}: second minute hour day-of-month month [day-of-week], such as "0 30 9 * * *"`,
    );
  }
  const [second = "", minute = "", hour = "", day = "", month = "", weekday = "*"] = parts;
  return {
    second: readField(second, "second", fail),
    minute: readField(minute, "minute", fail),
    hour: readField(hour, "hour", fail),
    day: readField(day, "day", fail),
    month: readField(month, "month", fail),
    weekday: readField(weekday, "weekday", fail),
    eitherDay: !hasStar(day) && !hasStar(weekday),
  };
}

type Fail = (reason: string) => Error;

const hasStar = (field: string): boolean => field.split(",").some((range) => /^[*?]/.test(range));

function readField(text: string, name: keyof typeof bounds, fail: Fail): ReadonlySet<number> {
  const ranges = text.split(",").filter((range) => range !== "");
  if (ranges.length === 0) throw fail(`the ${name} is empty`);
  return new Set(ranges.flatMap((range) => readRange(range, name, fail)));
}

/** `7`, `mon-fri`, `*`, `?`, each with a step if need be: `10/15` is `10-max/15`. */
function readRange(text: string, name: keyof typeof bounds, fail: Fail): readonly number[] {
  const { min, max, names = [] }: Bounds = bounds[name];
  const [range = "", stepText, ...moreSteps] = text.split("/");
  const [low = "", high, ...moreHyphens] = range.split("-");
  if (moreSteps.length > 0) throw fail(`too many slashes in the ${name} ${text}`);
  const number = (word: string): number => {
    const named = names.indexOf(word.toLowerCase());
    if (named >= 0) return named + min;
    if (/^\+?\d{1,9}$/.test(word)) return Number(word);
    throw fail(`"${word}" in the ${name} ${text} is no number${names.length > 0 ? " and no name" : ""}`);
  };
  const any = low === "*" || low === "?";
  if (!any && moreHyphens.length > 0) throw fail(`too many hyphens in the ${name} ${text}`);
  const from = any ? min : number(low);
  const single = high === undefined;
  const to = any || (single && stepText !== undefined) ? max : single ? from : number(high);
  const step = stepText === undefined ? 1 : Number(/^\+?\d{1,9}$/.test(stepText) ? stepText : Number.NaN);
  if (!(step > 0)) throw fail(`the step of the ${name} ${text} must be a positive number`);
  if (from < min || to > max) throw fail(`the ${name} ${text} is not within ${min} and ${max}`);
  if (from > to) throw fail(`the ${name} ${text} begins beyond its end`);
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

/** A duration as Go writes it, in whole seconds and at least one. */
function readEvery(text: string, fail: Fail): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw fail(`"${text}" is not a duration such as 90s or 1h30m`);
  if (ms > Number.MAX_SAFE_INTEGER / 1e6) throw fail("is longer than 285 years");
  return Math.max(1000, Math.floor(ms / 1000) * 1000);
}

/**
 * The first time after `after` (both in milliseconds, whole seconds) at which the clock on the wall of `zone` shows what the
 * expression asks for; undefined if that does not happen within five years. An hour that the clock skips has no such time, one
 * that it shows twice has two, as in robfig/cron v1.
 */
export function nextCronTime(cron: Cron, after: number, zone: string): number | undefined {
  const from = Math.floor(after / 1000) * 1000;
  if ("everyMs" in cron) return from + cron.everyMs;
  let at = Temporal.Instant.fromEpochMilliseconds(from + 1000).toZonedDateTimeISO(zone);
  const lastYear = at.year + yearsAhead;
  while (at.year <= lastYear) {
    const date = at.toPlainDate();
    if (!cron.month.has(at.month)) at = date.with({ day: 1 }).add({ months: 1 }).toZonedDateTime(zone);
    else if (!isDay(cron, at)) at = date.add({ days: 1 }).toZonedDateTime(zone);
    else if (!cron.hour.has(at.hour)) at = at.add({ seconds: 3600 - at.minute * 60 - at.second });
    else if (!cron.minute.has(at.minute)) at = at.add({ seconds: 60 - at.second });
    else if (!cron.second.has(at.second)) at = at.add({ seconds: 1 });
    else return at.epochMilliseconds;
  }
  return undefined;
}

function isDay({ day, weekday, eitherDay }: CronFields, at: Temporal.ZonedDateTime): boolean {
  const byDate = day.has(at.day);
  const byWeekday = weekday.has(at.dayOfWeek % 7);
  return eitherDay ? byDate || byWeekday : byDate && byWeekday;
}

/** Whether the platform knows the time zone, by its IANA name. */
export function isTimeZone(zone: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
