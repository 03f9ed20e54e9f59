import { badRequest, type User } from "@headrace/model";
import type { Pipeline } from "../core/ir.ts";
import { parseObject } from "../core/json.ts";
import { readPipelineDocument, readSubmittedDocument } from "../core/spec.ts";
import { readDocument } from "../records/documents.ts";
import { findLatestVersion, findPipeline, findVersion } from "../records/pipelines.ts";
import { anyTables, type ApiContext, checkLength, notFound, requireAccess } from "./context.ts";
import type { RunMessage } from "./messages.ts";

const defaultServiceAccount = "pipeline-runner";

interface Source {
  readonly pipeline: Pipeline;
  readonly pipelineId: string | null;
  /** The version that was read, be it named or the newest. */
  readonly versionId: string | null;
  /** Nobody named a version, so that the next run may get another one. */
  readonly isNewest: boolean;
}

/** The pipeline of a new run: the spec that came with it, the version named, or the newest version of the pipeline named. */
export async function pipelineSource(
  context: ApiContext,
  user: User,
  body: Pick<RunMessage, "pipeline_spec" | "pipeline_version_id" | "pipeline_version_reference">,
): Promise<Source> {
  const reference = body.pipeline_version_reference ?? {};
  const versionId = reference.pipeline_version_id || body.pipeline_version_id;
  if (body.pipeline_spec)
    return { pipeline: readSubmittedDocument(body.pipeline_spec), pipelineId: null, versionId: null, isNewest: false };
  const db = anyTables(context);
  const version = versionId ? await findVersion(db, versionId) : await latestVersion(context, reference.pipeline_id);
  if (!version || (reference.pipeline_id && version.pipeline !== reference.pipeline_id)) {
    throw notFound("PipelineVersion", versionId ?? "");
  }
  await requireAccess(context, user, "get", "pipelines", version.ns, version.pipeline);
  const content = await readDocument(db, version.ns, version.spec);
  return {
    pipeline: readPipelineDocument(parseObject(content ?? null)),
    pipelineId: version.pipeline,
    versionId: version.id,
    isNewest: !versionId,
  };
}

async function latestVersion(context: ApiContext, pipelineId: string | undefined) {
  if (!pipelineId)
    throw badRequest("Required value: pipeline_spec or pipeline_version_reference: a run needs one of them");
  const db = anyTables(context);
  const pipeline = await findPipeline(db, pipelineId);
  if (!pipeline) throw notFound("Pipeline", pipelineId);
  const version = await findLatestVersion(db, pipeline);
  if (!version)
    throw badRequest(`pipeline_version_reference.pipeline_id: pipeline "${pipeline.name}" has no version; upload one`);
  return version;
}

/**
 * The run's own pipeline root, if it has one; that of its namespace is kept with it, for a running run's must not change. Refuses
 * early what no store could take.
 */
export function checkPipelineRoot(
  { artifacts, defaultPipelineRoot, namespaceRoot }: ApiContext,
  ns: string,
  pipeline: Pipeline,
  given: string,
): string {
  const own = given || (pipeline.defaultPipelineRoot ? "" : (namespaceRoot?.(ns) ?? ""));
  const root = own || pipeline.defaultPipelineRoot || defaultPipelineRoot;
  const answer = /^https?:/.test(root)
    ? ({ ok: false, reason: "web addresses are only read" } as const)
    : artifacts.in(ns).supports(`${root.replace(/\/+$/, "")}/artifact`);
  if (answer.ok) return own;
  const place = given ? "runtime_config.pipeline_root" : "pipeline_spec.defaultPipelineRoot";
  throw badRequest(`${place}: Invalid value: "${root}": ${answer.reason}`);
}

/** Whose rights the steps have. */
export function serviceAccountOf({ service_account }: Pick<RunMessage, "service_account">): string {
  const name = service_account || defaultServiceAccount;
  checkLength(name, "service_account", 253);
  return name;
}
