import { badRequest, formatTime } from "@headrace/model";
import { isList, isObject, type JsonObject, type JsonValue } from "../core/json.ts";

/**
 * Protobuf messages as JSON, declared once, by the rules of proto3's JSON mapping: names in snake_case, taken in camelCase
 * too, but not both at once; what has its zero value is not written; null is absent; a field that nobody knows is refused, and so
 * are two members of one `oneof`.
 */
export interface Field<T> {
  /** What it takes, for who must know without a value at hand. */
  readonly shape: Shape;
  /** Throws ApiError BadRequest that names `path`. */
  read(value: JsonValue, path: string): T;
  /** Undefined for the zero value, which is left out. */
  write(value: T): JsonValue | undefined;
  /** The zero value as it is written within lists and maps, where it cannot be left out; null if there is none. */
  readonly zero?: JsonValue;
}

export type Shape =
  | { readonly kind: "text" | "flag" | "integer" | "time" | "struct" | "any" }
  | { readonly kind: "word"; readonly names: Readonly<Record<number, string>> }
  | { readonly kind: "list" | "map"; readonly item: Shape }
  | { readonly kind: "message"; readonly fields: Readonly<Record<string, Shape>> };

export interface Message<T> extends Field<T> {
  readonly name: string;
  /** A request's body. `path` is empty for the body itself. */
  read(value: JsonValue, path: string): T;
  write(value: T): JsonObject;
}

type Fields = Readonly<Record<string, Field<unknown>>>;

export type MessageOf<F> = { readonly [K in keyof F]?: (F[K] extends Field<infer T> ? T : never) | undefined };
export type TypeOf<F> = F extends Field<infer T> ? T : never;

/** `oneofs` are the fields of which one at most is set. */
export function message<F extends Fields>(
  name: string,
  fields: F,
  oneofs: readonly (readonly (keyof F & string)[])[] = [],
): Message<MessageOf<F>> {
  const byWireName = new Map(
    Object.keys(fields).flatMap((key) => [[key, key] as const, [camelCase(key), key] as const]),
  );
  return {
    name,
    shape: {
      kind: "message",
      fields: Object.fromEntries(Object.entries(fields).map(([key, { shape }]) => [key, shape])),
    },
    read(value, path) {
      if (!isObject(value)) throw badRequest(`${path || name}: must be an object`);
      const result: Record<string, unknown> = {};
      const chosen = new Map<readonly string[], string>();
      for (const [wireName, content] of Object.entries(value)) {
        const at = path ? `${path}.${wireName}` : wireName;
        const key = byWireName.get(wireName);
        const field = key && fields[key];
        if (!field) throw badRequest(`${at}: unknown field of ${name}`);
        if (wireName !== key && Object.hasOwn(value, key)) throw badRequest(`${at}: is set twice, also as "${key}"`);
        if (content === null) continue;
        result[key] = field.read(content, at);
        const oneof = oneofs.find((members) => members.includes(key));
        if (!oneof) continue;
        const other = chosen.get(oneof);
        if (other !== undefined) throw badRequest(`${at}: cannot be set together with "${other}"`);
        chosen.set(oneof, wireName);
      }
      return result as MessageOf<F>;
    },
    write(value) {
      const result: Record<string, JsonValue> = {};
      const given: Readonly<Record<string, unknown>> = value;
      for (const [key, field] of Object.entries(fields)) {
        const content = given[key];
        const written = content === undefined ? undefined : field.write(content);
        if (written !== undefined) result[key] = written;
      }
      return result;
    },
  };
}

export const text: Field<string> = {
  shape: { kind: "text" },
  read(value, path) {
    if (typeof value !== "string") throw badRequest(`${path}: must be a string`);
    return value;
  },
  write: (value) => value || undefined,
  zero: "",
};

export const flag: Field<boolean> = {
  shape: { kind: "flag" },
  read(value, path) {
    if (typeof value !== "boolean") throw badRequest(`${path}: must be true or false`);
    return value;
  },
  write: (value) => value || undefined,
  zero: false,
};

/** The same, written also when it is false, as Go writes what is no protobuf. */
export const presentFlag: Field<boolean> = { ...flag, write: (value) => value };

