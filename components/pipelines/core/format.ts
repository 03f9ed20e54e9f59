import { badRequest } from "@headrace/model";
import type { PipelineDocument } from "./ir.ts";
import { isList, isObject, type JsonObject, type JsonValue } from "./json.ts";

/**
 * The fields that are taken because KFP's format has them, though nothing here depends on them, by the message that they
 * stand in. Every other field that a message declares below is read somewhere.
 */
export const withoutEffect: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  PipelineSpec: { sdkVersion: "says who compiled the file" },
  ComponentSpec: { singlePlatformSpecs: "the compiler writes platforms into their own document, which is read" },
  "ComponentInputsSpec.ArtifactSpec": { description: "is for readers of the file" },
  "ComponentInputsSpec.ParameterSpec": { type: "parameterType took its place" },
  "ComponentOutputsSpec.ArtifactSpec": {
    description: "is for readers of the file",
    properties: "metadata took its place",
    customProperties: "metadata took its place",
  },
  "ComponentOutputsSpec.ParameterSpec": { type: "parameterType took its place" },
  ArtifactTypeSchema: { schemaUri: "schemaTitle took its place" },
  ValueOrRuntimeParameter: { constantValue: "constant took its place, and is asked for" },
  PipelineContainerSpec: { lifecycle: "KFP's own engine does not run its pre-cache check either" },
  ExecutorSpec: {
    resolver: "an executor of this kind is refused where a component names it",
    customJob: "an executor of this kind is refused where a component names it",
  },
  ImporterSpec: { properties: "metadata took its place", customProperties: "metadata took its place" },
  PipelineDeploymentConfig: { "@type": "names the message, as some compilers do" },
  SinglePlatformSpec: { platform: "repeats the key", config: "is for platforms other than Kubernetes" },
};

/** What may stand at a place: anything, the fields of one message, or the same thing many times. */
export type Shape =
  | { readonly kind: "any" }
  | Message
  | { readonly kind: "list"; readonly item: Shape }
  | { readonly kind: "map"; readonly item: Shape };

interface Message {
  readonly kind: "message";
  readonly name: string;
  readonly fields: Readonly<Record<string, Shape>>;
}

const any: Shape = { kind: "any" };
const listOf = (item: Shape): Shape => ({ kind: "list", item });
const mapOf = (item: Shape): Shape => ({ kind: "map", item });

/** `plain` names the fields, parted by blanks, that hold a scalar, a list of scalars, or what is free. */
function message(name: string, plain: string, nested: Readonly<Record<string, Shape>> = {}): Message {
  const names = [...plain.split(" ").filter(Boolean), ...Object.keys(withoutEffect[name] ?? {})];
  return { kind: "message", name, fields: { ...Object.fromEntries(names.map((each) => [each, any])), ...nested } };
}

const artifactType = message("ArtifactTypeSchema", "schemaTitle schemaVersion instanceSchema");
const value = message("ValueOrRuntimeParameter", "constant runtimeParameter");
const inputs = message("ComponentInputsSpec", "", {
  parameters: mapOf(
    message("ComponentInputsSpec.ParameterSpec", "parameterType defaultValue isOptional description literals"),
  ),
  artifacts: mapOf(message("ComponentInputsSpec.ArtifactSpec", "isArtifactList isOptional", { artifactType })),
});
const outputs = message("ComponentOutputsSpec", "", {
  parameters: mapOf(message("ComponentOutputsSpec.ParameterSpec", "parameterType description")),
  artifacts: mapOf(message("ComponentOutputsSpec.ArtifactSpec", "isArtifactList metadata", { artifactType })),
});

const taskOutputParameter = message("TaskOutputParameterSpec", "producerTask outputParameterKey");
const inputParameter = message("InputParameterSpec", "componentInputParameter parameterExpressionSelector", {
  taskOutputParameter,
  runtimeValue: value,
  taskFinalStatus: message("TaskFinalStatus", "producerTask"),
});
const inputArtifact = message("InputArtifactSpec", "componentInputArtifact", {
  taskOutputArtifact: message("TaskOutputArtifactSpec", "producerTask outputArtifactKey"),
});
const task = message("PipelineTaskSpec", "dependentTasks", {
  taskInfo: message("PipelineTaskInfo", "name"),
  inputs: message("TaskInputsSpec", "", { parameters: mapOf(inputParameter), artifacts: mapOf(inputArtifact) }),
  cachingOptions: message("CachingOptions", "enableCache cacheKey"),
  componentRef: message("ComponentRef", "name"),
  triggerPolicy: message("TriggerPolicy", "condition strategy"),
  artifactIterator: message("ArtifactIteratorSpec", "itemInput", {
    items: message("ArtifactIteratorSpec.ItemsSpec", "inputArtifact"),
  }),
  parameterIterator: message("ParameterIteratorSpec", "itemInput", {
    items: message("ParameterIteratorSpec.ItemsSpec", "raw inputParameter"),
  }),
  retryPolicy: message("RetryPolicy", "maxRetryCount backoffDuration backoffFactor backoffMaxDuration"),
  iteratorPolicy: message("IteratorPolicy", "parallelismLimit"),
});

