import { badRequest } from "@headrace/model";
import { isObject, type JsonValue } from "../core/json.ts";
import type { ListColumn, ListCondition, Listing, Page } from "../records/listing.ts";
import { time } from "./message.ts";
import { type FilterMessage, filterMessage } from "./messages.ts";

type Columns = Readonly<Record<string, ListColumn>>;
type Predicate = NonNullable<FilterMessage["predicates"]>[number];

const defaultPageSize = 20;
const maxPageSize = 200;
const maxPredicates = 50;
const maxFilterLength = 16_384;
const maxTokenLength = 32_768;

/** How lists differ: in their columns, and by which of them they are sorted if nobody asks. */
export interface ListKind {
  readonly columns: Columns;
  readonly order?: string;
  /** The name by which the query says what to sort by. */
  readonly parameter?: "sort_by" | "order_by";
  /** What the list is narrowed to beside the filter. */
  readonly only?: readonly ListCondition[];
}

/**
 * The rows that `page_size`, `page_token`, `sort_by` and `filter` of a query ask for, and what KFP's messages say of a page:
 * total_size and, if there are more rows, next_page_token. Oldest first by default. Throws ApiError BadRequest.
 */
export async function listPage<Row>(
  query: URLSearchParams,
  { columns, order = "created_at", parameter = "sort_by", only = [] }: ListKind,
  read: (listing: Listing) => Promise<Page<Row>>,
) {
  const token = readToken(query.get("page_token") ?? "");
  const givenSort = normalise(query.get(parameter) ?? "");
  const givenFilter = query.get("filter") ?? "";
  if (token && ((givenSort && givenSort !== token.sortBy) || (givenFilter && givenFilter !== token.filter))) {
    throw badRequest(
      `page_token: was made for another ${parameter} or filter; send those that the first page was asked with`,
    );
  }
  const { sortBy, filter } = token ?? { sortBy: givenSort, filter: givenFilter };
  const { rows, total, next } = await read({
    pageSize: readPageSize(query.get("page_size") ?? ""),
    ...readSortBy(sortBy || order, parameter, columns),
    conditions: [...readFilter(filter, columns), ...only],
    ...(token && { after: { value: token.value, key: token.key } }),
  });
  return {
    rows,
    page: { total_size: total, ...(next && { next_page_token: writeToken({ ...next, sortBy, filter }) }) },
  };
}

interface PageToken {
  readonly value: string | number;
  readonly key: string;
  readonly sortBy: string;
  readonly filter: string;
}

function writeToken(token: PageToken): string {
  return Buffer.from(JSON.stringify(token)).toString("base64");
}

function readToken(text: string): PageToken | undefined {
  if (text === "") return undefined;
  const token = text.length > maxTokenLength ? undefined : parse(Buffer.from(text, "base64").toString());
  if (isObject(token)) {
    const { value, key, sortBy, filter } = token;
    const ordered = typeof value === "string" || typeof value === "number" ? value : undefined;
    if (ordered !== undefined && typeof key === "string" && typeof sortBy === "string" && typeof filter === "string") {
      return { value: ordered, key, sortBy, filter };
    }
  }
  throw badRequest("page_token: Invalid value: send back the next_page_token of the page before");
}

function readPageSize(text: string): number {
  if (text === "") return defaultPageSize;
  const size = Number(text);
  if (!Number.isInteger(size) || size < 0) throw badRequest(`page_size: Invalid value: "${text}": must be 0 or more`);
  return size === 0 ? defaultPageSize : Math.min(size, maxPageSize);
}

const normalise = (sortBy: string): string => sortBy.trim().toLowerCase().replace(/\s+/g, " ");

function readSortBy(text: string, place: string, columns: Columns): Pick<Listing, "sort" | "descending"> {
  const [name = "", direction = "asc", ...rest] = text.split(" ");
  if (rest.length > 0 || !["asc", "desc"].includes(direction)) {
    throw badRequest(`${place}: Invalid value: "${text}": must be "field", "field asc" or "field desc"`);
  }
  return { sort: columnNamed(name, place, columns), descending: direction === "desc" };
}

function columnNamed(name: string, place: string, columns: Columns): ListColumn {
  const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
  if (!column)
    throw badRequest(`${place}: Unsupported value: "${name}": supported values: ${Object.keys(columns).join(", ")}`);
  return column;
}

