import { ParseError } from "./errors.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object's own field; never what objects inherit, such as `constructor`. For names that come from outside. */
export function own<T>(object: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Whether two JSON values are the same: order of fields apart, order of lists not. An absent field is not the same as null. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => isEqual(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]));
}

/** Freezes all the way down, in place, and gives the value back. Parts that are frozen already are taken to be so throughout. */
export function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
  return value;
}

/** Whether a value nests more than `levels` deep; looks no further down than that. */
export function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner));
}

export interface ParsedJson {
  readonly value: unknown;
  /** Paths of fields that stand twice in one object, such as `spec.replicas`; the last one counts. */
  readonly duplicates: readonly string[];
}

/** Deeper nesting than this is refused: nothing honest needs it, and what walks values does so by recursion. */
export const depthLimit = 500;

/** Reads JSON and notices fields that stand twice. Throws ParseError for what is no JSON, nests too deeply, or names a field `__proto__`. */
export function parseJson(text: string): ParsedJson {
  try {
    // Before JSON.parse, so that nesting can't exhaust the stack; on text that is no JSON what it finds is thrown away.
    const duplicates = new FieldScanner(text).scan();
    return { value: JSON.parse(text), duplicates };
  } catch (error) {
    if (error instanceof SyntaxError) throw new ParseError(`Cannot read the JSON: ${error.message}`, { cause: error });
    throw error;
  }
}

interface Frame {
  /** undefined in a list. */
  readonly seen: Set<string> | undefined;
  field: string;
  index: number;
}

const quote = 34;
const comma = 44;
const colon = 58;
const openList = 91;
const backslash = 92;
const closeList = 93;
const openObject = 123;
const closeObject = 125;

/** Follows the brackets and strings of a JSON text without building its values. */
class FieldScanner {
  readonly #text: string;
  readonly #frames: Frame[] = [];
  readonly #duplicates: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  scan(): readonly string[] {
    const text = this.#text;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === quote) at = this.#string(at);
      else if (code === openObject) this.#open({ seen: new Set(), field: "", index: 0 });
      else if (code === openList) this.#open({ seen: undefined, field: "", index: 0 });
      else if (code === closeObject || code === closeList) this.#frames.pop();
      else if (code === comma) this.#next();
    }
    return this.#duplicates;
  }

  #open(frame: Frame): void {
    if (this.#frames.push(frame) > depthLimit)
      throw new ParseError(`Cannot read the JSON: it is nested more than ${depthLimit} levels deep`);
  }

  #next(): void {
    const frame = this.#frames.at(-1);
    if (frame) frame.index++;
  }

  /** From an opening quote to its closing one; a string before a colon, in an object, is a field's name. */
  #string(start: number): number {
    const end = endOfString(this.#text, start);
    const frame = this.#frames.at(-1);
    if (frame?.seen && isFollowedByColon(this.#text, end + 1)) this.#field(frame, frame.seen, start, end);
    return end;
  }

  #field(frame: Frame, seen: Set<string>, start: number, end: number): void {
    const raw = this.#text.slice(start + 1, end);
    const name = raw.includes("\\") ? String(JSON.parse(`"${raw}"`)) : raw;
    if (name === "__proto__") throw new ParseError("Cannot read the JSON: a field may not be named `__proto__`");
    frame.field = name;
    if (seen.has(name) && this.#duplicates.length < 100) this.#duplicates.push(this.#path());
    seen.add(name);
  }

  #path(): string {
    return this.#frames.reduce((path, { seen, field, index }) => {
      if (!seen) return `${path}[${index}]`;
      return path ? `${path}.${field}` : field;
    }, "");
  }
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === backslash) before--;
  return (at - 1 - before) % 2 === 1;
}

function isFollowedByColon(text: string, from: number): boolean {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= 32) at++;
  return text.charCodeAt(at) === colon;
}
