import {
  cause,
  conflict,
  invalid,
  isEqual,
  type KubeObject,
  type ObjectMeta,
  type Projection,
  type ProjectionChange,
  type ProjectionQuery,
  type ResourceDefinition,
  type StatusCause,
  type WatchEvent,
} from "@headrace/model";
import type { Change, Records } from "@headrace/records";
import { parseObject } from "../core/json.ts";
import type { ObjectSearch } from "../records/object-search.ts";
import type { PipelineDatabase, PipelineTables } from "../records/tables.ts";
import {
  deletedObject,
  listOf,
  liveChanges,
  pageLimit,
  readNameToken,
  type View,
  withVersion,
  writeNameToken,
} from "./projection.ts";

/** Records of one kind as objects, in the order of namespaces and names. */
export interface RecordKind<T extends KubeObject> extends Pick<Projection, "remedy"> {
  readonly definition: ResourceDefinition<T>;
  /** Their kind in the change feed, where the key is the object's name. */
  readonly changes: string;
  /** Objects of one answer at most; more follow by `continue`. */
  readonly pageSize?: number;
  find(db: PipelineDatabase, search: ObjectSearch): Promise<readonly T[]>;
  /** Brings a write into the records; see Projection. */
  readonly write?: (change: ProjectionChange) => Promise<void>;
}

/** An object's resourceVersion is the sequence of its last change, as far as the feed still knows it. */
export function recordView<T extends KubeObject>(records: Records, kind: RecordKind<T>): View<T> {
  const { definition, changes, pageSize = 5_000, write, remedy } = kind;
  const dbOf = (namespace: string) =>
    (namespace ? records.in<PipelineTables>(namespace) : records.all<PipelineTables>()).db;

  async function find(search: ObjectSearch): Promise<readonly T[]> {
    const db = dbOf(search.namespace);
    const objects = await kind.find(db, search);
    const versions = await lastChanges(db, changes, objects);
    return objects.map((object) => withVersion(object, versions.get(nameOf(object)) ?? oldest));
  }

  return {
    definition,
    ...(write && {
      async write(change) {
        await write(change);
        if (change.dryRun || change.object === undefined) return change.object;
        const [written] = await find({ namespace: change.key.namespace, names: [change.key.name] });
        return written;
      },
    }),
    ...(remedy !== undefined && { remedy }),
    async get({ namespace, name }) {
      const [object] = await find({ namespace, names: [name] });
      return object;
    },
    async list(query) {
      const version = await records.sequence();
      const limit = Math.min(pageLimit(query), pageSize);
      const name = query.fields["metadata.name"];
      const found = await find({
        namespace: query.namespace,
        names: name === undefined ? undefined : [name],
        after: readNameToken(query.continue),
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1)?.metadata : undefined;
      const more = last && writeNameToken(last.namespace ?? "", last.name ?? "");
      return listOf(definition, page, { version, more });
    },
    async *watch(query): AsyncGenerator<WatchEvent> {
      yield* watch(query);
    },
  };

  async function* watch({
    namespace,
    fields,
    since,
    signal,
  }: ProjectionQuery & { since: number; signal: AbortSignal }): AsyncGenerator<WatchEvent> {
    const wanted = fields["metadata.name"];
    for await (const batch of liveChanges(records, { kind: changes, namespace, since, signal })) {
      const own = [...batch.values()].filter(({ key }) => wanted === undefined || key === wanted);
      const found = await kind.find(dbOf(namespace), { namespace, names: own.map(({ key }) => key) });
      const byName = new Map(found.map((object) => [nameOf(object), object]));
      for (const change of own) yield eventOf(change, byName.get(`${change.ns}/${change.key}`));
    }
  }

  function eventOf(change: Change, object: T | undefined): WatchEvent {
    if (object === undefined) return { type: "DELETED", object: deletedObject(definition, change) };
    return { type: "MODIFIED", object: withVersion(object, change.seq) };
  }
}

/** Of what has not changed for so long that the feed has forgotten when. */
const oldest = 1;

const nameOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;

async function lastChanges(
  db: PipelineDatabase,
  kind: string,
  objects: readonly KubeObject[],
): Promise<ReadonlyMap<string, number>> {
  const [only, another] = objects;
  if (!only) return new Map();
  const rows = await db
    .selectFrom("change")
    .select(({ fn }) => ["ns", "key", fn.max("seq").as("seq")])
    .where("kind", "=", kind)
    .$if(another === undefined, (query) => query.where("key", "=", only.metadata.name ?? ""))
    .groupBy(["ns", "key"])
    .execute();
  return new Map(rows.map(({ ns, key, seq }) => [`${ns}/${key}`, Number(seq)]));
}

/** Labels and annotations as they are kept beside a record. */
export interface KeptMetadata {
  readonly labels: string;
  readonly annotations: string;
}

/** Those that the user gave; `own` labels are ours. */
export function keptMetadata({ labels = {}, annotations = {} }: ObjectMeta, own: readonly string[] = []): KeptMetadata {
  const users = Object.entries(labels).filter(([name]) => !own.includes(name));
  return { labels: JSON.stringify(Object.fromEntries(users)), annotations: JSON.stringify(annotations) };
}

export function shownMetadata(
  { labels, annotations }: KeptMetadata,
  own: Readonly<Record<string, string>> = {},
): Pick<ObjectMeta, "labels" | "annotations"> {
  const all = { ...(parseObject(labels) as Record<string, string>), ...own };
  const notes = parseObject(annotations) as Record<string, string>;
  return {
    ...(Object.keys(all).length > 0 && { labels: all }),
    ...(Object.keys(notes).length > 0 && { annotations: notes }),
  };
}

/** Throws ApiError Invalid for what records do not keep: finalizers, owners but ours, a status that somebody sets. */
export function refuseUnkept(definition: ResourceDefinition, object: KubeObject, old: KubeObject | undefined): void {
  const { finalizers = [], ownerReferences = [] } = object.metadata;
  const causes: StatusCause[] = [];
  if (finalizers.length > 0)
    causes.push(cause.forbidden("metadata.finalizers", "records keep none: a deletion is at once"));
  if (ownerReferences.length > 0 && !isEqual(ownerReferences, old?.metadata.ownerReferences))
    causes.push(cause.forbidden("metadata.ownerReferences", "records keep none but their own"));
  if (old && !isEqual(Reflect.get(object, "status"), Reflect.get(old, "status")))
    causes.push(cause.forbidden("status", "follows from the records and cannot be set"));
  if (causes.length > 0) throw invalid(definition, object.metadata.name ?? "", causes);
}

/** Whether the object is still what the writer read. Throws ApiError Conflict; to be asked within the writing transaction. */
export async function requireUnchanged(
  db: PipelineDatabase,
  { definition, changes }: { definition: ResourceDefinition; changes: string },
  old: KubeObject,
): Promise<void> {
  const versions = await lastChanges(db, changes, [old]);
  const current = versions.get(nameOf(old)) ?? oldest;
  if (String(current) !== old.metadata.resourceVersion) throw conflict(definition, old.metadata.name ?? "");
}
