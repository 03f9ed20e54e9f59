import assert from "node:assert/strict";
import { test } from "node:test";
import type { Task } from "../resources/index.ts";
import { readPipelineSpec } from "./pipeline-spec.ts";
import { graphModel, type GraphChoice } from "./run-graph-model.ts";
import { runSentence } from "./run-sentence.ts";
import {
  buildRunTree,
  criticalPath,
  findNode,
  flatten,
  iterationsOf,
  iterationToShow,
  type RunNode,
} from "./run-tree.ts";

type TaskLook = Partial<Task["status"]> &
  Partial<Pick<Task["spec"], "parent" | "iteration" | "dependsOn" | "displayName">>;

/** A task row; ids are given, names are the last part of the key. */
function task(
  id: number,
  key: string,
  type: Task["spec"]["type"],
  state: Task["status"]["state"],
  look: TaskLook = {},
): Task {
  const { parent, iteration, dependsOn = [], displayName, ...status } = look;
  const name =
    key
      .split("/")
      .at(-1)
      ?.replace(/\[\d+\]$/, "") ?? key;
  const none = { parameters: {}, artifacts: {} };
  return {
    apiVersion: "headrace.io/v1alpha1",
    kind: "Task",
    metadata: { name: `7f3a0000-${id}` },
    spec: {
      run: "7f3a",
      id,
      key,
      name,
      displayName: displayName ?? name,
      type,
      dependsOn,
      ...(parent !== undefined && { parent }),
      ...(iteration !== undefined && { iteration }),
    },
    status: { state, inputs: none, outputs: none, attempts: [], ...status },
  };
}

const step = (dependentTasks: readonly string[] = []) => ({
  componentRef: { name: "comp-step" },
  dependentTasks,
  taskInfo: {},
});

const plan = readPipelineSpec({
  components: {
    "comp-step": { executorLabel: "exec" },
    "comp-loop": { dag: { tasks: { make: step(), train: step(["make"]) } } },
  },
  root: {
    dag: {
      tasks: {
        report: step(["for-loop-1"]),
        load: step(),
        "for-loop-1": {
          componentRef: { name: "comp-loop" },
          dependentTasks: ["load"],
          taskInfo: { name: "for-loop-1" },
          parameterIterator: { items: { inputParameter: "pipelinechannel--models" }, itemInput: "x" },
        },
      },
    },
  },
});

/** A run whose loop has failed in its second iteration. */
const rows: readonly Task[] = [
  task(1, "root", "ROOT", "FAILED"),
  task(2, "root/load", "RUNTIME", "SUCCEEDED", { parent: 1, startedAt: at(0), finishedAt: at(10) }),
  task(3, "root/for-loop-1", "LOOP", "FAILED", {
    parent: 1,
    dependsOn: ["load"],
    iterations: 2,
    startedAt: at(10),
    finishedAt: at(60),
  }),
  task(4, "root/for-loop-1[0]", "ITERATION", "SUCCEEDED", {
    parent: 3,
    iteration: 0,
    startedAt: at(10),
    finishedAt: at(30),
  }),
  task(5, "root/for-loop-1[1]", "ITERATION", "FAILED", {
    parent: 3,
    iteration: 1,
    startedAt: at(10),
    finishedAt: at(60),
  }),
  task(6, "root/for-loop-1[0]/make", "RUNTIME", "SUCCEEDED", { parent: 4, startedAt: at(10), finishedAt: at(12) }),
  task(7, "root/for-loop-1[1]/make", "RUNTIME", "SUCCEEDED", { parent: 5, startedAt: at(10), finishedAt: at(20) }),
  task(8, "root/for-loop-1[1]/train", "RUNTIME", "FAILED", {
    parent: 5,
    dependsOn: ["make"],
    startedAt: at(20),
    finishedAt: at(60),
    error: { message: "out of memory.\nmore" },
  }),
];

function at(seconds: number): string {
  return new Date(Date.UTC(2026, 10, 25) + seconds * 1000).toISOString();
}

const keys = (tree: RunNode): readonly string[] => flatten(tree).map(({ node }) => node.key);

test("before any task exists the tree is the plan, in the order in which it runs", () => {
  const tree = buildRunTree(plan, []);
  assert.deepEqual(keys(tree), [
    "root/load",
    "root/for-loop-1",
    "root/for-loop-1/make",
    "root/for-loop-1/train",
    "root/report",
  ]);
  assert.ok(flatten(tree).every(({ node }) => node.state === "pending"));
});

test("tasks fill the plan, and what has not been created yet stays pending in its place", () => {
  const going = new Set([1, 3, 4]);
  const tree = buildRunTree(
    plan,
    rows.map((row) => (going.has(row.spec.id) ? { ...row, status: { ...row.status, state: "RUNNING" } } : row)),
  );
  assert.equal(findNode(tree, "root/report")?.state, "pending");
  assert.equal(findNode(tree, "root/for-loop-1[1]/train")?.state, "failed");
  assert.equal(findNode(tree, "root/for-loop-1[0]/train")?.state, "pending");
});

test("what has no task once that which holds it is over was not run, and a false condition is the reason within it", () => {
  const over = buildRunTree(plan, rows);
  assert.equal(findNode(over, "root/report")?.state, "skipped");
  assert.equal(findNode(over, "root/for-loop-1[0]/train")?.state, "skipped");
  const cancelled = buildRunTree(plan, [task(1, "root", "ROOT", "CANCELED")]);
  assert.equal(findNode(cancelled, "root/for-loop-1/make")?.state, "cancelled");

  const condition = { taskInfo: {}, componentRef: { name: "comp-loop" }, triggerPolicy: { condition: "1 > 2" } };
  const conditional = readPipelineSpec({
    components: { "comp-loop": { dag: { tasks: { make: step() } } }, "comp-step": { executorLabel: "exec" } },
    root: { dag: { tasks: { "condition-1": condition } } },
  });
  const tree = buildRunTree(conditional, [
    task(1, "root", "ROOT", "SUCCEEDED"),
    task(2, "root/condition-1", "CONDITION", "SKIPPED", { parent: 1 }),
  ]);
  const make = findNode(tree, "root/condition-1/make");
  assert.equal(make?.state, "skipped");
  assert.equal(make.condition, findNode(tree, "root/condition-1")?.condition);
});

