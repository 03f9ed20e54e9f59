/** Addresses of the pages of this component; the words of their queries are those of Kubeflow's own pages. */
export const pipelinesPath = "/pipelines";
export const experimentsPath = "/experiments";
export const archivedExperimentsPath = "/archive/experiments";
export const newExperimentPath = "/experiments/new";
export const schedulesPath = "/recurringruns";

export type PipelineTab = "graph" | "spec" | "versions" | "runs";

export function pipelinePath(pipeline: string, version?: string, tab: PipelineTab = "graph"): string {
  const of = version === undefined ? "" : `/version/${version}`;
  return `/pipelines/details/${pipeline}${of}${tab === "graph" ? "" : `/${tab}`}`;
}

export function newVersionPath(pipeline?: string): string {
  return `/pipeline_versions/new${queryOf({ pipelineId: pipeline })}`;
}

export interface NewRunQuery {
  readonly pipelineId?: string;
  readonly pipelineVersionId?: string;
  readonly experimentId?: string;
  readonly cloneFromRun?: string;
  readonly cloneFromRecurringRun?: string;
  readonly recurring?: "1";
}

export const newRunPath = (query: NewRunQuery = {}): string => `/runs/new${queryOf({ ...query })}`;
export const experimentPath = (id: string): string => `/experiments/details/${id}`;
export const schedulePath = (id: string): string => `/recurringrun/details/${id}`;

function queryOf(items: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(items)) if (value !== undefined && value !== "") query.set(name, value);
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
