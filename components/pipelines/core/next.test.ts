import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Node, RunGraph } from "./graph.ts";
import type { JsonObject } from "./json.ts";
import {
  awaitsStart,
  cancelIdle,
  type Change,
  changesAfter,
  firstAttempt,
  next,
  type Outcome,
  retryDelay,
  start,
  type Step,
} from "./next.ts";
import type { RunFacts } from "./placeholders.ts";
import { planRetry } from "./retry.ts";
import { readPipelineDocument } from "./spec.ts";

const run: RunFacts = {
  id: "r",
  displayName: "r",
  resourceName: "p-r",
  pipelineRoot: "minio://b",
  createdAt: "",
  scheduledAt: "",
};

/** A run walked by hand: steps end as they are told, time moves as it is told, and every call of `next` is counted. */
class Walk {
  readonly graph: RunGraph;
  now = 0;
  calls = 0;
  readonly #changes: Change[] = [];

  constructor(tasks: JsonObject, more: JsonObject = {}, options: { readonly keepsGoing?: boolean } = {}) {
    const pipeline = readPipelineDocument({
      schemaVersion: "2.1.0",
      pipelineInfo: { name: "p" },
      components: { "comp-step": { executorLabel: "exec" }, ...more },
      deploymentSpec: { executors: { exec: { container: { image: "x" } } } },
      root: { dag: { tasks } },
    });
    this.graph = new RunGraph(pipeline, { facts: start(new Map()), decided: true }, options);
    this.#look([{ kind: "opened", node: this.graph.root }]);
  }

  /** Keys of the steps that wait for nothing but to run. */
  get running(): readonly string[] {
    return [...this.graph.nodes()].filter((node) => node.attempts.open !== undefined).map((node) => node.key);
  }

  get states(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.graph.nodes()].map((node) => [node.key, node.state]));
  }

  node(key: string): Node {
    const node = [...this.graph.nodes()].find((each) => each.key === key);
    assert.ok(node, `no ${key}`);
    return node;
  }

  end(key: string, how: "succeeded" | "failed" | "lost" | "canceled" = "succeeded"): void {
    this.endNode(this.node(key), how);
  }

  endNode(node: Node, how: Outcome["kind"] = "succeeded"): void {
    const outputs = { parameters: new Map(), artifacts: new Map() };
    const error = { message: "boom" };
    const outcome: Outcome =
      how === "succeeded" ? { kind: how, outputs } : how === "canceled" ? { kind: how } : { kind: how, outputs, error };
    this.graph.endAttempt(node, how);
    this.#look([{ kind: "ended", node, outcome }]);
  }

  pass(ms: number): void {
    this.now += ms;
    const due = [...this.graph.nodes()].filter((node) => node.retryAt !== undefined && node.retryAt <= this.now);
    this.#look(due.map((node) => ({ kind: "due", node })));
  }

  stop(): void {
    this.graph.stop();
    this.#take(cancelIdle(this.graph));
    this.#look([]);
  }

  #look(changes: readonly Change[]): void {
    this.#changes.push(...changes);
    for (let change = this.#changes.shift(); change; change = this.#changes.shift()) {
      this.calls += 1;
      this.#take(next(this.graph, change, run, this.now));
    }
  }

  #take({ transitions, changes }: Step): void {
    for (const transition of transitions) {
      const node = this.graph.apply(transition);
      if (awaitsStart(node)) this.graph.apply(firstAttempt(node, undefined));
      this.#changes.push(...changesAfter(node));
    }
    this.#changes.push(...changes);
  }
}

const step = (after: readonly string[] = [], more: JsonObject = {}): JsonObject => ({
  componentRef: { name: "comp-step" },
  dependentTasks: [...after],
  ...more,
});
const always = { triggerPolicy: { strategy: "ALL_UPSTREAM_TASKS_COMPLETED" } };

