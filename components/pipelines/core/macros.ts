import type { JsonObject, JsonValue } from "./json.ts";

/** What macros in a run's parameters stand for. Times in milliseconds since the epoch; they are shown in UTC. */
export interface MacroFacts {
  readonly runId: string;
  readonly now: number;
  readonly scheduled: number;
  /** Of a recurring run; without it `[[Index]]` stays as it is. */
  readonly index?: number;
}

/**
 * Parameters with KFP's macros filled in where they are texts: `[[RunUUID]]`, `[[CurrentTime]]`, `[[ScheduledTime.2006-01-02]]` (Go's
 * layouts), `[[Index]]` and `{{$.currentTime.strftime('%Y')}}`. What is no macro stays as it is.
 */
export function fillMacros(parameters: JsonObject, facts: MacroFacts): JsonObject {
  const filled = Object.entries(parameters).map(([name, value]): [string, JsonValue] => [
    name,
    typeof value === "string" ? fill(value, facts) : value,
  ]);
  return Object.fromEntries(filled);
}

const standardLayout = "20060102150405";

function fill(text: string, { runId, now, scheduled, index }: MacroFacts): string {
  const times: Readonly<Record<string, number>> = {
    CurrentTime: now,
    ScheduledTime: scheduled,
    currentTime: now,
    scheduledTime: scheduled,
  };
  return text
    .replaceAll("[[RunUUID]]", runId)
    .replace(/\[\[Index\]\]/g, (macro) => (index === undefined ? macro : String(index)))
    .replace(/\[\[(CurrentTime|ScheduledTime)(?:\.(.*?))?\]\]/g, (_, name: string, layout?: string) =>
      formatByLayout(times[name] ?? 0, layout ?? standardLayout),
    )
    .replace(/\{\{\$\.(currentTime|scheduledTime)\.strftime\('(.*?)'\)\}\}/g, (_, name: string, format: string) =>
      formatByStrftime(times[name] ?? 0, format),
    );
}

const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const padded = (number: number, width = 2): string => String(number).padStart(width, "0");

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: string;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly dayOfYear: number;
  readonly seconds: number;
}

function partsOf(ms: number): Parts {
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  return {
    year,
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: weekdays[date.getUTCDay()] ?? "",
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    dayOfYear: Math.floor((ms - Date.UTC(year, 0, 1)) / 86_400_000) + 1,
    seconds: Math.floor(ms / 1000),
  };
}

const monthOf = ({ month }: Parts): string => months[month - 1] ?? "";
const twelve = ({ hour }: Parts): number => hour % 12 || 12;

/** The reference time's parts by which Go's layouts are written, the longer ones first. */
const layoutParts: readonly (readonly [reference: string, show: (parts: Parts) => string])[] = [
  ["2006", ({ year }) => padded(year, 4)],
  ["January", monthOf],
  ["Monday", ({ weekday }) => weekday],
  ["Z07:00", () => "Z"],
  ["-07:00", () => "+00:00"],
  ["-0700", () => "+0000"],
  ["002", ({ dayOfYear }) => padded(dayOfYear, 3)],
  ["Jan", (parts) => monthOf(parts).slice(0, 3)],
  ["Mon", ({ weekday }) => weekday.slice(0, 3)],
  ["MST", () => "UTC"],
  ["01", ({ month }) => padded(month)],
  ["02", ({ day }) => padded(day)],
  ["03", (parts) => padded(twelve(parts))],
  ["04", ({ minute }) => padded(minute)],
  ["05", ({ second }) => padded(second)],
  ["06", ({ year }) => padded(year % 100)],
  ["15", ({ hour }) => padded(hour)],
  ["PM", ({ hour }) => (hour < 12 ? "AM" : "PM")],
  ["pm", ({ hour }) => (hour < 12 ? "am" : "pm")],
  ["1", ({ month }) => String(month)],
  ["2", ({ day }) => String(day)],
  ["3", (parts) => String(twelve(parts))],
  ["4", ({ minute }) => String(minute)],
  ["5", ({ second }) => String(second)],
];

function formatByLayout(ms: number, layout: string): string {
  const parts = partsOf(ms);
  let text = "";
  for (let at = 0; at < layout.length;) {
    const known = layoutParts.find(([reference]) => layout.startsWith(reference, at));
    text += known ? known[1](parts) : layout.charAt(at);
    at += known ? known[0].length : 1;
  }
  return text;
}

const strftimeParts: Readonly<Record<string, (parts: Parts) => string>> = {
  Y: ({ year }) => padded(year, 4),
  y: ({ year }) => padded(year % 100),
  m: ({ month }) => padded(month),
  d: ({ day }) => padded(day),
  e: ({ day }) => String(day).padStart(2, " "),
  H: ({ hour }) => padded(hour),
  I: (parts) => padded(twelve(parts)),
  M: ({ minute }) => padded(minute),
  S: ({ second }) => padded(second),
  p: ({ hour }) => (hour < 12 ? "AM" : "PM"),
  j: ({ dayOfYear }) => padded(dayOfYear, 3),
  A: ({ weekday }) => weekday,
  a: ({ weekday }) => weekday.slice(0, 3),
  B: monthOf,
  b: (parts) => monthOf(parts).slice(0, 3),
  F: ({ year, month, day }) => `${padded(year, 4)}-${padded(month)}-${padded(day)}`,
  T: ({ hour, minute, second }) => `${padded(hour)}:${padded(minute)}:${padded(second)}`,
  R: ({ hour, minute }) => `${padded(hour)}:${padded(minute)}`,
  s: ({ seconds }) => String(seconds),
  Z: () => "UTC",
  z: () => "+0000",
  "%": () => "%",
};

function formatByStrftime(ms: number, format: string): string {
  const parts = partsOf(ms);
  return format.replace(/%(.)/g, (directive, letter: string) => strftimeParts[letter]?.(parts) ?? directive);
}
