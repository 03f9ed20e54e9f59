/** Pipelines by their shape, as the SDK would compile them: for tests of what a step costs, which need no SDK. */

/** One step after the other, each given what the one before put out. */
export function chainPipeline(length: number): string {
  const taskOf = (n: number): Record<string, unknown> => ({
    ...stepTask(`step-${n}`),
    ...(n > 1 && { dependentTasks: [`step-${n - 1}`] }),
    inputs: {
      parameters: {
        text:
          n === 1
            ? { runtimeValue: { constant: "go" } }
            : { taskOutputParameter: { producerTask: `step-${n - 1}`, outputParameterKey: "Output" } },
      },
    },
  });
  const numbers = Array.from({ length }, (_, index) => index + 1);
  const tasks = Object.fromEntries(numbers.map((n) => [`step-${n}`, taskOf(n)]));
  return pipelineText("chain", { dag: { tasks } });
}

/** One step for each item of a loop. */
export function fanOutPipeline(width: number): string {
  const items = JSON.stringify(Array.from({ length: width }, (_, index) => String(index)));
  const loop = {
    componentRef: { name: "comp-loop" },
    parameterIterator: { itemInput: "item", items: { raw: items } },
    taskInfo: { name: "for-loop-1" },
  };
  const each = { ...stepTask("step"), inputs: { parameters: { text: { componentInputParameter: "item" } } } };
  return pipelineText(
    "fan-out",
    { dag: { tasks: { "for-loop-1": loop } } },
    {
      "comp-loop": {
        dag: { tasks: { step: each } },
        inputDefinitions: { parameters: { item: { parameterType: "STRING" } } },
      },
    },
  );
}

function stepTask(name: string): Record<string, unknown> {
  return { componentRef: { name: "comp-say" }, cachingOptions: {}, taskInfo: { name } };
}

function pipelineText(name: string, root: unknown, components: Record<string, unknown> = {}): string {
  return JSON.stringify({
    pipelineInfo: { name },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.3",
    components: {
      ...components,
      "comp-say": {
        executorLabel: "exec-say",
        inputDefinitions: { parameters: { text: { parameterType: "STRING" } } },
        outputDefinitions: { parameters: { Output: { parameterType: "STRING" } } },
      },
    },
    deploymentSpec: {
      executors: {
        "exec-say": {
          container: {
            image: "python:3.11",
            command: ["python3", "-c", "print(1)"],
            args: ["--executor_input", "{{$}}", "--function_to_execute", "say"],
          },
        },
      },
    },
    root,
  });
}
