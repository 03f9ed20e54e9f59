import type { Route } from "./http.ts";
import type { User } from "./identity.ts";
import type { ObjectKey, ObjectList, WatchEvent, KubeObject } from "./object.ts";
import type { ResourceDefinition } from "./resource.ts";

/**
 * A part of Kubeflow: a folder under components/. Created by a function that takes what it needs (client, records, …) and
 * returned as plain data, which `platform` wires: routes to the gateway, projections to the apiserver, controllers to the
 * runtime.
 */
export interface Component {
  readonly name: string;
  readonly resources: readonly ResourceDefinition[];
  readonly controllers?: readonly Controller[];
  readonly routes?: readonly Route[];
  readonly projections?: readonly Projection[];
  readonly migrations?: readonly Migration[];
  readonly explain?: (ref: ObjectRef) => Promise<readonly Reason[]>;
  readonly imageMappings?: readonly ImageMappingSpec[];
}

/** Something that runs from start to stop and works through the API. `start` returns once its informers are synced. */
export interface Controller {
  readonly name: string;
  start(signal: AbortSignal): Promise<void>;
}

export interface ObjectRef extends ObjectKey {
  readonly kind: string;
}

/** One sentence why something waits or failed, and what to do about it. */
export interface Reason {
  readonly summary: string;
  readonly remedy?: string;
}

/**
 * Records shown as a Kubernetes kind. `resourceVersion` of lists and events is the change feed's sequence of that kind, so a
 * watch from a list's resourceVersion misses nothing. `since` older than the feed keeps throws ApiError Expired.
 */
export interface Projection {
  readonly definition: ResourceDefinition;
  get(key: ObjectKey): Promise<KubeObject | undefined>;
  list(query: ProjectionQuery): Promise<ObjectList<KubeObject>>;
  watch(query: ProjectionQuery & { since: number; signal: AbortSignal }): AsyncIterable<WatchEvent>;
  /**
   * Brings a write into the records, in one transaction with the check that the object is still `old`, and answers what is there
   * now. Objects' own resourceVersions are then those of their last change, so that clients can say which one they mean. Throws
   * ApiError AlreadyExists, Conflict when somebody else was faster, NotFound, or Invalid for what records do not keep: nothing that
   * was asked for is left out in silence. Absent for kinds that can only be read.
   */
  readonly write?: (change: ProjectionChange) => Promise<KubeObject | undefined>;
  /** What to do instead, for those who try to write a kind that can only be read. */
  readonly remedy?: string;
}

/** A write that has been authorised, defaulted, admitted and validated. */
export interface ProjectionChange {
  readonly key: ObjectKey;
  /** As it was read; undefined for a create. */
  readonly old: KubeObject | undefined;
  /** What shall be there, with uid and creationTimestamp; undefined for a deletion. */
  readonly object: KubeObject | undefined;
  /** Of a deletion: what becomes of that which belongs to the object. */
  readonly propagationPolicy?: "Foreground" | "Background" | "Orphan";
  readonly user: User;
  /** Everything is checked, and nothing is changed. */
  readonly dryRun: boolean;
}

export interface ProjectionQuery {
  /** Empty for all namespaces. */
  readonly namespace: string;
  /** Field selector terms with `=`, already parsed; those a projection does not know are refused by the apiserver from the definition's `selectableFields`. */
  readonly fields: Readonly<Record<string, string>>;
  /** Label selector terms with `=`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Words of a list that all stand in an object's `searchText`. */
  readonly search?: readonly string[];
  readonly limit?: number;
  readonly continue?: string;
}

/** A numbered step of a component's tables, run once, in order, inside a transaction. The runner is defined in records. */
export interface Migration {
  readonly component: string;
  readonly id: number;
  readonly name: string;
  /** `schema` is kysely's `Kysely<unknown>`; typed loosely here because model knows no database. */
  up(schema: unknown): Promise<void>;
}

/** Which environment an image reference resolves to. `image` is a glob over the reference without digest: `python:3.*`. */
export interface ImageMappingSpec {
  readonly image: string;
  /** Exact Python, such as `3.11`; absent for environments without Python of their own. */
  readonly python?: string;
  readonly requirements?: readonly string[];
}