function readFilter(text: string, columns: Columns): readonly ListCondition[] {
  if (text === "") return [];
  if (text.length > maxFilterLength) throw badRequest(`filter: is longer than ${maxFilterLength} characters`);
  // Some clients escape twice. Un-escaping what reads as JSON already would spoil every % and + in it.
  const value = parse(text) ?? parse(unescape(text));
  if (value === undefined) throw badRequest('filter: must be JSON such as {"predicates":[…]}');
  const { predicates = [] } = filterMessage.read(value, "filter");
  if (predicates.length > maxPredicates) throw badRequest(`filter.predicates: there are more than ${maxPredicates}`);
  return predicates.map((predicate, index) => readPredicate(predicate, `filter.predicates[${index}]`, columns));
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const comparisons = {
  EQUALS: "=",
  NOT_EQUALS: "<>",
  GREATER_THAN: ">",
  GREATER_THAN_EQUALS: ">=",
  LESS_THAN: "<",
  LESS_THAN_EQUALS: "<=",
} as const;

function readPredicate(predicate: Predicate, place: string, columns: Columns): ListCondition {
  const { operation = "OPERATION_UNSPECIFIED", key = "" } = predicate;
  if (key.startsWith("tags.") && "tags" in columns) return readTagPredicate(predicate, place, columns);
  const column = columnNamed(key, `${place}.key`, columns);
  switch (operation) {
    case "OPERATION_UNSPECIFIED":
      throw badRequest(`${place}.operation: Required value`);
    case "IN":
      return { column, operator: "in", values: valuesOf(predicate, place, column) };
    case "IS_SUBSTRING":
      if (column.type !== "text") throw badRequest(`${place}: "${key}" is no text: it has no substrings`);
      return { column, operator: "contains", value: requireText(predicate, place) };
    default:
      return { column, operator: comparisons[operation], value: valueOf(predicate, place, column) };
  }
}

function readTagPredicate(predicate: Predicate, place: string, columns: Columns): ListCondition {
  if (predicate.operation !== "EQUALS") throw badRequest(`${place}.operation: tags can only be compared with EQUALS`);
  const key = (predicate.key ?? "").slice("tags.".length);
  return { column: columnNamed("tags", place, columns), operator: "entry", key, value: requireText(predicate, place) };
}

function valueOf(predicate: Predicate, place: string, column: ListColumn): string | number {
  const { timestamp_value, string_value, long_value, int_value } = predicate;
  if (timestamp_value !== undefined && column.type === "time") return wholeSeconds(timestamp_value);
  const value = string_value ?? long_value ?? int_value ?? timestamp_value;
  if (value === undefined)
    throw badRequest(`${place}: Required value: string_value, timestamp_value, int_value or long_value`);
  return comparable(value, { predicate, place, column });
}

function valuesOf(predicate: Predicate, place: string, column: ListColumn): readonly (string | number)[] {
  const { string_values, int_values, long_values } = predicate;
  const values = string_values?.values ?? long_values?.values ?? int_values?.values;
  if (!values) throw badRequest(`${place}: Required value: string_values, int_values or long_values`);
  return values.map((value) => comparable(value, { predicate, place, column }));
}

/** A value as the column holds it: clients send enums by number too, and times as text. */
function comparable(
  value: string | number,
  { predicate: { key }, place, column }: { predicate: Predicate; place: string; column: ListColumn },
): string | number {
  const { type, names } = column;
  const named = typeof value === "number" ? (names?.[value] ?? value) : value;
  if (type === "time") {
    if (typeof named === "number") return named * 1000; // KFP keeps times in seconds, and compares numbers with those
    return wholeSeconds(time.read(named, `${place}: "${key}"`));
  }
  if (type === "text" && typeof named !== "string") throw badRequest(`${place}: "${key}" is text: give a string_value`);
  if (type === "number" && typeof named !== "number")
    throw badRequest(`${place}: "${key}" is a number: give a long_value`);
  return named;
}

const wholeSeconds = (ms: number): number => ms - (ms % 1000);

function requireText({ string_value }: Predicate, place: string): string {
  if (string_value === undefined) throw badRequest(`${place}.string_value: Required value`);
  return string_value;
}