test("without a plan the tasks alone make the tree", () => {
  assert.deepEqual(
    keys(buildRunTree(undefined, rows)).filter((key) => !key.includes("[")),
    ["root/load", "root/for-loop-1"],
  );
});

test("a loop has its iterations in order and shows the first that failed", () => {
  const loop = findNode(buildRunTree(plan, rows.toReversed()), "root/for-loop-1");
  assert.deepEqual(
    loop?.children.map((child) => child.iteration),
    [0, 1],
  );
  assert.equal(loop && iterationToShow(loop), 1);
  assert.equal(loop?.loopsOver, "models");
});

test("a task that waits for something with a name is waiting, not pending", () => {
  const waiting = task(2, "root/load", "RUNTIME", "PENDING", { parent: 1, waiting: { summary: "no free CPU" } });
  assert.equal(
    findNode(buildRunTree(plan, [task(1, "root", "ROOT", "RUNNING"), waiting]), "root/load")?.state,
    "waiting",
  );
});

test("a key says which iterations must be shown", () => {
  assert.deepEqual(iterationsOf("root/outer[2]/inner[0]/train"), { "root/outer": 2, "root/outer/inner": 0 });
});

test("the critical path follows what ended last, into groups", () => {
  const path = criticalPath(buildRunTree(plan, rows));
  assert.deepEqual([...path.keys()].sort(), [
    "root/for-loop-1",
    "root/for-loop-1[1]",
    "root/for-loop-1[1]/make",
    "root/for-loop-1[1]/train",
    "root/load",
  ]);
  assert.equal(path.get("root/for-loop-1[1]/train"), "root/for-loop-1[1]/make");
  assert.equal(path.get("root/load"), undefined);
});

test("the sentence of a failed run names the first failure, its iteration and its reason", () => {
  const said = runSentence(
    { status: { state: "FAILED", steps: { SUCCEEDED: 3, FAILED: 1 } } },
    buildRunTree(plan, rows),
  );
  assert.deepEqual(said, {
    key: "failed",
    done: 3,
    total: 4,
    step: { label: "train", iteration: 2, message: "out of memory" },
  });
});

test("the sentence of a run whose only step waits says for what", () => {
  const waiting = task(2, "root/load", "RUNTIME", "PENDING", { parent: 1, waiting: { summary: "no free CPU." } });
  const said = runSentence(
    { status: { state: "RUNNING", steps: { PENDING: 4 } } },
    buildRunTree(plan, [task(1, "root", "ROOT", "RUNNING"), waiting]),
  );
  assert.deepEqual(said, { key: "waiting", step: "load", why: "no free CPU", done: 0, total: 4 });
});

test("the sentence of a run that cannot go on for now says why", () => {
  const said = runSentence(
    { status: { state: "RUNNING", steps: {}, waiting: { summary: "Cannot go on at present: the disk is full." } } },
    buildRunTree(plan, rows),
  );
  assert.deepEqual(said, { key: "stuck", why: "Cannot go on at present: the disk is full" });
});

const choice: GraphChoice = { open: {}, shown: {}, detail: () => "", label: (node) => node.label };

test("the graph shows one iteration, and its nodes keep their names in another one", () => {
  const tree = buildRunTree(plan, rows);
  const failed = graphModel(tree, choice);
  const first = graphModel(tree, { ...choice, shown: { "root/for-loop-1": 0 } });
  assert.deepEqual(
    failed.nodes.map((node) => node.id),
    first.nodes.map((node) => node.id),
  );
  assert.equal(failed.byId.get("root/for-loop-1/train")?.key, "root/for-loop-1[1]/train");
  assert.equal(first.byId.get("root/for-loop-1/train")?.key, "root/for-loop-1[0]/train");
  assert.deepEqual(failed.nodes.find((node) => node.iterations)?.iterations, {
    states: ["succeeded", "failed"],
    shown: 1,
  });
});

test("a closed group hides what it holds", () => {
  const { nodes } = graphModel(buildRunTree(plan, rows), { ...choice, open: { "root/for-loop-1": false } });
  assert.deepEqual(
    nodes.map((node) => node.id),
    ["root/load", "root/for-loop-1", "root/report"],
  );
});

test("edges stay among siblings", () => {
  const { edges } = graphModel(buildRunTree(plan, rows), choice);
  assert.deepEqual(edges.map(({ from, to }) => `${from} > ${to}`).sort(), [
    "root/for-loop-1 > root/report",
    "root/for-loop-1/make > root/for-loop-1/train",
    "root/load > root/for-loop-1",
  ]);
});

test("a run of five thousand tasks becomes a tree within one frame", () => {
  const many = [
    task(1, "root", "ROOT", "RUNNING"),
    ...Array.from({ length: 5000 }, (_, index) =>
      task(index + 2, `root/step-${index}`, "RUNTIME", "RUNNING", {
        parent: 1,
        dependsOn: index > 0 ? [`step-${index - 1}`] : [],
      }),
    ),
  ];
  assert.equal(flatten(buildRunTree(undefined, many)).length, 5000);
});
