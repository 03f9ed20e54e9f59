import { setImmediate } from "node:timers/promises";
import {
  apiVersionOf,
  badRequest,
  type KubeObject,
  type ObjectKey,
  type ObjectList,
  type Projection,
  type ProjectionQuery,
  type ResourceDefinition,
} from "@headrace/model";
import { type Change, chunksOf, type Records } from "@headrace/records";
import type { NamePlace } from "../records/object-search.ts";
import type { PipelineDatabase, PipelineTables } from "../records/tables.ts";

/** A projection that says what its objects are. */
export interface View<T extends KubeObject> extends Projection {
  get(key: ObjectKey): Promise<T | undefined>;
  list(query: ProjectionQuery): Promise<ObjectList<T>>;
}

/** Records of one kind as objects: what tells one kind from another. */
export interface ViewKind<T extends KubeObject, P> extends Pick<Projection, "remedy"> {
  readonly definition: ResourceDefinition<T>;
  /** Their kind in the change feed, where the key is the object's name. */
  readonly changes: string;
  readonly places: Places<P>;
  /** Objects of one answer at most; more follow by `continue`. */
  readonly pageSize?: number;
  /** What the names of selected objects begin with, as far as the selectors tell. */
  readonly prefix?: (selectors: Selectors) => string;
  /** Nothing that can be selected by ever changes: what is outside of a selection has not left it. */
  readonly isFixed?: boolean;
  /** Those of a search in the order of their list. What it leaves unheeded of the selectors is sifted by who asked. */
  find(db: PipelineDatabase, search: ViewSearch<P>): Promise<readonly Found<T, P>[]>;
  /** The resourceVersion of each object; without it, that of the answer. */
  readonly versions?: (db: PipelineDatabase, objects: readonly T[]) => Promise<(object: T) => number>;
}

export interface Found<T extends KubeObject, P> {
  readonly object: T;
  readonly place: P;
}

type Selectors = Pick<ProjectionQuery, "fields" | "labels" | "search">;

export interface ViewSearch<P> extends Selectors {
  /** Empty for all. */
  readonly namespace: string;
  readonly names?: readonly string[] | undefined;
  /** What the page before ended with. */
  readonly after?: P | undefined;
  readonly limit?: number;
}

/** Objects of one answer, also if the caller asked for all. */
const maxPage = 5_000;
/** Changed objects that are read in one go: then others have their turn. */
const toldAtOnce = 100;

export function createView<T extends KubeObject, P>(records: Records, kind: ViewKind<T, P>): View<T> {
  const { definition, changes, places, pageSize = maxPage, remedy } = kind;

  async function find(search: ViewSearch<P>, of?: number) {
    const version = of ?? (await records.sequence());
    const db = databaseOf(records, search.namespace);
    const found = await kind.find(db, search);
    const objects = found.map(({ object }) => object);
    const versionOf = await kind.versions?.(db, objects);
    return { version, found, objects: objects.map((each) => withVersion(each, versionOf?.(each) ?? version)) };
  }

  return {
    definition,
    ...(remedy !== undefined && { remedy }),
    async get({ namespace, name }) {
      const { objects } = await find({ namespace, names: [name], ...all });
      return objects[0];
    },
    async list({ limit = maxPage, continue: token, ...query }) {
      const name = query.fields["metadata.name"];
      const size = Math.min(limit, pageSize);
      const from = token === undefined ? undefined : readToken(places, token);
      const search = { ...query, names: name === undefined ? undefined : [name], after: from?.place, limit: size + 1 };
      const { version, found, objects } = await find(search, from?.version);
      const last = found.length > size ? found[size - 1] : undefined;
      return {
        apiVersion: apiVersionOf(definition),
        kind: definition.listKind,
        metadata: {
          resourceVersion: String(version),
          ...(last && { continue: writeToken(places, { version, place: last.place }) }),
        },
        items: objects.slice(0, size),
      };
    },
    async *watch({ namespace, fields, labels, since, signal }) {
      const { "metadata.name": name } = fields;
      const prefix = kind.prefix?.({ fields, labels }) ?? "";
      const isWanted = ({ key }: Change) => (name === undefined ? key.startsWith(prefix) : key === name);
      for await (const batch of liveChanges(records, { kind: changes, namespace, since, signal })) {
        for (const wanted of chunksOf(batch.filter(isWanted), toldAtOnce)) {
          const names = wanted.map(({ key }) => key);
          const search = { namespace, names, ...(kind.isFixed ? { fields, labels } : all) };
          const found = await kind.find(databaseOf(records, namespace), search);
          const byKey = new Map(found.map(({ object }) => [keyOf(object), object]));
          for (const change of wanted) {
            const object = byKey.get(`${change.ns}/${change.key}`);
            if (object) yield { type: "MODIFIED", object: withVersion(object, change.seq) };
            else if (!kind.isFixed || change.op === "DELETE")
              yield { type: "DELETED", object: deletedObject(definition, change) };
          }
          if (wanted.length === toldAtOnce) await setImmediate();
        }
      }
    },
  };
}

