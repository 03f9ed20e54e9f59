import assert from "node:assert/strict";
import { test } from "node:test";
import { readableCondition, readPipelineSpec } from "./pipeline-spec.ts";

test("both shapes of a spec are read, anything else is none", () => {
  const spec = {
    root: { dag: { tasks: { hello: { componentRef: { name: "comp-hello" } } } } },
    components: { "comp-hello": {} },
  };
  assert.deepEqual(readPipelineSpec(spec), readPipelineSpec({ pipeline_spec: spec, platform_spec: {} }));
  assert.equal(readPipelineSpec(undefined), undefined);
  assert.equal(readPipelineSpec({ root: {} }), undefined);
});

test("a task waits for those it names and those whose outputs it takes", () => {
  const inputs = {
    parameters: { a: { taskOutputParameter: { producerTask: "split" } } },
    artifacts: { b: { taskOutputArtifact: { producerTask: "load" } } },
  };
  const dag = readPipelineSpec({
    root: {
      dag: { tasks: { train: { dependentTasks: ["split"], inputs }, split: {}, load: {}, "x-10": {}, "x-2": {} } },
    },
  });
  assert.deepEqual(dag?.tasks.find((task) => task.name === "train")?.dependsOn, ["split", "load"]);
  assert.deepEqual(
    dag?.tasks.map((task) => task.name),
    ["load", "split", "train", "x-2", "x-10"],
  );
});

test("a pipeline that contains itself does not hang the page", () => {
  const dag = { tasks: { again: { componentRef: { name: "comp-a" } } } };
  assert.ok(readPipelineSpec({ root: { dag }, components: { "comp-a": { dag } } }));
});

test("a cycle of dependencies is shown as it stands", () => {
  const dag = readPipelineSpec({
    root: { dag: { tasks: { a: { dependentTasks: ["b"] }, b: { dependentTasks: ["a"] } } } },
  });
  assert.equal(dag?.tasks.length, 2);
});

test("conditions read as their author wrote them", () => {
  const read = (cel: string): string => readableCondition(cel, ["flip-coin", "evaluate"]);
  assert.equal(read("inputs.parameter_values['pipelinechannel--flip-coin-Output'] == 'heads'"), "flip-coin == 'heads'");
  assert.equal(read("double(inputs.parameter_values['pipelinechannel--evaluate-accuracy']) > 0.95"), "accuracy > 0.95");
  assert.equal(
    read(
      "!(int(inputs.parameter_values['pipelinechannel--n']) >= 3) && inputs.parameter_values['pipelinechannel--on'] == true",
    ),
    "not (n >= 3) and on == true",
  );
});
