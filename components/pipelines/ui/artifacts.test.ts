import assert from "node:assert/strict";
import { test } from "node:test";
import type { Task } from "../resources/index.ts";
import { artifactKind, byIteration, confusionMatrix, metricRows, rocPoints, slicesOf, typeName } from "./artifacts.ts";

test("a type decides how its artifact is looked at, whatever its version", () => {
  assert.equal(artifactKind("system.ClassificationMetrics@0.0.1"), "classification");
  assert.equal(artifactKind("google.VertexModel"), "file");
  assert.equal(typeName("system.Dataset@0.0.1"), "Dataset");
});

test("metrics leave out what the lineage store added", () => {
  assert.deepEqual(
    metricRows({ accuracy: 0.98, display_name: "metrics", store_session_info: "{}", nested: { a: 1 } }),
    [
      ["accuracy", 0.98],
      ["nested", '{"a":1}'],
    ],
  );
});

test("a ROC curve is sorted and reaches both corners", () => {
  const points = rocPoints({
    confidenceMetrics: [
      { confidenceThreshold: 0.2, falsePositiveRate: 0.5, recall: 0.9 },
      { confidenceThreshold: 0.8, falsePositiveRate: 0.1, recall: 0.6 },
    ],
  });
  assert.deepEqual(
    points?.map(({ x, y }) => [x, y]),
    [
      [0, 0],
      [0.1, 0.6],
      [0.5, 0.9],
      [1, 1],
    ],
  );
  assert.equal(rocPoints({}), undefined);
});

test("lists that were wrapped by the lineage store are found again", () => {
  assert.equal(
    rocPoints({ confidenceMetrics: { list: [{ confidenceThreshold: 1, falsePositiveRate: 0, recall: 0 }] } })?.length,
    2,
  );
  const matrix = {
    struct: { annotationSpecs: [{ displayName: "cat" }, {}], rows: [{ row: [3, 1] }, { row: [0, 4] }] },
  };
  assert.deepEqual(confusionMatrix({ confusionMatrix: matrix }), {
    labels: ["cat", "1"],
    rows: [
      [3, 1],
      [0, 4],
    ],
  });
});

test("sliced metrics have a curve and a matrix a slice", () => {
  const measured = {
    confidenceMetrics: [{ confidenceThreshold: 0.5, recall: 0.8, falsePositiveRate: 0.3 }],
    confusionMatrix: { annotationSpecs: [{ displayName: "cat" }], rows: [{ row: [3] }] },
  };
  const [young, old] = slicesOf({
    evaluationSlices: [
      { slice: "young", sliceClassificationMetrics: measured },
      { slice: "old", sliceClassificationMetrics: {} },
    ],
  });
  assert.equal(young?.name, "young");
  assert.deepEqual(
    young?.points?.map(({ x, y }) => [x, y]),
    [
      [0, 0],
      [0.3, 0.8],
      [1, 1],
    ],
  );
  assert.deepEqual(young?.matrix, { labels: ["cat"], rows: [[3]] });
  assert.deepEqual([old?.points, old?.matrix], [undefined, undefined]);
  assert.equal(artifactKind("system.SlicedClassificationMetrics@0.0.1"), "sliced");
});

test("what the iterations of a step made stands in their order, whichever was done first", () => {
  const made = ["root/load", "root/loop[10]/train", "root/loop[2]/train", "root/loop[10]/judge", "root/loop[2]/judge"];
  const items = made.map((key, id) => ({
    artifact: { id, uri: "", type: "system.Metrics", metadata: {} },
    output: "metrics",
    task: { spec: { key } } as Task,
  }));
  assert.deepEqual(
    byIteration(items).map(({ task }) => task.spec.key),
    ["root/load", "root/loop[2]/train", "root/loop[10]/train", "root/loop[2]/judge", "root/loop[10]/judge"],
  );
});
