import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isApiError } from "@headrace/model";
import type { JsonObject, JsonValue } from "./json.ts";
import { checkParameters, coerce, parseOutput } from "./parameters.ts";
import { documentValue, parsePipelineDocuments, readPipelineDocument } from "./spec.ts";

const echo = { executorLabel: "exec-echo", inputDefinitions: { parameters: { text: { parameterType: "STRING" } } } };
const container = { container: { image: "alpine", command: ["echo"], args: ["{{$.inputs.parameters['text']}}"] } };

function spec(tasks: JsonObject, more: JsonObject = {}): JsonObject {
  return {
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.3",
    pipelineInfo: { name: "p" },
    components: { "comp-echo": echo },
    deploymentSpec: { executors: { "exec-echo": container } },
    root: { dag: { tasks } },
    ...more,
  };
}

const task = (more: JsonObject = {}): JsonObject => ({ componentRef: { name: "comp-echo" }, ...more });
const constant = (value: JsonValue): JsonObject => ({
  inputs: { parameters: { text: { runtimeValue: { constant: value } } } },
});

/** Components `comp-0` and so on, each of which holds the one that `next` names, if there is one. */
const nestedDags = (count: number, next: (n: number) => number): JsonObject => ({
  "comp-echo": echo,
  ...Object.fromEntries(
    Array.from({ length: count }, (_, n) => {
      const inner =
        next(n) >= 0 && next(n) < count ? { componentRef: { name: `comp-${next(n)}` } } : task(constant("x"));
      return [`comp-${n}`, { dag: { tasks: { inner } } }];
    }),
  ),
});

function refusal(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (isApiError(error, "BadRequest")) return error.message;
    throw error;
  }
  return "";
}

