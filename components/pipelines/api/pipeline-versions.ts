import type { ApiRequest, Route, RouteParams } from "@headrace/model";
import { parseObject } from "../core/json.ts";
import { readDocument } from "../records/documents.ts";
import {
  deleteVersion,
  findVersion,
  listVersions,
  type PipelineVersionRow,
  updateVersion,
  versionColumns,
} from "../records/pipelines.ts";
import { type ApiContext, lookup, readMessage, routeMaker, tablesOf } from "./context.ts";
import { listPage } from "./listing.ts";
import { versionListMessage, versionMessage } from "./messages.ts";
import { addVersion, newVersion, permittedPipeline, readChange, specOf } from "./pipelines.ts";
import { jsonResponse } from "./status.ts";
import { readStoredTags } from "./tags.ts";

const collection = "/apis/v2beta1/pipelines/{pipeline}/versions";

/** As upstream does, without a look at the pipeline in the path: a version's own pipeline says who may. */
const { permitted: permittedVersion } = lookup({
  what: "PipelineVersion",
  resource: "pipelines",
  find: findVersion,
  nameOf: ({ pipeline }) => pipeline,
});

export function versionRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    route("POST", collection, create),
    route("GET", collection, list),
    route("GET", `${collection}/{version}`, get),
    route("PATCH", `${collection}/{version}`, update),
    route("DELETE", `${collection}/{version}`, remove),
  ];
}

async function create(context: ApiContext, request: ApiRequest, { pipeline = "" }: RouteParams) {
  const owner = await permittedPipeline(context, request.user, "create", pipeline);
  const body = await readMessage(request, versionMessage);
  const version = newVersion(context, owner, body);
  const spec = await specOf(context, body, { place: "", signal: request.signal });
  const row = await tablesOf(context, owner.ns).transaction((scope) => addVersion(scope, owner, { version, spec }));
  return jsonResponse(await asMessage(context, row));
}

async function list(context: ApiContext, { query, user }: ApiRequest, { pipeline = "" }: RouteParams) {
  const owner = await permittedPipeline(context, user, "list", pipeline);
  const { db } = tablesOf(context, owner.ns);
  const kind = { columns: versionColumns };
  const { rows, page } = await listPage(query, kind, (listing) => listVersions(db, owner, listing));
  const pipeline_versions = rows.map((row) => fields(row, row.content));
  return jsonResponse(versionListMessage.write({ pipeline_versions, ...page }));
}

async function get(context: ApiContext, { user }: ApiRequest, { version = "" }: RouteParams) {
  return jsonResponse(await asMessage(context, await permittedVersion(context, user, "get", version)));
}

async function update(context: ApiContext, request: ApiRequest, { version = "" }: RouteParams) {
  const row = await permittedVersion(context, request.user, "update", version);
  const change = readChange(await readMessage(request, versionMessage));
  await tablesOf(context, row.ns).transaction((scope) => updateVersion(scope, row, change));
  return jsonResponse(await asMessage(context, { ...row, ...change }));
}

async function remove(context: ApiContext, { user }: ApiRequest, { version = "" }: RouteParams) {
  const row = await permittedVersion(context, user, "delete", version);
  await tablesOf(context, row.ns).transaction((scope) => deleteVersion(scope, row));
  return jsonResponse({});
}

/** With the spec. */
export async function asMessage(context: ApiContext, row: PipelineVersionRow) {
  const content = await readDocument(tablesOf(context, row.ns).db, row.ns, row.spec);
  return versionMessage.write(fields(row, content ?? null));
}

const fields = (row: PipelineVersionRow, content: string | null) => ({
  pipeline_id: row.pipeline,
  pipeline_version_id: row.id,
  name: row.name,
  display_name: row.display_name,
  description: row.description,
  created_at: row.created_at,
  ...(row.package_url && { package_url: { pipeline_url: row.package_url } }),
  code_source_url: row.code_source_url,
  pipeline_spec: parseObject(content),
  tags: readStoredTags(row.tags),
});
