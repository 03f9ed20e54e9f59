import { type ApiRequest, badRequest, type Route } from "@headrace/model";
import { isObject } from "../core/json.ts";
import { type ApiContext, routeMaker, tablesOf } from "./context.ts";
import { readUpload } from "./multipart.ts";
import { readPackage } from "./package-file.ts";
import {
  addPipelineWithVersion,
  addVersion,
  asMessage as asPipelineMessage,
  newPipeline,
  newVersion,
  permittedNamespace,
  permittedPipeline,
} from "./pipelines.ts";
import { asMessage as asVersionMessage } from "./pipeline-versions.ts";
import { jsonResponse, uploadErrorResponse } from "./status.ts";
import type { Tags } from "./tags.ts";

/** A file in a form, and all about it in the query. Failures have a body of their own here. */
export function uploadRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context, uploadErrorResponse);
  return [
    route("POST", "/apis/v2beta1/pipelines/upload", uploadPipeline),
    route("POST", "/apis/v2beta1/pipelines/upload_version", uploadVersion),
  ];
}

async function uploadPipeline(context: ApiContext, request: ApiRequest) {
  const ns = await permittedNamespace(context, request.user, request.query.get("namespace"));
  const { spec, given } = await readPipelineUpload(context, request);
  const row = newPipeline(context, ns, given);
  // The tags are the pipeline's; its first version has its name and description.
  const version = newVersion(context, row, { ...given, name: row.name, tags: {} });
  await addPipelineWithVersion(context, row, version, spec);
  return jsonResponse(asPipelineMessage(row));
}

async function uploadVersion(context: ApiContext, request: ApiRequest) {
  const id = request.query.get("pipelineid");
  if (!id)
    throw badRequest("pipelineid: Required value: a pipeline's id, which clients look up by its name; is there one?");
  const pipeline = await permittedPipeline(context, request.user, "create", id);
  const { spec, given } = await readPipelineUpload(context, request);
  const version = newVersion(context, pipeline, given);
  const row = await tablesOf(context, pipeline.ns).transaction((scope) =>
    addVersion(scope, pipeline, { version, spec }),
  );
  return jsonResponse(await asVersionMessage(context, row));
}

async function readPipelineUpload({ reader }: ApiContext, request: ApiRequest) {
  const { query } = request;
  const tags = readTags(query.get("tags"));
  const file = await readUpload(request);
  const spec = await reader.read(await readPackage(file));
  const display_name = query.get("display_name") ?? "";
  const given = {
    name: query.get("name") || display_name || file.filename,
    display_name,
    description: query.get("description") ?? "",
    code_source_url: query.get("code_source_url") ?? "",
    tags,
  };
  return { spec, given };
}

function readTags(text: string | null): Tags {
  if (!text) return {};
  try {
    const tags: unknown = JSON.parse(text);
    if (isObject(tags) && Object.values(tags).every((value) => typeof value === "string")) return tags as Tags;
  } catch (cause) {
    throw badRequest("tags: must be a JSON object of text", { cause });
  }
  throw badRequest("tags: must be a JSON object of text");
}