export const int32: Field<number> = {
  shape: { kind: "integer" },
  read: (value, path) => readInteger(value, path, 2 ** 31 - 1),
  write: (value) => value || undefined,
  zero: 0,
};

/** Numbers in requests may be text, and in answers they are. What a JavaScript number cannot hold exactly is refused. */
export const int64: Field<number> = {
  shape: { kind: "integer" },
  read: (value, path) => readInteger(value, path, Number.MAX_SAFE_INTEGER),
  write: (value) => (value ? String(value) : undefined),
  zero: "0",
};

/** int64 that is written also when it is 0: `optional` in protobuf. */
export const presentInt64: Field<number> = { ...int64, write: String };

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;

function readInteger(value: JsonValue, path: string, max: number): number {
  const number = typeof value === "string" && jsonNumber.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number)) throw badRequest(`${path}: must be a whole number`);
  if (number > max || number < -max - 1) {
    throw badRequest(`${path}: Invalid value: ${value}: must be a whole number between ${-max - 1} and ${max}`);
  }
  return number;
}

/** Milliseconds since the epoch; RFC 3339 in whole seconds on the wire. Fractions and offsets are read; a time without an offset is not one. */
export const time: Field<number> = {
  shape: { kind: "time" },
  read(value, path) {
    const ms = typeof value === "string" ? readTime(value) : undefined;
    if (ms === undefined) throw badRequest(`${path}: must be a time such as 2026-01-31T12:00:00Z (RFC 3339)`);
    return ms;
  },
  write: formatTime,
};

const rfc3339 =
  /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[-+](?:[01]\d|2[0-3]):[0-5]\d)$/;

function readTime(text: string): number | undefined {
  const [, day] = rfc3339.exec(text) ?? [];
  if (day === undefined) return undefined;
  // `Date` takes the 30th of February for the 2nd of March.
  const midnight = Date.parse(`${day}T00:00:00Z`);
  return formatTime(midnight || 0).startsWith(day) ? Date.parse(text) : undefined;
}

/** An enum: names by number, the zero value first. Takes both, writes the name. */
export function word<const W extends string>(names: Readonly<Record<number, W>>): Field<W> {
  const known: readonly W[] = Object.values(names);
  return {
    shape: { kind: "word", names },
    read(value, path) {
      const name = typeof value === "number" ? names[value] : known.find((candidate) => candidate === value);
      if (name === undefined) {
        throw badRequest(`${path}: Unsupported value: ${JSON.stringify(value)}: supported values: ${known.join(", ")}`);
      }
      return name;
    },
    write: (value) => (value === names[0] ? undefined : value),
    ...(names[0] !== undefined && { zero: names[0] }),
  };
}

/** A google.protobuf.Struct: any object, its keys untouched. */
export const struct: Field<JsonObject> = {
  shape: { kind: "struct" },
  read(value, path) {
    if (!isObject(value)) throw badRequest(`${path}: must be an object`);
    return value;
  },
  write: (value) => value,
};

/** A google.protobuf.Value. */
export const anyValue: Field<JsonValue> = { shape: { kind: "any" }, read: (value) => value, write: (value) => value };

export function listOf<T>(item: Field<T>): Field<readonly T[]> {
  return {
    shape: { kind: "list", item: item.shape },
    read(value, path) {
      if (!isList(value)) throw badRequest(`${path}: must be a list`);
      return value.map((each, index) => item.read(each, `${path}[${index}]`));
    },
    write: (values) => (values.length > 0 ? values.map((value) => written(item, value)) : undefined),
  };
}

export function mapOf<T>(item: Field<T>): Field<Readonly<Record<string, T>>> {
  return {
    shape: { kind: "map", item: item.shape },
    read(value, path) {
      if (!isObject(value)) throw badRequest(`${path}: must be an object`);
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, item.read(each, `${path}.${key}`)]));
    },
    write(values) {
      const entries = Object.entries(values);
      if (entries.length === 0) return undefined;
      return Object.fromEntries(entries.map(([key, value]) => [key, written(item, value)]));
    },
  };
}

const written = <T>(item: Field<T>, value: T): JsonValue => item.write(value) ?? item.zero ?? null;

const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
