import { setImmediate } from "node:timers/promises";
import { RpcError } from "@headrace/rpc";
import { FilterError } from "../core/errors.ts";
import { matches, type Row } from "../core/evaluate.ts";
import { type Alias, type Filter, type NodeKind, parseFilter, requiredValues, type Scalar } from "../core/filter.ts";
import type { Artifact, Event, Execution, ListOptions, Value } from "../core/messages.ts";
import { byId, type Cursor, type MetadataNode, type Order, orderValue, type Search } from "../core/nodes.ts";
import { isOwn } from "../core/ownership.ts";
import type { MetadataView } from "../records/view.ts";

export interface Listed {
  readonly nodes: readonly MetadataNode[];
  readonly next_page_token?: string | undefined;
}

const largestPage = 100;
const standardPage = 20;
/** Nodes read at a time while a filter looks for matches, fewer where each brings many along; and in all for one answer. */
const batch = 500;
const smallBatch = 50;
const mostLookedAt = 100_000;

/**
 * A page of the nodes that fit the search and the options; all of them where there are no options, as upstream has it. Throws RpcError
 * INVALID_ARGUMENT for options that make no sense.
 */
export async function list(
  view: MetadataView,
  kind: NodeKind,
  search: Search,
  options: ListOptions | undefined,
): Promise<Listed> {
  if (!options) return { nodes: await view.all(kind, search) };
  const { max_result_size = standardPage, next_page_token = "", filter_query = "" } = options;
  if (max_result_size <= 0) {
    throw invalid(`max_result_size field value is required to be greater than 0. Set value: ${max_result_size}`);
  }
  const order = orderOf(options);
  const size = Math.min(max_result_size, largestPage);
  const after = next_page_token === "" ? undefined : readToken(next_page_token, order, filter_query);
  const filter = filterOf(kind, filter_query);
  const found = await find(view, kind, { search, filter, order, after, limit: size + 1 });
  const nodes = found.slice(0, size);
  const last = nodes.at(-1);
  if (found.length <= size || !last) return { nodes };
  return { nodes, next_page_token: writeToken(last, order, filter_query) };
}

/** The first nodes that a filter lets through, at most `limit`, in the order of their ids. */
export async function findByQuery(
  view: MetadataView,
  kind: NodeKind,
  query: string,
  limit: number,
  search: Search = {},
): Promise<readonly MetadataNode[]> {
  return find(view, kind, { search, filter: filterOf(kind, query), order: byId, after: undefined, limit });
}

function filterOf(kind: NodeKind, query: string): Filter | undefined {
  if (query.trim() === "") return undefined;
  try {
    return parseFilter(kind, query);
  } catch (error) {
    if (error instanceof FilterError) throw new RpcError("INVALID_ARGUMENT", error.message, { cause: error });
    throw error;
  }
}

interface Finding {
  readonly search: Search;
  readonly filter: Filter | undefined;
  readonly order: Order;
  readonly after: Cursor | undefined;
  readonly limit: number;
}

/** Goes through the candidates page by page; what the tables can choose by, they choose by. */
async function find(view: MetadataView, kind: NodeKind, finding: Finding): Promise<readonly MetadataNode[]> {
  const { filter, order, limit } = finding;
  if (!filter) return view.page(kind, finding.search, finding);
  const search = await narrowed(view, kind, finding.search, filter);
  const looksInside = [...filter.aliases.values()].some(({ of }) => of === "artifacts" || of === "executions");
  const size = looksInside ? smallBatch : batch;
  const found: MetadataNode[] = [];
  let after = finding.after;
  for (let lookedAt = 0; found.length < limit; lookedAt += size) {
    if (lookedAt >= mostLookedAt) {
      throw new RpcError(
        "RESOURCE_EXHAUSTED",
        `Cannot answer: the filter lets too few of ${mostLookedAt} nodes through. Name a context, a type, ids or URIs in it`,
      );
    }
    const nodes = await view.page(kind, search, { order, after, limit: size });
    found.push(...(await chosen(view, kind, filter, nodes)));
    const last = nodes.at(-1);
    if (!last || nodes.length < size) break;
    after = cursorOf(last, order);
    // Others have their turn in between.
    await setImmediate();
  }
  return found.slice(0, limit);
}

