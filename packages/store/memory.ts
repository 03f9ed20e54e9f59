import { systemClock, type Clock } from "@headrace/model";
import { memoryJournal } from "./journal.ts";
import { createObjectLog } from "./object-log.ts";
import type { HistoryLimits, Store, TransientResource } from "./store.ts";

export interface MemoryStoreOptions {
  /** For the ages of transient objects; default the system's. */
  readonly clock?: Clock;
  readonly history?: HistoryLimits;
  readonly transient?: readonly TransientResource[];
}

/** A store that forgets everything with the process. Runs anywhere, browsers included. */
export function createMemoryStore({ clock = systemClock, ...limits }: MemoryStoreOptions = {}): Store {
  return createObjectLog({ journal: memoryJournal, clock, gather: queueMicrotask, ...limits });
}
