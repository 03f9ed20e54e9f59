import type { KubeObject, ObjectKey, ObjectList, ResourceDefinition, WatchEvent } from "@headrace/model";

/** Kubernetes' API, typed by the definitions. The same code works in the process, over HTTP and in a browser: only the transport differs. */
export interface Client {
  resource<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceClient<T>;
}

/**
 * Objects that come out are never changed, always replaced: within the process they are the server's own, frozen. Every method
 * throws ApiError, or the signal's reason once it is aborted.
 */
export interface ResourceClient<T extends KubeObject> {
  readonly definition: ResourceDefinition<T>;
  get(key: ObjectKey, options?: CallOptions): Promise<T>;
  /** Follows `continue` until `limit` or the end. Without limit everything, as of one revision. */
  list(query?: ListQuery): Promise<ObjectList<T>>;
  /** Ends when the signal aborts (without an error) or the server closes; an ERROR event is thrown as its ApiError. */
  watch(query: WatchQuery): AsyncIterable<WatchEvent<T>>;
  create(object: T, options?: CallOptions): Promise<T>;
  update(object: T, options?: CallOptions & { subresource?: string }): Promise<T>;
  patch(key: ObjectKey, patch: Patch, options?: CallOptions & { subresource?: string }): Promise<T>;
  /** The object if it now waits for finalizers or its grace, undefined if it is gone. */
  delete(key: ObjectKey, options?: CallOptions & DeleteOptions): Promise<T | undefined>;
  /** POST to a subresource such as `binding` or `token`. */
  post(key: ObjectKey, subresource: string, body: unknown, options?: CallOptions): Promise<unknown>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ListQuery extends CallOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Words that all stand in what an object's kind is searched by. */
  readonly search?: readonly string[];
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchQuery extends ListQuery {
  readonly signal: AbortSignal;
  /** Events after this revision; undefined sends the present state first as ADDED, then a BOOKMARK annotated `k8s.io/initial-events-end`. */
  readonly resourceVersion?: string;
}

export type Patch =
  | { readonly type: "merge"; readonly body: unknown }
  | { readonly type: "strategic"; readonly body: unknown }
  | { readonly type: "json"; readonly body: readonly unknown[] };

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Foreground" | "Background" | "Orphan";
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}
