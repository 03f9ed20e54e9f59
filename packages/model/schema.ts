import { SchemaError } from "./errors.ts";

/**
 * Structural schemas: one declaration of a shape, from which defaulting, validation, pruning, OpenAPI, patch keys and the
 * protobuf reader follow. A schema is plain frozen data, so whoever needs another view of it walks the tree; `s` builds it and
 * `TypeOf` reads its TypeScript type.
 *
 * ```ts
 * const Trial = s.object({ objective: s.string({ enum: ["minimize", "maximize"] }) }, { goal: s.number() });
 * type Trial = TypeOf<typeof Trial>; // { readonly objective: "minimize" | "maximize"; readonly goal?: number }
 * ```
 */
export type Schema<T = unknown> = SchemaNode & Typed<T>;

declare const type: unique symbol;

/** Carries T for the compiler; nothing at run time. */
interface Typed<T> {
  readonly [type]?: T;
}

/** The TypeScript type that a schema describes, readonly throughout. Fields with defaults are optional in it: a writer may leave them out. */
export type TypeOf<S> = [S] extends [Typed<infer T>] ? T : never;

/** A field that may be absent. */
export type Optional<T> = Schema<T> & { readonly optional: true };

export type SchemaNode =
  | ObjectNode
  | MapNode
  | ListNode
  | StringNode
  | IntegerNode
  | NumberNode
  | BooleanNode
  | IntOrStringNode
  | QuantityNode
  | AnyNode
  | LazyNode;

interface Facts {
  readonly description?: string;
  /** Filled in where the value is absent (or null and not nullable). Frozen and shared. */
  readonly default?: unknown;
  readonly nullable?: true;
  readonly optional?: true;
  /**
   * Protobuf field number in the message around it; fields without one don't travel as protobuf. A pair is field [1] of the
   * message in field [0], for what Go embeds: inlined in JSON, a message of its own in protobuf.
   */
  readonly number?: number | readonly [number, number];
  /**
   * Go holds the field by a pointer: `false`, `0` and `""` are values of their own. In numbered fields without it they are
   * absence, and empty lists and maps too, in JSON as in protobuf.
   */
  readonly pointer?: true;
}

export interface ObjectNode extends Facts {
  readonly type: "object";
  readonly fields: Readonly<Record<string, Schema>>;
  /** Name of the shared definition, such as `io.k8s.api.core.v1.Container`; OpenAPI refers to it instead of repeating it. */
  readonly name?: string;
  /** Fields that the schema doesn't name are kept. Otherwise they are reported and pruned. */
  readonly preserveUnknown?: true;
  /** A whole Kubernetes object of any kind: apiVersion, kind and metadata are checked and kept. */
  readonly embedded?: true;
  /** Server-side apply owns it as one value (x-kubernetes-map-type: atomic). */
  readonly atomic?: true;
  /** Strategic merge patch strategy `retainKeys`: what the patch's `$retainKeys` doesn't name is cleared. */
  readonly retainKeys?: true;
  /** `exactly`: one of these fields must be set, and no more; `at-most`: no more than one. */
  readonly union?: { readonly rule: "exactly" | "at-most"; readonly of: readonly string[] };
}

export interface MapNode extends Facts {
  readonly type: "map";
  readonly values: Schema;
  readonly atomic?: true;
  readonly max?: number;
  /** In protobuf the keys are of this type; in JSON they are text all the same. */
  readonly keys?: "int64";
}

export interface ListNode extends Facts {
  readonly type: "list";
  readonly items: Schema;
  /** `set`: no value twice; `map`: no combination of `keys` twice. */
  readonly listType: "atomic" | "set" | "map";
  readonly keys: readonly string[];
  /** Strategic merge patch: `merge` joins old and new (by `mergeKey`, or by value for primitives), `replace` takes the new list. */
  readonly patchStrategy: "merge" | "replace";
  readonly mergeKey?: string;
  /** As ObjectNode.retainKeys, for the items. */
  readonly retainKeys?: true;
  readonly min?: number;
  readonly max?: number;
}

/** `byte` is base64; `date-time` has whole seconds, `micro-time` microseconds; `duration` is Go's (`1h30m`). */
export type StringFormat =
  | "byte"
  | "date-time"
  | "micro-time"
  | "duration"
  | "uri"
  | "uuid"
  | "ipv4"
  | "ipv6"
  | "email"
  | "hostname"
  | "date";

