import { defineResource, type ResourceOf, s } from "@headrace/model";

/** All that a run can be in. */
export const runStates = ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELING", "CANCELED"] as const;

/** A run as the pages and the command line see it: read-only, projected from records. Its name is the run's id. */
export const runs = defineResource({
  group: "headrace.io",
  version: "v1alpha1",
  kind: "Run",
  description: "A run of a pipeline. Read-only: runs are made through the Kubeflow Pipelines API.",
  categories: ["headrace"],
  spec: s.object(
    {
      displayName: s.string(),
      description: s.string(),
      experiment: s.object({ id: s.string(), name: s.string() }),
      pipeline: s.object({ name: s.string() }, { id: s.string(), versionId: s.string() }),
      parameters: s.preserveUnknown({ description: "What the run was given, without the pipeline's defaults." }),
      pipelineRoot: s.string(),
      serviceAccount: s.string(),
      archived: s.boolean(),
    },
    { recurringRun: s.string({ description: "Id of the recurring run that made it." }) },
  ),
  fields: {
    status: s.object(
      {
        state: s.string({ enum: runStates }),
        steps: s.map(s.integer(), { description: "Container steps and importers by state." }),
      },
      {
        startedAt: s.microTime(),
        finishedAt: s.microTime(),
        error: s.string(),
        waiting: s.object(
          { summary: s.string({ description: "Why it cannot go on at present, in one sentence." }) },
          { remedy: s.string() },
        ),
        metrics: s.map(s.list(s.number()), {
          description: "What steps have logged as Metrics: each number's values in the order of the steps.",
        }),
      },
    ),
  },
  columns: [
    { name: "Display Name", value: (run) => run.spec.displayName },
    { name: "State", value: (run) => run.status.state },
    { name: "Pipeline", value: (run) => run.spec.pipeline.name },
    { name: "Error", priority: 1, value: (run) => run.status.error },
  ],
  selectableFields: ["status.state", "spec.experiment.id"],
  readOnly: true,
  tracksGeneration: false,
});

export type Run = ResourceOf<typeof runs>;
