import { PatchError } from "./errors.ts";
import { isObject, own, type JsonObject } from "./json.ts";
import { resolveSchema, type ListNode, type Schema } from "./schema.ts";

const patchDirective = "$patch";
const retainKeysDirective = "$retainKeys";
const orderPrefix = "$setElementOrder/";
const deletePrefix = "$deleteFromPrimitiveList/";

/**
 * The value after a strategic merge patch: as a merge patch, but lists whose schema says so are joined item by item, by their
 * merge key, and the directives `$patch`, `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…` are obeyed. Nothing
 * that came in is changed. Throws PatchError.
 */
export function applyStrategicMerge(schema: Schema, value: unknown, patch: unknown): unknown {
  if (!isObject(patch))
    throw new PatchError("malformed", "Cannot read the strategic merge patch: it must be an object");
  return mergeObject(schema, isObject(value) ? value : {}, patch);
}

function mergeObject(schema: Schema | undefined, original: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch[patchDirective];
  if (directive === "replace") return withoutDirectives(without(patch, patchDirective));
  if (directive === "delete") return {};
  if (directive !== undefined && directive !== "merge") {
    throw new PatchError(
      "malformed",
      `Unknown patch type found: ${JSON.stringify(directive)}; $patch must be merge, replace or delete`,
    );
  }
  const result: Record<string, unknown> = retained(original, patch);
  for (const name of fieldsOf(patch)) {
    const merged = mergeField(fieldSchema(schema, name), name, own(result, name), patch);
    if (merged === undefined) delete result[name];
    else result[name] = merged;
  }
  return result;
}

/** The names of the fields that a patch speaks of, by themselves or by a directive about their order. */
function fieldsOf(patch: JsonObject): Set<string> {
  const names = Object.keys(patch).flatMap((key) => {
    if (key === patchDirective || key === retainKeysDirective) return [];
    for (const prefix of [orderPrefix, deletePrefix]) if (key.startsWith(prefix)) return [key.slice(prefix.length)];
    return [key];
  });
  return new Set(names);
}

/** What `$retainKeys` leaves of the original: fields that the directive doesn't name are cleared. */
function retained(original: JsonObject, patch: JsonObject): Record<string, unknown> {
  const keep = patch[retainKeysDirective];
  if (keep === undefined) return { ...original };
  if (!isTextList(keep)) throw new PatchError("malformed", "Cannot read $retainKeys: it must be a list of field names");
  const strange = [...fieldsOf(patch)].find(
    (name) => patch[name] !== undefined && patch[name] !== null && !keep.includes(name),
  );
  if (strange !== undefined) {
    throw new PatchError(
      "malformed",
      `Cannot apply $retainKeys: the patch sets ${JSON.stringify(strange)}, which the list doesn't name`,
    );
  }
  return Object.fromEntries(Object.entries(original).filter(([name]) => keep.includes(name)));
}

function fieldSchema(schema: Schema | undefined, name: string): Schema | undefined {
  const node = schema && resolveSchema(schema);
  if (node?.type === "map") return node.values;
  return node?.type === "object" ? own(node.fields, name) : undefined;
}

/** The field's new value; undefined removes it. */
function mergeField(schema: Schema | undefined, name: string, original: unknown, patch: JsonObject): unknown {
  const change = own(patch, name);
  if (change === null) return undefined;
  const node = schema && resolveSchema(schema);
  const list = node?.type === "list" && node.patchStrategy === "merge" ? node : undefined;
  const directives = readDirectives(name, patch);
  if (list && (change === undefined || Array.isArray(change)) && (Array.isArray(original) || directives.speak)) {
    return mergeList(list, name, Array.isArray(original) ? original : [], change ?? [], directives);
  }
  if (change === undefined) return original;
  if (isObject(change))
    return isObject(original) ? mergeObject(schema, original, change) : mergeObject(schema, {}, change);
  return withoutDirectives(change);
}

interface ListDirectives {
  readonly order: readonly unknown[] | undefined;
  readonly deleted: readonly unknown[];
  readonly speak: boolean;
}

function readDirectives(name: string, patch: JsonObject): ListDirectives {
  const order = patch[orderPrefix + name];
  const deleted = patch[deletePrefix + name];
  for (const [prefix, value] of [
    [orderPrefix, order],
    [deletePrefix, deleted],
  ] as const) {
    if (value !== undefined && !Array.isArray(value))
      throw new PatchError("malformed", `Cannot read ${prefix}${name}: it must be a list`);
  }
  return {
    order: Array.isArray(order) ? order : undefined,
    deleted: Array.isArray(deleted) ? deleted : [],
    speak: order !== undefined || deleted !== undefined,
  };
}

/** What tells one item from another, as text: its merge key, or itself. */
type Identity = (item: unknown) => string;