async function narrowed(view: MetadataView, kind: NodeKind, search: Search, filter: Filter): Promise<Search> {
  const required = requiredValues(filter);
  const numbers = (path: string): readonly number[] | undefined => required.get(path)?.filter(isNumber);
  const texts = (path: string): readonly string[] | undefined => required.get(path)?.filter(isText);
  const contextNames = texts("contexts.name");
  const named = contextNames && (await view.all("context", { names: contextNames })).map(({ id = 0 }) => id);
  const around = kind === "context" ? await contextsAround(view, required) : undefined;
  return {
    ...search,
    ids: both(both(search.ids, numbers("id")), around),
    types: both(search.types, texts("type")),
    typeIds: both(search.typeIds, numbers("type_id")),
    names: both(search.names, texts("name")),
    externalIds: both(search.externalIds, texts("external_id")),
    contexts: search.contexts ?? numbers("contexts.id") ?? named,
    ...(kind === "artifact" && { uris: both(search.uris, texts("uri")) }),
    ...(kind === "execution" && { parentDags: parentDags(required) }),
  };
}

/** The contexts of those few nodes that the filter names, if it names any. */
async function contextsAround(
  view: MetadataView,
  required: ReadonlyMap<string, readonly Scalar[]>,
): Promise<readonly number[] | undefined> {
  for (const [alias, kind] of [
    ["executions", "execution"],
    ["artifacts", "artifact"],
  ] as const) {
    const ids = required.get(`${alias}.id`)?.filter(isNumber);
    const names = required.get(`${alias}.name`)?.filter(isText);
    const uris = required.get(`${alias}.uri`)?.filter(isText);
    if (!ids && !names && !uris) continue;
    const nodes = await view.all(kind, { ids, names, ...(kind === "artifact" && { uris }) });
    const contexts = await view.contextIds(
      kind,
      nodes.map(({ id = 0 }) => id),
    );
    return [...new Set([...contexts.values()].flat())];
  }
  return undefined;
}

/** KFP's one filter. A number that is nobody's of ours may be a property that a user put. */
function parentDags(required: ReadonlyMap<string, readonly Scalar[]>): readonly number[] | undefined {
  const numbers = required.get("custom_properties.parent_dag_id.int_value")?.filter(isNumber);
  return numbers?.every((id) => Number.isSafeInteger(id) && id > 0 && !isOwn(id)) ? numbers : undefined;
}

const isNumber = (value: Scalar): value is number => typeof value === "number" && Number.isSafeInteger(value);
const isText = (value: Scalar): value is string => typeof value === "string";

function both<T>(a: readonly T[] | undefined, b: readonly T[] | undefined): readonly T[] | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.filter((each) => b.includes(each));
}

async function chosen(
  view: MetadataView,
  kind: NodeKind,
  filter: Filter,
  nodes: readonly MetadataNode[],
): Promise<readonly MetadataNode[]> {
  const neighbours = await neighboursOf(view, kind, filter, nodes);
  return nodes.filter((node) => {
    const isChosen = matches(filter, rowOf(node), (name) => {
      const alias = filter.aliases.get(name);
      return alias ? (alias.of === "property" ? propertyRows(node, alias) : neighbours(node, alias.of)) : [];
    });
    if (isChosen !== undefined) return isChosen;
    throw new RpcError(
      "RESOURCE_EXHAUSTED",
      `Cannot answer: ${kind} ${node.id} has too many neighbours to try them all`,
    );
  });
}

type Neighbours = (node: MetadataNode, of: Exclude<Alias["of"], "property">) => readonly Row[];

/** What the filter speaks of beside the nodes themselves, read for all of them together. */
async function neighboursOf(
  view: MetadataView,
  kind: NodeKind,
  { aliases }: Filter,
  nodes: readonly MetadataNode[],
): Promise<Neighbours> {
  const wanted = new Set([...aliases.values()].map(({ of }) => of));
  const ids = nodes.map(({ id = 0 }) => id);
  const rows = new Map<string, ReadonlyMap<number, readonly Row[]>>();
  if (kind !== "context") {
    if (wanted.has("contexts")) rows.set("contexts", await rowsOf(view, "context", await view.contextIds(kind, ids)));
    if (wanted.has("events")) rows.set("events", eventRows(kind, await view.events(kind, ids)));
  } else {
    for (const [alias, side] of [
      ["parent_contexts", "parents"],
      ["child_contexts", "children"],
    ] as const) {
      if (wanted.has(alias)) rows.set(alias, await rowsOf(view, "context", await view.relatives(side, ids)));
    }
    for (const [alias, inside] of [
      ["artifacts", "artifact"],
      ["executions", "execution"],
    ] as const) {
      if (wanted.has(alias)) rows.set(alias, await insideRows(view, inside, ids));
    }
  }
  return ({ id = 0 }, of) => rows.get(of)?.get(id) ?? [];
}

