import type { StoreChange } from "./store.ts";
import type { HeldVersion } from "./stored.ts";

/** Where commits become durable. Memory keeps none; SQLite is the one that does. */
export interface Journal {
  /** What was committed before, for the store to begin with. */
  load(): JournalContent;
  /** Makes the batch durable, all of it or nothing, before it returns or resolves. Throws or rejects when it cannot. One at a time. */
  append(batch: JournalBatch): void | Promise<void>;
  close(): void;
}

export interface JournalContent {
  /** The newest revision ever given out. */
  readonly revision: number;
  /** Changes up to this revision are no longer kept as history; what they left behind is. */
  readonly floor: number;
  /** In revision order: the live objects and the history above the floor, with what each replaced. */
  readonly rows: Iterable<JournalRow>;
}

export interface JournalBatch {
  readonly rows: readonly JournalRow[];
  readonly revision: number;
  /** As it stands before the batch: rows that only changes up to here needed can go. */
  readonly floor: number;
}

export interface JournalRow {
  readonly type: StoreChange["type"];
  readonly stored: HeldVersion;
  /** Revision that this one replaced. */
  readonly previous: number | undefined;
  /** Undefined for objects of the log; for transient ones, milliseconds since the epoch at which they vanish. */
  readonly expires: number | undefined;
}

export const memoryJournal: Journal = {
  load: () => ({ revision: 0, floor: 0, rows: [] }),
  append: () => {},
  close: () => {},
};
