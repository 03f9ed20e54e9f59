import assert from "node:assert/strict";
import { test } from "node:test";
import { walkLineage, type AskEdges, type LineageEdge } from "./lineage.ts";

/** `data → split → train → model → evaluate → report`; `train` also ran from the cache in another run. */
const edge = (artifact: string, task: string, direction: "in" | "out", state = "SUCCEEDED"): LineageEdge => ({
  artifact: { uid: artifact, number: 1, type: "system.Artifact" },
  task: { uid: task, number: 1, name: task, key: `root/${task}`, type: "RUNTIME", state, run: "r", runName: "run" },
  direction,
  port: artifact,
});
const group: LineageEdge = { ...edge("model", "loop", "out"), task: { ...edge("", "loop", "out").task, type: "LOOP" } };
const all = [
  edge("data", "load", "out"),
  edge("data", "split", "in"),
  edge("train-set", "split", "out"),
  edge("test-set", "split", "out"),
  edge("train-set", "train", "in"),
  edge("model", "train", "out"),
  edge("model", "train-again", "out", "CACHED"),
  group,
  edge("model", "evaluate", "in"),
  edge("report", "evaluate", "out"),
];
const ask: AskEdges = async ({ artifacts = [], tasks = [] }) =>
  all.filter((it) => artifacts.includes(it.artifact.uid) || tasks.includes(it.task.uid));
const shown = (edges: readonly LineageEdge[]): readonly string[] =>
  edges.map(({ artifact, task, direction }) =>
    direction === "out" ? `${task.uid} > ${artifact.uid}` : `${artifact.uid} > ${task.uid}`,
  );

test("lineage goes both ways, by the steps that made and used things, and not by groups or the cache", async () => {
  const { edges, cut } = await walkLineage("model", ask, { depth: 5, most: 100 });
  assert.deepEqual(shown(edges).toSorted(), [
    "data > split",
    "evaluate > report",
    "load > data",
    "model > evaluate",
    "split > train-set",
    "train > model",
    "train-set > train",
  ]);
  assert.equal(cut, false);
});

test("a walk that stops early says that there is more", async () => {
  const near = await walkLineage("model", ask, { depth: 1, most: 100 });
  assert.deepEqual(shown(near.edges).toSorted(), [
    "evaluate > report",
    "model > evaluate",
    "train > model",
    "train-set > train",
  ]);
  assert.equal(near.cut, true);
});
