/** Upstream's golden pipelines: what each needs, how it must end, and what is left out and why. */
export interface Golden {
  /** Python alone; packages of an index; commands in images that the host stands in for; or objects in Kubernetes. */
  readonly needs: "python" | "packages" | "commands" | "objects";
  /** Path below `test_data/sdk_compiled_pipelines/valid`, without `.yaml`. */
  readonly name: string;
  readonly ends: "SUCCEEDED" | "FAILED";
  /** Outputs of the whole pipeline that upstream's own tests assert. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** How long it may take, if that is longer than usual. */
  readonly patienceSeconds?: number;
  readonly skip?: string;
}

/** A claim that is there before the goldens are run. */
export const testClaim = "test-claim";

/** Stands for the folder that the host shares with steps. */
export const sharedFolder = "$SHARED";

type Plain = Omit<Golden, "needs">;

const succeeds = (folder: string, names: readonly string[]): readonly Plain[] =>
  names.map((name) => ({ name: folder + name, ends: "SUCCEEDED" }));

const python: readonly Plain[] = [
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
    skip: "asks for a GPU (nvidia.com/gpu), which kfp.local ignores and a cluster must have",
  },
  ...["pipeline_with_string_machine_fields_pipeline_input", "pipeline_with_string_machine_fields_task_output"].map(
    (name): Plain => ({
      name,
      ends: "SUCCEEDED",
      skip: "asks for the accelerator NVIDIA_TESLA_P4, which is no name of a Kubernetes resource",
    }),
  ),
];

const packages: readonly Plain[] = [
  ...succeeds("essential/", [
    "component_with_pip_install",
    "component_with_pip_index_urls",
    "component_with_pip_install_in_venv",
    "iris_pipeline_compiled",
  ]),
  ...succeeds("", ["metrics_visualization_v2", "notebook_component_mixed"]),
  { name: "critical/notebook_component_simple", ends: "SUCCEEDED" },
  {
    name: "upload_download_compiled",
    ends: "SUCCEEDED",
    skip: "takes the store's root to be s3://; the root of a store of our own is minio://",
  },
];

const commands: readonly Plain[] = [
  ...succeeds("critical/", [
    "container_component_with_no_inputs",
    "producer_consumer_param_pipeline",
    "two_step_pipeline_containerized",
    "pipeline_with_env",
    "parameters_simple",
  ]),
  ...succeeds("essential/", [
    "container_no_input",
    "pipeline_with_after",
    "pipeline_with_nested_conditions_yaml",
    "pipeline_with_outputs",
    "placeholder_with_if_placeholder_none_input_value",
  ]),
  ...succeeds("parallel_and_nested/", [
    "pipeline_in_pipeline",
    "pipeline_in_pipeline_complex",
    "pipeline_in_pipeline_loaded_from_yaml",
  ]),
  ...succeeds("", [
    "arguments_parameters",
    "hello_world",
    "pipeline_with_only_display_name",
    "run_as_user_cache_disabled",
    "run_as_user_cache_enabled",
    "mounted_cabundle_configmap",
    "mounted_cabundle_secret",
    "sequential_v1",
  ]),
  { name: "pipeline_with_task_final_status_yaml", ends: "SUCCEEDED" },
  { name: "long-running", ends: "SUCCEEDED", patienceSeconds: 700 },
  { name: "artifacts_simple", ends: "SUCCEEDED", skip: "opens what it is given as gs://, a bucket of Google's" },
  { name: "two_step_pipeline", ends: "SUCCEEDED", skip: "copies by gsutil to and from a bucket of Google's" },
  {
    name: "pipeline_with_concat_placeholder",
    ends: "SUCCEEDED",
    skip: "asks sh for `[[`, which busybox's knows; commands are the host's, and the sh of many hosts (dash) does not",
  },
];

const objects: readonly Plain[] = [
  ...succeeds("critical/", [
    "missing_kubernetes_optional_inputs",
    "pipeline_with_pod_metadata",
    "pipeline_with_secret_as_env",
    "pipeline_with_volume_long_name",
    "pipeline_with_workspace",
    "pipeline_with_importer_workspace",
  ]),
  ...succeeds("parallel_and_nested/", ["nested_parallel_for_secret", "parallel_for_secret", "parallel_for_mount_pvc"]),
  ...succeeds("", ["pipeline_with_secret_as_volume", "pipeline_with_volume", "pipeline_with_volume_no_cache"]),
  // Its last step asks for a variable that nothing sets; upstream only compiles it.
  { name: "create_pod_metadata_complex", ends: "FAILED" },
  { name: "pvc_mount", ends: "SUCCEEDED", parameters: { pvc_name: testClaim } },
];

export const goldens: readonly Golden[] = Object.entries({ python, packages, commands, objects }).flatMap(
  ([needs, list]) => list.map((each) => ({ ...each, needs: needs as Golden["needs"] })),
);
