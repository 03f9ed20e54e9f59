import {
  ApiError,
  isApiError,
  type KubeObject,
  type ObjectKey,
  type Projection,
  type ResourceDefinition,
  type User,
} from "@headrace/model";
import { ObjectTooLarge, StoreConflict, StoreUnavailable, type Store, type StoreWrite } from "@headrace/store";
import { tooLarge } from "./errors.ts";
import type { DeletionOptions } from "./options.ts";
import { versionOf, type Version } from "./source.ts";

/** Where the objects of a kind are kept, as far as writing them goes: the store, or the records behind a projection. */
export interface Place {
  get(key: ObjectKey): Promise<Version | undefined>;
  /** Answers what is there now. Throws Overtaken if what was there is not `old`. */
  put(call: PlaceCall & { readonly old: Version | undefined; readonly object: KubeObject }): Promise<Version>;
  /** The same for what shall go at once. */
  remove(call: PlaceCall & { readonly old: Version } & Pick<DeletionOptions, "propagationPolicy">): Promise<void>;
  /** Whether an object that is deleted can stay until its grace is over and its finalizers are gone. */
  readonly keepsDeleted: boolean;
}

interface PlaceCall {
  readonly key: ObjectKey;
  readonly user: User;
  /** Only the checks. */
  readonly dryRun: boolean;
}

/** Somebody else wrote in between. The writer tries again, or says so. */
export class Overtaken extends Error {
  override readonly name = "Overtaken";
  readonly code = "apiserver/overtaken";
  /** Whether there is an object by this name now. */
  readonly isThere: boolean;

  constructor(isThere: boolean, cause: unknown) {
    super("Somebody else wrote the object in between", { cause });
    this.isThere = isThere;
  }
}

export function storePlace(store: Store, definition: ResourceDefinition, resource: string): Place {
  async function write(change: StoreWrite): Promise<Version> {
    try {
      return await store.write(change);
    } catch (error) {
      if (error instanceof StoreConflict) throw new Overtaken(error.current !== undefined, error);
      if (error instanceof ObjectTooLarge)
        throw tooLarge(`${definition.kind} "${change.name}" is ${error.size} bytes`, error.limit);
      if (error instanceof StoreUnavailable)
        throw new ApiError("ServiceUnavailable", error.message, { retryAfterSeconds: 1 }, { cause: error });
      throw error;
    }
  }

  const revisionOf = ({ object }: Version): { readonly revision: number } => ({
    revision: Number(object.metadata.resourceVersion),
  });

  return {
    keepsDeleted: true,
    get: (key) => store.get({ resource, ...key }),
    async put({ key, old, object, dryRun }) {
      if (!dryRun)
        return write({ resource, ...key, expect: old === undefined ? { absent: true } : revisionOf(old), object });
      if (old === undefined && (await store.get({ resource, ...key }))) throw new Overtaken(true, undefined);
      return versionOf(object);
    },
    async remove({ key, old, dryRun }) {
      if (!dryRun) await write({ resource, ...key, expect: revisionOf(old), object: undefined });
    },
  };
}

/** Undefined for a projection that can only be read. */
export function projectionPlace({ get, write }: Projection): Place | undefined {
  if (write === undefined) return undefined;
  return {
    keepsDeleted: false,
    async get(key) {
      const object = await get(key);
      return object && versionOf(object);
    },
    async put({ old, object, ...call }) {
      const written = await whileItIs(() => write({ ...call, old: old?.object, object }));
      return versionOf(written ?? object);
    },
    async remove({ old, propagationPolicy, ...call }) {
      const policy = propagationPolicy === undefined ? {} : { propagationPolicy };
      await whileItIs(() => write({ ...call, ...policy, old: old.object, object: undefined }));
    },
  };
}

async function whileItIs<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (isApiError(error, "Conflict")) throw new Overtaken(true, error);
    throw error;
  }
}
