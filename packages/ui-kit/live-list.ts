import type { ListQuery, ResourceClient } from "@headrace/client";
import { isApiError, type Clock, type KubeObject } from "@headrace/model";

/** What a live list reads from: a ResourceClient, or anything that lists and watches like one. */
export type LiveSource<T extends KubeObject> = Pick<ResourceClient<T>, "list" | "watch">;

export type LiveQuery = Pick<ListQuery, "namespace" | "labelSelector" | "fieldSelector" | "search"> & {
  /** At least so many from the beginning of the list are loaded, and no more than needed; without it, all. */
  readonly most?: number;
  /** Read and not followed, for what changes no more: it holds none of the few connections to the server. */
  readonly still?: boolean;
};

/**
 * `loading` until the first window is here, `live` while the watch stands, `lost` between a broken connection and the next
 * one (items stay), `refused` when asking again would not help, `paused` while nobody looks.
 */
export type LivePhase = "loading" | "live" | "lost" | "refused" | "paused";

export interface LiveSnapshot<T> {
  readonly items: readonly T[];
  readonly phase: LivePhase;
  /** True once the whole list has arrived; before, `items` is its beginning. */
  readonly complete: boolean;
  /** True if the server has more than `most`. */
  readonly more?: boolean;
  readonly error?: unknown;
  /** Milliseconds since the epoch when the connection broke. */
  readonly lostAt?: number;
}

export interface LiveOptions {
  readonly clock: Clock;
  /** Runs a callback before the next paint; several changes until then make one snapshot. */
  readonly soon: (callback: () => void) => void;
  /** Rows a request asks for while the list loads. */
  readonly windowSize?: number;
}

/** Showing thousands anew takes more than a frame: changes of such lists are gathered, for less than a reader notices. */
const largeList = 2000;
const largeListPauseMs = 120;

const retryDelays = [250, 500, 1000, 2000, 5000, 10_000] as const;

/**
 * One list kept true by a watch. Loads by windows, follows from the list's revision, starts over when that revision has
 * expired, and reconnects by itself. Snapshots are immutable; objects that did not change keep their identity.
 */
export class LiveList<T extends KubeObject> {
  readonly #source: LiveSource<T>;
  readonly #query: LiveQuery;
  readonly #options: LiveOptions;
  readonly #listeners = new Set<() => void>();
  #objects = new Map<string, T>();
  #snapshot: LiveSnapshot<T> = { items: [], phase: "loading", complete: false };
  #more = false;
  #publishedAt = Number.NEGATIVE_INFINITY;
  #dirty = false;
  #running: AbortController | undefined;

