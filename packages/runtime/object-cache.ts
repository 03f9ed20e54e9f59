import type { KubeObject, ObjectKey } from "@headrace/model";

export type IndexFunction<T> = (object: T) => readonly string[];

/** What is known of one kind, found by key, by namespace and by the given indices. Lookups cost what they return. */
export interface ObjectCache<T, I extends string> {
  get(key: ObjectKey): T | undefined;
  /** Of one namespace, or of all when it is absent. */
  list(namespace?: string): readonly T[];
  byIndex(index: I, value: string): readonly T[];
  keys(): Iterable<string>;
  readonly size: number;
  /** Puts the object and answers what was there. */
  put(object: T): T | undefined;
  remove(key: string): T | undefined;
}

/** `namespace/name`, or `/name` for cluster-scoped objects. Names hold no slash. */
export function formatKey(key: ObjectKey): string {
  return `${key.namespace}/${key.name}`;
}

export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf("/");
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

export function keyOf(object: KubeObject): ObjectKey {
  return { namespace: object.metadata.namespace ?? "", name: object.metadata.name ?? "" };
}

export function createObjectCache<T extends KubeObject, I extends string>(
  indices: Readonly<Record<I, IndexFunction<T>>>,
): ObjectCache<T, I> {
  const objects = new Map<string, T>();
  const byNamespace = createMultiMap<T>();
  const indexed = new Map<string, { valuesOf: IndexFunction<T>; entries: MultiMap<T> }>();
  for (const [name, valuesOf] of Object.entries<IndexFunction<T>>(indices)) {
    indexed.set(name, { valuesOf, entries: createMultiMap<T>() });
  }

  function unindex(key: string, object: T): void {
    byNamespace.remove(object.metadata.namespace ?? "", key);
    for (const { valuesOf, entries } of indexed.values()) {
      for (const value of valuesOf(object)) entries.remove(value, key);
    }
  }

  function index(key: string, object: T): void {
    byNamespace.put(object.metadata.namespace ?? "", key, object);
    for (const { valuesOf, entries } of indexed.values()) {
      for (const value of valuesOf(object)) entries.put(value, key, object);
    }
  }

  return {
    get: (key) => objects.get(formatKey(key)),
    list: (namespace) => (namespace === undefined ? [...objects.values()] : byNamespace.values(namespace)),
    byIndex: (name, value) => indexed.get(name)?.entries.values(value) ?? [],
    keys: () => objects.keys(),
    get size() {
      return objects.size;
    },
    put(object) {
      const key = formatKey(keyOf(object));
      const previous = objects.get(key);
      if (previous) unindex(key, previous);
      objects.set(key, object);
      index(key, object);
      return previous;
    },
    remove(key) {
      const previous = objects.get(key);
      if (!previous) return undefined;
      unindex(key, previous);
      objects.delete(key);
      return previous;
    },
  };
}

interface MultiMap<T> {
  put(value: string, key: string, object: T): void;
  remove(value: string, key: string): void;
  values(value: string): readonly T[];
}

function createMultiMap<T>(): MultiMap<T> {
  const groups = new Map<string, Map<string, T>>();
  return {
    put(value, key, object) {
      const group = groups.get(value) ?? new Map<string, T>();
      group.set(key, object);
      groups.set(value, group);
    },
    remove(value, key) {
      const group = groups.get(value);
      group?.delete(key);
      if (group?.size === 0) groups.delete(value);
    },
    values: (value) => [...(groups.get(value)?.values() ?? [])],
  };
}
