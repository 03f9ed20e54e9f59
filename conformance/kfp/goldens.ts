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
    "local_execution_pipeline_with_ignore_upstream_failure",
    "local_execution_pipeline_with_k8s_only_methods",
    "local_execution_pipeline_with_oneof",
    "local_execution_pipeline_with_retry",
    "pipeline_with_caching",
    "pipeline_with_collected_artifacts",
  ]),
  ...succeeds("", [
    "artifacts_complex",
    "collected_artifacts",
    "component_with_task_final_status_GH-12033",
    "conditional_producer_and_consumers",
    "cross_loop_after_topology",
    "env-var",
    "identity",
    "if_elif_else_complex",
    "if_elif_else_with_oneof_parameters",
    "if_else_with_oneof_artifacts",
    "if_else_with_oneof_parameters",
    "log_streaming_compiled",
    "nested_return",
    "nested_with_parameters",
    "output_metrics",
    "parameters_complex",
    "pipeline_as_exit_task",
    "pipeline_producer_consumer",
    "pipeline_with_loops_and_conditions",
    "pipeline_with_nested_loops",
    "pipeline_with_parallelfor_list_artifacts_GH-12033",
    "pipeline_with_parallelfor_parallelism",
    "pipeline_with_parallelfor_pipeline_param",
    "pipeline_with_string_machine_fields_pipeline_input",
    "pipeline_with_string_machine_fields_task_output",
    "pipeline_with_task_final_status",
    "pipeline_with_task_using_ignore_upstream_failure",
    "pipeline_with_utils",
    "preprocess",
    "pythonic_artifacts_with_list_of_artifacts",
    "pythonic_artifacts_with_multiple_returns",
    "take_nap_compiled",
  ]),
];
