import type { EnvVar, PodSpec, ResourceRequirements, Toleration, Volume, VolumeMount } from "@headrace/k8s";
import type { ExecutorInput } from "./executor-input.ts";
import type { Component, PassthroughField } from "./ir.ts";
import type { JsonValue } from "./json.ts";

/** KFP's TaskConfig: parts of a task's settings in the shapes that a pod has them in. */
export interface TaskConfig {
  readonly affinity?: NonNullable<PodSpec["affinity"]>;
  readonly tolerations: readonly Toleration[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly env: readonly EnvVar[];
  readonly volumes: readonly Volume[];
  readonly volumeMounts: readonly VolumeMount[];
  readonly resources?: ResourceRequirements;
}

const fieldOf: Readonly<Record<keyof TaskConfig, PassthroughField>> = {
  affinity: "KUBERNETES_AFFINITY",
  tolerations: "KUBERNETES_TOLERATIONS",
  nodeSelector: "KUBERNETES_NODE_SELECTOR",
  env: "ENV",
  volumes: "KUBERNETES_VOLUMES",
  volumeMounts: "KUBERNETES_VOLUMES",
  resources: "RESOURCES",
};

/**
 * What of the settings is the pod's and what the component is told of, to hand it on to what it starts. Without a passthrough a part
 * is the pod's; with one it is handed on, and the pod's as well if the component says so.
 */
export function shareOut(
  { passthroughs }: Component,
  config: TaskConfig,
): { readonly onPod: Partial<TaskConfig>; readonly handedOn: Partial<TaskConfig> } {
  const pick = (isWanted: (field: PassthroughField) => boolean): Partial<TaskConfig> =>
    Object.fromEntries(Object.entries(config).filter(([key]) => isWanted(fieldOf[key as keyof TaskConfig])));
  return {
    onPod: pick((field) => passthroughs.get(field)?.applyToTask ?? true),
    handedOn: pick((field) => passthroughs.has(field)),
  };
}

/** The step's input with what is handed on in the place of its TASK_CONFIG parameters; upstream writes absent parts as null. */
export function withTaskConfig(
  component: Component,
  input: ExecutorInput,
  handedOn: Partial<TaskConfig>,
): ExecutorInput {
  const names = [...component.inputs.parameters].filter(([, { type }]) => type === "TASK_CONFIG").map(([name]) => name);
  if (names.length === 0) return input;
  const { affinity, tolerations, nodeSelector, env, volumes, volumeMounts, resources } = handedOn;
  const value = asJson({
    affinity: affinity ?? null,
    tolerations: orNull(tolerations),
    nodeSelector: nodeSelector ?? null,
    env: orNull(env),
    volumes: orNull(volumes),
    volumeMounts: orNull(volumeMounts),
    resources: resources ?? {},
  });
  const parameterValues = {
    ...input.inputs.parameterValues,
    ...Object.fromEntries(names.map((name) => [name, value])),
  };
  return { ...input, inputs: { ...input.inputs, parameterValues } };
}

const orNull = <T>(list: readonly T[] | undefined): readonly T[] | null => (list && list.length > 0 ? list : null);

/** What is absent in a shape is absent in its JSON. */
function asJson(value: object): JsonValue {
  return JSON.parse(JSON.stringify(value));
}