const parameterSelector = message("ParameterSelectorSpec", "producerSubtask outputParameterKey");
const artifactSelector = message("ArtifactSelectorSpec", "producerSubtask outputArtifactKey");
const dag = message("DagSpec", "", {
  tasks: mapOf(task),
  outputs: message("DagOutputsSpec", "", {
    artifacts: mapOf(message("DagOutputArtifactSpec", "", { artifactSelectors: listOf(artifactSelector) })),
    parameters: mapOf(
      message("DagOutputParameterSpec", "", {
        valueFromParameter: parameterSelector,
        valueFromOneof: message("ParameterSelectorsSpec", "", { parameterSelectors: listOf(parameterSelector) }),
      }),
    ),
  }),
});
const component = message("ComponentSpec", "executorLabel", {
  inputDefinitions: inputs,
  outputDefinitions: outputs,
  dag,
  taskConfigPassthroughs: listOf(message("TaskConfigPassthrough", "field applyToTask")),
});

const variables = listOf(message("EnvVar", "name value"));
const container = message("PipelineContainerSpec", "image command args", {
  env: variables,
  resources: message(
    "ResourceSpec",
    "cpuLimit memoryLimit cpuRequest memoryRequest resourceCpuLimit resourceMemoryLimit resourceCpuRequest resourceMemoryRequest",
    { accelerator: message("AcceleratorConfig", "type count resourceType resourceCount") },
  ),
});
const importer = message("ImporterSpec", "reimport metadata downloadToWorkspace", {
  artifactUri: value,
  typeSchema: artifactType,
});
export const pipelineSpec = message("PipelineSpec", "schemaVersion defaultPipelineRoot", {
  pipelineInfo: message("PipelineInfo", "name displayName description"),
  deploymentSpec: message("PipelineDeploymentConfig", "", {
    executors: mapOf(message("ExecutorSpec", "", { container, importer })),
  }),
  components: mapOf(component),
  root: component,
});

const secretKeys = listOf(message("SecretKeyToEnvMap", "secretKey envVar"));
const configMapKeys = listOf(message("ConfigMapKeyToEnvMap", "configMapKey envVar"));
const requirements = listOf(message("SelectorRequirement", "key operator values"));
const metadata = message("PodMetadata", "labels annotations");
/** What kfp-kubernetes can ask for an executor. */
export const executorConfig = message("KubernetesExecutorConfig", "imagePullPolicy activeDeadlineSeconds", {
  secretAsVolume: listOf(
    message("SecretAsVolume", "secretName mountPath optional", { secretNameParameter: inputParameter }),
  ),
  secretAsEnv: listOf(
    message("SecretAsEnv", "secretName optional", { keyToEnv: secretKeys, secretNameParameter: inputParameter }),
  ),
  pvcMount: listOf(
    message("PvcMount", "constant componentInputParameter mountPath subPath", {
      taskOutputParameter,
      pvcNameParameter: inputParameter,
    }),
  ),
  nodeSelector: message("NodeSelector", "labels", { nodeSelectorJson: inputParameter }),
  podMetadata: metadata,
  imagePullSecret: listOf(message("ImagePullSecret", "secretName", { secretNameParameter: inputParameter })),
  configMapAsVolume: listOf(
    message("ConfigMapAsVolume", "configMapName mountPath optional", { configMapNameParameter: inputParameter }),
  ),
  configMapAsEnv: listOf(
    message("ConfigMapAsEnv", "configMapName optional", {
      keyToEnv: configMapKeys,
      configMapNameParameter: inputParameter,
    }),
  ),
  fieldPathAsEnv: listOf(message("FieldPathAsEnv", "name fieldPath")),
  tolerations: listOf(
    message("Toleration", "key operator value effect tolerationSeconds", { tolerationJson: inputParameter }),
  ),
  genericEphemeralVolume: listOf(
    message("GenericEphemeralVolume", "volumeName mountPath accessModes size defaultStorageClass storageClassName", {
      metadata,
    }),
  ),
  nodeAffinity: listOf(
    message("NodeAffinityTerm", "weight", {
      matchExpressions: requirements,
      matchFields: requirements,
      nodeAffinityJson: inputParameter,
    }),
  ),
  podAffinity: any,
  enabledSharedMemory: message("EnabledSharedMemory", "volumeName size"),
  emptyDirMounts: listOf(message("EmptyDirMount", "volumeName mountPath medium sizeLimit")),
  securityContext: message("SecurityContext", "runAsUser runAsGroup runAsNonRoot"),
  initContainers: listOf(
    message("InitContainer", "name image command args restartPolicy", {
      env: variables,
      volumeMounts: listOf(message("VolumeMount", "volumeName mountPath")),
      resources: message("ResourceRequirements", "requests limits"),
    }),
  ),
});
const pipelineConfig = message(
  "PipelineConfig",
  "resourceTtlOnCompletion resourceTtlOnSuccess resourceTtlOnFailure activeDeadlineSeconds",
  {
    workspace: message("WorkspaceConfig", "size", {
      kubernetes: message("KubernetesWorkspaceConfig", "pvcSpecPatch"),
    }),
  },
);
/** A map in the format, of which one key is ours. */
const platforms = message("platforms", "", {
  kubernetes: message("SinglePlatformSpec", "", {
    deploymentSpec: message("PlatformDeploymentConfig", "", { executors: mapOf(executorConfig) }),
    pipelineConfig,
  }),
});
export const platformSpec = message("PlatformSpec", "", { platforms });

