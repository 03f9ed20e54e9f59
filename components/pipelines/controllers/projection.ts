import {
  badRequest,
  type KubeObject,
  type ObjectKey,
  type ObjectList,
  type Projection,
  type ProjectionQuery,
  type ResourceDefinition,
} from "@headrace/model";
import type { Change, Records } from "@headrace/records";

/** A projection that says what its objects are. */
export interface View<T extends KubeObject> extends Projection {
  get(key: ObjectKey): Promise<T | undefined>;
  list(query: ProjectionQuery): Promise<ObjectList<T>>;
}

/** Objects of one answer, also if the caller asked for all: more follow by `continue`. */
const maxPage = 5_000;

export function pageLimit({ limit }: ProjectionQuery): number {
  return Math.min(limit ?? maxPage, maxPage);
}

/** Where a page begins: what the page before it ended with. Throws ApiError BadRequest for a token that we did not make. */
export function readToken(token: string | undefined): { readonly time: number; readonly id: string } | undefined {
  if (token === undefined) return undefined;
  const [, time, id] = /^(\d{1,16})\.([\w-]{1,64})$/.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (time === undefined || id === undefined)
    throw badRequest("continue: is not a token of this list; begin again without it");
  return { time: Number(time), id };
}

export function writeToken(time: number, id: string): string {
  return Buffer.from(`${time}.${id}`).toString("base64url");
}

/** The same for lists in the order of namespaces and names. */
export function readNameToken(token: string | undefined): { readonly ns: string; readonly name: string } | undefined {
  if (token === undefined) return undefined;
  const [, ns, name] = /^([a-z0-9-]{1,63})\/([^/]{1,255})$/.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (ns === undefined || name === undefined)
    throw badRequest("continue: is not a token of this list; begin again without it");
  return { ns, name };
}

export function writeNameToken(ns: string, name: string): string {
  return Buffer.from(`${ns}/${name}`).toString("base64url");
}

export function listOf<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  items: readonly T[],
  metadata: { readonly version: number; readonly more: string | undefined },
): ObjectList<T> {
  const { version, more } = metadata;
  return {
    apiVersion: `${definition.group}/${definition.version}`,
    kind: definition.listKind,
    metadata: { resourceVersion: String(version), ...(more !== undefined && { continue: more }) },
    items,
  };
}

/** Batches of changes, each with the newest change of every key. */
export async function* liveChanges(
  records: Records,
  { kind, namespace, since, signal }: { kind: string; namespace: string; since: number; signal: AbortSignal },
): AsyncGenerator<ReadonlyMap<string, Change>> {
  for await (const changes of records.changes({ kind, since, signal })) {
    const own = changes.filter(({ ns }) => namespace === "" || ns === namespace);
    if (own.length > 0) yield new Map(own.map((change) => [change.key, change]));
  }
}

/** What is left to show of an object whose row is gone. */
export function deletedObject(definition: ResourceDefinition, { ns, key, seq }: Change): KubeObject {
  return {
    apiVersion: `${definition.group}/${definition.version}`,
    kind: definition.kind,
    metadata: { name: key, namespace: ns, resourceVersion: String(seq) },
  };
}

export function withVersion<T extends KubeObject>(object: T, version: number): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
}