describe("a pipeline document", () => {
  const refused: readonly { readonly what: string; readonly document: JsonObject; readonly says: RegExp }[] = [
    {
      what: "another schema version",
      document: spec({ a: task() }, { schemaVersion: "2.0.0" }),
      says: /^schemaVersion: Unsupported value: "2.0.0"/,
    },
    {
      what: "no name",
      document: spec({ a: task() }, { pipelineInfo: {} }),
      says: /^pipelineInfo.name: Required value/,
    },
    { what: "no root", document: spec({}, { root: null }), says: /^root: Required value/ },
    { what: "an empty DAG", document: spec({}), says: /^root.dag.tasks: a DAG needs at least one task/ },
    {
      what: "an unknown component",
      document: spec({ train: { componentRef: { name: "comp-x" } } }),
      says: /^root.dag.tasks.train.componentRef.name: no component "comp-x"/,
    },
    {
      what: "an unknown executor",
      document: spec({ a: task() }, { deploymentSpec: {} }),
      says: /^components.comp-echo.executorLabel: no executor "exec-echo"/,
    },
    {
      what: "an executor that is not supported",
      document: spec({ a: task() }, { deploymentSpec: { executors: { "exec-echo": { customJob: {} } } } }),
      says: /^deploymentSpec.executors.exec-echo: an executor of kind customJob is not supported/,
    },
    {
      what: "a task that waits for nobody known",
      document: spec({ a: task({ dependentTasks: ["b"] }) }),
      says: /^root.dag.tasks.a.dependentTasks\[0\]: no task "b" in this DAG/,
    },
    {
      what: "a circle",
      document: spec({ a: task({ dependentTasks: ["b"] }), b: task({ dependentTasks: ["a"] }), c: task() }),
      says: /^root.dag.tasks: tasks wait for each other in a circle: a, b$/,
    },
    {
      what: "a component within itself",
      document: spec(
        { a: { componentRef: { name: "comp-loop" } } },
        { components: { "comp-loop": { dag: { tasks: { b: { componentRef: { name: "comp-loop" } } } } } } },
      ),
      says: /component "comp-loop" contains itself/,
    },
    {
      what: "DAGs within each other without end",
      document: spec({ a: { componentRef: { name: "comp-0" } } }, { components: nestedDags(5_000, (n) => n + 1) }),
      says: /DAGs are nested more than 200 levels deep/,
    },
    {
      what: "DAGs within each other of which the inner ones come first",
      document: spec(
        Object.fromEntries(
          Array.from({ length: 300 }, (_, n) => [
            `t${String(n).padStart(3, "0")}`,
            { componentRef: { name: `comp-${n}` } },
          ]),
        ),
        { components: nestedDags(300, (n) => n - 1) },
      ),
      says: /DAGs are nested more than 200 levels deep/,
    },
    {
      what: "an output that the producer lacks",
      document: spec({
        a: task(),
        b: task({
          inputs: { parameters: { text: { taskOutputParameter: { producerTask: "a", outputParameterKey: "out" } } } },
        }),
      }),
      says: /^root.dag.tasks.b.inputs.parameters.text.taskOutputParameter: task "a" has no output parameter "out"/,
    },
    {
      what: "an input that nobody provides",
      document: spec({ a: task({ inputs: { parameters: { text: { componentInputParameter: "name" } } } }) }),
      says: /^root.dag.tasks.a.inputs.parameters.text.componentInputParameter: task "a" reads "name", which no input of the enclosing DAG provides/,
    },
    {
      what: "a condition that is none",
      document: spec({ a: task({ triggerPolicy: { condition: "1 ==" } }) }),
      says: /^root.dag.tasks.a.triggerPolicy.condition: Invalid value/,
    },
    {
      what: "a condition with a macro",
      document: spec({ a: task({ triggerPolicy: { condition: "[1].all(x, x > 0)" } }) }),
      says: /uses a macro/,
    },
    {
      what: "a type that is none",
      document: spec(
        { a: task() },
        { root: { inputDefinitions: { parameters: { x: { parameterType: "INT" } } }, dag: { tasks: { a: task() } } } },
      ),
      says: /^root.inputDefinitions.parameters.x.parameterType: Unsupported value: "INT"/,
    },
  ];
  for (const { what, document, says } of refused) {
    test(`is refused for ${what}, with the field's path`, () =>
      assert.match(
        refusal(() => readPipelineDocument(document)),
        says,
      ));
  }

  test("is read from two documents in either order, and given back as it came", () => {
    const pipeline = JSON.stringify(spec({ a: task(constant("x")) }));
    const platform = JSON.stringify({ platforms: { kubernetes: { pipelineConfig: { activeDeadlineSeconds: 60 } } } });
    for (const text of [`${pipeline}\n---\n${platform}\n`, `${platform}\n---\n${pipeline}\n`].map(
      (each) => `# compiled\n${each}`,
    )) {
      const { document, settings } = parsePipelineDocuments(text);
      assert.equal(settings.activeDeadlineSeconds, 60);
      assert.deepEqual(documentValue(document), {
        pipeline_spec: JSON.parse(pipeline),
        platform_spec: JSON.parse(platform),
      });
      assert.equal(readPipelineDocument(documentValue(document)).name, "p");
    }
  });

  test("keeps texts that a newer YAML would take for numbers", () => {
    const text = JSON.stringify(spec({ a: task(constant("VALUE")) }))
      .replace(/^\{/, "# a comment\n{")
      .replace('"VALUE"', "1e3");
    const { tasks } = parsePipelineDocuments(text).root.body as {
      tasks: ReadonlyMap<string, { parameters: ReadonlyMap<string, { value?: JsonValue }> }>;
    };
    assert.equal(tasks.get("a")?.parameters.get("text")?.value, "1e3");
  });

  test("may go on with a quoted text at its parent's indentation, as some formatters write it", () => {
    const text = `# x
schemaVersion: 2.1.0
pipelineInfo:
  name: p
components:
  comp-echo:
    executorLabel: exec-echo
deploymentSpec:
  executors:
    exec-echo:
      container:
        image: alpine
        command:
          - "one \\
          two"
root:
  dag:
    tasks:
      a:
        componentRef:
          name: comp-echo
`;
    const { body } = parsePipelineDocuments(text).root;
    const step = body.kind === "dag" ? body.tasks.get("a")?.component.body : undefined;
    assert.deepEqual(step?.kind === "container" && step.command, ["one two"]);
  });

  test("is refused if its aliases grow without end, or if it is Argo's", () => {
    const bomb = [
      "a: &a [x, x, x, x]",
      ...[..."bcdefgh"].map((name, index) => `${name}: &${name} [${`*${"abcdefgh"[index]}, `.repeat(9)}x]`),
    ].join("\n");
    assert.match(
      refusal(() => parsePipelineDocuments(bomb)),
      /Cannot read the pipeline as YAML/,
    );
    assert.match(
      refusal(() => parsePipelineDocuments("kind: Workflow\nspec: {}")),
      /Argo Workflow of KFP SDK 1/,
    );
    assert.match(
      refusal(() => parsePipelineDocuments("")),
      /no document with a pipeline spec/,
    );
    assert.match(
      refusal(() => parsePipelineDocuments("a: [")),
      /Cannot read the pipeline as YAML/,
    );
  });

  test("with settings that nothing carries out can be kept, but not run", () => {
    const platform = {
      platforms: { kubernetes: { deploymentSpec: { executors: { "exec-echo": { podAffinity: [{}] } } } } },
    };
    const pipeline = readPipelineDocument({ pipeline_spec: spec({ a: task(constant("x")) }), platform_spec: platform });
    assert.match(
      refusal(() => checkParameters(pipeline, {})),
      /exec-echo.podAffinity asks for something that is not supported/,
    );
    const env = [{ name: "ARGO_DEBUG_PAUSE_AFTER", value: "true" }];
    const executors = { "exec-echo": { container: { ...container.container, env } } };
    const paused = spec({ a: task(constant("x")) }, { deploymentSpec: { executors } });
    assert.match(
      refusal(() => checkParameters(readPipelineDocument(paused), {})),
      /env\[0\] \(ARGO_DEBUG_PAUSE_AFTER\) asks for something that is not supported/,
    );
  });

  test("says how long a run may take, what becomes of what it leaves, and what its steps share", () => {
    const read = (pipelineConfig: JsonObject) => {
      const platform_spec = { platforms: { kubernetes: { pipelineConfig } } };
      return readPipelineDocument({ pipeline_spec: spec({ a: task(constant("x")) }), platform_spec }).settings;
    };
    assert.deepEqual(read({}), { resourceTtl: {} });
    assert.deepEqual(read({ activeDeadlineSeconds: 5, resourceTtlOnCompletion: 60, resourceTtlOnFailure: 90 }), {
      activeDeadlineSeconds: 5,
      resourceTtl: { onSuccess: 60, onFailure: 90 },
    });
    const patch = {
      accessModes: ["ReadWriteMany"],
      storageClassName: "fast",
      resources: { requests: { storage: "9" } },
    };
    assert.deepEqual(read({ workspace: { size: "1Gi", kubernetes: { pvcSpecPatch: patch } } }).workspace, {
      accessModes: ["ReadWriteMany"],
      storageClassName: "fast",
      resources: { requests: { storage: "1Gi" } },
    });
    const size = "platforms.kubernetes.pipelineConfig.workspace.size: Required value";
    assert.match(
      refusal(() => read({ workspace: {} })),
      new RegExp(`${size}|workspace.size: Required value`),
    );
    const wrong = { workspace: { size: "1Gi", kubernetes: { pvcSpecPatch: { storageClas: "fast" } } } };
    assert.match(
      refusal(() => read(wrong)),
      /pvcSpecPatch\.storageClas: unknown field/,
    );
  });
});

describe("a run's parameters", () => {
  const parameters = {
    n: { parameterType: "NUMBER_INTEGER" },
    ratio: { parameterType: "NUMBER_DOUBLE", defaultValue: 0.5 },
    mode: { parameterType: "STRING", isOptional: true, literals: ["a", "b"] },
    table: { parameterType: "STRUCT", defaultValue: {} },
  };
  const pipeline = readPipelineDocument(
    spec({}, { root: { inputDefinitions: { parameters }, dag: { tasks: { a: task(constant("x")) } } } }),
  );

  test("get defaults; an optional one without any is null", () => {
    assert.deepEqual(Object.fromEntries(checkParameters(pipeline, { n: 1 })), {
      n: 1,
      ratio: 0.5,
      mode: null,
      table: {},
    });
  });

  const refused: readonly [given: JsonObject, says: RegExp][] = [
    [{}, /^runtime_config.parameters.n: Required value \(NUMBER_INTEGER\)/],
    [{ n: "1" }, /^runtime_config.parameters.n: Invalid value: "1": must be a whole number/],
    [{ n: 1.5 }, /must be a whole number/],
    [
      { n: 1, x: 2 },
      /^runtime_config.parameters.x: unknown parameter; pipeline "p" takes "n", "ratio", "mode", "table"/,
    ],
    [{ n: 1, mode: "c" }, /^runtime_config.parameters.mode: Unsupported value: "c": supported values: "a", "b"/],
    [{ n: 1, table: [] }, /must be an object \(STRUCT\)/],
  ];
  for (const [given, says] of refused) {
    test(`${JSON.stringify(given)} are refused`, () =>
      assert.match(
        refusal(() => checkParameters(pipeline, given)),
        says,
      ));
  }

  const string = { type: "STRING", optional: false, literals: [], description: "" } as const;
  test("of type STRING take anything as text, with plain numbers", () => {
    const texts = [true, 1, 1.5, 1e21, 1e-7, [1, "a"], { k: null }, "x"].map((value) => coerce("x", string, value));
    assert.deepEqual(texts, ["true", "1", "1.5", "1000000000000000000000", "0.0000001", '[1,"a"]', '{"k":null}', "x"]);
  });

  test("of other types are not converted", () => {
    assert.throws(() => coerce("x", { ...string, type: "LIST" }, "[]"), /\[\] is not a list/);
    assert.equal(coerce("x", { ...string, type: "NUMBER_INTEGER" }, 1.5), 1.5);
  });

  test("that a step writes are read by their type, with white space around numbers", () => {
    assert.equal(parseOutput("x", "NUMBER_INTEGER", " 12\n"), 12);
    assert.equal(parseOutput("x", "NUMBER_DOUBLE", "-1.5e3"), -1500);
    assert.equal(parseOutput("x", "BOOLEAN", "T\n"), true);
    assert.equal(parseOutput("x", "STRING", " a\n"), " a\n");
    assert.deepEqual(parseOutput("x", "STRUCT", '{"a":1}'), { a: 1 });
    assert.throws(() => parseOutput("x", "NUMBER_INTEGER", "twelve"), /"twelve" is not a whole number/);
    assert.throws(() => parseOutput("x", "LIST", "{}"), /is not a list/);
  });
});
