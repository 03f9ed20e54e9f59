import { badRequest } from "@headrace/model";
import { passthroughFields, type PipelineDocument } from "./ir.ts";
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
  /** Names by number; clients send either. */
  | { readonly kind: "enum"; readonly names: readonly string[] }
  | Message
  | { readonly kind: "list"; readonly item: Shape }
  | { readonly kind: "map"; readonly item: Shape };

interface Message {
  readonly kind: "message";
  readonly name: string;
  readonly fields: Readonly<Record<string, Shape>>;
  /** Fields of which one at most is set. */
  readonly oneofs: readonly (readonly string[])[];
}

const any: Shape = { kind: "any" };
const listOf = (item: Shape): Shape => ({ kind: "list", item });
const mapOf = (item: Shape): Shape => ({ kind: "map", item });
/** Names from 1 on: 0 says nothing, and is absent. */
const enumOf = (...names: readonly string[]): Shape => ({ kind: "enum", names: ["", ...names] });

/**
 * `plain` names the fields, parted by blanks, that hold a scalar, a list of scalars, or what is free; `oneofs`, each in the same
 * manner, those that exclude each other.
 */
function message(
  name: string,
  plain: string,
  nested: Readonly<Record<string, Shape>> = {},
  ...oneofs: readonly string[]
): Message {
  const names = [...plain.split(" ").filter(Boolean), ...Object.keys(withoutEffect[name] ?? {})];
  return {
    kind: "message",
    name,
    fields: { ...Object.fromEntries(names.map((each) => [each, any])), ...nested },
    oneofs: oneofs.map((members) => members.split(" ")),
  };
}

const artifactType = message(
  "ArtifactTypeSchema",
  "schemaTitle schemaVersion instanceSchema",
  {},
  "schemaTitle schemaUri instanceSchema",
);
const value = message(
  "ValueOrRuntimeParameter",
  "constant runtimeParameter",
  {},
  "constantValue runtimeParameter constant",
);
const parameterType = enumOf(
  "NUMBER_DOUBLE",
  "NUMBER_INTEGER",
  "STRING",
  "BOOLEAN",
  "LIST",
  "STRUCT",
  "TASK_FINAL_STATUS",
  "TASK_CONFIG",
);
const inputs = message("ComponentInputsSpec", "", {
  parameters: mapOf(
    message("ComponentInputsSpec.ParameterSpec", "defaultValue isOptional description literals", { parameterType }),
  ),
  artifacts: mapOf(message("ComponentInputsSpec.ArtifactSpec", "isArtifactList isOptional", { artifactType })),
});
const outputs = message("ComponentOutputsSpec", "", {
  parameters: mapOf(message("ComponentOutputsSpec.ParameterSpec", "description", { parameterType })),
  artifacts: mapOf(message("ComponentOutputsSpec.ArtifactSpec", "isArtifactList metadata", { artifactType })),
});

const taskOutputParameter = message("TaskOutputParameterSpec", "producerTask outputParameterKey");
const inputParameter = message(
  "InputParameterSpec",
  "componentInputParameter parameterExpressionSelector",
  {
    taskOutputParameter,
    runtimeValue: value,
    taskFinalStatus: message("TaskFinalStatus", "producerTask"),
  },
  "taskOutputParameter runtimeValue componentInputParameter taskFinalStatus",
);
const inputArtifact = message(
  "InputArtifactSpec",
  "componentInputArtifact",
  {
    taskOutputArtifact: message("TaskOutputArtifactSpec", "producerTask outputArtifactKey"),
  },
  "taskOutputArtifact componentInputArtifact",
);
const task = message(
  "PipelineTaskSpec",
  "dependentTasks",
  {
    taskInfo: message("PipelineTaskInfo", "name"),
    inputs: message("TaskInputsSpec", "", { parameters: mapOf(inputParameter), artifacts: mapOf(inputArtifact) }),
    cachingOptions: message("CachingOptions", "enableCache cacheKey"),
    componentRef: message("ComponentRef", "name"),
    triggerPolicy: message("TriggerPolicy", "condition", {
      strategy: enumOf("ALL_UPSTREAM_TASKS_SUCCEEDED", "ALL_UPSTREAM_TASKS_COMPLETED"),
    }),
    artifactIterator: message("ArtifactIteratorSpec", "itemInput", {
      items: message("ArtifactIteratorSpec.ItemsSpec", "inputArtifact"),
    }),
    parameterIterator: message("ParameterIteratorSpec", "itemInput", {
      items: message("ParameterIteratorSpec.ItemsSpec", "raw inputParameter", {}, "raw inputParameter"),
    }),
    retryPolicy: message("RetryPolicy", "maxRetryCount backoffDuration backoffFactor backoffMaxDuration"),
    iteratorPolicy: message("IteratorPolicy", "parallelismLimit"),
  },
  "artifactIterator parameterIterator",
);

const parameterSelector = message("ParameterSelectorSpec", "producerSubtask outputParameterKey");
const artifactSelector = message("ArtifactSelectorSpec", "producerSubtask outputArtifactKey");
const dag = message("DagSpec", "", {
  tasks: mapOf(task),
  outputs: message("DagOutputsSpec", "", {
    artifacts: mapOf(message("DagOutputArtifactSpec", "", { artifactSelectors: listOf(artifactSelector) })),
    parameters: mapOf(
      message(
        "DagOutputParameterSpec",
        "",
        {
          valueFromParameter: parameterSelector,
          valueFromOneof: message("ParameterSelectorsSpec", "", { parameterSelectors: listOf(parameterSelector) }),
        },
        "valueFromParameter valueFromOneof",
      ),
    ),
  }),
});
const component = message(
  "ComponentSpec",
  "executorLabel",
  {
    inputDefinitions: inputs,
    outputDefinitions: outputs,
    dag,
    taskConfigPassthroughs: listOf(
      message("TaskConfigPassthrough", "applyToTask", { field: enumOf(...passthroughFields) }),
    ),
  },
  "dag executorLabel",
);

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
    executors: mapOf(message("ExecutorSpec", "", { container, importer }, "container importer resolver customJob")),
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
    message(
      "PvcMount",
      "constant componentInputParameter mountPath subPath",
      {
        taskOutputParameter,
        pvcNameParameter: inputParameter,
      },
      "taskOutputParameter constant componentInputParameter",
    ),
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
  if (shape.kind === "enum") return nameInstead(given, shape.names, around);
  if (shape.kind === "any" || shape.kind === "list" || !isObject(given)) return given;
  if (shape.kind === "message") refuseSeveral(given, shape, around);
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

/** Of an enum that is given by its number. Anything else stays, and is known or not to who reads it. */
function nameInstead(given: JsonValue, names: readonly string[], { path }: Surroundings): JsonValue {
  if (typeof given !== "number") return given;
  const name = names[given];
  if (name !== undefined) return name === "" ? null : name;
  const known = names.flatMap((each, number) => (each === "" ? [] : `${number} (${each})`));
  throw badRequest(`${path}: Unsupported value: ${given}: supported values: ${known.join(", ")}`);
}

function refuseSeveral(given: JsonObject, { fields, oneofs }: Message, { path }: Surroundings): void {
  for (const members of oneofs) {
    const [first, second] = Object.keys(given).filter(
      (key) => given[key] !== null && members.includes(nameOf(key, fields) ?? ""),
    );
    if (first === undefined || second === undefined) continue;
    // One field in both spellings is told of where it is read.
    if (nameOf(first, fields) === nameOf(second, fields)) continue;
    throw badRequest(`${path ? `${path}.` : ""}${second}: cannot be set together with "${first}"`);
  }
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
