/** Upstream's golden pipelines that need nothing but Python: which exist, how each must end, and what is left out and why. */
export interface Golden {
  /** Path below `test_data/sdk_compiled_pipelines/valid`, without `.yaml`. */
  readonly name: string;
  readonly ends: "SUCCEEDED" | "FAILED";
  /** Outputs of the whole pipeline that upstream's own tests assert. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly skip?: string;
}

/** Stands for the folder that the host shares with steps. */
export const sharedFolder = "$SHARED";

const succeeds = (folder: string, names: readonly string[]): readonly Golden[] =>
  names.map((name) => ({ name: folder + name, ends: "SUCCEEDED" }));

export const goldens: readonly Golden[] = [
  ...succeeds("critical/", [
    "add_numbers",
    "artifact_cache",
    "artifact_crust",
    "collected_parameters",
    "component_with_optional_inputs",
    "flip_coin",
    "if_else_with_oneof_artifacts",
    "mixed_parameters",
    "multiple_artifacts_namedtuple",
    "multiple_parameters_namedtuple",
    "parallel_for_after_dependency",
    "parameter_cache",
    "parameter_oneof",
    "pipeline_with_artifact_custom_path",
    "pipeline_with_input_status_state",
    "pipeline_with_placeholders",
    "pipeline_with_retry",
    "pythonic_artifacts_test_pipeline",
  ]),
  ...succeeds("essential/", [
    "component_with_env_variable",
    "concat_message",
    "dict_input",
    "embedded_artifact",
    "lightweight_python_functions_pipeline",
    "lightweight_python_functions_with_outputs",
    "pipeline_with_condition",
    "pipeline_with_metrics_outputs",
    "pipeline_with_nested_conditions",
    "pipeline_with_params_containing_format",
    "pipeline_with_reused_component",
  ]),
  ...succeeds("parallel_and_nested/", [
    "loop_consume_upstream",
    "nested_pipeline_opt_input_child_level_compiled",
    "nested_pipeline_opt_inputs_nil_compiled",
    "nested_pipeline_opt_inputs_parent_level_compiled",
    "pipeline_with_loops",
  ]),
  { name: "failing/fail_v2", ends: "FAILED" },
  { name: "failing/pipeline_with_exit_handler", ends: "FAILED" },
  { name: "failing/pipeline_with_multiple_exit_handlers", ends: "FAILED" },
  ...succeeds("local_execution/", [
    "local_execution_pipeline_with_exit_handler",
    "local_execution_pipeline_with_oneof",
    "pipeline_with_caching",
    "pipeline_with_collected_artifacts",
  ]),
  ...succeeds("", [
    "artifacts_complex",
    "collected_artifacts",
    "conditional_producer_and_consumers",
    "cross_loop_after_topology",
    "identity",
    "if_elif_else_complex",
    "if_elif_else_with_oneof_parameters",
    "if_else_with_oneof_artifacts",
    "if_else_with_oneof_parameters",
    "nested_return",
    "nested_with_parameters",
    "output_metrics",
    "parameters_complex",
    "pipeline_producer_consumer",
    "pipeline_with_loops_and_conditions",
    "pipeline_with_nested_loops",
    "pipeline_with_parallelfor_list_artifacts_GH-12033",
    "pipeline_with_parallelfor_parallelism",
    "pipeline_with_parallelfor_pipeline_param",
    "pipeline_with_task_using_ignore_upstream_failure",
    "pipeline_with_utils",
    "preprocess",
    "pythonic_artifacts_with_list_of_artifacts",
    "pythonic_artifacts_with_multiple_returns",
  ]),
  { name: "env-var", ends: "SUCCEEDED", parameters: { env_var: "HOME" } },
  { name: "log_streaming_compiled", ends: "SUCCEEDED" },
  { name: "take_nap_compiled", ends: "SUCCEEDED", parameters: { naptime_secs: 2 } },
  {
    name: "local_execution/local_execution_pipeline_with_retry",
    ends: "SUCCEEDED",
    parameters: { counter_path: `${sharedFolder}/counter` },
  },
  {
    name: "local_execution/local_execution_pipeline_with_ignore_upstream_failure",
    ends: "SUCCEEDED",
    parameters: { marker_path: `${sharedFolder}/marker` },
  },
  // Their own steps fail, and an exit task does not make that good.
  { name: "pipeline_as_exit_task", ends: "FAILED" },
  { name: "pipeline_with_task_final_status", ends: "FAILED" },
  { name: "component_with_task_final_status_GH-12033", ends: "SUCCEEDED", skip: "upstream leaves it out (GH-12033)" },
  {
    name: "local_execution/local_execution_pipeline_with_k8s_only_methods",
    ends: "SUCCEEDED",
    skip: "mounts a claim and a secret of the Kubernetes platform spec, which kfp.local ignores and a cluster must have",
  },
  ...["pipeline_with_string_machine_fields_pipeline_input", "pipeline_with_string_machine_fields_task_output"].map(
    (name): Golden => ({
      name,
      ends: "SUCCEEDED",
      skip: "asks for the accelerator NVIDIA_TESLA_P4, which is no name of a Kubernetes resource",
    }),
  ),
];
