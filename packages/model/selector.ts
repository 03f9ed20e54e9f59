import { cause } from "./cause.ts";
import { ParseError } from "./errors.ts";
import { own } from "./json.ts";
import { labelValueProblem, qualifiedNameProblem } from "./names.ts";
import { s, type TypeOf } from "./schema.ts";
import type { StatusCause } from "./status.ts";
import { validateLabels } from "./validate-metadata.ts";

const labelSelectorRequirement = s.object(
  {
    key: s.at(1, s.string({ nonEmpty: true })),
    operator: s.at(2, s.string({ enum: ["In", "NotIn", "Exists", "DoesNotExist"] })),
  },
  { values: s.at(3, s.list(s.string())) },
  { name: "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement" },
);

/** The schema of meta/v1 LabelSelector. */
export const labelSelector = s.object(
  {},
  { matchLabels: s.at(1, s.map(s.string())), matchExpressions: s.at(2, s.list(labelSelectorRequirement)) },
  { name: "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector", atomic: true },
);
export type LabelSelector = TypeOf<typeof labelSelector>;

/** One condition on labels. `NotIn` and `DoesNotExist` hold where the key is absent; `Gt` and `Lt` compare whole numbers. */
export interface Requirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  readonly values: readonly string[];
}

/** All must hold. The empty selector takes everything. */
export type Selector = readonly Requirement[];

type Labels = Readonly<Record<string, string>>;

export function matchesLabels(selector: Selector, labels: Labels | undefined): boolean {
  return selector.every((requirement) => holds(requirement, labels ?? {}));
}

function holds({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = own(labels, key);
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return wholeNumber(value) > wholeNumber(values[0]);
    case "Lt":
      return wholeNumber(value) < wholeNumber(values[0]);
  }
}

/** NaN, which no comparison holds for, unless the text is a whole number. */
function wholeNumber(text: string | undefined): number {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
}

/** The conditions that a LabelSelector object stands for. undefined selects nothing, as everywhere in Kubernetes: ask before. */
export function requirementsOf(selector: LabelSelector): Selector {
  return [
    ...Object.entries(selector.matchLabels ?? {}).map(
      ([key, value]) => ({ key, operator: "In", values: [value] }) as const,
    ),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => ({ key, operator, values })),
  ];
}

/** The longest selector that is read, in characters. */
const selectorLimit = 16 * 1024;

/** Reads `a=b,c!=d,e in (f,g),!h,i`. Throws ParseError, with the place. */
export function parseSelector(text: string): Selector {
  if (text.length > selectorLimit)
    throw new ParseError(`Cannot read the label selector: it is longer than ${selectorLimit} characters`);
  const scanner = new Scanner(text);
  const requirements: Requirement[] = [];
  if (scanner.atEnd()) return requirements;
  do requirements.push(checked(readRequirement(scanner), text));
  while (scanner.take(","));
  if (!scanner.atEnd()) throw scanner.error("',' or the end");
  return requirements;
}

function readRequirement(scanner: Scanner): Requirement {
  if (scanner.take("!")) return { key: scanner.word("a key"), operator: "DoesNotExist", values: [] };
  const key = scanner.word("a key");
  if (scanner.take("==") || scanner.take("=")) return { key, operator: "In", values: [scanner.value()] };
  if (scanner.take("!=")) return { key, operator: "NotIn", values: [scanner.value()] };
  if (scanner.take(">")) return { key, operator: "Gt", values: [scanner.value()] };
  if (scanner.take("<")) return { key, operator: "Lt", values: [scanner.value()] };
  if (scanner.takeWord("in")) return { key, operator: "In", values: scanner.values() };
  if (scanner.takeWord("notin")) return { key, operator: "NotIn", values: scanner.values() };
  return { key, operator: "Exists", values: [] };
}

function checked(requirement: Requirement, text: string): Requirement {
  const { key, operator, values } = requirement;
  const wrongKey = qualifiedNameProblem(key);
  const wrongValue = values.map(labelValueProblem).find((problem) => problem !== undefined);
  const wrongNumber = (operator === "Gt" || operator === "Lt") && !/^-?\d+$/.test(values[0] ?? "");
  const problem =
    wrongKey ?? wrongValue ?? (wrongNumber ? "for 'Gt', 'Lt' operators, the value must be an integer" : undefined);
  if (problem) throw new ParseError(`Cannot read the label selector ${JSON.stringify(text)}: ${problem}`);
  return requirement;
}

/** The text again, in the form that the API takes. */
export function formatSelector(selector: Selector): string {
  return selector.map(formatRequirement).join(",");
}

function formatRequirement({ key, operator, values }: Requirement): string {
  const [first = ""] = values;
  switch (operator) {
    case "In":
      return values.length === 1 ? `${key}=${first}` : `${key} in (${values.join(",")})`;
    case "NotIn":
      return values.length === 1 ? `${key}!=${first}` : `${key} notin (${values.join(",")})`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
    case "Gt":
      return `${key}>${first}`;
    case "Lt":
      return `${key}<${first}`;
  }
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    this.#skipSpace();
    return this.#at === this.#text.length;
  }

  take(symbol: string): boolean {
    this.#skipSpace();
    const there = this.#text.startsWith(symbol, this.#at);
    if (there) this.#at += symbol.length;
    return there;
  }

  takeWord(word: string): boolean {
    const start = this.#at;
    if (this.#read() === word) return true;
    this.#at = start;
    return false;
  }

  word(what: string): string {
    const word = this.#read();
    if (!word) throw this.error(what);
    return word;
  }

  /** May be empty: `key=`. */
  value(): string {
    return this.#read();
  }

  values(): string[] {
    if (!this.take("(")) throw this.error("'('");
    const values = [this.value()];
    while (this.take(",")) values.push(this.value());
    if (!this.take(")")) throw this.error("',' or ')'");
    return [...new Set(values)].toSorted();
  }

  error(expected: string): ParseError {
    const found = this.#text.slice(this.#at, this.#at + 20);
    return new ParseError(
      `Cannot read the label selector ${JSON.stringify(this.#text)}: found ${found ? JSON.stringify(found) : "the end"} where ${expected} should be`,
    );
  }

  #read(): string {
    this.#skipSpace();
    const start = this.#at;
    while (this.#at < this.#text.length && !" \t\n,=!<>()".includes(this.#text.charAt(this.#at))) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #skipSpace(): void {
    while (" \t\n".includes(this.#text.charAt(this.#at)) && this.#at < this.#text.length) this.#at++;
  }
}

/** What is wrong with a LabelSelector object, in upstream's words. */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string): readonly StatusCause[] {
  return [
    ...validateLabels(selector?.matchLabels, `${path}.matchLabels`),
    ...(selector?.matchExpressions ?? []).flatMap(({ key, operator, values = [] }, index) => {
      const at = `${path}.matchExpressions[${index}]`;
      const problem = qualifiedNameProblem(key);
      const needsValues = operator === "In" || operator === "NotIn";
      return [
        ...(problem ? [cause.invalid(`${at}.key`, key, problem)] : []),
        ...(needsValues && values.length === 0
          ? [cause.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
          : []),
        ...(!needsValues && values.length > 0
          ? [cause.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
          : []),
      ];
    }),
  ];
}
