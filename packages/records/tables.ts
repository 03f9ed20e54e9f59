import type { Generated } from "kysely";

/**
 * Lineage: one model behind many faces. Integers are MLMD's ids, KFP's execution_id and the artifact names in
 * executor_input; uuids are KFP's task_id and artifact_id. Times are milliseconds since the epoch. JSON columns hold text.
 * Every row has its namespace.
 */
export interface LineageTables {
  run: RunTable;
  task: TaskTable;
  attempt: AttemptTable;
  artifact: ArtifactTable;
  task_artifact: TaskArtifactTable;
  context: ContextTable;
  /** Documents stored once by digest: pipeline specs. */
  document: DocumentTable;
  garbage: GarbageTable;
  change: ChangeTable;
  migration: MigrationTable;
}

export interface RunTable {
  id: string;
  ns: string;
  /** RuntimeState names of KFP: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELING, CANCELED (our own truth; faces translate). */
  state: RunState;
  error: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

export type RunState = "PENDING" | "RUNNING" | "SUCCEEDED" | "FAILED" | "CANCELING" | "CANCELED";

/** Of runs that go on, and of those that are over. */
export const activeRunStates: readonly RunState[] = ["PENDING", "RUNNING", "CANCELING"];
export const finalRunStates: readonly RunState[] = ["SUCCEEDED", "FAILED", "CANCELED"];

export interface TaskTable {
  id: Generated<number>;
  uid: string;
  ns: string;
  run: string;
  /** The enclosing DAG's task; null for the root. */
  parent: number | null;
  /** A path, unique in its run: `root/for-loop-2[3]/train`. */
  key: string;
  /** The task's name in its DAG: `train`. */
  name: string;
  display_name: string;
  type: TaskType;
  /** Index within the enclosing loop, for the tasks that are one iteration of it. */
  iteration: number | null;
  state: TaskState;
  /** Resolved inputs as JSON: `{parameters:{}, artifacts:{name:[id]}}`; null until they are known. */
  inputs: string | null;
  /** Outputs as JSON in the same shape. */
  outputs: string | null;
  /** Items of a loop as a JSON list, written when the loop opens. */
  items: string | null;
  fingerprint: string | null;
  cached_from: number | null;
  /** `{message, tail?, code?}` as JSON. */
  error: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  /** When the next attempt of a failed task is due. */
  retry_at: number | null;
  deadline_at: number | null;
}

/** KFP's coming task API: RUNTIME is a container step. */
export type TaskType =
  | "ROOT"
  | "RUNTIME"
  | "CONDITION_BRANCH"
  | "CONDITION"
  | "LOOP"
  | "ITERATION"
  | "EXIT_HANDLER"
  | "IMPORTER"
  | "DAG";

export type TaskState = "PENDING" | "RUNNING" | "SUCCEEDED" | "FAILED" | "SKIPPED" | "CACHED" | "CANCELED";

export interface AttemptTable {
  task: number;
  /** 0 for the first try. */
  n: number;
  ns: string;
  run: string;
  /** Deterministic pod name. */
  pod: string;
  state: "CREATED" | "RUNNING" | "SUCCEEDED" | "FAILED" | "LOST" | "CANCELED";
  exit_code: number | null;
  reason: string | null;
  message: string | null;
  /** URI of the archived log; null while the node has it. */
  log: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

export interface ArtifactTable {
  id: Generated<number>;
  uid: string;
  ns: string;
  /** Schema title: `system.Model`. */
  type: string;
  /** Version of the type, or an instance schema as JSON for custom ones. */
  type_schema: string | null;
  name: string | null;
  uri: string;
  /** JSON object. */
  metadata: string;
  digest: string | null;
  size: number | null;
  state: "PENDING" | "LIVE" | "DELETED";
  created_at: number;
}

export interface TaskArtifactTable {
  task: number;
  artifact: number;
  ns: string;
  direction: "INPUT" | "OUTPUT";
  name: string;
  index: number;
}

export interface ContextTable {
  id: Generated<number>;
  ns: string;
  /** `system.Pipeline`, `system.PipelineRun`. */
  kind: string;
  ref: string;
}

export interface DocumentTable {
  /** sha256 in hex of the content. */
  digest: string;
  ns: string;
  content: string;
  created_at: number;
}

/** A place whose bytes nobody names any more, noted in the transaction that forgot it; the row goes once the bytes are gone. */
export interface GarbageTable {
  ns: string;
  /** Of a file or a tree. What still belongs to an artifact within it stays, and so does the row. */
  uri: string;
  created_at: number;
}

/** The bounded change feed, appended in the same transaction as the change. */
interface ChangeTable {
  seq: Generated<number>;
  ns: string;
  /** Plural of the projected kind: `runs`, `tasks`. */
  kind: string;
  /** Primary key of the row, as text. */
  key: string;
  op: "PUT" | "DELETE";
}

interface MigrationTable {
  component: string;
  id: number;
  name: string;
  applied_at: number;
}
