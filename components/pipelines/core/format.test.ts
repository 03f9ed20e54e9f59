import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isApiError } from "@headrace/model";
import { executorConfig, pipelineSpec, platformSpec, type Shape, withoutEffect } from "./format.ts";
import { isObject, type JsonObject, type JsonValue } from "./json.ts";
import { readSettings, unsupportedSettings } from "./kubernetes-settings.ts";
import { Place } from "./reader.ts";
import { documentValue, parsePipelineDocuments, readPipelineDocument, readSubmittedDocument } from "./spec.ts";

const greet: JsonObject = {
  executorLabel: "exec-greet",
  inputDefinitions: { parameters: { who_is_it: { parameterType: "STRING", isOptional: true } } },
  outputDefinitions: {
    artifacts: { card: { artifactType: { schemaTitle: "system.HTML" }, metadata: { by_whom: 1 } } },
  },
};
const task: JsonObject = {
  componentRef: { name: "comp-greet" },
  cachingOptions: { enableCache: true },
  retryPolicy: { maxRetryCount: 0, backoffFactor: 2 },
  inputs: { parameters: { who_is_it: { runtimeValue: { constant: { any_key: "x" } } } } },
};
const pipeline: JsonObject = {
  schemaVersion: "2.1.0",
  sdkVersion: "kfp-2.17.3",
  pipelineInfo: { name: "p" },
  components: { "comp-greet": greet, comp_unused: { executorLabel: "none" } },
  deploymentSpec: { executors: { "exec-greet": { container: { image: "alpine", lifecycle: {} } } } },
  root: { dag: { tasks: { greet_all: task } } },
};
const platform: JsonObject = {
  platforms: {
    kubernetes: {
      deploymentSpec: {
        executors: { "exec-greet": { podMetadata: { labels: { my_label: "x" } }, pvcMount: [{ mountPath: "/data" }] } },
      },
    },
    elsewhere: { whatever: true },
  },
};
const submitted: JsonObject = { pipeline_spec: pipeline, platform_spec: platform };

/** The same with one field more, or another value, at a path. */
function changed(value: JsonValue, [key, ...rest]: readonly (string | number)[], to: JsonValue): JsonValue {
  if (key === undefined) return to;
  if (Array.isArray(value)) return value.map((each, index) => (index === key ? changed(each, rest, to) : each));
  const object = isObject(value) ? value : {};
  return { ...object, [key]: changed(object[key] ?? {}, rest, to) };
}

const submit = (value: JsonValue) => readSubmittedDocument(isObject(value) ? value : {});

function refusal(value: JsonValue): string {
  try {
    submit(value);
  } catch (error) {
    if (isApiError(error, "BadRequest")) return error.message;
    throw error;
  }
  return "";
}

/** As the proto files spell fields; the keys of maps in the documents above have nothing that would change. */
function inSnakeCase(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(inSnakeCase);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      inSnakeCase(each),
    ]),
  );
}

