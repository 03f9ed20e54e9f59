import {
  cause,
  conflict,
  invalid,
  isEqual,
  type KubeObject,
  type ObjectMeta,
  type ProjectionChange,
  type ResourceDefinition,
  type StatusCause,
} from "@headrace/model";
import type { Records } from "@headrace/records";
import { parseObject } from "../core/json.ts";
import type { NamePlace, ObjectSearch } from "../records/object-search.ts";
import type { PipelineDatabase } from "../records/tables.ts";
import { atItsName, byName, createView, keyOf, type View, type ViewKind } from "./projection.ts";

/** Records that take writes, as objects in the order of namespaces and names. */
export interface RecordKind<T extends KubeObject> extends Pick<
  ViewKind<T, NamePlace>,
  "definition" | "changes" | "pageSize"
> {
  find(db: PipelineDatabase, search: ObjectSearch): Promise<readonly T[]>;
  /** Brings a write into the records; see Projection. */
  write(change: ProjectionChange): Promise<void>;
}

/** An object's resourceVersion is the sequence of its last change, as far as the feed still knows it. */
export function recordView<T extends KubeObject>(records: Records, kind: RecordKind<T>): View<T> {
  const view = createView(records, {
    ...kind,
    places: byName,
    find: async (db, search) => (await kind.find(db, search)).map(atItsName),
    async versions(db, objects) {
      const versions = await lastChanges(db, kind.changes, objects);
      return (object) => versions.get(keyOf(object)) ?? oldest;
    },
  });
  return {
    ...view,
    async write(change) {
      await kind.write(change);
      return change.dryRun || change.object === undefined ? change.object : view.get(change.key);
    },
  };
}

/** Of what has not changed for so long that the feed has forgotten when. */
const oldest = 1;

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
  const current = versions.get(keyOf(old)) ?? oldest;
  if (String(current) !== old.metadata.resourceVersion) throw conflict(definition, old.metadata.name ?? "");
}
