import type { LineageTables } from "@headrace/records";
import type { Generated, Kysely } from "kysely";

/** The component's own tables beside the lineage. Times in milliseconds; JSON columns hold text. */
export interface PipelineTables extends LineageTables {
  experiment: ExperimentTable;
  pipeline: PipelineTable;
  pipeline_version: PipelineVersionTable;
  pipeline_run: PipelineRunTable;
  run_state: RunStateTable;
  recurring_run: RecurringRunTable;
}

/** A query's way to the tables: the database or a transaction on it. */
export type PipelineDatabase = Kysely<PipelineTables>;

export type StorageState = "AVAILABLE" | "ARCHIVED";

export interface ExperimentTable {
  id: string;
  ns: string;
  name: string;
  description: string;
  storage_state: StorageState;
  created_at: number;
  /** 0 while there was no run. */
  last_run_created_at: number;
}

export interface PipelineTable {
  id: string;
  ns: string;
  name: string;
  display_name: string;
  description: string;
  tags: string;
  created_at: number;
  /** Its name as an object, unique in its namespace. */
  object: string;
  /** The user's own, as JSON. */
  labels: Generated<string>;
  annotations: Generated<string>;
}

export interface PipelineVersionTable {
  id: string;
  ns: string;
  pipeline: string;
  name: string;
  display_name: string;
  description: string;
  tags: string;
  /** document.digest of the spec as uploaded, normalised to JSON. */
  spec: string;
  package_url: string;
  code_source_url: string;
  created_at: number;
  /** Its name as an object, unique in its namespace. */
  object: string;
  /** The user's own, as JSON. */
  labels: Generated<string>;
  annotations: Generated<string>;
}

/** What a run of a pipeline has beyond `run`. */
export interface PipelineRunTable {
  run: string;
  ns: string;
  experiment: string;
  display_name: string;
  description: string;
  storage_state: StorageState;
  pipeline: string | null;
  pipeline_version: string | null;
  /** The name in the spec, in artifact paths, and the cache's scope. */
  pipeline_name: string;
  /** `<pipeline name>-<suffix>`: KFP's pipeline_job_resource_name, name of the Workflow. */
  resource_name: string;
  spec: string;
  /** runtime_config.parameters as sent, JSON object. */
  parameters: string;
  pipeline_root: string;
  service_account: string;
  /** 0 switches caching off for the whole run. */
  cache: number;
  /** How old an earlier success may be to be used again, in milliseconds; null for no limit. */
  cache_max_age: number | null;
  /** 1: a task that failed keeps only those from running that wait for it. */
  keep_going: Generated<number>;
  /** Keys of tasks that the last retry was to begin with, as a JSON list. */
  run_again: string | null;
  created_at: number;
  scheduled_at: number;
  /** When it was archived last; null if it never was, or before this was kept. */
  archived_at: Generated<number | null>;
  /** The recurring run that made it, which may be gone, and which of its runs it is, from 1. */
  recurring_run: string | null;
  recurring_index: number | null;
}

/** What makes runs by the clock. */
export interface RecurringRunTable {
  id: string;
  ns: string;
  experiment: string;
  /** Made of the display name: the name of the ScheduledWorkflow, and what its runs' names begin with. */
  name: string;
  display_name: string;
  description: string;
  enabled: number;
  max_concurrency: number;
  no_catchup: number;
  /** Either this or the interval, or neither for what happens once. */
  cron: string | null;
  interval_seconds: number | null;
  start_at: number | null;
  end_at: number | null;
  pipeline: string | null;
  pipeline_version: string | null;
  /** document.digest of the spec that it is bound to; absent if each run takes the pipeline's latest version. */
  spec: string | null;
  parameters: string;
  pipeline_root: string;
  service_account: string;
  created_at: number;
  updated_at: number;
  /** The latest tick that made a run. */
  last_at: number | null;
  last_index: number;
  /** Of each of its runs: see the columns there. */
  keep_going: Generated<number>;
  cache_max_age: number | null;
  /** The user's own, as JSON. */
  labels: Generated<string>;
  annotations: Generated<string>;
  /** Why the last tick that was due made no run; absent when all is well. */
  error: string | null;
}

/** KFP's state_history: one row for each change, in the order of `id`. */
export interface RunStateTable {
  id: Generated<number>;
  run: string;
  ns: string;
  at: number;
  state: string;
  error: string | null;
}
