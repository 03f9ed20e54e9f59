import { CompactedError } from "./errors.ts";
import type { Clock } from "@headrace/model";
import type { StoreChange, Stored, StoreEvent, StoreList, StoreListQuery, StoreWatchQuery } from "./store.ts";
import type { HeldVersion } from "./stored.ts";

/** Changes whose objects are kept as objects, for those who watch; of older ones only the JSON is, for those who come back. */
const keptObjects = 256;

interface LogEntry {
  readonly type: StoreChange["type"];
  readonly stored: HeldVersion;
  readonly previous: HeldVersion | undefined;
}

/** The state of one resource in memory and the changes that led to it, as far back as they are kept. */
export interface ResourceLog {
  current(namespace: string, name: string): Stored | undefined;
  /** In order of their last write. */
  oldestFirst(): Iterable<Stored>;
  readonly size: number;
  /** Without history or waking anybody: for what was there before the process started. */
  restore(stored: HeldVersion): void;
  apply(type: StoreChange["type"], stored: HeldVersion): void;
  /** Wakes those who watch. Called once for a batch, after all of its changes were applied. */
  announce(): void;
  list(query: StoreListQuery): StoreList;
  watch(query: Omit<StoreWatchQuery, "resource">): AsyncGenerator<StoreEvent, void, undefined>;
  readonly changes: number;
  /** Forgets the oldest change and says how many bytes that frees. */
  forgetOldest(): { revision: number; bytes: number };
  /** Ends every watch. */
  close(): void;
}

/** The separator sorts before every character of a name, so that joined keys sort as (namespace, name). */
const joined = (namespace: string, name: string): string => `${namespace}\u0000${name}`;

export interface ResourceLogOptions {
  /** Changes up to this revision are not known. */
  readonly floor: number;
  readonly clock: Clock;
  /** The newest revision of the whole store. */
  readonly revision: () => number;
}

export function createResourceLog({ floor, clock, revision }: ResourceLogOptions): ResourceLog {
  const objects = new Map<string, HeldVersion>();
  /** Sorted keys of `objects`; undefined while a restore has left them unsorted. */
  let sorted: string[] | undefined = [];
  const entries: (LogEntry | undefined)[] = [];
  /** How many entries were forgotten, so that a reader's place stays valid while the front of the array moves. */
  let forgotten = 0;
  /** Empty places at the front of the array, where forgotten entries were. */
  let head = 0;
  let oldest = floor;
  const waiting = new Set<() => void>();
  let closed = false;

  const keys = (): string[] => (sorted ??= [...objects.keys()].sort());

  function put(stored: HeldVersion): void {
    const key = joined(stored.namespace, stored.name);
    if (!objects.delete(key) && sorted) sorted.splice(lowerBound(sorted, key), 0, key);
    objects.set(key, stored);
  }

  function remove(stored: Stored): void {
    const key = joined(stored.namespace, stored.name);
    if (objects.delete(key) && sorted) sorted.splice(lowerBound(sorted, key), 1);
  }

  /** What the change a while ago replaced, or deleted, is nobody's present state any more. */
  function letGoOfOld(): void {
    const entry = entries[entries.length - keptObjects];
    entry?.previous?.letGo();
    if (entry?.type === "DELETED") entry.stored.letGo();
  }

  /** Index of the first kept entry with a revision above `since`. */
  function firstAfter(since: number): number {
    let low = head;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = entries[middle];
      if (entry !== undefined && entry.stored.revision <= since) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function announce(): void {
    for (const wake of waiting) wake();
    waiting.clear();
  }

  /** Resolves with true after `withinMs` without a change; with false at the next change, when the signal aborts, or when the log closes. */
  function isQuiet(withinMs: number | undefined, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = withinMs === undefined ? undefined : clock.after(withinMs, () => settle(true));
      const wake = (): void => settle(false);
      function settle(quiet: boolean): void {
        waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        timer?.[Symbol.dispose]();
        resolve(quiet);
      }
      waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  /** What was there at revision `then`: the present state with every later change undone. */
  function stateAt(then: number): { keys: string[]; at: (key: string) => Stored | undefined } {
    const first = firstAfter(then);
    if (first === entries.length) return { keys: keys(), at: (key) => objects.get(key) };
    const before = new Map<string, Stored | undefined>();
    for (let index = entries.length - 1; index >= first; index -= 1) {
      const entry = entries[index];
      if (entry) before.set(joined(entry.stored.namespace, entry.stored.name), entry.previous);
    }
    const at = (key: string): Stored | undefined => (before.has(key) ? before.get(key) : objects.get(key));
    const kept = keys().filter((key) => at(key) !== undefined);
    const gone = [...before.keys()].filter((key) => !objects.has(key) && before.get(key) !== undefined);
    return { keys: gone.length === 0 ? kept : [...kept, ...gone].sort(), at };
  }

  return {
    current: (namespace, name) => objects.get(joined(namespace, name)),
    oldestFirst: () => objects.values(),
    get size() {
      return objects.size;
    },
    restore(stored) {
      sorted = undefined;
      const key = joined(stored.namespace, stored.name);
      objects.delete(key);
      objects.set(key, stored);
    },
    apply(type, stored) {
      const previous = objects.get(joined(stored.namespace, stored.name));
      if (type === "DELETED") remove(stored);
      else put(stored);
      entries.push({ type, stored, previous });
      letGoOfOld();
    },
    announce,
    list({ namespace, limit, after, at }) {
      const asked = at ?? revision();
      if (asked < oldest) throw new CompactedError(asked, oldest);
      const state = asked < revision() ? stateAt(asked) : { keys: keys(), at: (key: string) => objects.get(key) };
      const from = namespace === "" ? 0 : lowerBound(state.keys, joined(namespace, ""));
      const end = namespace === "" ? state.keys.length : lowerBound(state.keys, `${namespace}\u0001`);
      const start =
        after === undefined
          ? from
          : Math.max(from, lowerBound(state.keys, `${joined(after.namespace, after.name)}\u0000`));
      const stop = limit === undefined ? end : Math.min(end, start + limit);
      const items: Stored[] = [];
      for (let index = start; index < stop; index += 1) {
        const stored = state.at(state.keys[index] ?? "");
        if (stored) items.push(stored);
      }
      return { revision: asked, items, more: stop < end, remaining: Math.max(0, end - stop) };
    },
    async *watch({ since, signal, progressMs }) {
      if (since < oldest) throw new CompactedError(since, oldest);
      let seen = since;
      let place = forgotten - head + firstAfter(since);
      for (;;) {
        if (signal.aborted || closed) return;
        if (place < forgotten) throw new CompactedError(seen, oldest);
        const entry = entries[place - forgotten + head];
        if (entry === undefined) {
          const quiet = await isQuiet(progressMs, signal);
          if (quiet && entries.length === place - forgotten + head) yield { type: "PROGRESS", revision: revision() };
          continue;
        }
        place += 1;
        seen = entry.stored.revision;
        yield { type: entry.type, stored: entry.stored, previous: entry.previous?.object };
      }
    },
    get changes() {
      return entries.length - head;
    },
    forgetOldest() {
      const entry = entries[head];
      if (entry === undefined) return { revision: oldest, bytes: 0 };
      entries[head] = undefined;
      head += 1;
      forgotten += 1;
      oldest = entry.stored.revision;
      if (head > 1024 && head * 2 > entries.length) {
        entries.splice(0, head);
        head = 0;
      }
      return { revision: oldest, bytes: entry.stored.bytes.length };
    },
    close() {
      closed = true;
      announce();
    },
  };
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
