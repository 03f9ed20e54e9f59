import assert from "node:assert/strict";
import { test } from "node:test";
import type { Run } from "../resources/index.ts";
import { axisNames, axisValues, metricRowsOf, parameterRows, readRunList } from "./compare.ts";
import { measuresOf } from "./measures.ts";

const run = (parameters: Record<string, unknown>, metrics?: Record<string, number[]>): Run => ({
  apiVersion: "headrace.io/v1alpha1",
  kind: "Run",
  metadata: { name: "r" },
  spec: {
    displayName: "r",
    description: "",
    experiment: { id: "e", name: "Default" },
    pipeline: { name: "p" },
    parameters,
    pipelineRoot: "",
    serviceAccount: "",
    archived: false,
  },
  status: { state: "SUCCEEDED", steps: {}, ...(metrics && { metrics }) },
});

const runs = [
  run({ rate: 0.1, kind: "tree", seed: 7 }, { accuracy: [0.8, 0.9] }),
  run({ rate: 0.2, kind: "tree" }, { accuracy: [0.7], loss: [1] }),
];

test("a list of runs is read in its order, each once", () => {
  assert.deepEqual(readRunList("b,a,,b"), ["b", "a"]);
  assert.deepEqual(readRunList(""), []);
});

test("parameters differ where a run has another value or none", () => {
  assert.deepEqual(
    parameterRows(runs).map(({ name, differs }) => [name, differs]),
    [
      ["rate", true],
      ["kind", false],
      ["seed", true],
    ],
  );
  assert.deepEqual(metricRowsOf(runs)[1], { name: "loss", values: [undefined, [1]], differs: true });
});

test("an axis is a metric by what was logged last, or a parameter that is a number", () => {
  assert.deepEqual(axisNames(runs), ["accuracy", "loss", "rate", "seed"]);
  assert.deepEqual(axisValues(runs, "accuracy"), [0.9, 0.7]);
  assert.deepEqual(axisValues(runs, "seed"), [7, undefined]);
});

test("metrics and parameters are offered as columns, the most frequent first, and never confused", () => {
  const ids = measuresOf([run({ seed: 1 }, { loss: [1] }), run({ seed: 2, rate: 1 }, { loss: [2], seed: [3] })]).map(
    ({ id }) => id,
  );
  assert.deepEqual(ids, ["metric:loss", "metric:seed", "parameter:seed", "parameter:rate"]);
});
