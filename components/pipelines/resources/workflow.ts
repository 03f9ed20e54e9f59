import { age, conditions, defineResource, type ResourceOf, s } from "@headrace/model";

const node = s.object(
  { id: s.string(), name: s.string(), displayName: s.string(), type: s.string(), phase: s.string() },
  { startedAt: s.time(), finishedAt: s.time(), message: s.string() },
);

/** A run as those look for it who know Argo Workflows: read-only, projected from records. */
export const workflows = defineResource({
  group: "argoproj.io",
  version: "v1alpha1",
  kind: "Workflow",
  shortNames: ["wf"],
  description:
    "A run of a pipeline, as Argo would show it. Read-only: runs are made through the Kubeflow Pipelines API.",
  spec: s.object({}, { serviceAccountName: s.string() }),
  fields: {
    status: s.object(
      { phase: s.string({ enum: ["Pending", "Running", "Succeeded", "Failed", "Error"] }), progress: s.string() },
      {
        startedAt: s.time(),
        finishedAt: s.time(),
        message: s.string(),
        conditions: conditions("Completed"),
        nodes: s.map(node, { description: "The steps, the first hundred of them." }),
      },
    ),
  },
  columns: [
    { name: "Status", value: ({ status }) => status.phase },
    { name: "Age", value: ({ metadata }, now) => age(metadata.creationTimestamp, now) },
    { name: "Message", value: ({ status }) => status.message },
  ],
  readOnly: true,
  tracksGeneration: false,
});
export type Workflow = ResourceOf<typeof workflows>;
