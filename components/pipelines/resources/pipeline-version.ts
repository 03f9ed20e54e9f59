import { defineResource, type ResourceOf, s } from "@headrace/model";

const condition = s.object(
  { type: s.string(), status: s.string({ enum: ["True", "False", "Unknown"] }) },
  { reason: s.string(), message: s.string() },
);

/** A version of a pipeline, with what was compiled: the same record as KFP's API shows. */
export const pipelineVersions = defineResource({
  group: "pipelines.kubeflow.org",
  version: "v2beta1",
  kind: "PipelineVersion",
  description: "A version of a pipeline. Only its display name and tags can change. KFP's API shows the same.",
  spec: s.object(
    {
      pipelineName: s.string({ description: "Name of the Pipeline object.", nonEmpty: true }),
      pipelineSpec: s.preserveUnknown({ description: "What KFP's compiler writes." }),
    },
    {
      displayName: s.string({ description: "Default: the version's name." }),
      versionName: s.string({
        description: "The version's name in KFP's API. Default: the object's name.",
        pattern: "^[a-z0-9]([a-z0-9\\.\\-]*[a-z0-9])?$",
        max: 127,
      }),
      description: s.string(),
      codeSourceURL: s.string(),
      platformSpec: s.preserveUnknown(),
      pipelineSpecURI: s.string(),
      tags: s.map(s.string()),
    },
  ),
  status: s.object({}, { conditions: s.list(condition) }),
  columns: [
    { name: "Pipeline", value: ({ spec }) => spec.pipelineName },
    { name: "Version", value: ({ spec }) => spec.versionName },
  ],
  tracksGeneration: false,
});
export type PipelineVersionObject = ResourceOf<typeof pipelineVersions>;
