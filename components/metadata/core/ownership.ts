/**
 * Ids up to here are rows of the lineage, which the engine writes; ids from here on are nodes that users put. So both have one number
 * space, and an id says by itself whose it is.
 */
export const firstOwnId = 1_000_000_000_000;

export const isOwn = (id: number): boolean => id >= firstOwnId;

/** The types by which KFP's runs are shown. Nodes of these contexts and executions are made by the engine alone. */
export const pipelineType = "system.Pipeline";
export const runType = "system.PipelineRun";
export const groupType = "system.DAGExecution";
export const containerType = "system.ContainerExecution";
export const importerType = "system.ImporterExecution";

export const engineTypes: ReadonlySet<string> = new Set([
  pipelineType,
  runType,
  groupType,
  containerType,
  importerType,
  "system.ImporterWorkspaceExecution",
]);

/** Types that are there from the beginning, in the order of their ids: upstream's simple types, then KFP's. */
export const builtInTypes: readonly { readonly kind: "artifact" | "execution" | "context"; readonly name: string }[] = [
  ...["mlmd.Dataset", "mlmd.Model", "mlmd.Metrics", "mlmd.Statistics"].map((name) => ({
    kind: "artifact" as const,
    name,
  })),
  ...["mlmd.Train", "mlmd.Transform", "mlmd.Process", "mlmd.Evaluate", "mlmd.Deploy"].map((name) => ({
    kind: "execution" as const,
    name,
  })),
  ...[pipelineType, runType].map((name) => ({ kind: "context" as const, name })),
  ...[groupType, containerType, importerType].map((name) => ({ kind: "execution" as const, name })),
  ...[
    "Artifact",
    "Model",
    "Dataset",
    "Metrics",
    "ClassificationMetrics",
    "SlicedClassificationMetrics",
    "HTML",
    "Markdown",
  ].map((title) => ({ kind: "artifact" as const, name: `system.${title}` })),
];

/** Simple types can be asked for by name; upstream leaves them out of lists. */
export const isSimple = (name: string): boolean => name.startsWith("mlmd.");
