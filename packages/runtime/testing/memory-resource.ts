import type { ResourceClient, WatchQuery } from "@headrace/client";
import {
  alreadyExists,
  ApiError,
  conflict,
  notFound,
  type KubeObject,
  type ObjectKey,
  type ResourceDefinition,
  type WatchEvent,
} from "@headrace/model";

/**
 * One kind in memory behind the client's door, whose connection can be cut, delayed and refused: what tests of reconnecting
 * need and a healthy server does not offer.
 */
export interface MemoryResource<T extends KubeObject> {
  readonly client: ResourceClient<T>;
  put(object: T): T;
  remove(key: ObjectKey): void;
  /** Ends every open watch; with an error, by throwing it. */
  hangUp(error?: ApiError): void;
  /** The next call of this verb throws. */
  failNext(verb: Verb, error: ApiError): void;
  /** Forgets the past: watches from before this moment are Expired. */
  compact(): void;
  readonly calls: readonly Verb[];
}

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";

interface Listener<T> {
  readonly push: (event: WatchEvent<T>) => void;
  readonly end: (error?: ApiError) => void;
}

export function createMemoryResource<T extends KubeObject>(definition: ResourceDefinition<T>): MemoryResource<T> {
  const objects = new Map<string, T>();
  const log: { revision: number; event: WatchEvent<T> }[] = [];
  const listeners = new Set<Listener<T>>();
  const failures = new Map<Verb, ApiError[]>();
  const calls: Verb[] = [];
  let revision = 0;
  let oldest = 0;

  function called(verb: Verb): void {
    calls.push(verb);
    const error = failures.get(verb)?.shift();
    if (error) throw error;
  }

  function append(type: "ADDED" | "MODIFIED" | "DELETED", object: T): T {
    const stored = Object.freeze({ ...object, metadata: { ...object.metadata, resourceVersion: `${revision}` } });
    const event = { type, object: stored };
    log.push({ revision, event });
    for (const listener of listeners) listener.push(event);
    return stored;
  }

  function put(object: T): T {
    revision += 1;
    const key = textOf(object);
    const known = objects.get(key);
    const uid = object.metadata.uid ?? known?.metadata.uid ?? `uid-${revision}`;
    const stored = append(known ? "MODIFIED" : "ADDED", { ...object, metadata: { ...object.metadata, uid } });
    objects.set(key, stored);
    return stored;
  }

  function remove(key: ObjectKey): void {
    const text = `${key.namespace}/${key.name}`;
    const known = objects.get(text);
    if (!known) throw notFound(definition, key.name);
    revision += 1;
    objects.delete(text);
    append("DELETED", known);
  }

  function get(key: ObjectKey): T {
    const known = objects.get(`${key.namespace}/${key.name}`);
    if (!known) throw notFound(definition, key.name);
    return known;
  }

  async function* watch(query: WatchQuery): AsyncIterable<WatchEvent<T>> {
    called("watch");
    const since = query.resourceVersion === undefined ? revision : Number(query.resourceVersion);
    if (since < oldest) throw new ApiError("Expired", `too old resource version: ${since} (${oldest})`);
    const waiting: WatchEvent<T>[] = [];
    let wake = () => {};
    let ended: { error?: ApiError } | undefined;
    const end = (error?: ApiError) => {
      ended = error ? { error } : {};
      wake();
    };
    const listener: Listener<T> = { push: (event) => (waiting.push(event), wake()), end };
    if (query.resourceVersion === undefined) {
      for (const object of objects.values()) waiting.push({ type: "ADDED", object });
      waiting.push({ type: "BOOKMARK", object: bookmark(definition, revision) });
    } else {
      for (const entry of log) if (entry.revision > since) waiting.push(entry.event);
    }
    listeners.add(listener);
    query.signal.addEventListener("abort", () => end(), { once: true });
    try {
      while (true) {
        for (let event = waiting.shift(); event; event = waiting.shift()) yield event;
        if (ended?.error) throw ended.error;
        if (ended || query.signal.aborted) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      listeners.delete(listener);
    }
  }

  return {
    client: {
      definition,
      async get(key) {
        called("get");
        return get(key);
      },
      async list() {
        called("list");
        return {
          apiVersion: "v1",
          kind: definition.listKind,
          metadata: { resourceVersion: `${revision}` },
          items: [...objects.values()],
        };
      },
      watch,
      async create(object) {
        called("create");
        if (objects.has(textOf(object))) throw alreadyExists(definition, object.metadata.name ?? "");
        return put(object);
      },
      async update(object) {
        called("update");
        const known = get({ namespace: object.metadata.namespace ?? "", name: object.metadata.name ?? "" });
        const expected = object.metadata.resourceVersion;
        if (expected !== undefined && expected !== known.metadata.resourceVersion) {
          throw conflict(definition, object.metadata.name ?? "");
        }
        return put(object);
      },
      async patch(key, patch) {
        called("patch");
        return put({ ...get(key), ...(patch.body as Partial<T>) });
      },
      async delete(key) {
        called("delete");
        remove(key);
        return undefined;
      },
      async post() {
        throw new ApiError("MethodNotAllowed", "The memory resource has no subresources");
      },
    },
    put,
    remove,
    hangUp(error) {
      for (const listener of listeners) listener.end(error);
      listeners.clear();
    },
    failNext(verb, error) {
      failures.set(verb, [...(failures.get(verb) ?? []), error]);
    },
    compact() {
      oldest = revision + 1;
      revision += 1;
      log.length = 0;
    },
    calls,
  };
}

function textOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
}

function bookmark<T extends KubeObject>(definition: ResourceDefinition<T>, revision: number): T {
  return {
    apiVersion: definition.version,
    kind: definition.kind,
    metadata: { resourceVersion: `${revision}`, annotations: { "k8s.io/initial-events-end": "true" } },
  } as KubeObject as T;
}
