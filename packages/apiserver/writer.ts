import {
  alreadyExists,
  apiVersionOf,
  badRequest,
  conflict,
  formatTime,
  isEqual,
  notFound,
  type Clock,
  type Ids,
  type KubeObject,
  type ObjectKey,
  type ResourceDefinition,
  type User,
} from "@headrace/model";
import { ServerMisconfigured } from "./errors.ts";
import { isReleased, terminating, withSpecFinalizers } from "./finalize.ts";
import { requireActiveNamespace } from "./namespaces.ts";
import { newMetadata, updatedMetadata } from "./object-metadata.ts";
import type { Admission, DeletionOptions } from "./options.ts";
import { Overtaken, type Place } from "./place.ts";
import { completed, settle, settleDeletion, type Proposal } from "./proposal.ts";
import type { Registry, Served } from "./registry.ts";
import { versionOf, type Version } from "./source.ts";

export interface WriterOptions {
  readonly registry: Registry;
  readonly admission: readonly Admission[];
  readonly clock: Clock;
  readonly ids: Ids;
}

/** On whose behalf, and whether it is only a rehearsal. */
export interface WriteCall {
  readonly served: Served;
  readonly user: User;
  readonly dryRun: boolean;
}

export interface Writer {
  create(call: WriteCall, namespace: string, asked: KubeObject): Promise<Version>;
  /** `change` gets the newest version and says what shall be there. A write that somebody else overtook is tried again, unless `change` named the revision that it means. */
  update(
    call: WriteCall,
    key: ObjectKey,
    subresource: string,
    change: (current: KubeObject) => KubeObject,
  ): Promise<Version>;
  /** The object as the deletion left it, and whether it is gone. */
  remove(call: WriteCall, key: ObjectKey, options: DeletionOptions): Promise<Removal>;
}

export interface Removal {
  readonly version: Version;
  /** Otherwise it waits for its grace or its finalizers. */
  readonly isGone: boolean;
}

/** How often a write is tried that others overtake. */
const updateTries = 5;
const createTries = 8;

export function createWriter({ registry, admission, clock, ids }: WriterOptions): Writer {
  async function currentOf({ served }: WriteCall, key: ObjectKey): Promise<Version> {
    const current = await placeOf(served).get(key);
    if (current === undefined) throw notFound(served.definition, key.name);
    return current;
  }

  async function create(call: WriteCall, namespace: string, asked: KubeObject): Promise<Version> {
    const { definition } = call.served;
    if (definition.scope === "Namespaced" && namespace === "")
      throw badRequest("an empty namespace may not be set during creation");
    await requireActiveNamespace(
      registry,
      definition,
      namespace,
      asked.metadata.name ?? asked.metadata.generateName ?? "",
    );
    const isGenerated = !asked.metadata.name && Boolean(asked.metadata.generateName);
    for (let attempt = 1; ; attempt += 1) {
      const metadata = newMetadata(asked.metadata, { definition, namespace, clock, ids });
      try {
        return await createOnce(call, { ...withoutStatus(asked, definition), ...typeOf(definition), metadata });
      } catch (error) {
        if (!(error instanceof Overtaken)) throw error;
        if (!isGenerated || attempt === createTries) throw alreadyExists(definition, metadata.name ?? "");
      }
    }
  }

  async function createOnce({ served, user, dryRun }: WriteCall, candidate: KubeObject): Promise<Version> {
    const { definition } = served;
    const proposal: Proposal = { definition, object: candidate, old: undefined, subresource: "", user, dryRun };
    const admitted = await settle(proposal, admission);
    const put = (object: KubeObject): Promise<Version> =>
      placeOf(served).put({ key: keyOf(object), old: undefined, object, user, dryRun });
    if (dryRun) return put(admitted);
    const { object, settled } = completed({ ...proposal, object: admitted }, admission);
    let isWritten = false;
    try {
      const version = await put(object);
      isWritten = true;
      return version;
    } finally {
      settled(isWritten);
    }
  }

  async function update(
    call: WriteCall,
    key: ObjectKey,
    subresource: string,
    change: (current: KubeObject) => KubeObject,
  ): Promise<Version> {
    return whileOvertaken(call.served.definition, key.name, async () => {
      const current = await currentOf(call, key);
      const asked = change(current.object);
      const { resourceVersion } = asked.metadata;
      if (resourceVersion && resourceVersion !== current.object.metadata.resourceVersion) {
        throw conflict(call.served.definition, key.name);
      }
      return updateOnce(call, current, subresource, asked);
    });
  }

  async function updateOnce(
    { served, user, dryRun }: WriteCall,
    current: Version,
    subresource: string,
    asked: KubeObject,
  ): Promise<Version> {
    const { definition } = served;
    const old = current.object;
    const candidate = merged(definition, old, asked, subresource);
    const settled = await settle({ definition, object: candidate, old, subresource, user, dryRun }, admission);
    const object = withGeneration(definition, settled, old);
    const change = { key: keyOf(old), old: current, user, dryRun };
    if (isReleased(definition, object)) {
      await placeOf(served).remove(change);
      return versionOf(object);
    }
    // A write in another version of the kind that changes nothing else is no change.
    if (isEqual({ ...object, apiVersion: old.apiVersion }, old)) {
      return object.apiVersion === old.apiVersion ? current : versionOf(object);
    }
    return placeOf(served).put({ ...change, object });
  }

  async function remove(call: WriteCall, key: ObjectKey, options: DeletionOptions): Promise<Removal> {
    return whileOvertaken(call.served.definition, key.name, async () =>
      removeOnce(call, await currentOf(call, key), options),
    );
  }

  async function removeOnce(
    { served, user, dryRun: rehearsed }: WriteCall,
    current: Version,
    options: DeletionOptions,
  ): Promise<Removal> {
    const { definition } = served;
    const place = placeOf(served);
    const old = current.object;
    const dryRun = rehearsed || options.dryRun;
    checkPreconditions(definition, old, options);
    await settleDeletion({ definition, object: old, old, subresource: "", user, dryRun: rehearsed }, admission);
    const change = { key: keyOf(old), old: current, user, dryRun };
    if (!place.keepsDeleted) {
      await place.remove({
        ...change,
        ...(options.propagationPolicy && { propagationPolicy: options.propagationPolicy }),
      });
      return { version: current, isGone: true };
    }
    const object = markedDeleted(definition, old, options, clock.now());
    if (isReleased(definition, object)) {
      await place.remove(change);
      return { version: versionOf(object), isGone: true };
    }
    if (isEqual(object, old)) return { version: current, isGone: false };
    return { version: await place.put({ ...change, object }), isGone: false };
  }

  return { create, update, remove };
}

