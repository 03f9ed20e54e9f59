import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bench, createBench, type Program } from "../testing/index.ts";

/** A bench on which nothing goes wrong in the engine itself. */
async function onBench(program: Program, body: (bench: Bench) => Promise<void>): Promise<void> {
  await using bench = await createBench(program);
  await body(bench);
  assert.deepEqual(bench.errors, []);
}

const words = ["--executor_input", "{{$}}", "--function_to_execute", "work"];
const named = (name: string, more: object = {}) => ({ componentRef: { name }, taskInfo: { name }, ...more });

/** A pipeline whose steps are of one component, `work`. */
const pipeline = (
  tasks: object,
  { components = {}, ports = {} }: { components?: object; ports?: object } = {},
): string =>
  JSON.stringify({
    schemaVersion: "2.1.0",
    pipelineInfo: { name: "extreme" },
    components: { work: { executorLabel: "work", ...ports }, ...components },
    deploymentSpec: { executors: { work: { container: { image: "python:3", command: ["python3"], args: words } } } },
    root: { dag: { tasks } },
  });

test("a step makes more artifacts than one statement could write, and the next run has them from the cache", () =>
  onBench(
    ({ input }) => {
      const artifacts = Array.from({ length: 4_000 }, (_, index) => ({ metadata: { index } }));
      const text = JSON.stringify({ artifacts: { many: { artifacts } } });
      return { files: { [input?.outputs.outputFile ?? ""]: text } };
    },
    async (bench) => {
      const ports = { outputDefinitions: { artifacts: { many: { artifactType: { schemaTitle: "system.Dataset" } } } } };
      const text = pipeline({ work: named("work", { cachingOptions: { enableCache: true } }) }, { ports });
      const [first, second] = [await bench.run(text), await bench.run(text)];
      assert.equal(first.states["root/work"], "SUCCEEDED");
      assert.equal(second.states["root/work"], "CACHED");
      const work = second.tasks.find(({ type }) => type === "RUNTIME");
      const { artifacts }: { artifacts: { many: number[] } } = JSON.parse(work?.outputs ?? "");
      assert.equal(artifacts.many.length, 4_000);
    },
  ));

test("failures that others go on after are weighed once each, however they are connected", () =>
  onBench(
    () => ({ exitCode: 1 }),
    async (bench) => {
      const layers = 28;
      const tasks = Array.from({ length: layers }, (_, layer) =>
        ["a", "b"].map((side) => [
          `${side}${layer}`,
          named("work", {
            triggerPolicy: { strategy: "ALL_UPSTREAM_TASKS_COMPLETED" },
            dependentTasks: layer === 0 ? [] : [`a${layer - 1}`, `b${layer - 1}`],
          }),
        ]),
      ).flat();
      const ended = await bench.run(pipeline(Object.fromEntries(tasks)));
      assert.equal(ended.run.state, "FAILED");
      assert.match(ended.run.error ?? "", /^Step .* at root\/a0 failed/);
    },
  ));

test("DAGs within each other are run to the deepest that is allowed", () =>
  onBench(
    () => ({}),
    async (bench) => {
      const depth = 199;
      const dags = Array.from({ length: depth }, (_, level) => {
        const inner = level === depth - 1 ? "work" : `d${level + 1}`;
        return [`d${level}`, { dag: { tasks: { [inner]: named(inner) } } }];
      });
      const ended = await bench.run(pipeline({ d0: named("d0") }, { components: Object.fromEntries(dags) }));
      assert.equal(ended.run.state, "SUCCEEDED");
      assert.equal(ended.tasks.length, 1 + depth + 1);
    },
  ));

test("a step that is told more than a pod can hold fails, and says what to do", () =>
  onBench(
    () => ({}),
    async (bench) => {
      const inputs = { parameters: { text: { runtimeValue: { constant: "x".repeat(2_000_000) } } } };
      const ports = { inputDefinitions: { parameters: { text: { parameterType: "STRING" } } } };
      const ended = await bench.run(pipeline({ work: named("work", { inputs }) }, { ports }));
      assert.equal(ended.run.state, "FAILED");
      assert.match(ended.run.error ?? "", /the step's pod was refused: .* hand large values on as artifacts/);
    },
  ));

test("a step reads thousands of artifacts of its run; of more than a pod can name, it fails and says what to do", () =>
  onBench(
    ({ input }) => {
      const { uri } = input?.outputs.artifacts["many"]?.artifacts[0] ?? {};
      if (uri === undefined) return {};
      const count = Number(input?.inputs.parameterValues["count"]);
      const artifacts = Array.from({ length: count }, (_, index) => ({ uri: `${uri}-${index}`, metadata: {} }));
      return { files: { [input?.outputs.outputFile ?? ""]: JSON.stringify({ artifacts: { many: { artifacts } } }) } };
    },
    async (bench) => {
      const many = { artifacts: { many: { artifactType: { schemaTitle: "system.Dataset" }, isArtifactList: true } } };
      const make = {
        executorLabel: "work",
        outputDefinitions: many,
        inputDefinitions: { parameters: { count: { parameterType: "NUMBER_INTEGER" } } },
      };
      const taken = { taskOutputArtifact: { producerTask: "make", outputArtifactKey: "many" } };
      const handing = (count: number): string =>
        pipeline(
          {
            make: named("make", { inputs: { parameters: { count: { runtimeValue: { constant: count } } } } }),
            work: named("work", { dependentTasks: ["make"], inputs: { artifacts: { many: taken } } }),
          },
          { components: { make }, ports: { inputDefinitions: many } },
        );
      assert.equal((await bench.run(handing(5_000))).run.state, "SUCCEEDED");
      const { run, states } = await bench.run(handing(10_000));
      assert.deepEqual([states["root/make"], states["root/work"]], ["SUCCEEDED", "FAILED"]);
      assert.match(run.error ?? "", /the step's pod was refused: .* is \d+ bytes: limit is 1572864\. /);
      assert.match(run.error ?? "", /collect thousands of artifacts in several steps$/);
    },
  ));
