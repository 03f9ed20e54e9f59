import { isRecord, type Requester } from "@headrace/ui-kit";
import { everyPage, texts, textOf } from "./listing.ts";

export interface Pipeline {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly namespace: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface PipelineVersion {
  readonly id: string;
  readonly pipeline: string;
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly createdAt: string;
  readonly codeSource: string;
  readonly tags: Readonly<Record<string, string>>;
  /** As it was compiled: bare, or beside its platform spec. */
  readonly spec: unknown;
}

const root = "/apis/v2beta1/pipelines";
const pathOf = (pipeline: string): string => `${root}/${encodeURIComponent(pipeline)}`;
const versionPath = (pipeline: string, version: string): string =>
  `${pathOf(pipeline)}/versions/${encodeURIComponent(version)}`;

/** Those of a namespace, newest first. Without a namespace: the shared ones, or all where there is one user. */
export async function listPipelines(
  request: Requester,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly Pipeline[]> {
  const query = { sort_by: "created_at desc", ...(namespace !== "" && { namespace }) };
  return (await everyPage(request, root, { query, field: "pipelines", pageSize: 200, signal })).map(readPipeline);
}

export async function getPipeline(request: Requester, id: string, signal: AbortSignal): Promise<Pipeline> {
  return readPipeline(await request.json(pathOf(id), { signal }));
}

/** Newest first. Each comes with its spec, so a page of them is small. */
export async function listVersions(
  request: Requester,
  pipeline: string,
  signal: AbortSignal,
): Promise<readonly PipelineVersion[]> {
  const query = { sort_by: "created_at desc" };
  const found = await everyPage(request, `${pathOf(pipeline)}/versions`, {
    query,
    field: "pipeline_versions",
    pageSize: 50,
    signal,
  });
  return found.map(readVersion);
}

/** How many versions a pipeline has. */
export async function countVersions(request: Requester, pipeline: string, signal: AbortSignal): Promise<number> {
  const answer = await request.json(`${pathOf(pipeline)}/versions?page_size=1`, { signal });
  return isRecord(answer) ? Number(answer["total_size"] ?? 0) : 0;
}

export interface Naming {
  readonly displayName: string;
  readonly tags: Readonly<Record<string, string>>;
}

export async function renamePipeline(request: Requester, id: string, { displayName, tags }: Naming): Promise<void> {
  await request.json(pathOf(id), { method: "PATCH", body: { display_name: displayName, tags } });
}

export async function renameVersion(
  request: Requester,
  { pipeline, id }: PipelineVersion,
  { displayName, tags }: Naming,
): Promise<void> {
  await request.json(versionPath(pipeline, id), { method: "PATCH", body: { display_name: displayName, tags } });
}

/** With its versions. */
export async function deletePipeline(request: Requester, id: string): Promise<void> {
  await request.json(`${pathOf(id)}?cascade=true`, { method: "DELETE" });
}

export async function deleteVersion(
  request: Requester,
  { pipeline, id }: Pick<PipelineVersion, "pipeline" | "id">,
): Promise<void> {
  await request.json(versionPath(pipeline, id), { method: "DELETE" });
}

export interface Upload extends Naming {
  /** The pipeline that gets a version more; absent for a new pipeline. */
  readonly pipeline?: string | undefined;
  readonly name: string;
  readonly description: string;
  readonly codeSource: string;
  readonly namespace: string;
  readonly source: { readonly file: File } | { readonly url: string };
}

/** What the address of the new thing is made of. */
export interface Uploaded {
  readonly pipeline: string;
  readonly version?: string;
}

export async function upload(request: Requester, it: Upload): Promise<Uploaded> {
  const answer =
    "file" in it.source ? await uploadFile(request, it, it.source.file) : await importFrom(request, it, it.source.url);
  const version = textOf(answer, "pipeline_version_id");
  return { pipeline: textOf(answer, "pipeline_id"), ...(version !== "" && { version }) };
}

function uploadFile(request: Requester, it: Upload, file: File): Promise<unknown> {
  const query = new URLSearchParams({
    name: it.name,
    display_name: it.displayName,
    description: it.description,
    ...(Object.keys(it.tags).length > 0 && { tags: JSON.stringify(it.tags) }),
    ...(it.codeSource !== "" && { code_source_url: it.codeSource }),
    ...(it.pipeline !== undefined && { pipelineid: it.pipeline }),
    ...(it.pipeline === undefined && it.namespace !== "" && { namespace: it.namespace }),
  });
  const form = new FormData();
  form.append("uploadfile", file, file.name);
  return request.json(`${root}/${it.pipeline === undefined ? "upload" : "upload_version"}?${query}`, {
    method: "POST",
    form,
  });
}

function importFrom(request: Requester, it: Upload, url: string): Promise<unknown> {
  const naming = { name: it.name, display_name: it.displayName, description: it.description, tags: it.tags };
  const source = { package_url: { pipeline_url: url }, code_source_url: it.codeSource };
  if (it.pipeline !== undefined) {
    const body = { pipeline_id: it.pipeline, ...naming, ...source };
    return request.json(`${pathOf(it.pipeline)}/versions`, { method: "POST", body });
  }
  const body = { pipeline: { ...naming, namespace: it.namespace }, pipeline_version: source };
  return request.json(`${root}/create`, { method: "POST", body });
}

function readPipeline(value: unknown): Pipeline {
  const name = textOf(value, "name");
  return {
    id: textOf(value, "pipeline_id"),
    name,
    displayName: textOf(value, "display_name") || name,
    description: textOf(value, "description"),
    createdAt: textOf(value, "created_at"),
    namespace: textOf(value, "namespace"),
    tags: texts(value, "tags"),
  };
}

function readVersion(value: unknown): PipelineVersion {
  const name = textOf(value, "name");
  return {
    id: textOf(value, "pipeline_version_id"),
    pipeline: textOf(value, "pipeline_id"),
    name,
    displayName: textOf(value, "display_name") || name,
    description: textOf(value, "description"),
    createdAt: textOf(value, "created_at"),
    codeSource: textOf(value, "code_source_url"),
    tags: texts(value, "tags"),
    spec: isRecord(value) ? value["pipeline_spec"] : undefined,
  };
}

/** Whether several users share the server, each with namespaces of their own. */
export async function isMultiUser(request: Requester, signal: AbortSignal): Promise<boolean> {
  const health = await request.json("/apis/v2beta1/healthz", { signal });
  return isRecord(health) && health["multi_user"] === true;
}