  constructor(source: LiveSource<T>, query: LiveQuery, options: LiveOptions) {
    this.#source = source;
    this.#query = query;
    this.#options = options;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): LiveSnapshot<T> => this.#snapshot;

  start(): void {
    if (this.#running) return;
    const controller = new AbortController();
    this.#running = controller;
    void this.#run(controller.signal);
  }

  /** Closes the watch; what was loaded stays readable. */
  stop(): void {
    if (!this.#running) return;
    this.#running.abort();
    this.#running = undefined;
    if (this.#snapshot.phase !== "refused") this.#show({ phase: "paused" });
  }

  retry(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.start();
  }

  async #run(signal: AbortSignal): Promise<void> {
    let revision: string | undefined;
    let failures = 0;
    while (!signal.aborted) {
      try {
        revision ??= await this.#load(signal);
        if (signal.aborted) return;
        failures = 0;
        this.#show({ phase: "live", complete: true });
        if (this.#query.still === true) return;
        const since = this.#options.clock.monotonic();
        revision = await this.#follow(revision, signal);
        // A server that closes every watch at once must not be asked in a tight loop.
        if (this.#options.clock.monotonic() - since < 1000) await pause(this.#options.clock, 250, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isRefusal(error)) return this.#show({ phase: "refused", error });
        // After a break the list is read again rather than resumed: deletions may have passed unseen.
        revision = undefined;
        if (!isApiError(error, "Expired") && !isApiError(error, "Gone")) {
          const lostAt = this.#snapshot.lostAt ?? this.#options.clock.now();
          this.#show({ phase: "lost", error, lostAt });
          await pause(this.#options.clock, retryDelays[Math.min(failures++, retryDelays.length - 1)] ?? 0, signal);
        }
      }
    }
  }

  /** Reads the list window by window. The first load shows each window as it comes; a reload shows only the whole. */
  async #load(signal: AbortSignal): Promise<string> {
    const first = !this.#snapshot.complete;
    const objects = new Map<string, T>();
    const { most = Infinity, still: _, ...query } = this.#query;
    let revision: string | undefined;
    let next: string | undefined;
    let shown = 0;
    do {
      const page = await this.#source.list({
        ...query,
        signal,
        limit: Math.min(this.#options.windowSize ?? 500, most),
        ...(next !== undefined && { continue: next }),
      });
      revision ??= page.metadata.resourceVersion ?? "0";
      for (const object of page.items) objects.set(keyOf(object), object);
      next = page.metadata.continue === "" ? undefined : page.metadata.continue;
      // The beginning at once, then each time that twice as much is there: showing costs as much as there is to show.
      if (first && objects.size >= 2 * shown) {
        shown = objects.size;
        this.#objects = objects;
        this.#changed();
      }
    } while (next !== undefined && objects.size < most && !signal.aborted);
    this.#objects = objects;
    this.#more = next !== undefined;
    this.#changed();
    return revision;
  }

  /** Applies events until the server closes the watch; returns the revision to go on from. */
  async #follow(from: string, signal: AbortSignal): Promise<string> {
    let revision = from;
    const { most: _most, still: _still, ...query } = this.#query;
    for await (const event of this.#source.watch({ ...query, resourceVersion: from, signal })) {
      revision = event.object.metadata.resourceVersion ?? revision;
      if (event.type === "BOOKMARK") continue;
      if (event.type === "DELETED") this.#objects.delete(keyOf(event.object));
      else this.#objects.set(keyOf(event.object), event.object);
      this.#changed();
    }
    return revision;
  }

  #changed(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    const { clock, soon } = this.#options;
    const publish = (): void => {
      this.#dirty = false;
      this.#publishedAt = clock.monotonic();
      this.#publish({ ...this.#snapshot, items: [...this.#objects.values()], more: this.#more });
    };
    const pauseMs = this.#objects.size < largeList ? 0 : largeListPauseMs - (clock.monotonic() - this.#publishedAt);
    if (pauseMs <= 0) soon(publish);
    else clock.after(pauseMs, () => soon(publish));
  }

  #show(change: Pick<LiveSnapshot<T>, "phase"> & Partial<LiveSnapshot<T>>): void {
    const { complete } = this.#snapshot;
    // Never the end of a load with the items of its beginning.
    const items = this.#dirty ? [...this.#objects.values()] : this.#snapshot.items;
    this.#publish({ items, complete, more: this.#more, ...change });
  }

  #publish(snapshot: LiveSnapshot<T>): void {
    this.#snapshot = snapshot;
    for (const listener of this.#listeners) listener();
  }
}

const keyOf = (object: KubeObject): string => `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;

function isRefusal(error: unknown): boolean {
  return (["Unauthorized", "Forbidden", "NotFound", "BadRequest", "MethodNotAllowed"] as const).some((reason) =>
    isApiError(error, reason),
  );
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(delayMs, done);
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      timer[Symbol.dispose]();
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}

interface Held {
  readonly list: LiveList<KubeObject>;
  users: number;
  closing: Disposable | undefined;
}

/**
 * The live lists of a page, shared by everything that asks the same question. A list that nobody uses closes its watch at
 * once, for a browser grants few connections to one server; what it held stays for a minute, so that going back is instant.
 * `pause` closes all watches of a page that nobody sees; `resume` reads the lists in use anew.
 */
export class LiveLists {
  readonly #options: LiveOptions;
  readonly #held = new Map<string, Held>();
  readonly #listeners = new Set<() => void>();
  #paused = false;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  acquire<T extends KubeObject>(
    name: string,
    source: LiveSource<T>,
    query: LiveQuery,
  ): { readonly list: LiveList<T>; release(): void } {
    const key = JSON.stringify([
      name,
      query.namespace,
      query.labelSelector,
      query.fieldSelector,
      query.search,
      query.most,
      query.still,
    ]);
    const held = this.#held.get(key) ?? this.#open(key, source, query);
    held.closing?.[Symbol.dispose]();
    held.closing = undefined;
    held.users++;
    if (!this.#paused) held.list.start();
    let released = false;
    return {
      // One key has one source, and so one type.
      list: held.list as unknown as LiveList<T>,
      release: () => {
        if (released) return;
        released = true;
        if (--held.users > 0) return;
        held.list.stop();
        held.closing = this.#options.clock.after(60_000, () => this.#held.delete(key));
      },
    };
  }

  pause(): void {
    this.#paused = true;
    for (const { list } of this.#held.values()) list.stop();
  }

  resume(): void {
    this.#paused = false;
    for (const { list, users } of this.#held.values()) if (users > 0) list.start();
  }

  /** Since when some list has lost its connection; undefined while all is well. */
  readonly lostAt = (): number | undefined => {
    const times = [...this.#held.values()].flatMap(({ list }) =>
      list.snapshot().phase === "lost" ? [list.snapshot().lostAt ?? 0] : [],
    );
    return times.length === 0 ? undefined : Math.min(...times);
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #open<T extends KubeObject>(key: string, source: LiveSource<T>, query: LiveQuery): Held {
    const list = new LiveList(source, query, this.#options);
    const held: Held = { list: list as unknown as LiveList<KubeObject>, users: 0, closing: undefined };
    this.#held.set(key, held);
    list.subscribe(() => {
      for (const listener of this.#listeners) listener();
    });
    return held;
  }
}
