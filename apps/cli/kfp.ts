import { connect, type Connection } from "./connection.ts";
import { type Column, printItems } from "./table.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** One of KFP's collections, as the commands list and name its items. */
export interface Collection<T> {
  /** In the singular: `run`. */
  readonly kind: string;
  readonly path: string;
  /** Where the answer to a list has the items. */
  itemsOf(answer: ListAnswer): readonly T[] | undefined;
  idOf(item: T): string;
  nameOf(item: T): string;
  readonly columns: readonly Column<T>[];
}

/** A list's answer, whose items lie in a field of their own name. */
export interface ListAnswer {
  readonly next_page_token?: string;
  readonly [items: string]: unknown;
}

const pageSize = 200;
/** Of candidates that are named when a reference is not unique. */
const maxNamed = 5;

/** Up to `limit` items, page by page, of those that `keep` takes. */
export async function listItems<T>(
  connection: Pick<Connection, "call">,
  collection: Collection<T>,
  query: Readonly<Record<string, string | undefined>>,
  limit: number,
  keep: (item: T) => boolean = () => true,
): Promise<readonly T[]> {
  const items: T[] = [];
  for (let token = ""; items.length < limit;) {
    const page = new URLSearchParams({
      page_size: String(Math.min(pageSize, limit)),
      page_token: token,
    });
    for (const [name, value] of Object.entries(query)) if (value !== undefined) page.set(name, value);
    const answer = (await connection.call("GET", `${collection.path}?${page.toString()}`)) as ListAnswer;
    items.push(...(collection.itemsOf(answer) ?? []).filter(keep));
    token = answer.next_page_token ?? "";
    if (token === "") break;
  }
  return items.slice(0, limit);
}

/** The item with that id, a beginning of it, or that name. Throws CommandError that says what was found instead. */
export async function findItem<T>(
  connection: Pick<Connection, "call">,
  collection: Collection<T>,
  reference: string,
  query: Readonly<Record<string, string | undefined>> = {},
): Promise<T> {
  // Every id begins with nothing, as a variable that was never set has it: what is meant to be deleted must be named.
  if (reference === "")
    throw new CommandError(`Cannot find a ${collection.kind}: its id or name is empty`, {
      remedy: `List them: headrace ${collection.kind}s list`,
    });
  const all = await listItems(connection, collection, { ...query, sort_by: "created_at desc" }, Infinity);
  const exact = all.filter((item) => collection.idOf(item) === reference);
  const close = all.filter(
    (item) => collection.idOf(item).startsWith(reference) || collection.nameOf(item) === reference,
  );
  const found = exact.length > 0 ? exact : close;
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const { kind } = collection;
  if (first === undefined)
    throw new CommandError(`There is no ${kind} "${reference}"`, { remedy: `List them: headrace ${kind}s list` });
  const named = found.slice(0, maxNamed).map((item) => `${collection.idOf(item)} (${collection.nameOf(item)})`);
  throw new CommandError(`${found.length} ${kind}s are meant by "${reference}"`, {
    why: `They are ${named.join(", ")}${found.length > maxNamed ? ", …" : ""}`,
    remedy: "Give more of the id",
  });
}

/** What each reference means; all are looked for before any is acted upon. Throws as `findItem`. */
export async function findItems<T>(
  connection: Connection,
  collection: Collection<T>,
  references: readonly string[],
): Promise<readonly T[]> {
  return Promise.all(references.map((reference) => findItem(connection, collection, reference)));
}

/** Prints what the references mean. Resolves to the exit status. */
export async function showItems<T>(
  collection: Collection<T>,
  references: readonly string[],
  home: string,
  terminal: Terminal,
): Promise<number> {
  printItems(await findItems(connect(home), collection, references), collection, terminal);
  return 0;
}

/** What can be done with items, and what is said when it is. */
const done = {
  terminate: "Stopping",
  archive: "Archived",
  unarchive: "Took out of the archive",
  enable: "Enabled",
  disable: "Disabled",
  delete: "Deleted",
} as const;
export type ItemVerb = keyof typeof done;

/** Does one thing with each item that is meant, one after another, and says so. Resolves to the exit status. */
export async function changeItems<T>(
  collection: Collection<T>,
  verb: ItemVerb,
  references: readonly string[],
  home: string,
  terminal: Terminal,
): Promise<number> {
  const connection = connect(home);
  for (const item of await findItems(connection, collection, references)) {
    if (verb === "delete") await connection.call("DELETE", itemPath(collection, item));
    else await connection.call("POST", itemPath(collection, item, verb));
    if (!terminal.json) terminal.print(`${done[verb]} "${collection.nameOf(item)}" (${collection.idOf(item)})`);
  }
  return 0;
}

/** KFP's filter of one predicate or several, all of which must hold. */
export function filterOf(predicates: readonly Readonly<Record<string, unknown>>[]): string | undefined {
  return predicates.length === 0 ? undefined : JSON.stringify({ predicates });
}

/** An item's own address; `verb` is KFP's custom one, such as `archive`. */
export const itemPath = <T>(collection: Collection<T>, item: T, verb?: string): string =>
  `${collection.path}/${encodeURIComponent(collection.idOf(item))}${verb === undefined ? "" : `:${verb}`}`;
