import {
  badRequest,
  matchesFields,
  matchesLabels,
  ParseError,
  parseFieldSelector,
  parseSelector,
  type FieldTerm,
  type KubeObject,
  type ResourceDefinition,
  type Selector,
} from "@headrace/model";

/** Which objects a list or a watch is about: its label and field selectors and the words of its `search`, understood. */
export interface Selection {
  readonly selectsAll: boolean;
  matches(object: KubeObject): boolean;
  /** The one name that can match, if the field selector says so. */
  readonly name?: string;
  /** Terms with `=`, for those who can look them up. `matches` holds for all terms. */
  readonly fields: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly search: readonly string[];
}

const everything: Selection = { selectsAll: true, matches: () => true, fields: {}, labels: {}, search: [] };
const maxWords = 10;
const maxWordLength = 200;

/** Throws BadRequest for a selector that cannot be read, and for a field that the kind cannot be selected by. */
export function selectionOf(query: URLSearchParams, definition: ResourceDefinition, only?: string): Selection {
  const labelText = query.get("labelSelector") ?? "";
  const fieldText = query.get("fieldSelector") ?? "";
  const search = wordsOf(query, definition);
  if (labelText === "" && fieldText === "" && only === undefined && search.length === 0) return everything;
  const labels = read(labelText, parseSelector);
  const terms = [...read(fieldText, parseFieldSelector), ...(only === undefined ? [] : [nameIs(only)])];
  for (const { path } of terms) requireSelectable(path, definition);
  const fields = Object.fromEntries(terms.filter(({ negated }) => !negated).map(({ path, value }) => [path, value]));
  const name = fields["metadata.name"];
  return {
    selectsAll: labels.length === 0 && terms.length === 0 && search.length === 0,
    matches: (object) =>
      matchesLabels(labels, object.metadata.labels) &&
      matchesFields(terms, object) &&
      hasAll(definition.searchText?.(object) ?? "", search),
    ...(name !== undefined && { name }),
    fields,
    labels: equalLabels(labels),
    search,
  };
}

/** `search` is ours: Kubernetes has no way to look for a part of a name. It may be given several times, and then all of it counts. */
function wordsOf(query: URLSearchParams, { plural, searchText }: ResourceDefinition): readonly string[] {
  const words = query.getAll("search").filter((word) => word !== "");
  if (words.length === 0) return words;
  if (!searchText) throw badRequest(`search: ${plural} are not searched; use a field or a label selector`);
  if (words.length > maxWords || words.some((word) => word.length > maxWordLength))
    throw badRequest(`search: may be given ${maxWords} times, with ${maxWordLength} characters each`);
  return words;
}

function hasAll(text: string, words: readonly string[]): boolean {
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word.toLowerCase()));
}

const nameIs = (value: string): FieldTerm => ({ path: "metadata.name", value, negated: false });

function read<T>(text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof ParseError)
      throw badRequest(`unable to parse requirement: ${error.message}`, { cause: error });
    throw error;
  }
}

function requireSelectable(path: string, { selectableFields }: ResourceDefinition): void {
  const selectable = ["metadata.name", "metadata.namespace", ...selectableFields];
  if (selectable.includes(path)) return;
  throw badRequest(`field label not supported: ${path}; supported: ${selectable.toSorted().join(", ")}`);
}

function equalLabels(selector: Selector): Readonly<Record<string, string>> {
  const equal = selector.filter(({ operator, values }) => operator === "In" && values.length === 1);
  return Object.fromEntries(equal.map(({ key, values: [value = ""] }) => [key, value]));
}
