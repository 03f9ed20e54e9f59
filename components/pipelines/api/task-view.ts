import type { TaskState } from "@headrace/records";
import { field, isList, isObject, type JsonObject, type JsonValue, parseObject } from "../core/json.ts";
import type { ArtifactRow, TaskArtifactRow } from "../records/artifacts.ts";
import type { AttemptRow, TaskOutline, TaskRow } from "../records/runs.ts";
import type { ArtifactMessage, InputOutputs, RuntimeState, TaskDetail, TaskMessage } from "./messages.ts";
import { taskError, taskNote } from "./run-status.ts";

/** Everything about a run's tasks, as it is in the records. */
export interface RunTasks {
  readonly tasks: readonly TaskRow[];
  readonly attempts: readonly AttemptRow[];
  readonly artifacts: readonly TaskArtifactRow[];
  /** What `tasks` are in, and what is in them; by default they are all that there is. */
  readonly around?: Surroundings;
}

/** Which tasks are in which, of a whole run or around some of it. */
export interface Surroundings {
  readonly byId: ReadonlyMap<number, TaskOutline>;
  readonly children: ReadonlyMap<number | null, readonly TaskOutline[]>;
}

export function surroundingsOf(tasks: readonly TaskOutline[]): Surroundings {
  return {
    byId: new Map(tasks.map((task) => [task.id, task])),
    children: Map.groupBy(tasks, (task) => task.parent),
  };
}

/** run_details.task_details: KFP's view of today. */
export function taskDetails(rows: RunTasks): readonly TaskDetail[] {
  const index = indexOf(rows);
  return rows.tasks.map((task) => taskDetail(task, index));
}

/** `tasks`: the view of the version after 2.17. */
export function taskMessages(rows: RunTasks): readonly TaskMessage[] {
  const index = indexOf(rows);
  return rows.tasks.map((task) => taskMessageOf(task, index));
}

interface Index extends Surroundings {
  readonly attempts: ReadonlyMap<number, readonly AttemptRow[]>;
  readonly artifacts: ReadonlyMap<number, readonly TaskArtifactRow[]>;
}

function indexOf({ tasks, attempts, artifacts, around = surroundingsOf(tasks) }: RunTasks): Index {
  return {
    ...around,
    attempts: Map.groupBy(attempts, (attempt) => attempt.task),
    artifacts: Map.groupBy(artifacts, (artifact) => artifact.task),
  };
}

const detailStates: Readonly<Record<TaskState, RuntimeState>> = {
  PENDING: "PENDING",
  RUNNING: "RUNNING",
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  SKIPPED: "SKIPPED",
  // This enum has no word for it: the outputs are there.
  CACHED: "SUCCEEDED",
  CANCELED: "CANCELED",
};

function taskDetail(task: TaskRow, index: Index): TaskDetail {
  const attempts = index.attempts.get(task.id) ?? [];
  const children = index.children.get(task.id) ?? [];
  const artifacts = index.artifacts.get(task.id) ?? [];
  const pod = attempts.at(-1)?.pod ?? "";
  const error = taskError(task);
  return {
    run_id: task.run,
    task_id: task.uid,
    display_name: task.display_name,
    create_time: task.created_at,
    start_time: task.started_at ?? undefined,
    end_time: task.finished_at ?? undefined,
    ...(pod && { executor_detail: { main_job: pod, failed_main_jobs: attempts.slice(0, -1).map((each) => each.pod) } }),
    state: detailStates[task.state],
    execution_id: task.id,
    error,
    inputs: artifactIds(artifacts, "INPUT"),
    outputs: artifactIds(artifacts, "OUTPUT"),
    parent_task_id: parentUid(task, index),
    state_history: history(task, error),
    pod_name: pod,
    child_tasks: children.map((child) => ({ task_id: child.uid })),
  };
}

function history(task: TaskRow, error: TaskDetail["error"]): NonNullable<TaskDetail["state_history"]> {
  const { created_at, started_at, finished_at, state } = task;
  return [
    { update_time: created_at, state: "PENDING" },
    ...(started_at === null ? [] : [{ update_time: started_at, state: "RUNNING" as const }]),
    ...(finished_at === null ? [] : [{ update_time: finished_at, state: detailStates[state], error }]),
  ];
}

