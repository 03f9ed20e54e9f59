import { formatTime, type ProjectionChange } from "@headrace/model";
import type { Records } from "@headrace/records";
import { isObject, type JsonObject, parseObject } from "../core/json.ts";
import {
  pipelineChanges,
  type PipelineObjectRow,
  pipelinesAsObjects,
  versionChanges,
  type VersionObjectRow,
  versionsAsObjects,
} from "../records/pipelines.ts";
import { type PipelineObject, pipelines, type PipelineVersionObject, pipelineVersions } from "../resources/index.ts";
import type { View } from "./projection.ts";
import { recordView, shownMetadata } from "./record-view.ts";

type Write = (change: ProjectionChange) => Promise<void>;

/** Labels by which versions are found, as upstream's webhook sets them. */
export const versionLabels = {
  id: "pipelines.kubeflow.org/pipeline-id",
  name: "pipelines.kubeflow.org/pipeline",
} as const;

const apiVersion = "pipelines.kubeflow.org/v2beta1";

/** `pipelines.pipelines.kubeflow.org`: what is uploaded by KFP's API, and what is applied. */
export function pipelineProjection(records: Records, write: Write): View<PipelineObject> {
  return recordView(records, {
    definition: pipelines,
    changes: pipelineChanges,
    write,
    find: async (db, search) => (await pipelinesAsObjects(db, search)).map(toPipeline),
  });
}

/** `pipelineversions.pipelines.kubeflow.org`, a few at a time since they carry their specs. */
export function versionProjection(records: Records, write: Write): View<PipelineVersionObject> {
  return recordView(records, {
    definition: pipelineVersions,
    changes: versionChanges,
    pageSize: 100,
    write,
    find: async (db, search) => (await versionsAsObjects(db, search)).map(toVersion),
  });
}

function toPipeline(row: PipelineObjectRow): PipelineObject {
  return {
    apiVersion,
    kind: "Pipeline",
    metadata: {
      name: row.object,
      namespace: row.ns,
      uid: row.id,
      creationTimestamp: formatTime(row.created_at),
      ...shownMetadata(row),
    },
    spec: { displayName: row.display_name, ...described(row) },
  };
}

function described({ description, tags }: { description: string; tags: string }) {
  const shown = parseObject(tags) as Record<string, string>;
  return { ...(description !== "" && { description }), ...(Object.keys(shown).length > 0 && { tags: shown }) };
}

function toVersion(row: VersionObjectRow): PipelineVersionObject {
  const own = { [versionLabels.id]: row.pipeline, [versionLabels.name]: row.pipeline_object.slice(0, 63) };
  return {
    apiVersion,
    kind: "PipelineVersion",
    metadata: {
      name: row.object,
      namespace: row.ns,
      uid: row.id,
      creationTimestamp: formatTime(row.created_at),
      ...shownMetadata(row, own),
      ownerReferences: [
        { apiVersion, kind: "Pipeline", name: row.pipeline_object, uid: row.pipeline, blockOwnerDeletion: true },
      ],
    },
    spec: {
      pipelineName: row.pipeline_object,
      displayName: row.display_name,
      versionName: row.name,
      ...described(row),
      ...(row.code_source_url !== "" && { codeSourceURL: row.code_source_url }),
      ...(row.package_url !== "" && { pipelineSpecURI: row.package_url }),
      ...specsOf(parseObject(row.content)),
    },
    status: {
      conditions: [{ type: "PipelineVersionStatus", status: "True", reason: "READY", message: "READY" }],
    },
  };
}

/** One document, or two under their names. */
function specsOf(content: JsonObject): { pipelineSpec: JsonObject; platformSpec?: JsonObject } {
  const { pipeline_spec, platform_spec } = content;
  if (!isObject(pipeline_spec)) return { pipelineSpec: content };
  return { pipelineSpec: pipeline_spec, ...(isObject(platform_spec) && { platformSpec: platform_spec }) };
}
