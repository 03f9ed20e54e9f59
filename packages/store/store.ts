import type { KubeObject } from "@headrace/model";

/**
 * The log of objects. One writer queue; preconditions are checked against committed state plus the batch; only after the
 * commit do maps and watchers change, in revision order. A failed commit fails its whole batch and shows nothing. Reads never
 * touch the disk. Objects are frozen; `bytes` is their JSON with the resourceVersion in it, made once and shared by GET, LIST,
 * watch and disk.
 */
export interface Store {
  /** The newest committed revision. */
  readonly revision: number;
  get(key: StoreKey): Promise<Stored | undefined>;
  /** Sorted by (namespace, name). `namespace` empty = all. The snapshot is that of `revision` in the answer. */
  list(query: StoreListQuery): Promise<StoreList>;
  /** Resolves after the commit is durable. Throws StoreConflict when the precondition does not hold. */
  write(write: StoreWrite): Promise<Stored>;
  /**
   * Events of one resource with revision > `since`, in order, until the signal aborts. Throws CompactedError if `since` is older
   * than the log keeps. A consumer that falls too far behind gets CompactedError too: nothing is buffered without bound.
   */
  watch(query: { resource: string; since: number; signal: AbortSignal }): AsyncIterable<StoreEvent>;
  close(): Promise<void>;
}

export interface StoreKey {
  /** `pods` or `runs.headrace.io`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

export interface Stored extends StoreKey {
  readonly uid: string;
  readonly revision: number;
  readonly object: KubeObject;
  readonly bytes: Uint8Array;
}

export type StoreWrite = StoreKey & {
  /** What must be there now: nothing (`create`), this revision, or anything that exists (`undefined`). */
  readonly expect: { readonly absent: true } | { readonly revision: number };
  /** undefined deletes. The store sets metadata.resourceVersion. */
  readonly object: KubeObject | undefined;
};

export interface StoreListQuery {
  readonly resource: string;
  readonly namespace: string;
  readonly limit?: number;
  /** Last key of the page before, exclusive. */
  readonly after?: { readonly namespace: string; readonly name: string };
  /** Show the state as of this revision (paging); CompactedError if too old. */
  readonly at?: number;
}

export interface StoreList {
  readonly revision: number;
  readonly items: readonly Stored[];
  readonly more: boolean;
  /** How many follow this page. */
  readonly remaining: number;
}

export interface StoreEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly stored: Stored;
  /** State before the change: selectors need it. For DELETED, `stored` is the last state with the deletion's revision. */
  readonly previous: KubeObject | undefined;
}
