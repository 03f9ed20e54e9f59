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
  /**
   * Sorted by (namespace, name). `namespace` empty = all. The snapshot is that of `revision` in the answer. Throws
   * CompactedError if `at` is older than the log keeps.
   */
  list(query: StoreListQuery): Promise<StoreList>;
  /**
   * Resolves after the commit is durable. Throws StoreConflict when the precondition does not hold, ObjectTooLarge beyond
   * 1.5 MiB of JSON, StoreUnavailable when the commit failed or the store is closed. Takes the object over: it is frozen, deeply.
   */
  write(write: StoreWrite): Promise<Stored>;
  /**
   * Events of one resource with revision > `since`, in order, until the signal aborts. Throws CompactedError if `since` is older
   * than the log keeps. A consumer that falls too far behind gets CompactedError too: nothing is buffered for it, it reads
   * from the log.
   */
  watch(query: StoreWatchQuery): AsyncIterable<StoreEvent>;
  /** Commits what was queued, ends all watches, lets go of the disk. Writes after it throw StoreUnavailable. */
  close(): Promise<void>;
}

export interface StoreKey {
  /** `pods` or `runs.headrace.io`. */
  readonly resource: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
}

export interface Stored extends StoreKey {
  readonly uid: string;
  readonly revision: number;
  readonly object: KubeObject;
  readonly bytes: Uint8Array;
}

export interface StoreWrite extends StoreKey {
  /** What must be there now: nothing, or this revision. */
  readonly expect: { readonly absent: true } | { readonly revision: number };
  /** undefined deletes. The store sets metadata.resourceVersion. */
  readonly object: KubeObject | undefined;
}

export interface StoreListQuery {
  readonly resource: string;
  readonly namespace: string;
  readonly limit?: number;
  /** Last key of the page before, exclusive. */
  readonly after?: { readonly namespace: string; readonly name: string };
  /** Show the state as of this revision (paging). */
  readonly at?: number;
}

export interface StoreList {
  readonly revision: number;
  readonly items: readonly Stored[];
  readonly more: boolean;
  /** How many follow this page. */
  readonly remaining: number;
}

export interface StoreWatchQuery {
  readonly resource: string;
  readonly since: number;
  readonly signal: AbortSignal;
  /** Say so after this many milliseconds without a change. Absent: never. */
  readonly progressMs?: number;
}

export type StoreEvent = StoreChange | StoreProgress;

/** There was no change up to this revision that the watch has not told. */
export interface StoreProgress {
  readonly type: "PROGRESS";
  readonly revision: number;
}

export interface StoreChange {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** For DELETED the last state, with the deletion's revision. */
  readonly stored: Stored;
  /** State before the change: selectors need it. */
  readonly previous: KubeObject | undefined;
}

/** A resource whose objects vanish by themselves (events). They are kept in a table of their own, apart from the log. */
export interface TransientResource {
  readonly resource: string;
  /** Seconds after its last write that an object stays. */
  readonly ttlSeconds: number;
  /** The oldest go first when there are more than this. Default 4,000. */
  readonly rows?: number;
  /** Milliseconds that a write may wait for others to share its commit. Default 0. */
  readonly patienceMs?: number;
}

/** How far back watches can resume and pages stay consistent: whichever limit is reached first. */
export interface HistoryLimits {
  /** Changes kept; default 10,000. */
  readonly rows?: number;
  /** Bytes of JSON kept in those changes; default 16 MiB. */
  readonly bytes?: number;
}