/** A document by the names of the JSON format, and what it says that the format does not have. */
export interface Recognised {
  readonly document: PipelineDocument;
  /** Of the first field that is unknown; undefined where there is none. */
  readonly unknown: string | undefined;
}

/**
 * Holds a submitted document against KFP's format: fields come in camelCase or in the snake_case of the proto files, and leave
 * in camelCase. Free are the values and metadata of users, labels, annotations, and platforms other than `kubernetes`. Throws
 * ApiError BadRequest for a field that is set in both spellings.
 */
export function recognise({ pipelineSpec: pipeline, platformSpec: platform }: PipelineDocument): Recognised {
  const unknown: string[] = [];
  const read = (given: JsonObject, shape: Shape) => {
    const known = conform(given, shape, { path: "", unknown });
    return isObject(known) ? known : given;
  };
  return {
    document: {
      pipelineSpec: read(pipeline, pipelineSpec),
      ...(platform && { platformSpec: read(platform, platformSpec) }),
    },
    unknown: unknown[0],
  };
}

interface Surroundings {
  readonly path: string;
  readonly unknown: string[];
}

/** What has another shape stays as it is: whoever reads it says so. */
function conform(given: JsonValue, shape: Shape, around: Surroundings): JsonValue {
  if (shape.kind === "list" && isList(given)) {
    return given.map((each, index) => conform(each, shape.item, { ...around, path: `${around.path}[${index}]` }));
  }
  if (shape.kind === "any" || shape.kind === "list" || !isObject(given)) return given;
  const entries = Object.entries(given).map(([key, each]) => {
    const path = around.path ? `${around.path}.${key}` : key;
    if (shape.kind === "map") return [key, conform(each, shape.item, { ...around, path })];
    const name = nameOf(key, shape.fields);
    if (name === undefined) {
      if (shape !== platforms)
        around.unknown.push(`${path}: unknown field of ${shape.name}${advice(key, shape.fields)}`);
      return [key, each];
    }
    if (name !== key && Object.hasOwn(given, name)) throw badRequest(`${path}: is set twice, also as "${name}"`);
    return [name, conform(each, shape.fields[name] ?? any, { ...around, path })];
  });
  return Object.fromEntries(entries);
}

function nameOf(key: string, fields: Readonly<Record<string, Shape>>): string | undefined {
  if (Object.hasOwn(fields, key)) return key;
  const name = key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return Object.hasOwn(fields, name) ? name : undefined;
}

/** The known field that has about the same letters in the same order, if there is one. */
function advice(key: string, fields: Readonly<Record<string, Shape>>): string {
  if (key.length > longestField) return "";
  const [nearest] = Object.keys(fields)
    .map((name) => ({ name, distance: distance(plainly(key), plainly(name)) }))
    .filter(({ name, distance }) => distance <= name.length / 3)
    .sort((a, b) => a.distance - b.distance);
  return nearest ? `; did you mean "${nearest.name}"?` : "";
}

const longestField = 64;
const plainly = (name: string): string => name.toLowerCase().replaceAll("_", "");

/** Letters to insert, delete or replace (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [done, letter] of [...from].entries()) {
    const next = [done + 1];
    for (const [index, other] of [...to].entries()) {
      const replaced = (row[index] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
