import assert from "node:assert/strict";
import { test } from "node:test";
import type { Task } from "@headrace/pipelines/resources";
import { renderTree } from "./run-tree.ts";

interface Sketch {
  readonly id: number;
  readonly parent?: number;
  readonly name: string;
  readonly type?: Task["spec"]["type"];
  readonly iteration?: number;
  readonly status?: Partial<Task["status"]>;
}

function task({ id, parent, name, type = "RUNTIME", iteration, status }: Sketch): Task {
  return {
    apiVersion: "headrace.io/v1alpha1",
    kind: "Task",
    metadata: { name: `run-${id}` },
    spec: {
      run: "run",
      id,
      key: name,
      name,
      displayName: name,
      type,
      dependsOn: [],
      ...(parent !== undefined && { parent }),
      ...(iteration !== undefined && { iteration }),
    },
    status: {
      state: "PENDING",
      inputs: { parameters: {}, artifacts: {} },
      outputs: { parameters: {}, artifacts: {} },
      attempts: [],
      ...status,
    },
  };
}

const plain = { now: Date.UTC(2026, 0, 1, 0, 0, 2), columns: 60, paint: (_: string, text: string) => text };
const root = task({ id: 1, name: "root", type: "ROOT" });

test("steps stand beneath the groups that hold them, with durations to the millisecond", () => {
  const tasks = [
    root,
    task({ id: 2, parent: 1, name: "loop", type: "LOOP", status: { state: "RUNNING", iterations: 2 } }),
    task({ id: 3, parent: 2, name: "0", type: "ITERATION", iteration: 0, status: { state: "RUNNING" } }),
    task({
      id: 4,
      parent: 3,
      name: "train",
      status: {
        state: "SUCCEEDED",
        startedAt: "2026-01-01T00:00:00.250000Z",
        finishedAt: "2026-01-01T00:00:00.293000Z",
      },
    }),
  ];
  assert.deepEqual(renderTree(tasks, plain), ["  ◐ loop       2 iterations", "  ◐   [0]", "  ✔     train  43 ms"]);
});

test("a line says why a step waits, in one line that fits", () => {
  const summary = `Preparing its environment:\nInstalling ${"many ".repeat(20)}packages`;
  const [line = ""] = renderTree(
    [root, task({ id: 2, parent: 1, name: "train", status: { waiting: { summary } } })],
    plain,
  );
  assert.match(line, /^ {2}○ train {2}Preparing its environment: Installing many .*…$/);
  assert.equal(line.length, plain.columns);
});
