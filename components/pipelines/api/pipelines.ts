import { ApiError, type ApiRequest, badRequest, type Route, type RouteParams, type User } from "@headrace/model";
import type { WriteScope } from "@headrace/records";
import type { Pipeline } from "../core/ir.ts";
import { documentValue, readSubmittedDocument } from "../core/spec.ts";
import { keepDocument } from "../records/documents.ts";
import {
  deletePipeline,
  findPipeline,
  findPipelineNamed,
  findVersionNamed,
  hasVersions,
  insertPipeline,
  insertVersion,
  listPipelines,
  pipelineColumns,
  type PipelineRow,
  type PipelineVersionRow,
  updatePipeline,
} from "../records/pipelines.ts";
import type { PipelineTables } from "../records/tables.ts";
import {
  type ApiContext,
  checkLength,
  longText,
  lookup,
  namespaceFor,
  notFound,
  readMessage,
  requireAccess,
  requireName,
  routeMaker,
  tablesOf,
} from "./context.ts";
import { listPage } from "./listing.ts";
import {
  pipelineAndVersionMessage,
  pipelineListMessage,
  pipelineMessage,
  type PipelineMessage,
  type VersionMessage,
} from "./messages.ts";
import { readPackage } from "./package-file.ts";
import { jsonResponse } from "./status.ts";
import { readStoredTags, storeTags, type Tags } from "./tags.ts";

const maxPipelineName = 128;
const maxVersionName = 127;

export const { permitted: permittedPipeline } = lookup({ what: "Pipeline", resource: "pipelines", find: findPipeline });

export function pipelineRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    route("POST", "/apis/v2beta1/pipelines", create),
    route("POST", "/apis/v2beta1/pipelines/create", createWithVersion),
    route("GET", "/apis/v2beta1/pipelines", list),
    route("GET", "/apis/v2beta1/pipelines/names/{name}", getByName),
    route("GET", "/apis/v2beta1/pipelines/{pipeline}", get),
    route("PATCH", "/apis/v2beta1/pipelines/{pipeline}", update),
    route("DELETE", "/apis/v2beta1/pipelines/{pipeline}", remove),
  ];
}

async function create(context: ApiContext, request: ApiRequest) {
  const body = await readMessage(request, pipelineMessage);
  const row = newPipeline(context, await permittedNamespace(context, request.user, body.namespace), body);
  await tablesOf(context, row.ns).transaction((scope) => addPipeline(scope, row));
  return jsonResponse(asMessage(row));
}

async function createWithVersion(context: ApiContext, request: ApiRequest) {
  const { pipeline = {}, pipeline_version = {} } = await readMessage(request, pipelineAndVersionMessage);
  const ns = await permittedNamespace(context, request.user, pipeline.namespace);
  const row = newPipeline(context, ns, pipeline);
  const version = newVersion(context, row, { ...naming(row), ...pipeline_version });
  const spec = await specOf(context, pipeline_version, { place: "pipeline_version.", signal: request.signal });
  await addPipelineWithVersion(context, row, version, spec);
  return jsonResponse(asMessage(row));
}

async function list(context: ApiContext, { query, user }: ApiRequest) {
  const ns = sharedOr(context, query.get("namespace"));
  await requireAccess(context, user, "list", "pipelines", ns);
  const { db } = tablesOf(context, ns);
  const kind = { columns: pipelineColumns };
  const { rows, page } = await listPage(query, kind, (listing) => listPipelines(db, ns, listing));
  return jsonResponse(pipelineListMessage.write({ pipelines: rows.map(fields), ...page }));
}

async function getByName(context: ApiContext, { query, user }: ApiRequest, { name = "" }: RouteParams) {
  const ns = sharedOr(context, query.get("namespace"));
  await requireAccess(context, user, "get", "pipelines", ns);
  const row = await findPipelineNamed(tablesOf(context, ns).db, ns, name);
  if (!row) throw notFound("Pipeline", name);
  return jsonResponse(asMessage(row));
}

async function get(context: ApiContext, { user }: ApiRequest, { pipeline = "" }: RouteParams) {
  return jsonResponse(asMessage(await permittedPipeline(context, user, "get", pipeline)));
}

async function update(context: ApiContext, request: ApiRequest, { pipeline = "" }: RouteParams) {
  const row = await permittedPipeline(context, request.user, "update", pipeline);
  const change = readChange(await readMessage(request, pipelineMessage));
  await tablesOf(context, row.ns).transaction((scope) => updatePipeline(scope, row, change));
  return jsonResponse(asMessage({ ...row, ...change }));
}

async function remove(context: ApiContext, { query, user }: ApiRequest, { pipeline = "" }: RouteParams) {
  const row = await permittedPipeline(context, user, "delete", pipeline);
  // Python clients send True.
  const cascade = (query.get("cascade") ?? "").toLowerCase() === "true";
  await tablesOf(context, row.ns).transaction(async (scope) => {
    if (!cascade && (await hasVersions(scope.db, row))) {
      throw badRequest(
        `Cannot delete pipeline "${row.name}": it has versions; delete them first, or send cascade=true`,
      );
    }
    await deletePipeline(scope, row);
  });
  return jsonResponse({});
}