const all: Selectors = { fields: {}, labels: {} };

export const databaseOf = (records: Records, namespace: string): PipelineDatabase =>
  (namespace ? records.in<PipelineTables>(namespace) : records.all<PipelineTables>()).db;

/** Where an object stands in its list, as the token says it with which the next page begins. */
interface Places<P> {
  write(place: P): string;
  read(text: string): P | undefined;
}

export const byTime: Places<{ readonly time: number; readonly id: string }> = {
  write: ({ time, id }) => `${time}.${id}`,
  read(text) {
    const [, time, id] = /^(\d{1,16})\.([\w-]{1,64})$/.exec(text) ?? [];
    return time === undefined || id === undefined ? undefined : { time: Number(time), id };
  },
};

export const byNumber: Places<number> = {
  write: String,
  read: (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
};

export const byName: Places<NamePlace> = {
  write: ({ ns, name }) => `${ns}/${name}`,
  read(text) {
    const [, ns, name] = /^([a-z0-9-]{1,63})\/([^/]{1,255})$/.exec(text) ?? [];
    return ns === undefined || name === undefined ? undefined : { ns, name };
  },
};

export function atItsName<T extends KubeObject>(object: T): Found<T, NamePlace> {
  const { namespace = "", name = "" } = object.metadata;
  return { object, place: { ns: namespace, name } };
}

/**
 * Where the next page begins, and of which moment its list is: all pages say that of the first one, so that a watch from it tells
 * what has changed since of any of them.
 */
interface Continuation<P> {
  readonly version: number;
  readonly place: P;
}

/** Throws ApiError BadRequest for a token that we did not make. */
function readToken<P>({ read }: Places<P>, token: string): Continuation<P> {
  const [, version, text = ""] = /^(\d{1,15}):(.*)$/s.exec(Buffer.from(token, "base64url").toString()) ?? [];
  const place = read(text);
  if (version === undefined || place === undefined)
    throw badRequest("continue: is not a token of this list; begin again without it");
  return { version: Number(version), place };
}

const writeToken = <P>({ write }: Places<P>, { version, place }: Continuation<P>): string =>
  Buffer.from(`${version}:${write(place)}`).toString("base64url");

/** Batches of changes, each with the newest change of every object. */
export async function* liveChanges(
  records: Records,
  { kind, namespace, since, signal }: { kind: string; namespace: string; since: number; signal: AbortSignal },
): AsyncGenerator<readonly Change[]> {
  for await (const changes of records.changes({ kind, since, signal })) {
    const own = changes.filter(({ ns }) => namespace === "" || ns === namespace);
    const newest = new Map(own.map((change) => [`${change.ns}/${change.key}`, change]));
    if (newest.size > 0) yield [...newest.values()];
  }
}

/** What is left to show of an object whose row is gone. */
export function deletedObject(definition: ResourceDefinition, { ns, key, seq }: Change): KubeObject {
  return {
    apiVersion: apiVersionOf(definition),
    kind: definition.kind,
    metadata: { name: key, namespace: ns, resourceVersion: String(seq) },
  };
}

export function withVersion<T extends KubeObject>(object: T, version: number): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
}

/** As the change feed has it for all namespaces. */
export const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
