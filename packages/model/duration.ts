const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A span of time as `kubectl get` prints ages: the coarser, the longer it is (`45s`, `3m10s`, `5h`, `2d3h`, `400d`, `3y`). Negative spans of less than two seconds are `0s`, others `<invalid>`. */
export function humanDuration(ms: number): string {
  if (ms <= -2 * second) return "<invalid>";
  const seconds = Math.max(0, Math.floor(ms / second));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(ms / minute);
  if (minutes < 10) return pair(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(ms / hour);
  if (hours < 8) return pair(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(ms / day);
  if (hours < 192) return pair(days, "d", hours % 24, "h");
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? pair(years, "y", days % 365, "d") : `${years}y`;
}

function pair(whole: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${whole}${unit}` : `${whole}${unit}${rest}${restUnit}`;
}

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: second,
  m: minute,
  h: hour,
};

/** Milliseconds of a duration as Go writes it (`90s`, `1h30m`, `-1.5h`, `0`); undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, sign, parts = ""] = /^([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(text) ?? [];
  if (sign === undefined) return undefined;
  const spans = [...parts.matchAll(/([\d.]+)([a-zµμ]+)/g)].map(
    ([, count, unit = ""]) => Number(count) * (units[unit] ?? 0),
  );
  return spans.reduce((sum, span) => sum + span, 0) * (sign === "-" ? -1 : 1);
}

/** How long ago an RFC 3339 time was, as `humanDuration`; `<unknown>` if there is none. */
export function age(time: string | undefined, now: number): string {
  return time === undefined ? "<unknown>" : humanDuration(now - Date.parse(time));
}