describe("what follows", () => {
  test("a task runs once all that it waits for succeeded, not before", () => {
    const walk = new Walk({ a: step(), b: step(), c: step(["a", "b"]) });
    assert.deepEqual(walk.running, ["root/a", "root/b"]);
    walk.end("root/a");
    assert.deepEqual(walk.running, ["root/b"]);
    walk.end("root/b");
    assert.deepEqual(walk.running, ["root/c"]);
    walk.end("root/c");
    assert.equal(walk.graph.root.state, "SUCCEEDED");
  });

  test("a failure skips what waits for it, and nothing new begins beside it, but what runs may end", () => {
    const walk = new Walk({ a: step(), b: step(), c: step(["a"]), d: step(["b"]), e: step(["c", "d"], always) });
    walk.end("root/a", "failed");
    assert.deepEqual(walk.running, ["root/b"]);
    walk.end("root/b");
    assert.deepEqual(walk.states, {
      root: "RUNNING",
      "root/a": "FAILED",
      "root/b": "SUCCEEDED",
      "root/c": "SKIPPED",
      "root/d": "SKIPPED",
      "root/e": "PENDING",
    });
    walk.end("root/e");
    assert.equal(walk.graph.root.state, "FAILED");
    assert.equal(walk.node("root/d").error?.message, "Not run: another task of root failed before");
  });

  test("a skipped condition skips what waits for it, and the group around it still succeeds", () => {
    const walk = new Walk({
      a: step([], { triggerPolicy: { condition: "1 == 2" } }),
      b: step(["a"]),
      c: step(["b"], always),
    });
    assert.deepEqual(walk.running, ["root/c"]);
    walk.end("root/c");
    assert.deepEqual(walk.states, {
      root: "SUCCEEDED",
      "root/a": "SKIPPED",
      "root/b": "SKIPPED",
      "root/c": "SUCCEEDED",
    });
    assert.equal(walk.node("root/a").error, undefined);
  });

  test("retries wait longer each time, up to their limit, and a lost attempt is none", () => {
    const policy = { maxRetryCount: 2, backoffDuration: "10s", backoffFactor: 3, backoffMaxDuration: "20s" };
    const walk = new Walk({ a: step([], { retryPolicy: policy }) });
    walk.end("root/a", "lost");
    assert.deepEqual(walk.running, ["root/a"]);
    walk.end("root/a", "failed");
    assert.equal(walk.node("root/a").retryAt, 10_000);
    walk.pass(9_999);
    assert.deepEqual(walk.running, []);
    walk.pass(1);
    assert.deepEqual(walk.running, ["root/a"]);
    walk.end("root/a", "failed");
    assert.equal(walk.node("root/a").retryAt, 30_000);
    walk.pass(20_000);
    walk.end("root/a", "failed");
    assert.equal(walk.graph.root.state, "FAILED");
    assert.equal(walk.node("root/a").attempts.made, 4);
  });

  test("a pod that vanishes again and again fails its step in the end", () => {
    const walk = new Walk({ a: step() });
    for (let loss = 0; loss < 20; loss++) walk.end("root/a", "lost");
    assert.equal(walk.graph.root.state, "FAILED");
  });

  const delays: readonly [failures: number, ms: number][] = [
    [1, 10],
    [2, 20],
    [3, 40],
    [4, 50],
    [50, 50],
  ];
  test("delays grow by their factor", () => {
    for (const [failures, ms] of delays)
      assert.equal(retryDelay({ maxRetries: 9, delayMs: 10, factor: 2, maxDelayMs: 50 }, failures), ms);
  });

  test("a stopped run begins nothing, lets what runs end, and is CANCELED then", () => {
    const walk = new Walk({ a: step(), b: step(["a"]), c: step(["b"], always) });
    walk.stop();
    assert.deepEqual(walk.running, ["root/a"]);
    walk.end("root/a", "failed");
    assert.deepEqual(walk.states, { root: "CANCELED", "root/a": "CANCELED" });
  });

  test("a loop opens as many iterations as it may, and a failed one opens no more", () => {
    const loop = {
      "comp-for-loop-1": {
        inputDefinitions: { parameters: { x: { parameterType: "NUMBER_INTEGER" } } },
        dag: { tasks: { a: step() } },
      },
    };
    const iterator = {
      parameterIterator: { itemInput: "x", items: { raw: "[1,2,3,4]" } },
      iteratorPolicy: { parallelismLimit: 2 },
    };
    const walk = new Walk({ "for-loop-1": { componentRef: { name: "comp-for-loop-1" }, ...iterator } }, loop);
    assert.deepEqual(walk.running, ["root/for-loop-1[0]/a", "root/for-loop-1[1]/a"]);
    walk.end("root/for-loop-1[1]/a");
    assert.deepEqual(walk.running, ["root/for-loop-1[0]/a", "root/for-loop-1[2]/a"]);
    walk.end("root/for-loop-1[0]/a", "failed");
    assert.deepEqual(walk.running, ["root/for-loop-1[2]/a"]);
    walk.end("root/for-loop-1[2]/a");
    assert.equal(walk.graph.root.state, "FAILED");
    assert.equal("root/for-loop-1[3]" in walk.states, false);
  });

  test("an input of the wrong kind fails its task with the reason", () => {
    const walk = new Walk(
      {
        a: { componentRef: { name: "comp-typed" }, inputs: { parameters: { n: { runtimeValue: { constant: "x" } } } } },
        b: { componentRef: { name: "comp-typed" } },
      },
      {
        "comp-typed": {
          executorLabel: "exec",
          inputDefinitions: { parameters: { n: { parameterType: "NUMBER_INTEGER" } } },
        },
      },
    );
    assert.equal(walk.node("root/a").error?.message, 'Cannot pass input "n": x is not a whole number (NUMBER_INTEGER)');
    assert.equal(walk.graph.root.state, "FAILED");
  });

  test("costs what the change touches, however large the run is", () => {
    const chain = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, index) => [`a${index}`, step(index ? [`a${index - 1}`] : [])]),
    );
    const wide = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`b${index}`, step()]));
    const walk = new Walk({ ...chain, ...wide, last: step(Object.keys(wide)) });
    const first = walk.graph.root.children.get("a0");
    const other = walk.graph.root.children.get("b7");
    assert.ok(first && other);
    const before = walk.calls;
    walk.endNode(first);
    walk.endNode(other);
    assert.ok(walk.calls - before <= 10, `${walk.calls - before} calls`);
  });

  test("keeps of a step that is over what others may ask for, and no empty maps of its own", () => {
    const walk = new Walk(Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`a${index}`, step()])));
    for (const node of walk.graph.root.children.values()) walk.endNode(node);
    assert.equal(walk.graph.root.state, "SUCCEEDED");
    const maps = [...walk.graph.root.children.values()].flatMap(({ children, inputs, outputs }) => [
      children,
      inputs?.parameters,
      inputs?.artifacts,
      outputs?.parameters,
      outputs?.artifacts,
    ]);
    assert.deepEqual([maps.length, new Set(maps).size], [500, 1]);
  });
});

