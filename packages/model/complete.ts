import { formatTime } from "./clock.ts";
import { isObject, own } from "./json.ts";
import { canonicalQuantity } from "./quantity.ts";
import {
  resolveSchema,
  type ListNode,
  type MapNode,
  type ObjectNode,
  type Schema,
  type StringFormat,
} from "./schema.ts";
import { compiled } from "./walk.ts";

/** Gives back the very value that came in where nothing is to be changed; what comes in is never changed. */
type Completer = (value: unknown) => unknown;

const unchanged: Completer = (value) => value;

/**
 * The value in the form that is stored: defaults filled in, nulls of fields that aren't nullable dropped, quantities and times
 * canonical. Where a field has a protobuf number and is no `pointer`, its zero and its empty list or map are absence, as in Go. Values of the wrong type stay as they are, for `validate` to report. Parts that are right already are shared.
 */
export function applyDefaults<T>(schema: Schema<T>, value: unknown): unknown {
  return completerOf(schema)(value);
}

const completerOf = compiled<Completer>(compile);

function compile(schema: Schema): Completer {
  const node = resolveSchema(schema);
  switch (node.type) {
    case "object":
      return objectCompleter(node);
    case "map":
      return mapCompleter(node);
    case "list":
      return listCompleter(node);
    case "string":
      return stringCompleter(node.format);
    case "quantity":
      return completeQuantity;
    default:
      return unchanged;
  }
}

interface FieldCompleter {
  readonly name: string;
  readonly nullable: boolean;
  /** What stands for absence, beside undefined and null. */
  readonly isZero: (value: unknown) => boolean;
  /** Completed itself: the default of an object may have defaults inside. undefined if there is none. */
  readonly absent: unknown;
  readonly complete: Completer;
}

function objectCompleter(node: ObjectNode): Completer {
  const fields = Object.entries(node.fields).map(([name, field]): FieldCompleter => {
    const complete = completerOf(field);
    return {
      name,
      nullable: field.nullable === true,
      isZero: zeroTestOf(field),
      absent: field.default === undefined ? undefined : complete(field.default),
      complete,
    };
  });
  return (value) => {
    if (!isObject(value)) return value;
    let result: Record<string, unknown> | undefined;
    for (const { name, nullable, isZero, absent, complete } of fields) {
      const there = own(value, name);
      const missing = there === undefined || (there === null && !nullable) || isZero(there);
      const next = missing ? absent : there === null ? null : complete(there);
      if (next === there) continue;
      result ??= { ...value };
      if (next === undefined) delete result[name];
      else result[name] = next;
    }
    return result ?? value;
  };
}

/** Go leaves out what is zero, or an empty list or map, when it writes a field that is no pointer; structs it writes always. */
function zeroTestOf(field: Schema): (value: unknown) => boolean {
  if (field.number === undefined || field.pointer) return () => false;
  switch (resolveSchema(field).type) {
    case "string":
      return (value) => value === "";
    case "integer":
    case "number":
      return (value) => value === 0;
    case "boolean":
      return (value) => value === false;
    case "list":
      return (value) => Array.isArray(value) && value.length === 0;
    case "map":
      return (value) => isObject(value) && Object.keys(value).length === 0;
    default:
      return () => false;
  }
}

function mapCompleter(node: MapNode): Completer {
  const complete = completerOf(node.values);
  if (complete === unchanged) return unchanged;
  return (value) => {
    if (!isObject(value)) return value;
    let result: Record<string, unknown> | undefined;
    for (const key of Object.keys(value)) {
      const next = complete(value[key]);
      if (next !== value[key]) (result ??= { ...value })[key] = next;
    }
    return result ?? value;
  };
}

function listCompleter(node: ListNode): Completer {
  const complete = completerOf(node.items);
  if (complete === unchanged) return unchanged;
  return (value) => {
    if (!Array.isArray(value)) return value;
    let result: unknown[] | undefined;
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      const next = complete(item);
      if (next !== item) (result ??= [...value])[index] = next;
    }
    return result ?? value;
  };
}

function stringCompleter(format: StringFormat | undefined): Completer {
  if (format === "date-time") return (value) => (typeof value === "string" ? canonicalTime(value) : value);
  if (format === "micro-time") return (value) => (typeof value === "string" ? canonicalMicroTime(value) : value);
  return unchanged;
}

/** Whole seconds in UTC: what Kubernetes' Time writes, whatever it read. */
function canonicalTime(text: string): string {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return text;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? text : formatTime(ms);
}

function canonicalMicroTime(text: string): string {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text)) return text;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return text;
  const digits = (/\.(\d+)/.exec(text)?.[1] ?? "").padEnd(6, "0").slice(0, 6);
  return formatTime(ms).replace("Z", `.${digits}Z`);
}

const completeQuantity: Completer = (value) =>
  typeof value === "string" || typeof value === "number" ? (canonicalQuantity(value) ?? value) : value;
