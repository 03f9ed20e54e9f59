import { ParseError } from "./errors.ts";
import { isObject, own } from "./json.ts";
import type { KubeObject } from "./object.ts";

/** One term of a field selector: `status.phase!=Running`. */
export interface FieldTerm {
  readonly path: string;
  readonly value: string;
  readonly negated: boolean;
}

/** The longest field selector that is read, in characters. */
const selectorLimit = 16 * 1024;

/** Reads `a.b=c,d!=e`; `\,`, `\=` and `\\` stand for themselves in values. Throws ParseError. */
export function parseFieldSelector(text: string): readonly FieldTerm[] {
  if (text.length > selectorLimit)
    throw new ParseError(`Cannot read the field selector: it is longer than ${selectorLimit} characters`);
  return text === "" ? [] : splitTerms(text).filter(Boolean).map(readTerm);
}

function splitTerms(text: string): string[] {
  const terms = [""];
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index);
    if (char === ",") terms.push("");
    else terms[terms.length - 1] += char === "\\" ? char + text.charAt(++index) : char;
  }
  return terms;
}

function readTerm(term: string): FieldTerm {
  const match = /^([^=!\\]+)(!=|==?)(.*)$/s.exec(term);
  const [, path, operator, value] = match ?? [];
  if (path === undefined || operator === undefined || value === undefined) {
    throw new ParseError(`invalid selector: ${JSON.stringify(term)}; can't understand ${JSON.stringify(term)}`);
  }
  return { path: path.trim(), value: unescaped(value, term), negated: operator === "!=" };
}

function unescaped(value: string, term: string): string {
  return value.replaceAll(/\\(.?)|([=,])/gs, (_all, escaped: string | undefined, bare: string | undefined) => {
    if (bare === undefined && escaped && "\\,=".includes(escaped)) return escaped;
    throw new ParseError(
      `invalid selector: ${JSON.stringify(term)}; '${bare ?? `\\${escaped}`}' must be escaped by a backslash, and nothing else`,
    );
  });
}

/** Whether all terms hold. An absent field is the empty string. */
export function matchesFields(terms: readonly FieldTerm[], object: KubeObject): boolean {
  return terms.every(({ path, value, negated }) => (fieldText(object, path) === value) !== negated);
}

/** The text of the field at a dotted path; empty where there is none. */
export function fieldText(object: unknown, path: string): string {
  let value = object;
  for (const step of path.split(".")) value = isObject(value) ? own(value, step) : undefined;
  return typeof value === "string"
    ? value
    : typeof value === "number" || typeof value === "boolean"
      ? String(value)
      : "";
}