describe("the format of a submitted pipeline", () => {
  const greetAll = ["pipeline_spec", "root", "dag", "tasks", "greet_all"];
  const executor = ["platform_spec", "platforms", "kubernetes", "deploymentSpec", "executors", "exec-greet"];
  const refused: readonly (readonly [path: readonly (string | number)[], says: string])[] = [
    [["pipeline_spec", "colour"], "colour: unknown field of PipelineSpec"],
    [
      ["pipeline_spec", "pipelineInfo", "displayname"],
      'pipelineInfo.displayname: unknown field of PipelineInfo; did you mean "displayName"?',
    ],
    [
      [...greetAll, "dependantTasks"],
      'root.dag.tasks.greet_all.dependantTasks: unknown field of PipelineTaskSpec; did you mean "dependentTasks"?',
    ],
    [
      [...greetAll, "retryPolicy", "max_retries_count"],
      'root.dag.tasks.greet_all.retryPolicy.max_retries_count: unknown field of RetryPolicy; did you mean "maxRetryCount"?',
    ],
    [
      ["pipeline_spec", "components", "comp_unused", "dagg"],
      'components.comp_unused.dagg: unknown field of ComponentSpec; did you mean "dag"?',
    ],
    [
      ["pipeline_spec", "deploymentSpec", "executors", "exec-greet", "container", "resources", "gpu"],
      "deploymentSpec.executors.exec-greet.container.resources.gpu: unknown field of ResourceSpec",
    ],
    [
      [...executor, "pvcMount", 0, "subpath"],
      'platforms.kubernetes.deploymentSpec.executors.exec-greet.pvcMount[0].subpath: unknown field of PvcMount; did you mean "subPath"?',
    ],
    [
      ["platform_spec", "platforms", "kubernetes", "pipelineConfig", "ttl"],
      "platforms.kubernetes.pipelineConfig.ttl: unknown field of PipelineConfig",
    ],
    [["namespace"], "namespace: unknown field beside pipeline_spec and platform_spec"],
  ];
  for (const [path, says] of refused) {
    test(`does not have ${path.join(".")}`, () => {
      assert.equal(refusal(changed(submitted, path, "x")), says);
    });
  }

  test("is free where values, labels and other platforms stand", () => {
    assert.deepEqual(documentValue(submit(submitted).document), submitted);
  });

  test("has two spellings of every field, and is kept in one", () => {
    const other = { pipeline_spec: inSnakeCase(pipeline), platform_spec: inSnakeCase(platform) };
    assert.deepEqual(documentValue(submit(other).document), submitted);
    const text = [other.pipeline_spec, other.platform_spec].map((each) => JSON.stringify(each)).join("\n---\n");
    assert.deepEqual(documentValue(parsePipelineDocuments(`# YAML\n${text}`).document), submitted);
    assert.equal(
      refusal(changed(submitted, ["pipeline_spec", "schema_version"], "2.1.0")),
      'schema_version: is set twice, also as "schemaVersion"',
    );
  });

  test("has enums by name and by number, and keeps the names", () => {
    const who = ["pipeline_spec", "components", "comp-greet", "inputDefinitions", "parameters", "who_is_it"];
    assert.deepEqual(documentValue(submit(changed(submitted, [...who, "parameterType"], 3)).document), submitted);
    const waits = [...greetAll, "triggerPolicy", "strategy"];
    assert.deepEqual(
      documentValue(submit(changed(submitted, waits, 2)).document),
      changed(submitted, waits, "ALL_UPSTREAM_TASKS_COMPLETED"),
    );
    assert.match(
      refusal(changed(submitted, [...who, "parameterType"], 9)),
      /who_is_it\.parameterType: Unsupported value: 9: supported values: 1 \(NUMBER_DOUBLE\), 2 /,
    );
  });

  test("takes one member of what is a choice", () => {
    const both: readonly (readonly [path: readonly (string | number)[], says: string])[] = [
      [
        ["pipeline_spec", "components", "comp-greet", "dag"],
        'components.comp-greet.dag: cannot be set together with "executorLabel"',
      ],
      [
        [...greetAll, "inputs", "parameters", "who_is_it", "component_input_parameter"],
        'root.dag.tasks.greet_all.inputs.parameters.who_is_it.component_input_parameter: cannot be set together with "runtimeValue"',
      ],
      [
        ["pipeline_spec", "deploymentSpec", "executors", "exec-greet", "importer"],
        'deploymentSpec.executors.exec-greet.importer: cannot be set together with "container"',
      ],
    ];
    for (const [path, says] of both) assert.equal(refusal(changed(submitted, path, {})), says);
    const absent = changed(submitted, ["pipeline_spec", "components", "comp-greet", "dag"], null);
    assert.equal(refusal(absent), "");
  });

  test("does not keep a stored pipeline from being read", () => {
    const stored = changed(submitted, [...greetAll, "dependantTasks"], "x");
    assert.equal(readPipelineDocument(stored).name, "p");
  });

  test("says that a document is no pipeline before it looks at its fields", () => {
    assert.equal(refusal({ kind: "Deployment" }), "schemaVersion: Required value");
  });

  test("has the fields that are read, message by message, and no other but those that are without effect", () => {
    const reads = new Reads();
    const read = readPipelineDocument({
      pipeline_spec: reads.watch(pipelineSpec, everyMessage.pipelineSpec),
      platform_spec: reads.watch(platformSpec, everyMessage.platformSpec, executorConfig),
    });
    assert.deepEqual(read.unsupported, []);
    readSettings(new Place("", reads.watch(executorConfig, everyMessage.settings)), () => "x");
    const known = [...namesOf(pipelineSpec), ...namesOf(platformSpec)];
    const ignored = Object.entries(withoutEffect).flatMap(([name, fields]) =>
      Object.keys(fields).map((field) => `${name}.${field}`),
    );
    const unread = known.filter((name) => !reads.names.has(name) && !ignored.includes(name));
    assert.deepEqual(unread, ["KubernetesExecutorConfig.podAffinity"]);
    assert.deepEqual(unsupportedSettings(new Place("", { podAffinity: [{}] })), ["podAffinity"]);
    const undeclared = [...reads.names].filter((name) => !known.includes(name) && !sharedReaders.includes(name));
    assert.deepEqual(undeclared, []);
    assert.deepEqual(
      sharedReaders.filter((name) => !reads.names.has(name)),
      [],
    );
    assert.deepEqual(
      ignored.filter((name) => reads.names.has(name)),
      [],
    );
  });
});

