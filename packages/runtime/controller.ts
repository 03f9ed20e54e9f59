import { isApiError, type Clock, type Controller, type KubeObject, type ObjectKey } from "@headrace/model";
import { createRateLimiter, type RateLimits } from "./backoff.ts";
import { TerminalError } from "./errors.ts";
import type { Informer } from "./informer.ts";
import { formatKey, keyOf, parseKey } from "./object-cache.ts";
import { createWorkQueue } from "./work-queue.ts";

/** Brings the world a step closer to what the object of this key asks for. Gets only the key, so that it cannot lean on events. */
export type Reconcile = (key: ObjectKey, signal: AbortSignal) => Promise<ReconcileResult>;

/** `requeueAfterMs` looks again at that time (deadlines); errors are tried again by themselves. */
export type ReconcileResult = void | { readonly requeueAfterMs: number };

/** What makes keys dirty. `start` resolves when everything that exists already has been enqueued. */
export interface Source {
  start(enqueue: (key: ObjectKey) => void, signal: AbortSignal): Promise<void>;
}

export interface ReconcileFailure {
  readonly controller: string;
  readonly key: ObjectKey;
  readonly error: unknown;
  /** Milliseconds until the next try; undefined when there is none (TerminalError). */
  readonly retryAfterMs?: number;
}

export interface ControllerOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly sources: readonly Source[];
  readonly reconcile: Reconcile;
  /** Keys worked on at the same time; 1 unless told otherwise. One key is never worked on twice at a time. */
  readonly workers?: number;
  readonly rateLimits?: RateLimits;
  /** Told of every failed reconcile but conflicts, which are everyday. */
  readonly onFailure?: (failure: ReconcileFailure) => void;
}

/**
 * A queue of keys between sources and a reconcile. `start` resolves once the sources are synced; work then goes on until the
 * signal aborts, which the running reconciles get too.
 */
export function createController(options: ControllerOptions): Controller {
  const { name, clock } = options;

  return {
    name,
    async start(signal) {
      const queue = createWorkQueue(clock);
      const limiter = createRateLimiter(clock, options.rateLimits);
      const close = () => queue.close();
      if (signal.aborted) return;
      signal.addEventListener("abort", close, { once: true });

      await Promise.all(options.sources.map((source) => source.start((key) => queue.add(formatKey(key)), signal)));
      for (let worker = 0; worker < (options.workers ?? 1); worker++) void work();

      async function work(): Promise<void> {
        for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
          await handle(key);
          queue.done(key);
        }
      }

      async function handle(key: string): Promise<void> {
        try {
          const result = await options.reconcile(parseKey(key), signal);
          limiter.forget(key);
          if (result) queue.addAfter(key, result.requeueAfterMs);
        } catch (error) {
          if (!signal.aborted) fail(key, error);
        }
      }

      function fail(key: string, error: unknown): void {
        if (error instanceof TerminalError) {
          limiter.forget(key);
          options.onFailure?.({ controller: name, key: parseKey(key), error });
          return;
        }
        const retryAfterMs = limiter.delay(key);
        queue.addAfter(key, retryAfterMs);
        if (!isApiError(error, "Conflict")) {
          options.onFailure?.({ controller: name, key: parseKey(key), error, retryAfterMs });
        }
      }
    },
  };
}

/** Enqueues the keys that `keysOf` derives from each change; by default the object's own. Starts the informer if nobody has. */
export function fromInformer<T extends KubeObject, I extends string>(
  informer: Informer<T, I>,
  keysOf: (object: T) => readonly ObjectKey[] = (object) => [keyOf(object)],
): Source {
  return {
    async start(enqueue, signal) {
      const subscription = informer.subscribe((change) => {
        // Both states: a child that changed its owner concerns the old owner too.
        const before = change.type === "updated" ? keysOf(change.previous) : [];
        for (const key of distinct([...before, ...keysOf(change.object)])) enqueue(key);
      });
      signal.addEventListener("abort", () => subscription[Symbol.dispose](), { once: true });
      await informer.start(signal);
    },
  };
}

function distinct(keys: readonly ObjectKey[]): Iterable<ObjectKey> {
  return new Map(keys.map((key) => [formatKey(key), key])).values();
}

/** Keys of the object's controlling owner of this kind: for `fromInformer(pods, controlledBy("Job", "batch"))`. */
export function controlledBy(kind: string, group: string): (object: KubeObject) => readonly ObjectKey[] {
  return (object) => {
    const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
    if (!owner || owner.kind !== kind || groupOf(owner.apiVersion) !== group) return [];
    return [{ namespace: object.metadata.namespace ?? "", name: owner.name }];
  };
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}
