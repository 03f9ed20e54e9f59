import { age } from "./duration.ts";
import { objectMeta } from "./metadata.ts";
import type { KubeObject } from "./object.ts";
import { s, type Fields, type ObjectNode, type ObjectOf, type Schema, type TypeOf } from "./schema.ts";
import type { StatusCause } from "./status.ts";

/**
 * One declaration of a kind: from it come routes, defaulting, validation, strict JSON, OpenAPI, patch keys, Table columns,
 * client types, the CRD manifest and the reference page. Shared code never branches on a kind: it asks a property of this.
 * Made by `defineResource`.
 */
export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly scope: "Namespaced" | "Cluster";
  /** The whole object: apiVersion, kind, metadata and the kind's own fields. */
  readonly schema: Schema<T>;
  readonly subresources: readonly Subresource[];
  readonly columns: readonly Column[];
  /** Dotted paths that field selectors may name besides metadata.name and metadata.namespace. */
  readonly selectableFields: readonly string[];
  /** True if a write without a resourceVersion is refused on update (custom resources, leases). */
  readonly requiresResourceVersion: boolean;
  /** True if PUT on a missing object creates it (Lease, Event). */
  readonly createsOnUpdate: boolean;
  /** True for kinds served from records: no writes. */
  readonly readOnly: boolean;
  /** Built-in kinds take strategic merge patches and protobuf bodies; custom ones answer 415. */
  readonly builtIn: boolean;
  /** Objects of this kind vanish this many seconds after their last write (events). */
  readonly ttlSeconds?: number;
  /** Where spec is compared for `metadata.generation`. */
  readonly tracksGeneration: boolean;
  /** Which names `metadata.name` may have. */
  readonly nameRule: NameRule;
  /** What a list's `search` looks in, whatever the case of its letters; absent for kinds that are not searched. */
  searchText?(object: T): string;
  /** Seconds of grace a delete gets; 0 removes at once. Pods answer from their spec. */
  gracePeriodSeconds?(object: T): number;
  /** Fill what the schema's defaults cannot say (fields that depend on others). Pure; runs after schema defaults, on create and update. */
  prepare?(object: T, old: T | undefined): T;
  /** Rules that the schema cannot say. Field paths in upstream's form: `spec.containers[0].name`. `subresource` is the one being written, "" for the object itself. */
  validate?(object: T, old: T | undefined, subresource: string): readonly StatusCause[];
}

/** DNS subdomain (most kinds), DNS label (namespaces), RFC 1035 label (services), or anything that can be one segment of a path (RBAC kinds). */
export type NameRule = "subdomain" | "label" | "label1035" | "pathSegment";

export type Subresource =
  | { readonly name: "status" }
  | {
      readonly name: string;
      readonly verbs: readonly string[];
      readonly kind: string;
      readonly group?: string;
      readonly version?: string;
      /** The shape of the body that is posted, where it is another object than the kind's own. */
      readonly schema?: Schema;
    };

/** A column of `kubectl get`, as in a CRD's additionalPrinterColumns; `value` computes the cell. */
export interface Column<T extends KubeObject = KubeObject> {
  readonly name: string;
  readonly type: "string" | "integer" | "date" | "boolean" | "number";
  readonly format?: string;
  readonly description?: string;
  /** 0 always shown, 1 only with `-o wide`. */
  readonly priority: 0 | 1;
  value(object: T, now: number): string | number | boolean | null;
}

/** As written in `defineResource`: a string shown always, unless it says otherwise; `undefined` is an empty cell. */
export interface ColumnDeclaration<T extends KubeObject = KubeObject> extends Partial<
  Omit<Column<T>, "name" | "value">
> {
  readonly name: string;
  value(object: T, now: number): string | number | boolean | null | undefined;
}

/** The object type of a definition: `type Trial = ResourceOf<typeof Trial>`. */
export type ResourceOf<D> = [D] extends [ResourceDefinition<infer T>] ? T : never;

type Present<Name extends string, S> = [S] extends [Schema]
  ? [S] extends [{ readonly optional: true }]
    ? { readonly [K in Name]?: TypeOf<S> }
    : { readonly [K in Name]: TypeOf<S> }
  : object;
type ObjectWith<Spec, Status, F> = Flat<
  KubeObject &
    Present<"spec", Spec> &
    ([Status] extends [Schema] ? { readonly status?: TypeOf<Status> } : object) &
    ObjectOf<F>
>;
type Flat<T> = { readonly [K in keyof T]: T[K] };

/** What a kind has to say of itself; all but group, version and kind can be left out. */
export interface ResourceDeclaration<Spec, Status, F extends Fields, T extends KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Default: the kind in lower case, in the plural. */
  readonly plural?: string;
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Default: Namespaced. */
  readonly scope?: "Namespaced" | "Cluster";
  /** Sets that wrap it in `s.optional` make the field optional in the type too. */
  readonly spec?: Spec;
  readonly status?: Status;
  /** Fields beside metadata, spec and status, such as a ConfigMap's `data`. */
  readonly fields?: F;
  /** Name of the whole object's schema. Default: reversed group, version, kind. */
  readonly schemaName?: string;
  readonly description?: string;
  /** Beside `status`, which is one wherever the kind has a status. */
  readonly subresources?: readonly Subresource[];
  /** Name comes first and Age last by themselves; Age elsewhere if it is given. Columns with a Name of their own are taken as they are. */
  readonly columns?: readonly ColumnDeclaration<T>[];
  readonly selectableFields?: readonly string[];
  /** Default: true for kinds that are not built in. */
  readonly requiresResourceVersion?: boolean;
  readonly createsOnUpdate?: boolean;
  readonly readOnly?: boolean;
  readonly builtIn?: boolean;
  readonly ttlSeconds?: number;
  /** Default: true for kinds with a spec. */
  readonly tracksGeneration?: boolean;
  /** Default: subdomain. */
  readonly nameRule?: NameRule;
  searchText?(object: T): string;
  gracePeriodSeconds?(object: T): number;
  prepare?(object: T, old: T | undefined): T;
  validate?(object: T, old: T | undefined, subresource: string): readonly StatusCause[];
}