/** The namespace of a new pipeline, once the user may create pipelines there. */
export async function permittedNamespace(
  context: ApiContext,
  user: User,
  given: string | null | undefined,
): Promise<string> {
  const ns = sharedOr(context, given);
  await requireAccess(context, user, "create", "pipelines", ns);
  return ns;
}

/** Pipelines may be everybody's: those have the empty namespace. */
function sharedOr(context: ApiContext, given: string | null | undefined): string {
  return context.tenancy.multiUser && !given ? "" : namespaceFor(context, given, "pipelines");
}

interface Naming {
  readonly name?: string | undefined;
  readonly display_name?: string | undefined;
  readonly description?: string | undefined;
  readonly tags?: Tags | undefined;
}

export function newPipeline({ ids, clock }: ApiContext, ns: string, given: Naming): PipelineRow {
  const name = requireName(given.name || given.display_name, "name", maxPipelineName);
  return { id: ids.uuid(), ns, ...checkNaming(given, name), created_at: clock.now() };
}

export function newVersion(
  { ids, clock }: ApiContext,
  { ns, id }: PipelineRow,
  given: Naming & Pick<VersionMessage, "code_source_url" | "package_url">,
): Omit<PipelineVersionRow, "spec"> {
  const name = requireName(given.name || given.display_name, "name", maxVersionName);
  const code_source_url = given.code_source_url ?? "";
  checkLength(code_source_url, "code_source_url", longText);
  return {
    id: ids.uuid(),
    ns,
    pipeline: id,
    ...checkNaming(given, name),
    package_url: given.package_url?.pipeline_url ?? "",
    code_source_url,
    created_at: clock.now(),
  };
}

function checkNaming(given: Naming, name: string) {
  const { display_name, description = "", tags = {} } = given;
  checkLength(display_name ?? "", "display_name", maxPipelineName);
  checkLength(description, "description", longText);
  return { name, display_name: display_name || name, description, tags: storeTags(tags) };
}

const naming = ({ name, display_name, description }: PipelineRow): Naming => ({ name, display_name, description });

/** What a PATCH changes: absent tags stay as they are, empty ones clear all. */
export function readChange({ display_name, tags }: PipelineMessage | VersionMessage): {
  display_name?: string;
  tags?: string;
} {
  checkLength(display_name ?? "", "display_name", maxPipelineName);
  return { ...(display_name && { display_name }), ...(tags && { tags: storeTags(tags) }) };
}

/** The pipeline of a version that arrives as JSON: in it, or at the URL that it names. `place` is where the version stands in the request. */
export async function specOf(
  { packages, reader }: ApiContext,
  { pipeline_spec, package_url }: VersionMessage,
  { place, signal }: { place: string; signal: AbortSignal },
): Promise<Pipeline> {
  if (pipeline_spec) return readSubmittedDocument(pipeline_spec);
  const url = package_url?.pipeline_url;
  if (!url) throw badRequest(`${place}pipeline_spec: Required value, or ${place}package_url`);
  const file = await packages.fetch(url, `${place}package_url.pipeline_url`, signal);
  return reader.read(await readPackage(file));
}

export async function addPipelineWithVersion(
  context: ApiContext,
  row: PipelineRow,
  version: Omit<PipelineVersionRow, "spec">,
  spec: Pipeline,
): Promise<void> {
  await tablesOf(context, row.ns).transaction(async (scope) => {
    await addPipeline(scope, row);
    await addVersion(scope, row, { version, spec });
  });
}

export async function addPipeline(
  scope: WriteScope<PipelineTables>,
  row: PipelineRow,
  facts?: Parameters<typeof insertPipeline>[2],
): Promise<void> {
  if (await findPipelineNamed(scope.db, row.ns, row.name)) {
    throw new ApiError(
      "AlreadyExists",
      `Cannot create pipeline "${row.name}": a pipeline of this name exists; choose another`,
    );
  }
  await insertPipeline(scope, row, facts);
}

export async function addVersion(
  scope: WriteScope<PipelineTables>,
  owner: PipelineRow,
  { version, spec }: { readonly version: Omit<PipelineVersionRow, "spec">; readonly spec: Pipeline },
  facts?: Parameters<typeof insertVersion>[3],
): Promise<PipelineVersionRow> {
  if (await findVersionNamed(scope.db, owner, version.name)) {
    throw new ApiError(
      "AlreadyExists",
      `Cannot create version "${version.name}": pipeline "${owner.name}" has a version of this name; choose another`,
    );
  }
  const content = JSON.stringify(documentValue(spec.document));
  const row = { ...version, spec: await keepDocument(scope.db, { ns: owner.ns, content, now: version.created_at }) };
  await insertVersion(scope, owner, row, facts);
  return row;
}

const fields = (row: PipelineRow) => ({
  pipeline_id: row.id,
  name: row.name,
  display_name: row.display_name,
  description: row.description,
  created_at: row.created_at,
  namespace: row.ns,
  tags: readStoredTags(row.tags),
});

export const asMessage = (row: PipelineRow) => pipelineMessage.write(fields(row));
