import type { ResourceClient } from "@headrace/client";
import { isApiError, type Clock, type KubeObject, type ObjectKey, type WatchEvent } from "@headrace/model";
import { exponentialDelay } from "./backoff.ts";
import { createObjectCache, formatKey, keyOf, type IndexFunction } from "./object-cache.ts";
import { pause } from "./pause.ts";

/**
 * A local copy of one kind, kept up to date by a watch. Objects are the server's own frozen ones: read, never changed. The copy
 * may lag behind one's own writes by a turn of the event loop, so controllers name their children deterministically and take
 * AlreadyExists and Conflict as news.
 */
export interface Informer<T extends KubeObject, I extends string = never> {
  /**
   * Begins to watch until the signal aborts; resolves when the first full state is known (or the signal aborted). Further calls
   * wait for the same state: the first signal rules.
   */
  start(signal: AbortSignal): Promise<void>;
  readonly hasSynced: boolean;
  get(key: ObjectKey): T | undefined;
  /** Everything known of one namespace, or of all. A new array each time. */
  list(namespace?: string): readonly T[];
  byIndex(index: I, value: string): readonly T[];
  readonly size: number;
  /**
   * Tells every change, in order, after the copy has taken it. What is known already is told as `added` before this returns. A
   * listener that throws is reported and gets the next change all the same.
   */
  subscribe(listener: (change: Change<T>) => void): Disposable;
}

/** For `deleted`, `object` is the last state that was seen. An object replaced by one with another uid is deleted, then added. */
export type Change<T> =
  | { readonly type: "added"; readonly object: T }
  | { readonly type: "updated"; readonly object: T; readonly previous: T }
  | { readonly type: "deleted"; readonly object: T };

export interface InformerOptions<T extends KubeObject, I extends string> {
  readonly client: ResourceClient<T>;
  readonly clock: Clock;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indices?: Readonly<Record<I, IndexFunction<T>>>;
  /** Told of lost connections and of listeners that threw; the informer goes on by itself. */
  readonly onError?: (error: unknown) => void;
}

const reconnect = { firstMs: 800, maxMs: 30_000 };
const initialEventsEnd = "k8s.io/initial-events-end";

export function createInformer<T extends KubeObject, I extends string = never>(
  options: InformerOptions<T, I>,
): Informer<T, I> {
  const { client, clock } = options;
  const cache = createObjectCache<T, I>(options.indices ?? noIndices<T, I>());
  const listeners = new Set<(change: Change<T>) => void>();
  const query = {
    ...(options.namespace !== undefined && { namespace: options.namespace }),
    ...(options.labelSelector !== undefined && { labelSelector: options.labelSelector }),
    ...(options.fieldSelector !== undefined && { fieldSelector: options.fieldSelector }),
  };
  const synced = Promise.withResolvers<void>();
  let hasSynced = false;
  let started = false;
  /** Where to go on after a reconnect; undefined means from the whole state. */
  let revision: string | undefined;
  let streamsInitialState = true;

  function tell(change: Change<T>): void {
    for (const listener of listeners) deliver(listener, change);
  }

  function deliver(listener: (change: Change<T>) => void, change: Change<T>): void {
    try {
      listener(change);
    } catch (error) {
      options.onError?.(error);
    }
  }

  function put(object: T): void {
    const key = formatKey(keyOf(object));
    const known = cache.get(keyOf(object));
    if (known && known.metadata.uid !== object.metadata.uid) remove(key);
    const previous = cache.put(object);
    if (!previous) tell({ type: "added", object });
    else if (previous.metadata.resourceVersion !== object.metadata.resourceVersion) {
      tell({ type: "updated", object, previous });
    }
  }

  function remove(key: string, lastState?: T): void {
    const known = cache.remove(key);
    if (known) tell({ type: "deleted", object: lastState ?? known });
  }

  function finishInitialState(present: ReadonlySet<string>): void {
    for (const key of cache.keys()) {
      if (!present.has(key)) remove(key);
    }
    hasSynced = true;
    synced.resolve();
  }

  /** Follows one connection to its end. Answers whether anything came over it. */
  async function follow(signal: AbortSignal, progress: () => void): Promise<void> {
    if (revision === undefined && !streamsInitialState) await listState(signal, progress);
    let present = revision === undefined ? new Set<string>() : undefined;
    const events = client.watch({ ...query, signal, ...(revision !== undefined && { resourceVersion: revision }) });
    for await (const event of events) {
      progress();
      if (event.type === "BOOKMARK") {
        if (present && isInitialEventsEnd(event)) {
          finishInitialState(present);
          present = undefined;
        }
      } else if (event.type === "DELETED") {
        remove(formatKey(keyOf(event.object)), event.object);
      } else {
        present?.add(formatKey(keyOf(event.object)));
        put(event.object);
      }
      // Until the state is complete a reconnect has to begin anew.
      if (!present) revision = event.object.metadata.resourceVersion ?? revision;
    }
  }

  async function listState(signal: AbortSignal, progress: () => void): Promise<void> {
    const list = await client.list({ ...query, signal });
    progress();
    const present = new Set<string>();
    for (const object of list.items) {
      present.add(formatKey(keyOf(object)));
      put(object);
    }
    finishInitialState(present);
    revision = list.metadata.resourceVersion;
  }

  async function run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let progressed = false;
      let lost = false;
      try {
        await follow(signal, () => (progressed = true));
      } catch (error) {
        if (signal.aborted) break;
        if (isApiError(error, "Expired") || isApiError(error, "Gone")) revision = undefined;
        else if (revision === undefined && streamsInitialState && refusesInitialState(error)) {
          streamsInitialState = false;
          continue;
        } else {
          lost = true;
          options.onError?.(error);
        }
      }
      // A server that hangs up politely is asked again at once, but not for ever.
      failures = progressed ? Number(lost) : failures + 1;
      await pause(clock, exponentialDelay(failures, reconnect), signal);
    }
    synced.resolve();
  }

  return {
    start(signal) {
      if (!started) {
        started = true;
        void run(signal);
      }
      return synced.promise;
    },
    get hasSynced() {
      return hasSynced;
    },
    get: cache.get,
    list: cache.list,
    byIndex: cache.byIndex,
    get size() {
      return cache.size;
    },
    subscribe(listener) {
      for (const object of cache.list()) deliver(listener, { type: "added", object });
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}

function noIndices<T, I extends string>(): Readonly<Record<I, IndexFunction<T>>> {
  return {} as Record<I, IndexFunction<T>>;
}

function isInitialEventsEnd(event: WatchEvent): boolean {
  return event.object.metadata.annotations?.[initialEventsEnd] === "true";
}

/** Servers before 1.32 do not stream the state before the changes, and say so in one of these ways. */
function refusesInitialState(error: unknown): boolean {
  return isApiError(error, "BadRequest") || isApiError(error, "Invalid") || isApiError(error, "Forbidden");
}
