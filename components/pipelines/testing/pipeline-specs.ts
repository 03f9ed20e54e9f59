/** A compiled pipeline of one step, `adder`, that takes two numbers; the second has a default. */
export function addPipeline(name = "add"): Record<string, unknown> {
  return {
    pipelineInfo: { name },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.3",
    components: {
      "comp-adder": {
        executorLabel: "exec-adder",
        inputDefinitions: {
          parameters: { a: { parameterType: "NUMBER_DOUBLE" }, b: { parameterType: "NUMBER_DOUBLE" } },
        },
        outputDefinitions: { parameters: { Output: { parameterType: "NUMBER_DOUBLE" } } },
      },
    },
    deploymentSpec: {
      executors: {
        "exec-adder": {
          container: {
            image: "python:3.11",
            command: ["python3", "-c", "print(1)"],
            args: ["--executor_input", "{{$}}", "--function_to_execute", "adder"],
          },
        },
      },
    },
    root: {
      dag: {
        tasks: {
          adder: {
            cachingOptions: { enableCache: true },
            componentRef: { name: "comp-adder" },
            inputs: { parameters: { a: { componentInputParameter: "a" }, b: { componentInputParameter: "b" } } },
            taskInfo: { name: "adder" },
          },
        },
      },
      inputDefinitions: {
        parameters: { a: { parameterType: "NUMBER_DOUBLE" }, b: { parameterType: "NUMBER_DOUBLE", defaultValue: 2 } },
      },
    },
  };
}