function artifactIds(artifacts: readonly TaskArtifactRow[], direction: "INPUT" | "OUTPUT") {
  const ports = Map.groupBy(
    artifacts.filter((artifact) => artifact.direction === direction),
    (artifact) => artifact.port,
  );
  return Object.fromEntries([...ports].map(([port, rows]) => [port, { artifact_ids: rows.map((row) => row.id) }]));
}

const taskStates: Readonly<Record<TaskState, NonNullable<TaskMessage["state"]>>> = {
  PENDING: "RUNTIME_STATE_UNSPECIFIED",
  RUNNING: "RUNNING",
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  SKIPPED: "SKIPPED",
  CACHED: "CACHED",
  CANCELED: "FAILED",
};

function taskMessageOf(task: TaskRow, index: Index): TaskMessage {
  const attempts = index.attempts.get(task.id) ?? [];
  const children = index.children.get(task.id) ?? [];
  const artifacts = index.artifacts.get(task.id) ?? [];
  const note = taskNote(task);
  return {
    name: task.name,
    display_name: task.display_name,
    task_id: task.uid,
    run_id: task.run,
    pods: attempts.map((attempt) => ({ name: attempt.pod, type: "EXECUTOR" })),
    cache_fingerprint: task.fingerprint ?? "",
    create_time: task.created_at,
    end_time: task.finished_at ?? undefined,
    state: taskStates[task.state],
    ...(note && { status_metadata: { message: note } }),
    // One iteration of a loop is a DAG there, known by its index.
    type: task.type === "ITERATION" ? "DAG" : task.type,
    ...typeAttributes(task),
    parent_task_id: parentUid(task, index),
    child_tasks: children.map((child) => ({ task_id: child.uid, name: child.name })),
    inputs: ports(task.inputs, artifacts, "INPUT"),
    outputs: ports(task.outputs, artifacts, "OUTPUT"),
    scope_path: task.key.replaceAll("/", "."),
  };
}

function typeAttributes({ iteration, items, type }: TaskRow): Pick<TaskMessage, "type_attributes"> {
  if (iteration !== null) return { type_attributes: { iteration_index: iteration } };
  if (type !== "LOOP" || items === null) return {};
  const list: JsonValue = JSON.parse(items);
  return isList(list) ? { type_attributes: { iteration_count: list.length } } : {};
}

function ports(
  values: string | null,
  artifacts: readonly TaskArtifactRow[],
  direction: "INPUT" | "OUTPUT",
): InputOutputs {
  const type = direction === "OUTPUT" ? "OUTPUT" : "COMPONENT_INPUT";
  const named = Map.groupBy(
    artifacts.filter((artifact) => artifact.direction === direction),
    (artifact) => artifact.port,
  );
  return {
    parameters: Object.entries(parametersOf(values)).map(([parameter_key, value]) => ({ parameter_key, value, type })),
    artifacts: [...named].map(([artifact_key, rows]) => ({
      artifact_key,
      artifacts: rows.map(artifactMessageOf),
      type,
    })),
  };
}

function parametersOf(values: string | null): JsonObject {
  const parameters = field(parseObject(values), "parameters");
  return isObject(parameters) ? parameters : {};
}

/** KFP's enum by schema title. What has another title is an Artifact there. */
export const artifactTypes: Readonly<Record<string, NonNullable<ArtifactMessage["type"]>>> = {
  "system.Artifact": "Artifact",
  "system.Model": "Model",
  "system.Dataset": "Dataset",
  "system.HTML": "HTML",
  "system.Markdown": "Markdown",
  "system.Metrics": "Metric",
  "system.ClassificationMetrics": "ClassificationMetric",
  "system.SlicedClassificationMetrics": "SlicedClassificationMetric",
};

export function artifactMessageOf(row: ArtifactRow): ArtifactMessage {
  return {
    artifact_id: row.uid,
    name: row.name ?? "",
    type: artifactTypes[row.type] ?? "Artifact",
    schema_title: row.type,
    uri: row.uri,
    metadata: parseObject(row.metadata),
    created_at: row.created_at,
    namespace: row.ns,
  };
}

function parentUid(task: TaskRow, { byId }: Index): string {
  return task.parent === null ? "" : (byId.get(task.parent)?.uid ?? "");
}
