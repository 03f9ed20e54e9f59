import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { isApiError } from "@headrace/model";
import { withoutEffect } from "./format.ts";
import { isObject, type JsonObject, type JsonValue } from "./json.ts";
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

  test("does not keep a stored pipeline from being read", () => {
    const stored = changed(submitted, [...greetAll, "dependantTasks"], "x");
    assert.equal(readPipelineDocument(stored).name, "p");
  });

  test("says that a document is no pipeline before it looks at its fields", () => {
    assert.equal(refusal({ kind: "Deployment" }), "schemaVersion: Required value");
  });

  test("names every field that some reader asks for, and no other but those that are without effect", async () => {
    const sources = async (names: readonly string[]) =>
      (await Promise.all(names.map((name) => readFile(new URL(name, import.meta.url), "utf8")))).join("\n");
    const readers = await sources(["spec.ts", "ports.ts", "workspace.ts", "kubernetes-settings.ts"]);
    const declared = new Set((await sources(["format.ts"])).matchAll(/\w+/g).map(([word]) => word));
    const asked = [...readers.matchAll(/\.at\("(\w+)"\)/g)].map(([, name = ""]) => name);
    const fromJson = [
      "requiredDuringSchedulingIgnoredDuringExecution",
      "preferredDuringSchedulingIgnoredDuringExecution",
    ];
    const ofKubernetes = new Set([...fromJson, "nodeSelectorTerms", "preference"]);
    assert.deepEqual(
      asked.filter((name) => !declared.has(name) && !ofKubernetes.has(name)),
      [],
    );
    const format = (await sources(["format.ts"]))
      .split("function message(")[1]
      ?.split("export interface Recognised")[0];
    const names = [...(format ?? "").matchAll(/message\(\s*"[\w.]+",\s*"([^"]*)"/g)].flatMap(([, plain = ""]) =>
      plain.split(" ").filter(Boolean),
    );
    assert.ok(names.length > 100);
    const known = new Set(readers.matchAll(/\w+/g).map(([word]) => word));
    assert.deepEqual(
      names.filter((name) => !known.has(name)),
      [],
    );
    for (const fields of Object.values(withoutEffect)) for (const why of Object.values(fields)) assert.ok(why);
  });
});
