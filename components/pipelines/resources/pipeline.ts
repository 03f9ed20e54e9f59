import { defineResource, type ResourceOf, s } from "@headrace/model";

/** A pipeline with its versions: the same record as KFP's API shows. */
export const pipelines = defineResource({
  group: "pipelines.kubeflow.org",
  version: "v2beta1",
  kind: "Pipeline",
  description: "A pipeline, which has versions. KFP's API shows the same.",
  spec: s.optional(
    s.object(
      {},
      {
        displayName: s.string({ description: "Default: the object's name." }),
        description: s.string(),
        tags: s.map(s.string()),
      },
    ),
  ),
  columns: [{ name: "Display Name", value: ({ spec }) => spec?.displayName }],
  tracksGeneration: false,
});
export type PipelineObject = ResourceOf<typeof pipelines>;
