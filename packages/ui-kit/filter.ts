/**
 * The text of a filter bar: `state:failed experiment:digits duration>60 resnet`. Terms are joined by AND; the same field
 * given twice with `:` is OR. A value with blanks is quoted. The text itself is the state: it stands in the URL.
 */
export interface FilterTerm {
  readonly field: string;
  readonly operator: ":" | ">" | "<" | "!";
  readonly value: string;
}

export interface Filter {
  readonly terms: readonly FilterTerm[];
  /** Words without a field, matched anywhere in the name. */
  readonly words: readonly string[];
}

export function parseFilter(text: string): Filter {
  const terms: FilterTerm[] = [];
  const words: string[] = [];
  for (const [token] of text.matchAll(/(?:[^\s"]|"[^"]*"?)+/g)) {
    const match = /^(-?)([A-Za-z][\w.-]*)([:><])(.*)$/s.exec(token);
    const value = match ? unquote(match[4] ?? "") : "";
    if (match && value !== "") {
      const operator = match[3] === ">" ? ">" : match[3] === "<" ? "<" : match[1] === "-" ? "!" : ":";
      terms.push({ field: (match[2] ?? "").toLowerCase(), operator, value });
    } else {
      const word = unquote(token);
      if (word !== "") words.push(word);
    }
  }
  return { terms, words };
}

export function printFilter(filter: Filter): string {
  const terms = filter.terms.map((term) => printTerm(term));
  return [...terms, ...filter.words.map((word) => quote(word))].join(" ");
}

export function printTerm(term: FilterTerm): string {
  return term.operator === "!"
    ? `-${term.field}:${quote(term.value)}`
    : `${term.field}${term.operator}${quote(term.value)}`;
}

/** What a row offers to a filter: its fields by name; words look into `text`. */
export interface Filterable {
  readonly text: string;
  readonly fields: Readonly<Record<string, string | number | undefined>>;
}

/** A field that the row does not have matches nothing, so that a misspelt field shows an empty table and not a wrong one. */
export function matchesFilter(filter: Filter, row: Filterable): boolean {
  const text = row.text.toLowerCase();
  if (!filter.words.every((word) => text.includes(word.toLowerCase()))) return false;
  const alternatives = new Map<string, boolean>();
  for (const term of filter.terms) {
    const value = row.fields[term.field];
    if (term.operator === ":") {
      alternatives.set(term.field, (alternatives.get(term.field) ?? false) || contains(value, term.value));
    } else if (term.operator === "!") {
      if (contains(value, term.value)) return false;
    } else if (!compares(value, term.operator, Number(term.value))) {
      return false;
    }
  }
  return [...alternatives.values()].every(Boolean);
}

function contains(value: string | number | undefined, wanted: string): boolean {
  return value !== undefined && String(value).toLowerCase().includes(wanted.toLowerCase());
}

function compares(value: string | number | undefined, operator: ">" | "<", bound: number): boolean {
  if (value === undefined || Number.isNaN(bound)) return false;
  return operator === ">" ? Number(value) > bound : Number(value) < bound;
}

const unquote = (text: string): string => text.replaceAll('"', "");
const quote = (text: string): string => (/[\s"]/.test(text) ? `"${unquote(text)}"` : text);
