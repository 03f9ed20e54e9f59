import assert from "node:assert/strict";
import { test } from "node:test";
import { pipelineInputs, plannedTask } from "./planned-task.ts";

const python = `
import kfp
from kfp import dsl
from kfp.dsl import *

def train(epochs: int) -> float:
    return 0.9
`;
const spec = {
  deploymentSpec: {
    executors: {
      "exec-train": {
        container: {
          image: "python:3.11",
          command: [
            "sh",
            "-c",
            "python3 -m pip install 'kfp==2.17.3' '--no-deps' && python3 -m pip install 'scikit-learn==1.7.2' && \"$0\" \"$@\"",
            "sh",
            "-ec",
            "…",
            python,
          ],
          args: ["--executor_input", "{{$}}"],
          env: [{ name: "SEED", value: "7" }],
          resources: { resourceCpuRequest: "1", resourceMemoryLimit: "512Mi" },
        },
      },
      "exec-load": {
        importer: { artifactUri: { constant: "gs://b/data" }, typeSchema: { schemaTitle: "system.Dataset" } },
      },
    },
  },
  components: {
    "comp-load": {
      executorLabel: "exec-load",
      outputDefinitions: { artifacts: { artifact: { artifactType: { schemaTitle: "system.Dataset" } } } },
    },
    "comp-train": {
      executorLabel: "exec-train",
      inputDefinitions: {
        parameters: { epochs: { parameterType: "NUMBER_INTEGER" }, rate: { parameterType: "NUMBER_DOUBLE" } },
        artifacts: { data: { artifactType: { schemaTitle: "system.Dataset" }, isArtifactList: true } },
      },
    },
    "comp-loop": {
      dag: {
        tasks: {
          train: {
            componentRef: { name: "comp-train" },
            retryPolicy: { maxRetryCount: 2 },
            inputs: {
              parameters: {
                epochs: { componentInputParameter: "pipelinechannel--epochs" },
                rate: { runtimeValue: { constant: 0.1 } },
              },
              artifacts: { data: { taskOutputArtifact: { producerTask: "load", outputArtifactKey: "artifact" } } },
            },
          },
        },
      },
    },
  },
  root: {
    dag: { tasks: { load: { componentRef: { name: "comp-load" } }, loop: { componentRef: { name: "comp-loop" } } } },
    inputDefinitions: {
      parameters: {
        model: {
          parameterType: "STRING",
          defaultValue: "svc",
          literals: ["svc", "tree"],
          description: "Kind of model",
        },
      },
    },
  },
};

test("a step inside a loop is read with its sources, its own code, packages and settings", () => {
  const task = plannedTask({ pipeline_spec: spec, platform_spec: {} }, "root/loop/train");
  assert.ok(task);
  assert.deepEqual(
    task.inputs.map(({ name, type, source }) => [name, type, source]),
    [
      ["epochs", "integer", "epochs"],
      ["rate", "number", "0.1"],
      ["data", "list of Dataset", "load.artifact"],
    ],
  );
  assert.equal(task.code, "def train(epochs: int) -> float:\n    return 0.9");
  assert.deepEqual(task.packages, ["scikit-learn==1.7.2"]);
  assert.deepEqual(task.resources, ["cpu 1", "memory 512Mi"]);
  assert.deepEqual(task.environment, [["SEED", "7"]]);
  assert.equal(task.retries, 2);
  assert.equal(task.cached, false);
  assert.deepEqual(task.command, []);
});

test("an importer says what it imports and from where", () => {
  const task = plannedTask(spec, "root/load");
  assert.equal(task?.importedUri, "gs://b/data");
  assert.equal(task?.importedType, "Dataset");
  assert.deepEqual(
    task?.outputs.map(({ type }) => type),
    ["Dataset"],
  );
});

test("a path that leads nowhere, or a text that is no pipeline, has nothing to show", () => {
  assert.equal(plannedTask(spec, "root/none"), undefined);
  assert.equal(plannedTask("nonsense", "root/load"), undefined);
});

test("what a run can be given comes with defaults, allowed values and descriptions", () => {
  const model = pipelineInputs(spec).get("model");
  assert.deepEqual(model, {
    type: "STRING",
    defaultValue: "svc",
    optional: true,
    literals: ["svc", "tree"],
    description: "Kind of model",
  });
});