function mergeList(
  node: ListNode,
  name: string,
  original: readonly unknown[],
  patch: readonly unknown[],
  directives: ListDirectives,
): unknown[] {
  const { mergeKey } = node;
  const identity: Identity =
    mergeKey === undefined ? (item) => JSON.stringify(item) : (item) => keyOf(item, mergeKey, name);
  if (mergeKey !== undefined && patch.some((item) => hasDirective(item, "replace"))) {
    return patch.filter((item) => !hasDirective(item, "replace")).map((item) => withoutDirectives(item));
  }
  const changes = patch.filter((item) => !hasDirective(item, "delete"));
  const removed = new Set(patch.filter((item) => hasDirective(item, "delete")).map(identity));
  const deleted = new Set(directives.deleted.map((item) => JSON.stringify(item)));
  const kept = original.filter((item) => !removed.has(identity(item)) && !deleted.has(JSON.stringify(item)));
  const merged = mergeItems(node, kept, changes, identity);
  if (directives.order) checkOrder(changes, directives.order, identity, name);
  return inOrder(merged, places(directives.order ?? changes, identity), places(original, identity), identity);
}

function hasDirective(item: unknown, directive: "delete" | "replace"): boolean {
  return isObject(item) && item[patchDirective] === directive;
}

function keyOf(item: unknown, mergeKey: string, list: string): string {
  const key = isObject(item) ? item[mergeKey] : undefined;
  if (key === undefined) {
    throw new PatchError(
      "malformed",
      `Cannot merge the list ${JSON.stringify(list)}: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`,
    );
  }
  return JSON.stringify(key);
}

function mergeItems(
  node: ListNode,
  original: readonly unknown[],
  changes: readonly unknown[],
  identity: Identity,
): unknown[] {
  const result = [...original];
  const known = places(original, identity);
  for (const change of changes) {
    const index = known.get(identity(change));
    if (index === undefined) {
      known.set(identity(change), result.length);
      result.push(isObject(change) ? mergeObject(node.items, {}, change) : change);
      continue;
    }
    const there = result[index];
    if (isObject(change) && isObject(there)) result[index] = mergeObject(node.items, there, change);
  }
  return result;
}

/** The patch's own items must stand in `$setElementOrder` in the same order. */
function checkOrder(changes: readonly unknown[], order: readonly unknown[], identity: Identity, name: string): void {
  const place = places(order, identity);
  let last = -1;
  for (const change of changes) {
    const at = place.get(identity(change)) ?? -1;
    if (at <= last) {
      throw new PatchError(
        "malformed",
        `Cannot apply ${orderPrefix}${name}: it does not name the patch's items in their order`,
      );
    }
    last = at;
  }
}

type Places = ReadonlyMap<string, number>;

/** Where each item stands; the first of equals. */
function places(items: readonly unknown[], identity: Identity): Map<string, number> {
  const result = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const key = identity(item);
    if (!result.has(key)) result.set(key, index);
  }
  return result;
}

/**
 * Items that `order` names stand in its order; the others keep the order of the original, and each stands before the first named
 * item that followed it there.
 */
function inOrder(items: readonly unknown[], order: Places, original: Places, identity: Identity): unknown[] {
  const keyed = items.map((item) => ({ item, key: identity(item) }));
  const named = sortedBy(
    order,
    keyed.filter(({ key }) => order.has(key)),
  );
  const others = sortedBy(
    original,
    keyed.filter(({ key }) => !order.has(key)),
  );
  const result: unknown[] = [];
  let next = 0;
  for (const { item, key } of named) {
    const before = original.get(key) ?? -1;
    for (let other = others[next]; other && (original.get(other.key) ?? 0) < before; other = others[++next])
      result.push(other.item);
    result.push(item);
  }
  return [...result, ...others.slice(next).map(({ item }) => item)];
}

function sortedBy<T extends { readonly key: string }>(order: Places, items: readonly T[]): T[] {
  return items.toSorted((a, b) => (order.get(a.key) ?? 0) - (order.get(b.key) ?? 0));
}

/** What a patch says of a value that wasn't there: without nulls and directives. */
function withoutDirectives<T>(value: T): T;
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value))
    return value.filter((item) => !hasDirective(item, "delete")).map((item) => withoutDirectives(item));
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([name, inner]) => inner !== null && !isDirective(name));
  return Object.fromEntries(kept.map(([name, inner]) => [name, withoutDirectives(inner)]));
}

function isDirective(name: string): boolean {
  return (
    [patchDirective, retainKeysDirective].includes(name) ||
    name.startsWith(orderPrefix) ||
    name.startsWith(deletePrefix)
  );
}

function without(object: JsonObject, name: string): JsonObject {
  const { [name]: _removed, ...rest } = object;
  return rest;
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
