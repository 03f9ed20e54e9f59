import type { ArtifactTable, AttemptTable, TaskTable } from "@headrace/records";
import type { Selectable } from "kysely";
import type { Artifact, Context, Event, Execution, Value } from "./messages.ts";
import { containerType, groupType, importerType, pipelineType, runType } from "./ownership.ts";

/**
 * KFP's conventions: how runs, tasks and artifacts look as contexts, executions and artifacts of ML Metadata. Types, names and custom
 * properties are those that KFP's driver and launcher write and its pages read.
 */

type TaskRow = Selectable<TaskTable>;
type ArtifactRow = Selectable<ArtifactTable>;

/** What only the pipelines know of a run. */
export interface RunFacts {
  readonly pipelineName: string;
  readonly resourceName: string;
  readonly pipelineRoot: string;
}

/** What a run's pipeline says of a task. */
export interface StepFacts {
  readonly image?: string;
  readonly group?: {
    readonly taskCount: number;
    readonly parameterProducers: Readonly<Record<string, object>>;
    readonly artifactProducers: Readonly<Record<string, object>>;
  };
}

/** The name of an artifact's type, whatever form the pipeline gave it in. */
export function artifactTypeName({ type, type_schema }: Pick<ArtifactRow, "type" | "type_schema">): string {
  if (type !== "") return type;
  return /^title:\s*["']?([\w.-]+)/m.exec(type_schema ?? "")?.[1] ?? "system.Artifact";
}

export function artifactOf(row: ArtifactRow): Artifact {
  const metadata = Object.entries(objectOf(row.metadata)).flatMap(([key, content]) => {
    const value = metadataValue(content);
    return value ? [[key, value] as const] : [];
  });
  const properties = Object.fromEntries(metadata);
  return {
    id: row.id,
    type: artifactTypeName(row),
    uri: row.uri,
    properties: {},
    custom_properties: {
      ...properties,
      ...(row.name !== null && !Object.hasOwn(properties, "display_name") && { display_name: text(row.name) }),
    },
    state: row.state,
    create_time_since_epoch: row.created_at,
    last_update_time_since_epoch: row.created_at,
  };
}

/** Numbers are doubles, truth is 0 or 1, and what has an inside is wrapped, so that it survives as a Struct. */
function metadataValue(content: unknown): Value | undefined {
  switch (typeof content) {
    case "string":
      return text(content);
    case "number":
      return { double_value: content };
    case "boolean":
      return whole(Number(content));
    default:
      if (content === null || content === undefined) return undefined;
      return { struct_value: Array.isArray(content) ? { list: content } : { struct: content } };
  }
}

function executionTypeName({ type }: Pick<TaskRow, "type">): string {
  if (type === "RUNTIME") return containerType;
  return type === "IMPORTER" ? importerType : groupType;
}

/** Tasks of these types are executions of that one; the others are groups. */
export const taskTypes = { [containerType]: "RUNTIME", [importerType]: "IMPORTER" } as const;

export const rootName = (run: string): string => `run/${run}`;

const states: Readonly<Record<TaskRow["state"], NonNullable<Execution["last_known_state"]>>> = {
  PENDING: "NEW",
  RUNNING: "RUNNING",
  SUCCEEDED: "COMPLETE",
  FAILED: "FAILED",
  // A condition that was not met: KFP has no other word for it.
  SKIPPED: "CANCELED",
  CACHED: "CACHED",
  CANCELED: "CANCELED",
};

export interface Surroundings {
  readonly attempt: Pick<Selectable<AttemptTable>, "pod"> | undefined;
  readonly facts: StepFacts | undefined;
}

export function executionOf(row: TaskRow, { attempt, facts }: Surroundings): Execution {
  const isRoot = row.type === "ROOT";
  const isIteration = row.type === "ITERATION";
  return {
    id: row.id,
    ...(isRoot && { name: rootName(row.run) }),
    type: executionTypeName(row),
    last_known_state: states[row.state],
    properties: {},
    custom_properties: {
      display_name: text(isRoot ? "" : isIteration ? loopName(row) : row.display_name),
      task_name: text(isRoot ? "" : isIteration ? loopName(row) : row.name),
      ...(row.parent !== null && { parent_dag_id: whole(row.parent) }),
      ...(row.iteration !== null && { iteration_index: whole(row.iteration) }),
      ...(row.items !== null && { iteration_count: whole(listLength(row.items)) }),
      ...(row.inputs !== null && { inputs: { struct_value: parametersOf(row.inputs) } }),
      ...(row.outputs !== null && { outputs: { struct_value: parametersOf(row.outputs) } }),
      ...(row.type === "RUNTIME" && containerProperties(row, { attempt, facts })),
      ...(facts?.group && groupProperties(facts.group, isRoot)),
    },
    create_time_since_epoch: row.created_at,
    last_update_time_since_epoch: row.finished_at ?? row.started_at ?? row.created_at,
  };
}

/** An iteration goes by the name of its loop: `root/for-loop-2[3]`. */
const loopName = ({ key }: TaskRow): string => key.slice(key.lastIndexOf("/") + 1).replace(/(?:\[\d+\])+$/, "");

function containerProperties(row: TaskRow, { attempt, facts }: Surroundings): Record<string, Value> {
  return {
    pod_name: text(attempt?.pod ?? ""),
    pod_uid: text(""),
    namespace: text(row.ns),
    image: text(facts?.image ?? ""),
    ...(row.fingerprint !== null && { cache_fingerprint: text(row.fingerprint) }),
    ...(row.cached_from !== null && { cached_execution_id: text(String(row.cached_from)) }),
  };
}

function groupProperties(group: NonNullable<StepFacts["group"]>, isRoot: boolean): Record<string, Value> {
  const { taskCount, parameterProducers, artifactProducers } = group;
  const asTexts = Object.entries(parameterProducers).map(([name, source]) => [name, JSON.stringify(source)]);
  return {
    ...(!isRoot && { total_dag_tasks: whole(taskCount) }),
    ...(asTexts.length > 0 && { parameter_producer_task: { struct_value: Object.fromEntries(asTexts) } }),
    ...(Object.keys(artifactProducers).length > 0 && {
      artifact_producer_task: text(JSON.stringify(artifactProducers)),
    }),
  };
}

export interface ContextRow {
  readonly id: number;
  readonly ns: string;
  readonly kind: string;
  readonly ref: string;
  /** 0 where nobody knows: the first run of the pipeline is gone. */
  readonly created_at: number;
}

export function contextOf(row: ContextRow, facts: RunFacts | undefined): Context {
  return {
    id: row.id,
    name: row.ref,
    type: row.kind,
    properties: {},
    custom_properties:
      row.kind === runType
        ? {
            namespace: text(row.ns),
            resource_name: text(facts?.resourceName ?? ""),
            pipeline_root: text(facts?.pipelineRoot ?? ""),
          }
        : {},
    ...(row.created_at > 0 && {
      create_time_since_epoch: row.created_at,
      last_update_time_since_epoch: row.created_at,
    }),
  };
}

export const lineageContexts: readonly string[] = [pipelineType, runType];

export interface EdgeRow {
  readonly task: number;
  readonly artifact: number;
  readonly direction: "INPUT" | "OUTPUT";
  readonly name: string;
  readonly created_at: number;
  readonly finished_at: number | null;
}

/** The first step of an event's path is the name of the input or output. */
export function eventOf(row: EdgeRow): Event {
  const isOutput = row.direction === "OUTPUT";
  return {
    artifact_id: row.artifact,
    execution_id: row.task,
    path: { steps: [{ key: row.name }] },
    type: row.direction,
    milliseconds_since_epoch: (isOutput ? row.finished_at : null) ?? row.created_at,
  };
}

const text = (content: string): Value => ({ string_value: content });
const whole = (content: number): Value => ({ int_value: content });

function listLength(list: string): number {
  const items: unknown = JSON.parse(list);
  return Array.isArray(items) ? items.length : 0;
}

function parametersOf(values: string): Readonly<Record<string, unknown>> {
  const { parameters } = objectOf(values) as { parameters?: Readonly<Record<string, unknown>> };
  return parameters ?? {};
}

function objectOf(json: string): Readonly<Record<string, unknown>> {
  const content: unknown = JSON.parse(json);
  return typeof content === "object" && content !== null && !Array.isArray(content)
    ? (content as Readonly<Record<string, unknown>>)
    : {};
}
