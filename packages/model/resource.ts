import type { KubeObject } from "./object.ts";
import type { Schema } from "./schema.ts";
import type { StatusCause } from "./status.ts";

/**
 * One declaration of a kind: from it come routes, defaulting, validation, strict JSON, OpenAPI, patch keys, Table columns,
 * client types, the CRD manifest and the reference page. Shared code never branches on a kind: it asks a property of this.
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
  /** Seconds of grace a delete gets; 0 removes at once. Pods answer from their spec. */
  readonly gracePeriodSeconds?: (object: T) => number;
  /** Fill what the schema's defaults cannot say (fields that depend on others). Runs after schema defaults, on create and update. */
  readonly prepare?: (object: T, old: T | undefined) => T;
  /** Rules that the schema cannot say. Field paths in upstream's form: `spec.containers[0].name`. */
  readonly validate?: (object: T, old: T | undefined) => readonly StatusCause[];
}

export type Subresource =
  | { readonly name: "status" }
  | { readonly name: string; readonly verbs: readonly string[]; readonly kind: string; readonly group?: string; readonly version?: string };

/** A column of `kubectl get`, as in a CRD's additionalPrinterColumns; `value` computes the cell. */
export interface Column<T extends KubeObject = KubeObject> {
  readonly name: string;
  readonly type: "string" | "integer" | "date" | "boolean" | "number";
  readonly format?: string;
  readonly description?: string;
  /** 0 always shown, 1 only with `-o wide`. */
  readonly priority: 0 | 1;
  readonly value: (object: T, now: number) => string | number | boolean | null;
}