async function rowsOf(
  view: MetadataView,
  kind: NodeKind,
  ids: ReadonlyMap<number, readonly number[]>,
): Promise<ReadonlyMap<number, readonly Row[]>> {
  const nodes = await view.byIds(kind, [...ids.values()].flat());
  return new Map(
    [...ids].map(([id, others]) => [
      id,
      others.flatMap((other) => {
        const node = nodes.get(other);
        return node ? [rowOf(node)] : [];
      }),
    ]),
  );
}

/** What is in each of the contexts, read for all of them together. */
async function insideRows(
  view: MetadataView,
  kind: "artifact" | "execution",
  contexts: readonly number[],
): Promise<ReadonlyMap<number, readonly Row[]>> {
  const nodes = await view.all(kind, { contexts });
  const around = await view.contextIds(
    kind,
    nodes.map(({ id = 0 }) => id),
  );
  const rows = new Map<number, Row[]>();
  for (const node of nodes) {
    for (const context of around.get(node.id ?? 0) ?? []) {
      const inside = rows.get(context) ?? [];
      inside.push(rowOf(node));
      rows.set(context, inside);
    }
  }
  return rows;
}

function eventRows(kind: "artifact" | "execution", events: readonly Event[]): ReadonlyMap<number, readonly Row[]> {
  const byNode = Map.groupBy(events, (event) => (kind === "artifact" ? event.artifact_id : event.execution_id) ?? 0);
  return new Map(
    [...byNode].map(([id, list]) => [
      id,
      list.map(({ artifact_id, execution_id, type, milliseconds_since_epoch }) => ({
        artifact_id,
        execution_id,
        type,
        milliseconds_since_epoch,
      })),
    ]),
  );
}

function rowOf(node: MetadataNode): Row {
  const { id, type_id, type, name, external_id, create_time_since_epoch, last_update_time_since_epoch } = node;
  const { uri, state } = node as Artifact;
  const { last_known_state } = node as Execution;
  return {
    id,
    type_id,
    type,
    name,
    external_id,
    create_time_since_epoch,
    last_update_time_since_epoch,
    uri,
    state,
    last_known_state,
  };
}

function propertyRows(node: MetadataNode, { custom, name }: Extract<Alias, { of: "property" }>): readonly Row[] {
  const properties = (custom ? node.custom_properties : node.properties) ?? {};
  const value: Value | undefined = Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (!value) return [];
  const { int_value, double_value, string_value, bool_value } = value;
  return [{ int_value, double_value, string_value, bool_value }];
}

function orderOf({ order_by_field }: ListOptions): Order {
  const { field = "ID", is_asc = true } = order_by_field ?? {};
  if (field === "FIELD_UNSPECIFIED") throw invalid("order_by_field: Required value: say which field");
  return { field, ascending: is_asc };
}

const cursorOf = (node: MetadataNode, order: Order): Cursor => ({ value: orderValue(node, order), id: node.id ?? 0 });

function writeToken(last: MetadataNode, order: Order, query: string): string {
  const { value, id } = cursorOf(last, order);
  return Buffer.from(JSON.stringify([value, id, order.field, order.ascending, query])).toString("base64url");
}

function readToken(token: string, { field, ascending }: Order, query: string): Cursor {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(token, "base64url").toString());
  } catch (cause) {
    throw new RpcError("INVALID_ARGUMENT", "next_page_token: Invalid value: it is none that was given out here", {
      cause,
    });
  }
  if (!Array.isArray(content) || !Number.isSafeInteger(content[0]) || !Number.isSafeInteger(content[1])) {
    throw invalid("next_page_token: Invalid value: it is none that was given out here");
  }
  const [value, id, ...options]: readonly unknown[] = content;
  if (JSON.stringify(options) !== JSON.stringify([field, ascending, query])) {
    throw invalid("next_page_token: Invalid value: it was given out for another order or filter");
  }
  return { value: Number(value), id: Number(id) };
}

const invalid = (message: string): RpcError => new RpcError("INVALID_ARGUMENT", message);