/**
 * Declares a kind.
 *
 * ```ts
 * export const Trial = defineResource({
 *   group: "kubeflow.org", version: "v1beta1", kind: "Trial",
 *   spec: s.object({ objective: Objective }), status: s.object({}, { conditions: conditions("Created", "Succeeded") }),
 *   columns: [{ name: "Objective", value: (trial) => trial.spec.objective.type }],
 * });
 * export type Trial = ResourceOf<typeof Trial>;
 * ```
 */
export function defineResource<
  Spec extends Schema | undefined = undefined,
  Status extends Schema | undefined = undefined,
  F extends Fields = Record<never, never>,
>(
  declaration: ResourceDeclaration<Spec, Status, F, ObjectWith<Spec, Status, F>>,
): ResourceDefinition<ObjectWith<Spec, Status, F>> {
  const { kind, group, version, columns = [], builtIn = false } = declaration;
  const plural = declaration.plural ?? pluralOf(kind.toLowerCase());
  return Object.freeze({
    group,
    version,
    kind,
    plural,
    singular: declaration.singular ?? kind.toLowerCase(),
    listKind: `${kind}List`,
    shortNames: declaration.shortNames ?? [],
    categories: declaration.categories ?? [],
    scope: declaration.scope ?? "Namespaced",
    schema: wholeObject(declaration),
    subresources: [...(declaration.status ? [{ name: "status" } as const] : []), ...(declaration.subresources ?? [])],
    columns: withNameAndAge(columns).map(whole),
    selectableFields: declaration.selectableFields ?? [],
    requiresResourceVersion: declaration.requiresResourceVersion ?? !builtIn,
    createsOnUpdate: declaration.createsOnUpdate ?? false,
    readOnly: declaration.readOnly ?? false,
    builtIn,
    ...(declaration.ttlSeconds !== undefined && { ttlSeconds: declaration.ttlSeconds }),
    tracksGeneration: declaration.tracksGeneration ?? declaration.spec !== undefined,
    nameRule: declaration.nameRule ?? "subdomain",
    ...(declaration.searchText && { searchText: declaration.searchText }),
    ...(declaration.gracePeriodSeconds && { gracePeriodSeconds: declaration.gracePeriodSeconds }),
    ...(declaration.prepare && { prepare: declaration.prepare }),
    ...(declaration.validate && { validate: declaration.validate }),
  });
}

function wholeObject<Spec extends Schema | undefined, Status extends Schema | undefined, F extends Fields>(
  declaration: ResourceDeclaration<Spec, Status, F, ObjectWith<Spec, Status, F>>,
): Schema<ObjectWith<Spec, Status, F>> {
  const { group, version, kind, spec, status, fields, description } = declaration;
  // Go's structs are never absent: a built-in object without spec has an empty one, and is told which of its fields are missing.
  const ownSpec: Schema | undefined =
    spec && declaration.builtIn && !spec.optional ? s.orZero<unknown>(spec, {}) : spec;
  const own: ObjectNode = {
    type: "object",
    name: declaration.schemaName ?? [...(group || "core").split(".").toReversed(), version, kind].join("."),
    ...(description !== undefined && { description }),
    fields: Object.freeze({
      apiVersion: s.string(),
      kind: s.string(),
      metadata: s.at(1, objectMeta),
      ...(ownSpec && { spec: s.at(2, ownSpec) }),
      ...fields,
      ...(status && { status: s.at(3, s.optional(status)) }),
    }),
  };
  return Object.freeze(own);
}

function pluralOf(singular: string): string {
  if (/[^aeiou]y$/.test(singular)) return `${singular.slice(0, -1)}ies`;
  return /(s|x|ch|sh)$/.test(singular) ? `${singular}es` : `${singular}s`;
}

function withNameAndAge<T extends KubeObject>(
  columns: readonly ColumnDeclaration<T>[],
): readonly ColumnDeclaration<T>[] {
  const has = (name: string): boolean => columns.some((each) => each.name === name);
  if (has("Name")) return columns;
  return [nameColumn, ...columns, ...(has("Age") ? [] : [ageColumn])];
}

function whole<T extends KubeObject>(declared: ColumnDeclaration<T>): Column<T> {
  return Object.freeze({
    type: "string",
    priority: 0,
    ...declared,
    value: (object: T, now: number) => declared.value(object, now) ?? null,
  });
}

export const nameColumn: ColumnDeclaration = { name: "Name", format: "name", value: (object) => object.metadata.name };

/** Comes last by itself; kinds that show wide columns after it name it where it stands. */
export const ageColumn: ColumnDeclaration = {
  name: "Age",
  type: "date",
  value: (object, now) => age(object.metadata.creationTimestamp, now),
};

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf(definition: { readonly group: string; readonly version: string }): string {
  return definition.group ? `${definition.group}/${definition.version}` : definition.version;
}
