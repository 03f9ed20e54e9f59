import { isObject } from "./json.ts";
import { resolveSchema, type ListNode, type MapNode, type ObjectNode, type Schema } from "./schema.ts";
import { compiled } from "./walk.ts";

/** A value without the fields that its schema doesn't know, and the paths of those, such as `spec.containers[0].junk`. */
export interface Pruned {
  /** The very value that came in, if all of it is known. */
  readonly value: unknown;
  readonly unknown: readonly string[];
}

/** No answer lists more unknown fields than this. All are pruned. */
const unknownLimit = 100;

export function prune(schema: Schema, value: unknown): Pruned {
  const unknown: string[] = [];
  const report = (path: string): void => {
    if (unknown.length < unknownLimit) unknown.push(path);
  };
  return { value: prunerOf(schema)(value, "", report), unknown };
}

type Pruner = (value: unknown, path: string, report: (path: string) => void) => unknown;

const kept: Pruner = (value) => value;

const prunerOf = compiled<Pruner>(compile);

function compile(schema: Schema): Pruner {
  const node = resolveSchema(schema);
  switch (node.type) {
    case "object":
      return objectPruner(node);
    case "map":
      return mapPruner(node);
    case "list":
      return listPruner(node);
    default:
      return kept;
  }
}

function objectPruner(node: ObjectNode): Pruner {
  const fields = new Map(Object.entries(node.fields).map(([name, field]) => [name, prunerOf(field)]));
  return (value, path, report) => {
    if (!isObject(value)) return value;
    let result: Record<string, unknown> | undefined;
    for (const name of Object.keys(value)) {
      const pruneField = fields.get(name);
      if (pruneField === kept || (!pruneField && node.preserveUnknown)) continue;
      if (!pruneField) {
        report(inside(path, name));
        delete (result ??= { ...value })[name];
        continue;
      }
      const next = pruneField(value[name], inside(path, name), report);
      if (next !== value[name]) (result ??= { ...value })[name] = next;
    }
    return result ?? value;
  };
}

function mapPruner(node: MapNode): Pruner {
  const pruneValue = prunerOf(node.values);
  if (pruneValue === kept) return kept;
  return (value, path, report) => {
    if (!isObject(value)) return value;
    let result: Record<string, unknown> | undefined;
    for (const key of Object.keys(value)) {
      const next = pruneValue(value[key], inside(path, key), report);
      if (next !== value[key]) (result ??= { ...value })[key] = next;
    }
    return result ?? value;
  };
}

function listPruner(node: ListNode): Pruner {
  const pruneItem = prunerOf(node.items);
  if (pruneItem === kept) return kept;
  return (value, path, report) => {
    if (!Array.isArray(value)) return value;
    let result: unknown[] | undefined;
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      const next = pruneItem(item, `${path}[${index}]`, report);
      if (next !== item) (result ??= [...value])[index] = next;
    }
    return result ?? value;
  };
}

function inside(path: string, name: string): string {
  return path ? `${path}.${name}` : name;
}
