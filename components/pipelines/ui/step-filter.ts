import { parseFilter } from "@headrace/ui-kit/portable";

/** States that steps are recorded in. That one waits, or runs, or has not begun is told apart by what stands around it. */
const recorded: ReadonlyMap<string, string> = new Map([
  ["succeeded", "SUCCEEDED"],
  ["cached", "CACHED"],
  ["failed", "FAILED"],
  ["skipped", "SKIPPED"],
  ["cancelled", "CANCELED"],
]);

/** The state that a filter of steps asks for, if the server can judge it, as a field selector: it finds what lies beyond the rows at hand. */
export function askedState(text: string): string {
  const states = parseFilter(text).terms.filter(({ field, operator }) => field === "state" && operator === ":");
  const state = states.length === 1 ? recorded.get(states[0]?.value.toLowerCase() ?? "") : undefined;
  return state === undefined ? "" : `status.state=${state}`;
}

export interface AskedWords {
  /** What the server is to look for: it finds all that the filter would, and perhaps more. */
  readonly search: readonly string[];
  /** Whether that is all that the filter says, so that whatever is found is shown. */
  readonly isWhole: boolean;
}

/** As many and as long as the server takes. */
const maxWords = 10;
const maxWordLength = 200;

/** The words of a filter, and the values of `fields` that a kind is searched by, each a word too. */
export function askedWords(text: string, fields: readonly string[]): AskedWords {
  const { terms, words } = parseFilter(text);
  const isAlone = (field: string): boolean => terms.filter((term) => term.field === field).length === 1;
  const values = terms
    .filter(({ field, operator }) => operator === ":" && fields.includes(field) && isAlone(field))
    .map(({ value }) => value);
  const search = [...words, ...values].filter((word) => word.length <= maxWordLength).slice(0, maxWords);
  return { search, isWhole: terms.length === 0 && search.length === words.length };
}
