import type { Route } from "./http.ts";
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
 * Records shown as a read-only Kubernetes kind. `resourceVersion` of lists and events is the change feed's sequence of that
 * kind, so a watch from a list's resourceVersion misses nothing. `since` older than the feed keeps throws ApiError Expired.
 */
export interface Projection {
  readonly definition: ResourceDefinition;
  get(key: ObjectKey): Promise<KubeObject | undefined>;
  list(query: ProjectionQuery): Promise<ObjectList<KubeObject>>;
  watch(query: ProjectionQuery & { since: number; signal: AbortSignal }): AsyncIterable<WatchEvent>;
}

export interface ProjectionQuery {
  /** Empty for all namespaces. */
  readonly namespace: string;
  /** Field selector terms with `=`, already parsed; those a projection does not know are refused by the apiserver from the definition's `selectableFields`. */
  readonly fields: Readonly<Record<string, string>>;
  /** Label selector terms with `=`. */
  readonly labels: Readonly<Record<string, string>>;
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
