import { ParseError } from "./errors.ts";

/** `500m`, `1.5`, `1Gi`, `2e3`: a fixed-point number with the suffix style it was written in. Exact to a billionth; finer digits round up, away from zero. */
export interface Quantity {
  /** The value in billionths. */
  readonly nano: bigint;
  readonly style: "decimal" | "binary" | "exponent";
}

const nanoPerUnit = 1_000_000_000n;
/** Beyond this (2^63-1 whole units) a quantity is capped, as upstream's is. */
const largest = (2n ** 63n - 1n) * nanoPerUnit;
const binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const decimalSuffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const grammar = /^([+-]?)(\d*)(?:\.(\d*))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?$/;

const wrongForm = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Throws ParseError with upstream's sentence. */
export function parseQuantity(text: string): Quantity {
  const quantity = tryParseQuantity(text);
  if (!quantity) throw new ParseError(wrongForm);
  return quantity;
}

/** undefined for text that is no quantity. */
export function tryParseQuantity(text: string): Quantity | undefined {
  const match = text.length <= 128 ? grammar.exec(text) : null;
  if (!match) return undefined;
  const [, sign = "", whole = "", fraction = "", suffix = "", exponent] = match;
  if (whole + fraction === "") return undefined;
  const { numerator, denominator } = scaleOf(suffix, exponent);
  const digits = BigInt(whole + fraction) * numerator * nanoPerUnit;
  const divisor = denominator * 10n ** BigInt(fraction.length);
  const nano = (digits + divisor - 1n) / divisor;
  const capped = nano > largest ? largest : nano;
  const style = exponent === undefined ? (suffix.endsWith("i") ? "binary" : "decimal") : "exponent";
  return { nano: sign === "-" ? -capped : capped, style };
}

function scaleOf(suffix: string, exponent: string | undefined): { numerator: bigint; denominator: bigint } {
  if (suffix.endsWith("i")) return { numerator: 1024n ** BigInt(binarySuffixes.indexOf(suffix)), denominator: 1n };
  const power = exponent === undefined ? 3 * (decimalSuffixes.indexOf(suffix) - 3) : Number(exponent);
  return power >= 0
    ? { numerator: 10n ** BigInt(power), denominator: 1n }
    : { numerator: 1n, denominator: 10n ** BigInt(-power) };
}

/** The canonical form: no fraction, the largest suffix that loses nothing; binary only for whole numbers of 1024 or more. */
export function formatQuantity({ nano, style }: Quantity): string {
  if (nano === 0n) return "0";
  const magnitude = nano < 0n ? -nano : nano;
  const sign = nano < 0n ? "-" : "";
  const binary = style === "binary" && magnitude % nanoPerUnit === 0n && magnitude >= 1024n * nanoPerUnit;
  if (binary) return sign + withLargestSuffix(magnitude / nanoPerUnit, 1024n, binarySuffixes);
  if (style === "exponent") return sign + withExponent(magnitude);
  return sign + withLargestSuffix(magnitude, 1000n, decimalSuffixes);
}

function withLargestSuffix(value: bigint, step: bigint, suffixes: readonly string[]): string {
  let rest = value;
  let index = 0;
  while (index < suffixes.length - 1 && rest % step === 0n) {
    rest /= step;
    index++;
  }
  return `${rest}${suffixes[index] ?? ""}`;
}

function withExponent(nano: bigint): string {
  let rest = nano;
  let power = -9;
  while (rest % 1000n === 0n) {
    rest /= 1000n;
    power += 3;
  }
  return power === 0 ? String(rest) : `${rest}e${power}`;
}

/** The canonical form of text or a JSON number; undefined if it is no quantity. */
export function canonicalQuantity(value: string | number): string | undefined {
  const text = String(value);
  if (plainNumber.test(text)) return text;
  const quantity = tryParseQuantity(text);
  return quantity && formatQuantity(quantity);
}

/** Already canonical, and by far the commonest: up to three digits with or without `m`. */
const plainNumber = /^[1-9]\d{0,2}m?$/;

/** Negative, zero or positive. Throws ParseError. */
export function compareQuantities(a: string, b: string): number {
  const difference = parseQuantity(a).nano - parseQuantity(b).nano;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The sum, in the style of the first that is not zero. Throws ParseError. */
export function addQuantities(...texts: readonly string[]): string {
  const parsed = texts.map(parseQuantity);
  const nano = parsed.reduce((sum, each) => sum + each.nano, 0n);
  return formatQuantity({ nano, style: parsed.find((each) => each.nano !== 0n)?.style ?? "decimal" });
}

/** As a floating-point number of units (bytes, cores); the nearest there is. Throws ParseError. */
export function quantityNumber(text: string): number {
  const { nano } = parseQuantity(text);
  return Number(nano / nanoPerUnit) + Number(nano % nanoPerUnit) / 1e9;
}
