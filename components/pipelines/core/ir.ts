import type { PersistentVolumeClaimSpec } from "@headrace/k8s";
import type { Condition, Selector } from "./expression.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import type { Place } from "./reader.ts";

/**
 * A pipeline as the engine walks it: KFP's intermediate representation (PipelineSpec 2.1.0), checked, with names resolved to
 * what they name. Built by spec.ts and never changed.
 */
export interface Pipeline {
  /** What was uploaded, with every key kept: stored, and given back to clients. */
  readonly document: PipelineDocument;
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly defaultPipelineRoot: string;
  readonly root: Component;
  readonly settings: PipelineSettings;
  /** Paths of what the pipeline asks for and nothing here does: it can be kept and shown, but not run. */
  readonly unsupported: readonly string[];
}

export interface PipelineDocument {
  readonly pipelineSpec: JsonObject;
  readonly platformSpec?: JsonObject;
}

/** What the Kubernetes platform document asks for the whole run. Times in seconds. */
export interface PipelineSettings {
  readonly activeDeadlineSeconds?: number;
  /** How long what a finished run left in Kubernetes is kept, by how it ended. */
  readonly resourceTtl: { readonly onSuccess?: number; readonly onFailure?: number };
  /** The spec of the claim that all steps of a run may share. */
  readonly workspace?: PersistentVolumeClaimSpec;
}

export type ParameterType =
  | "STRING"
  | "NUMBER_INTEGER"
  | "NUMBER_DOUBLE"
  | "BOOLEAN"
  | "LIST"
  | "STRUCT"
  | "TASK_FINAL_STATUS"
  | "TASK_CONFIG";

export interface ParameterSpec {
  readonly type: ParameterType;
  readonly defaultValue?: JsonValue;
  readonly optional: boolean;
  /** The only values that are allowed, if any are listed. */
  readonly literals: readonly JsonValue[];
  readonly description: string;
}

export interface ArtifactSpec {
  readonly type: ArtifactType;
  readonly list: boolean;
  readonly optional: boolean;
  /** Of an output: what its metadata begin with. */
  readonly metadata?: JsonObject;
}

/** One of a title (`system.Model`) and an instance schema; both absent means any artifact. */
export interface ArtifactType {
  readonly schemaTitle?: string;
  readonly schemaVersion?: string;
  readonly instanceSchema?: string;
}

export interface Ports {
  readonly parameters: ReadonlyMap<string, ParameterSpec>;
  readonly artifacts: ReadonlyMap<string, ArtifactSpec>;
}

export const noPorts: Ports = { parameters: new Map(), artifacts: new Map() };

export interface Component {
  /** `root` or the key under `components`. */
  readonly name: string;
  readonly inputs: Ports;
  readonly outputs: Ports;
  readonly body: Dag | ContainerExecutor | ClaimExecutor | ImporterExecutor;
  /** Parts of its settings that a container component takes as an input, and whether they are its pod's as well. */
  readonly passthroughs: ReadonlyMap<PassthroughField, { readonly applyToTask: boolean }>;
}

export const passthroughFields = [
  "RESOURCES",
  "ENV",
  "KUBERNETES_AFFINITY",
  "KUBERNETES_TOLERATIONS",
  "KUBERNETES_NODE_SELECTOR",
  "KUBERNETES_VOLUMES",
] as const;
export type PassthroughField = (typeof passthroughFields)[number];

export interface Dag {
  readonly kind: "dag";
  readonly tasks: ReadonlyMap<string, Task>;
  readonly outputs: {
    readonly parameters: ReadonlyMap<string, OutputSource>;
    readonly artifacts: ReadonlyMap<string, OutputSource>;
  };
}

/** Where an output of a DAG comes from. More than one candidate, or `oneOf`: the first whose task succeeded. */
export interface OutputSource {
  readonly oneOf: boolean;
  readonly candidates: readonly { readonly task: string; readonly key: string }[];
}

export interface ContainerExecutor {
  readonly kind: "container";
  readonly label: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly resources: ContainerResources;
  /** Kubernetes' own settings of this executor, from the platform document. */
  readonly kubernetes?: Place;
}

/** `CreatePVC` and `DeletePVC` of kfp-kubernetes: done by the engine, without a pod. */
export interface ClaimExecutor {
  readonly kind: "claim";
  readonly label: string;
  readonly action: "create" | "delete";
  /** The image that stands for the action: part of the cache key. */
  readonly image: string;
}

/** Quantities as Kubernetes writes them; a text may hold placeholders. */
export interface ContainerResources {
  readonly cpuRequest?: string;
  readonly cpuLimit?: string;
  readonly memoryRequest?: string;
  readonly memoryLimit?: string;
  readonly accelerator?: { readonly type: string; readonly count: string };
}

export interface ImporterExecutor {
  readonly kind: "importer";
  readonly label: string;
  readonly uri: { readonly constant: string } | { readonly input: string };
  readonly type: ArtifactType;
  readonly metadata: JsonObject;
  readonly reimport: boolean;
  /** Its bytes are to lie in the run's workspace, too. */
  readonly downloadToWorkspace: boolean;
}

/** How KFP's compiler names the inputs by which groups hand down values of the pipeline around them. */
export const channelPrefix = "pipelinechannel--";
export const isChannel = (name: string): boolean => name.startsWith(channelPrefix);

export interface Task {
  /** Key in its DAG, unique there. */
  readonly name: string;
  readonly displayName: string;
  readonly component: Component;
  /** Siblings that must be final before this one is decided: declared and implied, in the order of names. */
  readonly upstream: readonly string[];
  readonly downstream: readonly string[];
  readonly parameters: ReadonlyMap<string, ParameterSource>;
  readonly artifacts: ReadonlyMap<string, ArtifactSource>;
  readonly condition?: Condition;
  /** Runs whatever became of its upstream: exit tasks and `ignore_upstream_failure`. */
  readonly always: boolean;
  readonly iterator?: Iterator;
  readonly retry?: RetryPolicy;
  readonly cache: { readonly enabled: boolean; readonly key?: string };
}

export type ParameterSource = (
  | { readonly from: "input"; readonly name: string }
  | { readonly from: "task"; readonly task: string; readonly key: string }
  | { readonly from: "constant"; readonly value: JsonValue }
  | { readonly from: "finalStatus"; readonly task: string }
) & { readonly selector?: Selector };

export type ArtifactSource =
  | { readonly from: "input"; readonly name: string }
  | { readonly from: "task"; readonly task: string; readonly key: string };

/** A ParallelFor: the component runs once for each item, which it sees as input `item`. */
export interface Iterator {
  readonly kind: "parameter" | "artifact";
  readonly items: { readonly raw: readonly JsonValue[] } | { readonly input: string };
  readonly item: string;
  /** Iterations that may run at the same time; 0 for no limit. */
  readonly parallelism: number;
}

/** `maxRetries` further attempts; the nth waits `delayMs * factor^n`, at most `maxDelayMs`. */
export interface RetryPolicy {
  readonly maxRetries: number;
  readonly delayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
}

/** What a pipeline says of the task at a path such as `root/for-loop-2[3]/train`; undefined for the root and unknown paths. */
export function taskAt(root: Component, key: string): Task | undefined {
  let component = root;
  let task: Task | undefined;
  for (const part of key.split("/").slice(1)) {
    const name = part.replace(/(?:\[\d+\])+$/, "");
    task = component.body.kind === "dag" ? component.body.tasks.get(name) : undefined;
    if (!task) return undefined;
    ({ component } = task);
  }
  return task;
}