export interface StringNode extends Facts {
  readonly type: "string";
  readonly format?: StringFormat;
  readonly pattern?: string;
  /** Lengths in characters (code points). */
  readonly min?: number;
  readonly max?: number;
  readonly enum?: readonly string[];
  /** The empty string counts as absent: `Required value`. As with Go's structs, where the two are the same. */
  readonly nonEmpty?: true;
}

export interface IntegerNode extends Facts {
  readonly type: "integer";
  readonly format: "int32" | "int64";
  readonly min?: number;
  readonly max?: number;
  readonly enum?: readonly number[];
}

export interface NumberNode extends Facts {
  readonly type: "number";
  readonly min?: number;
  readonly max?: number;
  readonly exclusiveMin?: number;
  readonly exclusiveMax?: number;
}

export interface BooleanNode extends Facts {
  readonly type: "boolean";
}

/** `80` or `"http"`, `2` or `"25%"`. */
export interface IntOrStringNode extends Facts {
  readonly type: "intOrString";
  readonly pattern?: string;
}

/** `500m`, `1Gi`. Numbers are taken too, and made canonical strings by `applyDefaults`. */
export interface QuantityNode extends Facts {
  readonly type: "quantity";
}

/** Any JSON, kept as it is. `map: true` for any JSON object. */
export interface AnyNode extends Facts {
  readonly type: "any";
  readonly object?: true;
}

/** A schema that refers to itself, or to one declared later. */
export interface LazyNode extends Facts {
  readonly type: "lazy";
  readonly get: () => Schema;
}

export type Fields = Readonly<Record<string, Schema>>;

type Simplify<T> = { readonly [K in keyof T]: T[K] };
type OptionalKeys<F> = { [K in keyof F]: [F[K]] extends [{ readonly optional: true }] ? K : never }[keyof F];

/** The object type of required fields F (those wrapped by `s.optional` or `s.withDefault` may be absent) and optional fields O. */
export type ObjectOf<F, O = object> = Simplify<
  { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: TypeOf<F[K]> } & {
    readonly [K in OptionalKeys<F>]?: TypeOf<F[K]>;
  } & { readonly [K in keyof O]?: TypeOf<O[K]> }
>;

type Options<N extends SchemaNode, Own extends keyof N> = Pick<N, Extract<Own | "description", keyof N>>;

/** Freezes all the way down: schemas and the defaults in them are shared by everybody. */
function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}

function object<F extends Fields, O extends Fields = Record<never, never>>(
  required: F,
  optional?: O,
  options: Options<ObjectNode, "name" | "preserveUnknown" | "embedded" | "atomic" | "retainKeys" | "union"> = {},
): Schema<ObjectOf<F, O>> {
  const fields: Record<string, Schema> = { ...required };
  for (const [name, field] of Object.entries(optional ?? {})) fields[name] = { ...field, optional: true };
  return frozen({ ...options, type: "object", fields });
}

function string<const E extends readonly string[] = readonly string[]>(
  options: Options<StringNode, "format" | "pattern" | "min" | "max" | "nonEmpty"> & { readonly enum?: E } = {},
): Schema<E[number]> {
  return frozen({ ...options, type: "string" });
}

function list<T>(
  items: Schema<T>,
  options: Options<ListNode, "min" | "max"> & {
    readonly listType?: "atomic" | "set";
    readonly patchStrategy?: "merge" | "replace";
    readonly mergeKey?: keyof T & string;
  } = {},
): Schema<readonly T[]> {
  const listType = options.listType ?? "atomic";
  return frozen({
    patchStrategy: listType === "set" ? "merge" : "replace",
    ...options,
    type: "list",
    items,
    listType,
    keys: [],
  });
}

function listMap<T extends object>(
  keys: (keyof T & string) | readonly (keyof T & string)[],
  items: Schema<T>,
  options: Options<ListNode, "min" | "max" | "retainKeys"> & { readonly patchStrategy?: "merge" | "replace" } = {},
): Schema<readonly T[]> {
  const all = typeof keys === "string" ? [keys] : keys;
  const [mergeKey] = all;
  return frozen({
    patchStrategy: "merge",
    ...options,
    type: "list",
    items,
    listType: "map",
    keys: all,
    ...(mergeKey !== undefined && { mergeKey }),
  });
}

function inlined<F extends Fields>(number: number, fields: F): F {
  const entries = Object.entries(fields).map(([name, field]) => {
    if (typeof field.number !== "number")
      throw new SchemaError(`Cannot inline field "${name}": it has no protobuf number`);
    return [name, s.at([number, field.number], field)] as const;
  });
  return Object.fromEntries(entries) as F;
}

