import type { Language } from "./messages.ts";

/** A span of time for reading: `850 ms`, `12.4 s`, `3m 12s`, `2h 05m`, `3d 04h`. `ms` is milliseconds; negative counts as zero. */
export function formatDuration(ms: number): string {
  const span = Math.max(0, ms);
  if (span < 1000) return `${Math.round(span)} ms`;
  // 59.95 s would print as `60.0 s`, so the border lies a little lower.
  if (span < 59_950) return `${(span / 1000).toFixed(1)} s`;
  const seconds = Math.round(span / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d ${pad(hours % 24)}h`;
}

/** From one RFC 3339 time to another. Times in whole seconds make whole seconds, for more would be invented. */
export function formatSpan(from: string, to: string): string {
  const span = Math.max(0, Date.parse(to) - Date.parse(from));
  if (from.includes(".") || to.includes(".")) return formatDuration(span);
  return span === 0 ? "< 1 s" : formatElapsed(span);
}

/** The same for something still going on, in whole seconds, so that the digits do not flicker. */
export function formatElapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000);
}

const dateFormats = new Map<string, Intl.DateTimeFormat>();

/** Making a format costs more than drawing a row, so each is made once. */
function dateFormat(locale: string, year: boolean, timeZone: string | undefined): Intl.DateTimeFormat {
  const key = `${locale} ${year} ${timeZone ?? ""}`;
  const known = dateFormats.get(key);
  if (known) return known;
  const format = new Intl.DateTimeFormat(locale, {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
    ...(year && { year: "numeric" }),
    ...(timeZone !== undefined && { timeZone }),
  });
  dateFormats.set(key, format);
  return format;
}

/** Relative up to a day (`12 min ago`, `in 12 min`), then `24 Nov, 14:03`, with the year once it differs. Both arguments are milliseconds since the epoch. */
export function formatTime(at: number, now: number, language: Language, timeZone?: string): string {
  const seconds = Math.floor((now - at) / 1000);
  if (seconds >= -5 && seconds < 86_400) return relative(Math.max(0, seconds), language);
  if (seconds < 0 && seconds > -86_400) return ahead(-seconds, language);
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return dateFormat(language === "zh" ? "zh-CN" : "en-GB", !sameYear, timeZone).format(at);
}

function relative(seconds: number, language: Language): string {
  return language === "zh" ? `${distance(seconds, language)}前` : `${distance(seconds, language)} ago`;
}

function ahead(seconds: number, language: Language): string {
  return language === "zh" ? `${distance(seconds, language)}后` : `in ${distance(seconds, language)}`;
}

/** The largest whole unit of a time below a day. */
function distance(seconds: number, language: Language): string {
  const [count, english, chinese] =
    seconds < 60
      ? [seconds, "s", "秒"]
      : seconds < 3600
        ? [Math.floor(seconds / 60), "min", "分钟"]
        : [Math.floor(seconds / 3600), "h", "小时"];
  return `${count} ${language === "zh" ? chinese : english}`;
}

/** `512 B`, `1.2 KiB`, `34 MiB`: three digits at most, powers of 1024. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, "")} ${units[unit] ?? ""}`;
}

/** A measured number for a table: at most four significant decimals, no trailing zeros, exponents only where they save reading. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size >= 1e6 && size < 1e9) return Math.round(value).toLocaleString("en-US");
  if (size >= 1e9 || size < 1e-4) return value.toExponential(2);
  return String(Number(value.toPrecision(size >= 1 ? 6 : 4)));
}

/** Identifiers are told apart by their first eight characters. */
export function shortId(id: string): string {
  return id.length > 12 ? id.slice(0, 8) : id;
}

/** Any JSON value on one line: strings bare, the rest as JSON. What somebody chose is shown as it is, to the last digit. */
export function formatValue(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** Keeps both ends of a name, for what differs most often stands there: `digits-train…7f3a`. `width` is in characters. */
export function middleEllipsis(text: string, width: number): string {
  if (text.length <= width) return text;
  const tail = Math.floor((width - 1) / 3);
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/** Milliseconds since the epoch of an RFC 3339 time; undefined if there is none or it does not parse. */
export function parseTime(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

const pad = (value: number): string => String(value).padStart(2, "0");