test("a run that keeps going begins what does not wait for a failed task, loops too, and fails in the end", () => {
  const loop = {
    parameterIterator: { itemInput: "i", items: { raw: "[1,2,3]" } },
    iteratorPolicy: { parallelismLimit: 1 },
  };
  const tasks = {
    bad: step(),
    good: step(),
    "after-bad": step(["bad"]),
    "after-good": step(["good"]),
    loop: { componentRef: { name: "comp-loop" }, ...loop },
  };
  const more = {
    "comp-loop": {
      inputDefinitions: { parameters: { i: { parameterType: "NUMBER_INTEGER" } } },
      dag: { tasks: { body: step() } },
    },
  };
  const walk = new Walk(tasks, more, { keepsGoing: true });
  walk.end("root/bad", "failed");
  walk.end("root/good");
  walk.end("root/loop[0]/body", "failed");
  assert.deepEqual(walk.running, ["root/after-good", "root/loop[1]/body"]);
  walk.end("root/after-good");
  walk.end("root/loop[1]/body");
  walk.end("root/loop[2]/body");
  assert.equal(walk.node("root/after-bad").state, "SKIPPED");
  assert.equal(walk.node("root/loop").state, "FAILED");
  assert.equal(walk.graph.root.state, "FAILED");
});

describe("a retry of a run", () => {
  test("from chosen tasks sets back those too, with what waited for them, in groups that succeeded as well", () => {
    const more = { "comp-group": { dag: { tasks: { first: step(), second: step(["first"]), other: step() } } } };
    const walk = new Walk(
      { group: { componentRef: { name: "comp-group" } }, after: step(["group"]), beside: step() },
      more,
    );
    for (const key of ["root/group/first", "root/group/other", "root/group/second", "root/after", "root/beside"])
      walk.end(key);
    assert.equal(walk.graph.root.state, "SUCCEEDED");
    const { reset, reopen } = planRetry(walk.graph.root, ["root/group/first"]);
    assert.deepEqual(reset.map(({ key }) => key).sort(), ["root/after", "root/group/first", "root/group/second"]);
    assert.deepEqual(
      reopen.map(({ key }) => key),
      ["root", "root/group"],
    );
  });

  test("sets back what did not succeed and what waited for it; what a condition passed over stays", () => {
    const walk = new Walk({
      good: step(),
      bad: step(["good"]),
      after: step(["bad"]),
      passed: step([], { triggerPolicy: { condition: "1 == 2" } }),
      exit: step(["bad", "after"], always),
    });
    walk.end("root/good");
    walk.end("root/bad", "failed");
    walk.end("root/exit");
    assert.equal(walk.graph.root.state, "FAILED");
    const { reset, reopen } = planRetry(walk.graph.root);
    assert.deepEqual(reset.map(({ name }) => name).sort(), ["after", "bad", "exit"]);
    assert.deepEqual(
      reopen.map(({ name }) => name),
      ["root"],
    );
  });
});