/** Builders of schemas. Fields of `object` are required unless wrapped by `optional` or `withDefault`, or given in its second argument. */
export const s = {
  /** `object(required, optional, options)`. */
  object,
  string,
  integer: (
    options: Options<IntegerNode, "min" | "max" | "enum"> & { readonly format?: "int32" | "int64" } = {},
  ): Schema<number> => frozen({ format: "int32", ...options, type: "integer" }),
  number: (options: Options<NumberNode, "min" | "max" | "exclusiveMin" | "exclusiveMax"> = {}): Schema<number> =>
    frozen({ ...options, type: "number" }),
  boolean: (options: Options<BooleanNode, never> = {}): Schema<boolean> => frozen({ ...options, type: "boolean" }),
  /** A list that is replaced as a whole; with `listType: "set"` no value may stand twice. */
  list,
  /** A list whose items are known by `keys`; patches merge them by the first. */
  listMap,
  map: <T>(
    values: Schema<T>,
    options: Options<MapNode, "atomic" | "max" | "keys"> = {},
  ): Schema<Readonly<Record<string, T>>> => frozen({ ...options, type: "map", values }),
  intOrString: (options: Options<IntOrStringNode, "pattern"> = {}): Schema<number | string> =>
    frozen({ ...options, type: "intOrString" }),
  quantity: (options: Options<QuantityNode, never> = {}): Schema<string> => frozen({ ...options, type: "quantity" }),
  /** RFC 3339 in whole seconds. */
  time: (options: Options<StringNode, never> = {}): Schema<string> => string({ ...options, format: "date-time" }),
  /** RFC 3339 with microseconds. */
  microTime: (options: Options<StringNode, never> = {}): Schema<string> => string({ ...options, format: "micro-time" }),
  /** Go's form of a duration, such as `1h30m`. */
  duration: (options: Options<StringNode, never> = {}): Schema<string> => string({ ...options, format: "duration" }),
  /** Bytes in base64. */
  bytes: (options: Options<StringNode, "max"> = {}): Schema<string> => string({ ...options, format: "byte" }),
  /** Any JSON value, kept as it is. */
  unknown: (options: Options<AnyNode, never> = {}): Schema<unknown> => frozen({ ...options, type: "any" }),
  /** Any JSON object, kept as it is. */
  preserveUnknown: (options: Options<AnyNode, never> = {}): Schema<Readonly<Record<string, unknown>>> =>
    frozen({ ...options, type: "any", object: true }),
  /** A reference to a schema declared later, or to the one being declared; give its type, which can't be inferred. */
  lazy: <T>(get: () => Schema<T>): Schema<T> => Object.freeze<LazyNode>({ type: "lazy", get }),
  optional: <T>(schema: Schema<T>): Optional<T> => frozen({ ...schema, optional: true }),
  /** Absent becomes `value`, which is frozen and shared by all objects that get it. */
  withDefault: <T>(schema: Schema<T>, value: NoInfer<T>): Optional<T> =>
    frozen({ ...schema, default: value, optional: true }),
  /**
   * Required of those who write TypeScript, though where it is absent on the wire it gets its zero value: the meaning of a field
   * that Go's JSON always writes (`ready: false`, `restartCount: 0`).
   */
  orZero: <T>(schema: Schema<T>, zero: NoInfer<T>): Schema<T> => frozen({ ...schema, default: zero }),
  nullable: <T>(schema: Schema<T>): Schema<T | null> => frozen({ ...schema, nullable: true }),
  /** Fields that stand among their siblings in JSON, and in a message of their own, number `number`, in protobuf: what Go embeds. */
  inlined: <F extends Fields>(number: number, fields: F): F => inlined(number, fields),
  /** The field's protobuf number. */
  at: <S extends Schema>(number: number | readonly [number, number], schema: S): S => frozen({ ...schema, number }),
  /** The field's protobuf number, for fields that tell zero from absence. */
  pointer: <S extends Schema>(number: number, schema: S): S => frozen({ ...schema, number, pointer: true }),
  described: <S extends Schema>(description: string, schema: S): S => frozen({ ...schema, description }),
};

/** The schema behind a lazy one; others are themselves. */
export function resolveSchema<T>(schema: Schema<T>): Exclude<SchemaNode, LazyNode> {
  let node: SchemaNode = schema;
  while (node.type === "lazy") node = node.get();
  return node;
}