/** Looked for by readers that serve two messages, of which one cannot have it. */
const sharedReaders: readonly string[] = [
  "ComponentInputsSpec.ArtifactSpec.metadata",
  "ComponentOutputsSpec.ParameterSpec.defaultValue",
  "ComponentOutputsSpec.ParameterSpec.isOptional",
  "ComponentOutputsSpec.ParameterSpec.literals",
  "ComponentOutputsSpec.ArtifactSpec.isOptional",
  "SecretAsVolume.subPath",
  "ConfigMapAsVolume.subPath",
  "PvcMount.runtimeValue",
];

/** Which fields of which messages were looked at. */
class Reads {
  readonly names = new Set<string>();

  /** The value, watched as deep as `shape` goes, but for one message in it. */
  watch(shape: Shape, value: JsonValue, except?: Shape): JsonValue {
    if (shape === except || typeof value !== "object" || value === null) return value;
    if (Array.isArray(value))
      return shape.kind === "list" ? value.map((each) => this.watch(shape.item, each, except)) : value;
    if ((shape.kind !== "map" && shape.kind !== "message") || !isObject(value)) return value;
    const inner = Object.fromEntries(
      Object.entries(value).map(([key, each]) => {
        const at = shape.kind === "map" ? shape.item : shape.fields[key];
        return [key, at ? this.watch(at, each, except) : each];
      }),
    );
    if (shape.kind === "map") return inner;
    return new Proxy(inner, {
      getOwnPropertyDescriptor: (target, key) => {
        this.names.add(`${shape.name}.${String(key)}`);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
    });
  }
}

/** Every field of every message in it. */
function namesOf(shape: Shape): readonly string[] {
  if (shape.kind === "list" || shape.kind === "map") return namesOf(shape.item);
  if (shape.kind !== "message") return [];
  return Object.entries(shape.fields).flatMap(([field, each]) => [`${shape.name}.${field}`, ...namesOf(each)]);
}

const input = { componentInputParameter: "x" };
const constant = { runtimeValue: { constant: "x" } };
const output = { taskOutputParameter: { producerTask: "a", outputParameterKey: "x" } };
const ports: JsonObject = {
  parameters: { x: { parameterType: "STRING" } },
  artifacts: { y: { artifactType: {} } },
};
const dagOf = (tasks: JsonObject): JsonObject => ({ inputDefinitions: ports, dag: { tasks } });
const selected = { producerSubtask: "a" };

/** A document with every message of the format in it, and every way to read one. */
const everyMessage: Readonly<Record<"pipelineSpec" | "platformSpec" | "settings", JsonObject>> = {
  pipelineSpec: {
    schemaVersion: "2.1.0",
    pipelineInfo: { name: "p" },
    deploymentSpec: {
      executors: {
        run: { container: { image: "alpine", env: [{ name: "A" }], resources: { accelerator: {} } } },
        fetch: { importer: { artifactUri: { runtimeParameter: "x" }, typeSchema: {} } },
      },
    },
    components: {
      run: {
        executorLabel: "run",
        inputDefinitions: ports,
        outputDefinitions: ports,
        taskConfigPassthroughs: [{ field: "RESOURCES" }],
      },
      fetch: { executorLabel: "fetch" },
      group: dagOf({ a: { componentRef: { name: "fetch" } } }),
    },
    root: {
      inputDefinitions: ports,
      outputDefinitions: ports,
      dag: {
        tasks: {
          a: {
            componentRef: { name: "run" },
            taskInfo: {},
            cachingOptions: {},
            triggerPolicy: { strategy: "ALL_UPSTREAM_TASKS_COMPLETED" },
            retryPolicy: { maxRetryCount: 1 },
            inputs: { parameters: { x: input }, artifacts: { y: { componentInputArtifact: "y" } } },
          },
          b: {
            componentRef: { name: "group" },
            dependentTasks: ["a"],
            inputs: {
              parameters: { x: output, y: { taskFinalStatus: { producerTask: "a" } }, z: constant },
              artifacts: { y: { taskOutputArtifact: { producerTask: "a", outputArtifactKey: "y" } } },
            },
            parameterIterator: { itemInput: "x", items: { inputParameter: "x" } },
            iteratorPolicy: {},
          },
          c: { componentRef: { name: "group" }, artifactIterator: { itemInput: "y", items: { inputArtifact: "y" } } },
        },
        outputs: {
          artifacts: { y: { artifactSelectors: [{ ...selected, outputArtifactKey: "y" }] } },
          parameters: {
            x: { valueFromParameter: { ...selected, outputParameterKey: "x" } },
            y: { valueFromOneof: { parameterSelectors: [{ ...selected, outputParameterKey: "x" }] } },
          },
        },
      },
    },
  },
  platformSpec: {
    platforms: {
      kubernetes: {
        deploymentSpec: { executors: { run: {} } },
        pipelineConfig: { workspace: { size: "1Gi", kubernetes: {} } },
      },
    },
  },
  settings: {
    secretAsVolume: [{ secretName: "a", mountPath: "/a" }],
    secretAsEnv: [{ secretName: "a", keyToEnv: [{ secretKey: "a", envVar: "A" }] }],
    configMapAsVolume: [{ configMapName: "b", mountPath: "/b" }],
    configMapAsEnv: [{ configMapName: "b", keyToEnv: [{ configMapKey: "b", envVar: "B" }] }],
    pvcMount: [
      { pvcNameParameter: constant, mountPath: "/c" },
      { constant: "d", mountPath: "/d" },
      { ...input, mountPath: "/e" },
      { ...output, mountPath: "/f" },
    ],
    nodeSelector: { labels: {} },
    podMetadata: {},
    imagePullSecret: [{ secretName: "a" }, { secretNameParameter: input }],
    fieldPathAsEnv: [{ name: "A", fieldPath: "metadata.name" }],
    tolerations: [{}],
    genericEphemeralVolume: [{ volumeName: "g", mountPath: "/g", size: "1Gi", metadata: {} }],
    nodeAffinity: [{ matchExpressions: [{ key: "a", operator: "Exists" }], matchFields: [] }],
    enabledSharedMemory: {},
    emptyDirMounts: [{ volumeName: "h", mountPath: "/h" }],
    securityContext: {},
    initContainers: [
      {
        name: "i",
        image: "alpine",
        env: [{ name: "A" }],
        volumeMounts: [{ volumeName: "h", mountPath: "/h" }],
        resources: {},
      },
    ],
  },
};
