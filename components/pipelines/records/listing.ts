import { type RawBuilder, type SelectQueryBuilder, sql, type SqlBool } from "kysely";

/** A field that lists are sorted and filtered by. `time` counts milliseconds, and compares in whole seconds as clients see it. */
export interface ListColumn {
  readonly type: "text" | "number" | "time";
  readonly value: RawBuilder<unknown>;
  /** Of a text that is an enum's name: the names by number, which clients may send in its place. */
  readonly names?: Readonly<Record<number, string>>;
}

export const textColumn = (reference: string): ListColumn => ({ type: "text", value: sql.ref(reference) });
export const numberColumn = (reference: string): ListColumn => ({ type: "number", value: sql.ref(reference) });
/** A text that may be absent, which is KFP's empty one. */
export const optionalTextColumn = (reference: string): ListColumn => ({
  type: "text",
  value: sql`coalesce(${sql.ref(reference)}, '')`,
});
export const timeColumn = (reference: string): ListColumn => ({ type: "time", value: sql.ref(reference) });
/** A time that may be absent, which is KFP's zero: it sorts first in every database. */
export const optionalTimeColumn = (reference: string): ListColumn => ({
  type: "time",
  value: sql`coalesce(${sql.ref(reference)}, 0)`,
});

export interface Listing {
  readonly pageSize: number;
  readonly sort: ListColumn;
  readonly descending: boolean;
  readonly conditions: readonly ListCondition[];
  /** The last row of the page before. */
  readonly after?: { readonly value: string | number; readonly key: string };
}

export type ListCondition =
  | {
      readonly column: ListColumn;
      readonly operator: "=" | "<>" | ">" | ">=" | "<" | "<=";
      readonly value: string | number;
    }
  | { readonly column: ListColumn; readonly operator: "in"; readonly values: readonly (string | number)[] }
  | { readonly column: ListColumn; readonly operator: "contains"; readonly value: string }
  /** The column is a JSON object of text with sorted keys, and has this entry. */
  | { readonly column: ListColumn; readonly operator: "entry"; readonly key: string; readonly value: string };

/** Whether a column holds a value; no condition without one. */
export const holds = (column: ListColumn, value: string | null | undefined): readonly ListCondition[] =>
  value ? [{ column, operator: "=", value }] : [];

export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly total: number;
  /** Where the next page goes on; absent on the last one. */
  readonly next?: { readonly value: string | number; readonly key: string };
}

/** Selected beside each row: where a page that ends with it goes on. */
interface PageMark {
  readonly page_value: string | number;
  readonly page_key: string;
}

/**
 * The rows of `query` that meet the listing's conditions, one page of them, in its order; rows with equal values in the order
 * of `key`. `all` may count the rows of `query` in a cheaper way, for listings without conditions.
 */
export async function takePage<DB, Tables extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, Tables, Row>,
  key: string,
  listing: Listing,
  all?: () => Promise<number>,
): Promise<Page<Row>> {
  const matching = listing.conditions.reduce((narrowed, condition) => narrowed.where(asSql(condition)), query);
  const direction = listing.descending ? "desc" : "asc";
  const started = listing.after ? matching.where(isAfter(listing, key, listing.after)) : matching;
  const rows = (await started
    .select(listing.sort.value.as("page_value"))
    .select(sql<string>`${sql.ref(key)}`.as("page_key"))
    .orderBy(listing.sort.value, direction)
    .orderBy(sql.ref(key), direction)
    .limit(listing.pageSize + 1)
    .execute()) as (Row & PageMark)[];
  const total = all && listing.conditions.length === 0 ? await all() : await countRows(matching);
  const page = rows.slice(0, listing.pageSize);
  const last = page.at(-1);
  const more = last && rows.length > listing.pageSize;
  return {
    rows: page,
    total,
    ...(more && { next: { value: last.page_value, key: last.page_key } }),
  };
}

async function countRows<DB, Tables extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, Tables, Row>,
): Promise<number> {
  const [counted] = await query
    .clearSelect()
    .select(sql<number>`count(*)`.as("total"))
    .$castTo<{ total: number }>()
    .execute();
  return Number(counted?.total ?? 0);
}

function isAfter({ sort, descending }: Listing, key: string, after: { value: string | number; key: string }) {
  const beyond = sql.raw(descending ? "<" : ">");
  return sql<SqlBool>`(${sort.value} ${beyond} ${after.value} or (${sort.value} = ${after.value} and ${sql.ref(key)} ${beyond} ${after.key}))`;
}

function asSql(condition: ListCondition): RawBuilder<SqlBool> {
  const value = comparable(condition.column);
  switch (condition.operator) {
    case "in":
      return condition.values.length > 0
        ? sql<SqlBool>`${value} in (${sql.join([...condition.values])})`
        : sql<SqlBool>`1 = 0`;
    case "contains":
      return sql<SqlBool>`${value} like ${`%${condition.value.replaceAll(/[%_!]/g, "!$&")}%`} escape '!'`;
    case "entry":
      // Compared by removing it: the one way to look for a text, letter by letter, that databases have in common.
      return sql<SqlBool>`replace(${value}, ${entryText(condition.key, condition.value)}, '') <> ${value}`;
    default:
      return sql<SqlBool>`${value} ${sql.raw(condition.operator)} ${condition.value}`;
  }
}

/**
 * Whether any of these columns holds the word, whatever the case of its letters. Databases agree on the case of ASCII alone: any other
 * letter stands for anything, and who asked sifts what is found.
 */
export function holdsWord(columns: readonly string[], word: string): RawBuilder<SqlBool> {
  const letters = word
    .toLowerCase()
    .replaceAll(/[%_!]/g, "!$&")
    .replaceAll(/[^\p{ASCII}]+/gu, "%");
  const any = columns.map((column) => sql`lower(${sql.ref(column)}) like ${`%${letters}%`} escape '!'`);
  return sql<SqlBool>`(${sql.join(any, sql` or `)})`;
}

// Quotes within JSON text are escaped, so this cannot occur inside a value.
const entryText = (key: string, value: string): string => `${JSON.stringify(key)}:${JSON.stringify(value)}`;

function comparable({ type, value }: ListColumn): RawBuilder<unknown> {
  return type === "time" ? sql`(${value} - ${value} % 1000)` : value;
}
