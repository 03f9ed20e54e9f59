import {
  alreadyExists,
  ApiError,
  badRequest,
  cause,
  invalid,
  isEqual,
  type KubeObject,
  notFound,
  type ProjectionChange,
} from "@headrace/model";
import { keptMetadata, refuseUnkept, requireUnchanged } from "../controllers/record-view.ts";
import { versionLabels } from "../controllers/pipeline-projections.ts";
import type { JsonObject } from "../core/json.ts";
import { readSubmittedDocument } from "../core/spec.ts";
import {
  deletePipeline,
  deleteVersion,
  pipelineChanges,
  type PipelineObjectRow,
  pipelinesAsObjects,
  updatePipeline,
  updateVersion,
  versionChanges,
  type VersionObjectRow,
  versionsAsObjects,
} from "../records/pipelines.ts";
import type { PipelineDatabase } from "../records/tables.ts";
import { type PipelineObject, pipelines, type PipelineVersionObject, pipelineVersions } from "../resources/index.ts";
import { type ApiContext, tablesOf } from "./context.ts";
import { addPipeline, addVersion, newPipeline, newVersion } from "./pipelines.ts";
import { storeTags } from "./tags.ts";

/** Writes of Pipeline objects: the same pipelines that are uploaded, by the same rules. */
export async function writePipeline(context: ApiContext, change: ProjectionChange): Promise<void> {
  const { key, old, dryRun, propagationPolicy } = change;
  const tables = tablesOf(context, key.namespace);
  const row = await findPipelineObject(tables.db, key);
  if (old && row?.id !== old.metadata.uid) throw notFound(pipelines, key.name);
  if (!old && row) throw alreadyExists(pipelines, key.name);
  if (change.object === undefined) {
    if (propagationPolicy === "Orphan")
      throw badRequest(
        `Cannot orphan the versions of pipeline "${key.name}": they are part of it; delete it without that`,
      );
    if (row && !dryRun) await tables.transaction((scope) => deletePipeline(scope, row));
    return;
  }
  const object = change.object as PipelineObject;
  refuseUnkept(pipelines, object, old);
  const { displayName = "", description = "", tags = {} } = object.spec ?? {};
  const given = { name: row?.name ?? key.name, display_name: displayName, description, tags };
  const wanted = { ...newPipeline(context, key.namespace, given), ...identityOf(object) };
  if (dryRun) return;
  await tables.transaction(async (scope) => {
    if (!row || !old) return addPipeline(scope, wanted, { object: key.name, ...keptMetadata(object.metadata) });
    await requireUnchanged(scope.db, { definition: pipelines, changes: pipelineChanges }, old);
    const { display_name, tags: stored } = wanted;
    await updatePipeline(scope, row, { display_name, description, tags: stored, ...keptMetadata(object.metadata) });
  });
}

/** The same for PipelineVersion objects. As upstream's webhook, only display name and tags can change. */
export async function writeVersion(context: ApiContext, change: ProjectionChange): Promise<void> {
  const { key, old, dryRun } = change;
  const tables = tablesOf(context, key.namespace);
  const row = await findVersionObject(tables.db, key);
  if (old && row?.id !== old.metadata.uid) throw notFound(pipelineVersions, key.name);
  if (!old && row) throw alreadyExists(pipelineVersions, key.name);
  if (change.object === undefined) {
    if (row && !dryRun) await tables.transaction((scope) => deleteVersion(scope, row));
    return;
  }
  const object = change.object as PipelineVersionObject;
  refuseUnkept(pipelineVersions, withoutOwner(object), undefined);
  if (row && old) await update(context, change, { row, object, old: old as PipelineVersionObject });
  else await create(context, change, object);
}

