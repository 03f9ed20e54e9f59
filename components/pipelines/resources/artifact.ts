import { defineResource, type ResourceOf, s } from "@headrace/model";

const producer = s.object(
  {
    run: s.string(),
    runName: s.string(),
    task: s.integer({ format: "int64" }),
    key: s.string({ description: "Path of the task in its run: root/for-loop-2[3]/train." }),
    step: s.string({ description: "Display name of the task." }),
    output: s.string(),
  },
  { pipeline: s.string() },
);

/** What a step made, or an importer named: read-only, projected from records. Its name is its number. */
export const artifacts = defineResource({
  group: "headrace.io",
  version: "v1alpha1",
  kind: "Artifact",
  description: "Bytes with a type and a place, and who made them. Read-only.",
  categories: ["headrace"],
  spec: s.object(
    {
      id: s.integer({ format: "int64" }),
      name: s.string(),
      type: s.string({ description: "Schema title: system.Model." }),
      uri: s.string(),
      metadata: s.preserveUnknown(),
    },
    {
      digest: s.string(),
      size: s.integer({ format: "int64", description: "Bytes." }),
      producer,
    },
  ),
  columns: [
    { name: "Type", value: (artifact) => artifact.spec.type },
    { name: "Step", value: (artifact) => artifact.spec.producer?.key },
    { name: "Run", value: (artifact) => artifact.spec.producer?.runName },
    { name: "URI", priority: 1, value: (artifact) => artifact.spec.uri },
  ],
  searchText({ spec: { name, uri, type, producer } }) {
    const { output = "", step = "", runName = "", pipeline = "" } = producer ?? {};
    return `${output} ${name} ${uri} ${type} ${step} ${runName} ${pipeline}`;
  },
  selectableFields: ["spec.type"],
  readOnly: true,
  tracksGeneration: false,
});

export type Artifact = ResourceOf<typeof artifacts>;
