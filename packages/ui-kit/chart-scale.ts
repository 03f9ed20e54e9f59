/** A straight mapping from values to pixels. */
export interface Scale {
  (value: number): number;
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
}

/** `count` is how many ticks are wanted; the result has 3 to 6 round ones inside the domain, which grows to meet them. */
export function linearScale(
  values: readonly number[],
  range: readonly [number, number],
  options: { readonly zero?: boolean; readonly count?: number } = {},
): Scale {
  const finite = values.filter(Number.isFinite);
  let low = Math.min(...finite, options.zero === true ? 0 : Infinity);
  let high = Math.max(...finite, options.zero === true ? 0 : -Infinity);
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = [0, 1];
  if (low === high) [low, high] = low === 0 ? [0, 1] : [Math.min(low, 0), Math.max(high, 0)];
  const step = roundStep((high - low) / (options.count ?? 4));
  const from = Math.floor(low / step + 1e-9) * step;
  const to = Math.ceil(high / step - 1e-9) * step;
  const ticks = Array.from({ length: Math.round((to - from) / step) + 1 }, (_, index) => tidy(from + index * step));
  const scale = (value: number): number => range[0] + ((value - from) / (to - from)) * (range[1] - range[0]);
  return Object.assign(scale, { domain: [from, to] as const, ticks });
}

/** The smallest of 1, 2, 5 times a power of ten that is not below `rough`. */
export function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((it) => it * power >= rough * 0.999) ?? 10;
  return factor * power;
}

const tidy = (value: number): number => Number(value.toPrecision(12));

/** RFC 4180: quoted where needed, lines end in CRLF; a text that a spreadsheet would run as a formula is disarmed. */
export function toCsv(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number): string => {
    const text = typeof value === "string" && /^[=+\-@\t]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Area under a curve of points sorted by x, by trapezoids. */
export function areaUnder(points: readonly { readonly x: number; readonly y: number }[]): number {
  let area = 0;
  for (let index = 1; index < points.length; index++) {
    const [before, here] = [points[index - 1], points[index]];
    if (before && here) area += ((here.x - before.x) * (here.y + before.y)) / 2;
  }
  return area;
}