async function create(
  context: ApiContext,
  { key, dryRun }: ProjectionChange,
  object: PipelineVersionObject,
): Promise<void> {
  const { spec, metadata } = object;
  const tables = tablesOf(context, key.namespace);
  const owner = await findPipelineObject(tables.db, { namespace: key.namespace, name: spec.pipelineName });
  if (!owner) throw invalid(pipelineVersions, key.name, [cause.notFound("spec.pipelineName", spec.pipelineName)]);
  if (spec.pipelineSpecURI !== undefined)
    throw invalid(pipelineVersions, key.name, [
      cause.forbidden("spec.pipelineSpecURI", "a version keeps its spec itself; leave it out"),
    ]);
  const version = newVersion(context, owner, {
    name: spec.versionName || key.name,
    display_name: spec.displayName ?? "",
    description: spec.description ?? "",
    tags: spec.tags ?? {},
    code_source_url: spec.codeSourceURL ?? "",
  });
  const pipeline = readSubmittedDocument(documentOf(spec));
  if (dryRun) return;
  const wanted = { ...version, ...identityOf(object) };
  const facts = { object: key.name, ...keptMetadata(metadata, Object.values(versionLabels)) };
  await tables.transaction((scope) => addVersion(scope, owner, { version: wanted, spec: pipeline }, facts));
}

async function update(
  context: ApiContext,
  { key, dryRun }: ProjectionChange,
  { row, object, old }: { row: VersionObjectRow; object: PipelineVersionObject; old: PipelineVersionObject },
): Promise<void> {
  const { displayName, tags, ...rest } = object.spec;
  const { displayName: _displayName, tags: _tags, ...before } = old.spec;
  // Whoever left the version's name out at first may do so again.
  const fixed = { ...(before.versionName !== undefined && { versionName: before.versionName }), ...rest };
  if (!isEqual(fixed, before)) {
    throw new ApiError(
      "BadRequest",
      `Cannot change spec.${changedField(fixed, before)} of version "${key.name}": only displayName and tags can be changed; make another version`,
    );
  }
  const change = { display_name: displayName || row.name, tags: storeTags(tags ?? {}, "spec.tags") };
  if (dryRun) return;
  await tablesOf(context, key.namespace).transaction(async (scope) => {
    await requireUnchanged(scope.db, { definition: pipelineVersions, changes: versionChanges }, old);
    await updateVersion(scope, row, { ...change, ...keptMetadata(object.metadata, Object.values(versionLabels)) });
  });
}

function changedField(now: object, before: object): string {
  const names = new Set([...Object.keys(now), ...Object.keys(before)]);
  return [...names].find((name) => !isEqual(Reflect.get(now, name), Reflect.get(before, name))) ?? "";
}

/** Its pipeline owns it whether the writer says so or not. */
function withoutOwner(object: PipelineVersionObject): KubeObject {
  const { ownerReferences = [], ...metadata } = object.metadata;
  const others = ownerReferences.filter(({ kind, name }) => kind !== "Pipeline" || name !== object.spec.pipelineName);
  const { status: _status, ...rest } = object;
  return { ...rest, metadata: { ...metadata, ...(others.length > 0 && { ownerReferences: others }) } };
}

/** As KFP's API takes it: one document, or both under their names. */
function documentOf({ pipelineSpec, platformSpec }: PipelineVersionObject["spec"]): JsonObject {
  const spec = pipelineSpec as JsonObject;
  return platformSpec === undefined ? spec : { pipeline_spec: spec, platform_spec: platformSpec as JsonObject };
}

/** The record is known by the object's uid. */
function identityOf({ metadata: { uid, creationTimestamp } }: KubeObject) {
  return {
    ...(uid !== undefined && { id: uid }),
    ...(creationTimestamp !== undefined && { created_at: Date.parse(creationTimestamp) }),
  };
}

interface Key {
  readonly namespace: string;
  readonly name: string;
}

async function findPipelineObject(
  db: PipelineDatabase,
  { namespace, name }: Key,
): Promise<PipelineObjectRow | undefined> {
  const [row] = await pipelinesAsObjects(db, { namespace, names: [name] });
  return row;
}

async function findVersionObject(
  db: PipelineDatabase,
  { namespace, name }: Key,
): Promise<VersionObjectRow | undefined> {
  const [row] = await versionsAsObjects(db, { namespace, names: [name] });
  return row;
}
