import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonValue } from "../core/json.ts";
import { type Bench, compiledPipelines, createBench, passTime, type Program, program } from "../testing/index.ts";

const pipelines = await compiledPipelines();
const skip = pipelines ? false : "no KFP SDK to compile with";
const pipeline = (name: string): string => pipelines?.get(name) ?? "";

/** A bench with the usual program; nothing may have gone wrong in the engine itself. */
async function onBench(body: (bench: Bench) => Promise<void>, run: Program = program): Promise<void> {
  await using bench = await createBench(run);
  await body(bench);
  assert.deepEqual(bench.errors, []);
}

describe("steps", { skip }, () => {
  test("one step succeeds with its output", () =>
    onBench(async (bench) => {
      const ended = await bench.run(pipeline("one_step"), { parameters: { a: 4 } });
      assert.deepEqual(ended.states, { root: "SUCCEEDED", "root/add": "SUCCEEDED" });
      assert.deepEqual(ended.outputs("root"), { Output: 7 });
    }));

  test("a chain passes values on, fills f-strings with any quotes, and leaves out what is null", () =>
    onBench(async (bench) => {
      const ended = await bench.run(pipeline("chain"), { parameters: { a: 1, text: 'it\'s "x"' } });
      assert.equal(ended.run.state, "SUCCEEDED");
      assert.deepEqual(ended.outputs("root"), { Output: 13 });
      assert.deepEqual(ended.inputs("root/echo")["text"], `it's "x": '13' and "3"`);
      assert.equal("suffix" in ended.inputs("root/echo"), false);
      assert.deepEqual(ended.inputs("root/echo-2")["text"], "13");
      assert.deepEqual(ended.inputs("root/echo-3"), { text: ended.run.run });
    }));

  test("every type goes through a step and comes out the same", () =>
    onBench(async (bench) => {
      const ended = await bench.run(pipeline("typed"));
      assert.equal(ended.run.state, "SUCCEEDED");
      assert.deepEqual(ended.inputs("root/types-2"), {
        text: "a",
        whole: 1,
        fraction: 1.5,
        flag: true,
        items: [1, 2],
        table: { k: "v" },
      });
    }));

  test("artifacts are named by their row, and found where the step before wrote them", () =>
    onBench(async (bench) => {
      const ended = await bench.run(pipeline("artifacts"));
      assert.equal(ended.run.state, "SUCCEEDED");
      const { db } = bench.records.all();
      const rows = await db
        .selectFrom("artifact")
        .select(["id", "uri", "type", "metadata", "digest"])
        .orderBy("id")
        .execute();
      const [make, train] = ended.tasks.filter((task) => task.type === "RUNTIME");
      const root = `minio://mlpipeline/v2/artifacts/artifacts/${ended.run.run}`;
      assert.deepEqual(
        rows.map((row) => ({ ...row })),
        [
          {
            id: 1,
            uri: `${root}/make-${make?.id}/0/rows`,
            type: "system.Dataset",
            metadata: "{}",
            digest: "sha256:rows",
          },
          {
            id: 2,
            uri: `${root}/train-${train?.id}/0/model`,
            type: "system.Model",
            metadata: '{"framework":"none"}',
            digest: "sha256:model",
          },
        ],
      );
    }));

  test("nested pipelines pass defaults down and outputs up", () =>
    onBench(async (bench) => {
      const ended = await bench.run(pipeline("nested"), { parameters: { x: 1 } });
      assert.equal(ended.run.state, "SUCCEEDED");
      assert.deepEqual(ended.outputs("root/middle/inner"), { Output: 8 });
      assert.deepEqual(ended.outputs("root"), { Output: 10 });
    }));

  test("a container's words are put together from Concat and IfPresent", () =>
    onBench(
      async (bench) => {
        const ended = await bench.run(pipeline("containers"));
        assert.equal(ended.run.state, "SUCCEEDED");
        assert.deepEqual(ended.inputs("root/shell-2"), { name: "written", note: "hi" });
      },
      ({ words, pod }) => {
        const [container] = pod.spec.containers;
        if (words.includes("--quiet"))
          assert.deepEqual(words, ["sh", "-c", "echo World > $0", "/tmp/kfp/outputs/out", "--quiet"]);
        else {
          assert.deepEqual(words.slice(2), ["echo written > $0", "/tmp/kfp/outputs/out", "--note", "hi"]);
          assert.equal(container?.resources?.limits?.["cpu"], "2");
          assert.equal(container?.resources?.requests?.["memory"], "1G");
          assert.deepEqual(container?.env, [{ name: "A", value: "b" }]);
        }
        return { files: { "/tmp/kfp/outputs/out": "written" } };
      },
    ));

  test("an importer makes an artifact once, and finds it again the next time", () =>
    onBench(async (bench) => {
      const first = await bench.run(pipeline("imports"));
      const second = await bench.run(pipeline("imports"));
      assert.equal(first.states["root/importer"], "SUCCEEDED");
      const importers = [first, second].map(({ tasks }) => tasks.find((task) => task.type === "IMPORTER")?.outputs);
      assert.equal(importers[0], importers[1]);
      const row = await bench.records
        .all()
        .db.selectFrom("artifact")
        .select(["uri", "metadata"])
        .where("uri", "=", "gs://bucket/data")
        .execute();
      assert.deepEqual(
        row.map((each) => each.metadata),
        ['{"version":"v1"}'],
      );
    }));

  test("what no store keeps can be imported, and fails the step that takes it with the reason", () =>
    onBench(async (bench) => {
      const car = pipeline("imports").replaceAll("gs://bucket/data", "oci://registry/model");
      const ended = await bench.run(car);
      assert.equal(ended.states["root/importer"], "SUCCEEDED");
      assert.equal(ended.states["root/train"], "FAILED");
      assert.match(ended.run.error ?? "", /Cannot mount input artifact "rows" \(oci:.*no store keeps it/);
    }));

  test("a step that fails is tried again after its delay, which grows up to its limit", async () => {
    let failures = 0;
    await onBench(
      async (bench) => {
        const run = await bench.submit(pipeline("retries"));
        const start = bench.clock.now();
        const ends: Promise<unknown> = bench.ended(run);
        await passTime(bench, 60, () => bench.node.ran.length >= 4);
        await ends;
        const ended = await bench.look(run);
        assert.equal(ended.run.state, "SUCCEEDED");
        const attempts = await bench.records
          .all()
          .db.selectFrom("attempt")
          .select(["n", "state", "created_at"])
          .where("task", "=", ended.tasks[1]?.id ?? 0)
          .orderBy("n")
          .execute();
        assert.deepEqual(
          attempts.map(({ n, state, created_at }) => [n, state, (created_at - start) / 1000]),
          [
            [0, "FAILED", 0],
            [1, "FAILED", 10],
            [2, "SUCCEEDED", 25],
          ],
        );
      },
      (step) => (step.parameters["text"] === "shaky" && failures++ < 2 ? { exitCode: 3 } : program(step)),
    );
  });

  test("a step that fails more often than it may fails the run, with the last lines of its log", () =>
    onBench(
      async (bench) => {
        const run = await bench.submit(pipeline("retries"));
        await passTime(bench, 60, () => bench.node.ran.length >= 3);
        const ended = await bench.ended(run);
        assert.equal(ended.run.state, "FAILED");
        assert.equal(
          ended.run.error,
          'Step "echo" at root/echo failed: the step exited with code 1\nTraceback\nValueError: no',
        );
        assert.equal(ended.states["root/echo-2"], "SKIPPED");
        assert.equal(bench.node.ran.length, 3);
      },
      () => ({ exitCode: 1, tail: "Traceback\nValueError: no" }),
    ));
});

const groups: readonly {
  readonly name: string;
  readonly parameters?: Record<string, JsonValue>;
  readonly states: Record<string, string>;
  readonly outputs?: Record<string, Record<string, JsonValue>>;
  readonly state?: string;
}[] = [
  {
    name: "branches",
    states: {
      root: "SUCCEEDED",
      "root/flip": "SUCCEEDED",
      "root/condition-branches-1": "SUCCEEDED",
      "root/condition-branches-1/condition-2": "SUCCEEDED",
      "root/condition-branches-1/condition-2/say": "SUCCEEDED",
      "root/condition-branches-1/condition-3": "SKIPPED",
      "root/condition-branches-1/condition-4": "SKIPPED",
      "root/say-4": "SUCCEEDED",
    },
    outputs: { root: { Output: "heads" } },
  },
  {
    name: "artifact_branches",
    states: {
      root: "SUCCEEDED",
      "root/condition-branches-1": "SUCCEEDED",
      "root/condition-branches-1/condition-2": "SKIPPED",
      "root/condition-branches-1/condition-3": "SUCCEEDED",
      "root/condition-branches-1/condition-3/make-2": "SUCCEEDED",
      "root/show": "SUCCEEDED",
    },
  },
  {
    name: "conditions",
    states: {
      root: "SUCCEEDED",
      "root/number": "SUCCEEDED",
      "root/condition-1": "SUCCEEDED",
      "root/condition-1/say": "SUCCEEDED",
      "root/condition-1/condition-2": "SUCCEEDED",
      "root/condition-1/condition-2/say-2": "SUCCEEDED",
      "root/condition-3": "SKIPPED",
    },
  },
  {
    name: "static_loop",
    states: loopStates("for-loop-2", 3, ["double"], { "root/total": "SUCCEEDED" }),
    outputs: { root: { Output: 12 } },
  },
  {
    name: "empty_loop",
    states: { root: "SUCCEEDED", "root/for-loop-1": "SUCCEEDED", "root/total": "SUCCEEDED" },
    outputs: { root: { Output: 0 } },
  },
  { name: "dynamic_loop", states: loopStates("for-loop-1", 3, ["double", "double-2"], { "root/items": "SUCCEEDED" }) },
  {
    name: "record_loop",
    states: {
      ...loopStates("for-loop-1", 2, ["say"], { "root/records": "SUCCEEDED" }),
      "root/for-loop-1[0]/condition-2": "SUCCEEDED",
      "root/for-loop-1[0]/condition-2/say-2": "SUCCEEDED",
      "root/for-loop-1[1]/condition-2": "SKIPPED",
    },
    outputs: { "root/for-loop-1[0]/condition-2/say-2": { Output: "a!" } },
  },
  {
    name: "nested_loops",
    states: {
      ...loopStates("for-loop-1", 2, ["double-2", "for-loop-3"], { "root/total-of-lists": "SUCCEEDED" }),
      ...Object.fromEntries(
        [0, 1].flatMap((i) =>
          [0, 1].flatMap((j) => [
            [`root/for-loop-1[${i}]/for-loop-3[${j}]`, "SUCCEEDED"],
            [`root/for-loop-1[${i}]/for-loop-3[${j}]/double`, "SUCCEEDED"],
          ]),
        ),
      ),
    },
    outputs: { root: { Output: 120 } },
  },
  {
    name: "loop_artifacts",
    states: loopStates("for-loop-2", 3, ["make"], { "root/count": "SUCCEEDED" }),
    outputs: { "root/count": { Output: 3 } },
  },
  {
    name: "artifact_loop",
    states: {
      ...loopStates("for-loop-1", 2, ["show"], { "root/make-all": "SUCCEEDED" }),
      "root/make-all/for-loop-2": "SUCCEEDED",
      ...Object.fromEntries(
        [0, 1].flatMap((i) => [
          [`root/make-all/for-loop-2[${i}]`, "SUCCEEDED"],
          [`root/make-all/for-loop-2[${i}]/make`, "SUCCEEDED"],
        ]),
      ),
    },
  },
  {
    name: "exits",
    state: "FAILED",
    states: {
      root: "FAILED",
      "root/exit-handler-1": "FAILED",
      "root/exit-handler-1/say": "SUCCEEDED",
      "root/exit-handler-1/fail": "FAILED",
      "root/clean": "SUCCEEDED",
    },
  },
  {
    name: "exit_pipeline",
    states: {
      root: "SUCCEEDED",
      "root/exit-handler-1": "SUCCEEDED",
      "root/exit-handler-1/say": "SUCCEEDED",
      "root/farewell": "SUCCEEDED",
      "root/farewell/say": "SUCCEEDED",
      "root/farewell/say-2": "SUCCEEDED",
    },
  },
  {
    name: "ignoring",
    states: { root: "SUCCEEDED", "root/fail": "FAILED", "root/tidy": "SUCCEEDED", "root/say": "SUCCEEDED" },
  },
  {
    name: "failing",
    state: "FAILED",
    states: {
      root: "FAILED",
      "root/say": "SUCCEEDED",
      "root/fail": "FAILED",
      "root/say-2": "SKIPPED",
      "root/say-3": "SKIPPED",
    },
  },
];

function loopStates(
  loop: string,
  count: number,
  tasks: readonly string[],
  others: Record<string, string>,
): Record<string, string> {
  const states: Record<string, string> = { root: "SUCCEEDED", [`root/${loop}`]: "SUCCEEDED", ...others };
  for (let index = 0; index < count; index++) {
    states[`root/${loop}[${index}]`] = "SUCCEEDED";
    for (const task of tasks) states[`root/${loop}[${index}]/${task}`] = "SUCCEEDED";
  }
  return states;
}

describe("groups", { skip }, () => {
  for (const { name, parameters, states, outputs = {}, state = "SUCCEEDED" } of groups) {
    test(`${name} ends as it should`, () =>
      onBench(async (bench) => {
        const ended = await bench.run(pipeline(name), parameters ? { parameters } : {});
        assert.deepEqual(ended.states, states);
        assert.equal(ended.run.state, state);
        for (const [key, values] of Object.entries(outputs)) assert.deepEqual(ended.outputs(key), values);
      }));
  }

  test("an exit task is told how its group ended, in KFP's words", () =>
    onBench(async (bench) => {
      const ended = await bench.run(pipeline("exits"));
      const { status } = ended.inputs("root/clean");
      assert.deepEqual(status, {
        state: "FAILED",
        pipelineJobResourceName: ended.run.resource_name,
        pipelineTaskName: "exit-handler-1",
        error: { code: 9, message: "root/exit-handler-1/fail failed: the step exited with code 1" },
      });
    }));
});