/** Tries again when somebody else's write came in between. Throws Conflict once that has happened too often. */
async function whileOvertaken<T>(definition: ResourceDefinition, name: string, write: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error;
      if (!error.isThere) throw notFound(definition, name);
      if (attempt === updateTries) throw conflict(definition, name);
    }
  }
}

const keyOf = ({ metadata: { namespace = "", name = "" } }: KubeObject): ObjectKey => ({ namespace, name });

function placeOf({ place, resource }: Served): Place {
  if (place === undefined) throw new ServerMisconfigured(`Cannot write ${resource}: nothing keeps them`);
  return place;
}

const typeOf = (definition: ResourceDefinition) => ({ apiVersion: apiVersionOf(definition), kind: definition.kind });

const hasStatus = ({ subresources }: ResourceDefinition): boolean => subresources.some(({ name }) => name === "status");

function withoutStatus(object: KubeObject, definition: ResourceDefinition): KubeObject {
  if (!hasStatus(definition) || !("status" in object)) return object;
  const { status: _status, ...rest } = object;
  return rest;
}

/** What the request may change, taken from `asked`; all else as it is. */
function merged(definition: ResourceDefinition, old: KubeObject, asked: KubeObject, subresource: string): KubeObject {
  const type = typeOf(definition);
  if (subresource === "status") return { ...old, ...type, ...statusOf(asked), metadata: old.metadata };
  if (subresource === "finalize") return { ...withSpecFinalizers(old, asked), ...type };
  const metadata = updatedMetadata(asked.metadata, old.metadata, definition);
  if (subresource !== "" || !hasStatus(definition)) return { ...asked, ...type, metadata };
  return { ...withoutStatus(asked, definition), ...type, metadata, ...statusOf(old) };
}

function statusOf(object: KubeObject): object {
  return "status" in object ? { status: object.status } : {};
}

/** A change of anything but metadata and status is a new generation. */
function withGeneration(definition: ResourceDefinition, object: KubeObject, old: KubeObject): KubeObject {
  if (!definition.tracksGeneration || isEqual(intentOf(object, definition), intentOf(old, definition))) return object;
  return { ...object, metadata: { ...object.metadata, generation: (old.metadata.generation ?? 0) + 1 } };
}

function intentOf(object: KubeObject, definition: ResourceDefinition): object {
  const { metadata: _metadata, apiVersion: _apiVersion, ...rest } = withoutStatus(object, definition);
  return rest;
}

function checkPreconditions(
  definition: ResourceDefinition,
  { metadata }: KubeObject,
  { preconditions = {} }: DeletionOptions,
): void {
  const { uid, resourceVersion } = preconditions;
  const { name = "" } = metadata;
  if (uid && uid !== metadata.uid) {
    throw conflict(
      definition,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`,
    );
  }
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      definition,
      name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`,
    );
  }
}

const finalizerOf = { Foreground: "foregroundDeletion", Orphan: "orphan" } as const;

/** The object as a deletion leaves it. A second one may only shorten the grace of the first. */
function markedDeleted(
  definition: ResourceDefinition,
  old: KubeObject,
  options: DeletionOptions,
  now: number,
): KubeObject {
  const { metadata } = old;
  const asked = Math.max(0, options.gracePeriodSeconds ?? definition.gracePeriodSeconds?.(old) ?? 0);
  const natural = definition.gracePeriodSeconds?.(old) ?? 0;
  // Kinds without grace of their own have nobody who would wait for it.
  const grace = natural === 0 ? 0 : asked;
  const finalizers = propagationFinalizers(metadata.finalizers ?? [], options.propagationPolicy);
  const isFirst = metadata.deletionTimestamp === undefined;
  const isShorter = !isFirst && grace < (metadata.deletionGracePeriodSeconds ?? 0);
  const { finalizers: _finalizers, ...rest } = metadata;
  const marked = {
    ...old,
    metadata: {
      ...rest,
      ...(finalizers.length > 0 && { finalizers }),
      ...((isFirst || isShorter) && {
        deletionTimestamp: formatTime(now + grace * 1000),
        deletionGracePeriodSeconds: grace,
      }),
      ...(isFirst && definition.tracksGeneration && { generation: (metadata.generation ?? 0) + 1 }),
    },
  };
  return isFirst ? terminating(definition, marked) : marked;
}

function propagationFinalizers(
  present: readonly string[],
  policy: DeletionOptions["propagationPolicy"],
): readonly string[] {
  if (policy === undefined) return present;
  const others = present.filter((each) => each !== finalizerOf.Foreground && each !== finalizerOf.Orphan);
  return policy === "Background" ? others : [...others, finalizerOf[policy]];
}
