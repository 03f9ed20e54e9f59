import { parseFilter } from "@headrace/ui-kit/portable";

/** States that steps are recorded in. That one waits, or runs, or has not begun is told apart by what stands around it. */
const recorded: ReadonlyMap<string, string> = new Map([
  ["succeeded", "SUCCEEDED"],
  ["cached", "CACHED"],
  ["failed", "FAILED"],
  ["skipped", "SKIPPED"],
  ["cancelled", "CANCELED"],
]);

/** The part of a filter of steps that the server can judge, as a field selector: it finds what lies beyond the rows at hand. */
export function askedOfServer(text: string): string {
  const states = parseFilter(text).terms.filter(({ field, operator }) => field === "state" && operator === ":");
  const state = states.length === 1 ? recorded.get(states[0]?.value.toLowerCase() ?? "") : undefined;
  return state === undefined ? "" : `status.state=${state}`;
}
