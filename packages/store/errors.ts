import type { Stored, StoreKey } from "./store.ts";

const shown = ({ resource, namespace, name }: StoreKey): string =>
  `${resource} "${namespace === "" ? "" : `${namespace}/`}${name}"`;

/** Thrown by `write` when what is there is not what the caller expected. `current` is what is there. */
export class StoreConflict extends Error {
  override readonly name = "StoreConflict";
  readonly code = "store/conflict";
  readonly key: StoreKey;
  readonly current: Stored | undefined;

  constructor(key: StoreKey, current: Stored | undefined) {
    const state = current === undefined ? "it does not exist" : `it is at revision ${current.revision}`;
    super(`Cannot write ${shown(key)}: ${state}`);
    this.key = key;
    this.current = current;
  }
}

/** Thrown by `write` for an object whose JSON is longer than an object may be. */
export class ObjectTooLarge extends Error {
  override readonly name = "ObjectTooLarge";
  readonly code = "store/too-large";
  /** Bytes. */
  readonly size: number;
  readonly limit: number;

  constructor(key: StoreKey, size: number, limit: number) {
    super(
      `Cannot write ${shown(key)}: it is ${size} bytes and an object may have ${limit}; keep large data in artifacts`,
    );
    this.size = size;
    this.limit = limit;
  }
}

/** Thrown by `watch` and by `list` with `at` when the log no longer holds the changes since `asked`. List again and go on from there. */
export class CompactedError extends Error {
  override readonly name = "CompactedError";
  readonly code = "store/compacted";
  readonly asked: number;
  /** The oldest revision that could still be asked for. */
  readonly oldest: number;

  constructor(asked: number, oldest: number) {
    super(`Cannot read changes since revision ${asked}: the log begins at revision ${oldest}`);
    this.asked = asked;
    this.oldest = oldest;
  }
}

/** Thrown when the disk refuses a commit, when the store is closed, and when the file cannot be opened. Nothing of the write is visible. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  readonly code = "store/unavailable";
}
