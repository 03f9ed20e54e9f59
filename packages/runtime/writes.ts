import type { ResourceClient } from "@headrace/client";
import { isApiError, type KubeObject, type ObjectKey } from "@headrace/model";

const maxConflicts = 5;

/**
 * Reads the object, applies `change` and writes it, again from a fresh read when somebody else was faster, five times at most.
 * `change` answers the new object, or undefined when there is nothing to do. Answers the object as it then is, or undefined if
 * it does not exist. Throws the last Conflict when it loses every time.
 */
export async function updateLatest<T extends KubeObject>(
  client: ResourceClient<T>,
  key: ObjectKey,
  change: (object: T) => T | undefined,
  options: { readonly subresource?: string; readonly signal?: AbortSignal } = {},
): Promise<T | undefined> {
  const call = options.signal ? { signal: options.signal } : {};
  for (let conflicts = 0; ;) {
    const current = await ifPresent(client.get(key, call));
    if (!current) return undefined;
    const changed = change(current);
    if (!changed) return current;
    try {
      return await client.update(changed, options);
    } catch (error) {
      if (isApiError(error, "NotFound")) return undefined;
      conflicts += 1;
      if (!isApiError(error, "Conflict") || conflicts >= maxConflicts) throw error;
    }
  }
}

/** Runs `attempt` again while it throws Conflict, five times at most. It must read afresh each time. */
export async function retryOnConflict<T>(attempt: () => Promise<T>): Promise<T> {
  for (let conflicts = 1; ; conflicts++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isApiError(error, "Conflict") || conflicts >= maxConflicts) throw error;
    }
  }
}

/** The answer, or undefined in place of NotFound. */
export async function ifPresent<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isApiError(error, "NotFound")) return undefined;
    throw error;
  }
}

/**
 * Creates the object, or answers the one of that name that is there already: for children with deterministic names, which a
 * retry finds. The caller checks that it is its own.
 */
export async function createOrGet<T extends KubeObject>(client: ResourceClient<T>, object: T): Promise<T> {
  try {
    return await client.create(object);
  } catch (error) {
    if (!isApiError(error, "AlreadyExists")) throw error;
    return client.get({ namespace: object.metadata.namespace ?? "", name: object.metadata.name ?? "" });
  }
}

export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

/** Adds the finalizer unless it is there; nothing for an object that is being deleted, which may not get new ones. */
export function addFinalizer<T extends KubeObject>(
  client: ResourceClient<T>,
  key: ObjectKey,
  finalizer: string,
): Promise<T | undefined> {
  return updateLatest(client, key, (object) => {
    if (hasFinalizer(object, finalizer) || object.metadata.deletionTimestamp !== undefined) return undefined;
    return withFinalizers(object, [...(object.metadata.finalizers ?? []), finalizer]);
  });
}

/** Removes the finalizer if it is there. On an object that is being deleted, removing the last one lets it go. */
export function removeFinalizer<T extends KubeObject>(
  client: ResourceClient<T>,
  key: ObjectKey,
  finalizer: string,
): Promise<T | undefined> {
  return updateLatest(client, key, (object) =>
    hasFinalizer(object, finalizer) ? withoutFinalizer(object, finalizer) : undefined,
  );
}

/** The object without the finalizer, for those who write it anyway. */
export function withoutFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  return withFinalizers(object, object.metadata.finalizers?.filter((name) => name !== finalizer) ?? []);
}

function withFinalizers<T extends KubeObject>(object: T, finalizers: readonly string[]): T {
  return { ...object, metadata: { ...object.metadata, finalizers } };
}
