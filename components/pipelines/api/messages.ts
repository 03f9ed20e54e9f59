import {
  anyValue,
  flag,
  int32,
  int64,
  listOf,
  mapOf,
  message,
  presentFlag,
  presentInt64,
  struct,
  text,
  time,
  type TypeOf,
  word,
} from "./message.ts";

/** The messages of KFP's v2beta1 API, by the names of its proto files (2.17), and the task view of the version after it. */

const storageState = word({ 0: "STORAGE_STATE_UNSPECIFIED", 1: "AVAILABLE", 2: "ARCHIVED" });

const runtimeState = word({
  0: "RUNTIME_STATE_UNSPECIFIED",
  1: "PENDING",
  2: "RUNNING",
  3: "SUCCEEDED",
  4: "SKIPPED",
  5: "FAILED",
  6: "CANCELING",
  7: "CANCELED",
  8: "PAUSED",
});
export type RuntimeState = TypeOf<typeof runtimeState>;

/** google.rpc.Status, as a field: why something failed. */
const rpcStatus = message("Status", { code: int32, message: text, details: listOf(struct) });
export type RpcStatus = TypeOf<typeof rpcStatus>;

/** What every list says beside its items. */
const page = { total_size: int32, next_page_token: text };

export const experimentMessage = message("Experiment", {
  experiment_id: text,
  display_name: text,
  description: text,
  created_at: time,
  namespace: text,
  storage_state: storageState,
  last_run_created_at: time,
});

export const experimentListMessage = message("ListExperimentsResponse", {
  experiments: listOf(experimentMessage),
  ...page,
});

const tags = mapOf(text);

export const pipelineMessage = message("Pipeline", {
  pipeline_id: text,
  name: text,
  display_name: text,
  description: text,
  created_at: time,
  namespace: text,
  error: rpcStatus,
  tags,
});
export type PipelineMessage = TypeOf<typeof pipelineMessage>;

export const pipelineListMessage = message("ListPipelinesResponse", {
  pipelines: listOf(pipelineMessage),
  ...page,
});

export const versionMessage = message("PipelineVersion", {
  pipeline_id: text,
  pipeline_version_id: text,
  name: text,
  display_name: text,
  description: text,
  created_at: time,
  package_url: message("Url", { pipeline_url: text }),
  code_source_url: text,
  pipeline_spec: struct,
  error: rpcStatus,
  tags,
});
export type VersionMessage = TypeOf<typeof versionMessage>;

export const versionListMessage = message("ListPipelineVersionsResponse", {
  pipeline_versions: listOf(versionMessage),
  ...page,
});

export const pipelineAndVersionMessage = message("CreatePipelineAndVersionRequest", {
  pipeline: pipelineMessage,
  pipeline_version: versionMessage,
});

const runtimeStatus = message("RuntimeStatus", { update_time: time, state: runtimeState, error: rpcStatus });

const artifactList = message("ArtifactList", { artifact_ids: listOf(int64) });

export const taskDetailMessage = message("PipelineTaskDetail", {
  run_id: text,
  task_id: text,
  display_name: text,
  create_time: time,
  start_time: time,
  end_time: time,
  executor_detail: message("PipelineTaskExecutorDetail", {
    main_job: text,
    pre_caching_check_job: text,
    failed_main_jobs: listOf(text),
    failed_pre_caching_check_jobs: listOf(text),
  }),
  state: runtimeState,
  execution_id: int64,
  error: rpcStatus,
  inputs: mapOf(artifactList),
  outputs: mapOf(artifactList),
  parent_task_id: text,
  state_history: listOf(runtimeStatus),
  pod_name: text,
  child_tasks: listOf(message("ChildTask", { task_id: text, pod_name: text }, [["task_id", "pod_name"]])),
});
export type TaskDetail = TypeOf<typeof taskDetailMessage>;

export const artifactTypeNames = {
  0: "TYPE_UNSPECIFIED",
  1: "Artifact",
  2: "Model",
  3: "Dataset",
  4: "HTML",
  5: "Markdown",
  6: "Metric",
  7: "ClassificationMetric",
  8: "SlicedClassificationMetric",
} as const;

export const artifactMessage = message("Artifact", {
  artifact_id: text,
  name: text,
  description: text,
  type: word(artifactTypeNames),
  uri: text,
  metadata: mapOf(anyValue),
  created_at: time,
  namespace: text,
  /** Ours: what `type` has no word for, such as `google.VertexModel`. */
  schema_title: text,
});
export type ArtifactMessage = TypeOf<typeof artifactMessage>;

export const artifactListMessage = message("ListArtifactResponse", {
  artifacts: listOf(artifactMessage),
  ...page,
});

export const ioTypeNames = {
  0: "UNSPECIFIED",
  1: "COMPONENT_DEFAULT_INPUT",
  2: "TASK_OUTPUT_INPUT",
  3: "COMPONENT_INPUT",
  4: "RUNTIME_VALUE_INPUT",
  5: "COLLECTED_INPUTS",
  6: "ITERATOR_INPUT",
  7: "ITERATOR_INPUT_RAW",
  8: "ITERATOR_OUTPUT",
  9: "OUTPUT",
  10: "ONE_OF_OUTPUT",
  11: "TASK_FINAL_STATUS_OUTPUT",
} as const;
export const ioType = word(ioTypeNames);
const ioProducer = message("IOProducer", { task_name: text, iteration: presentInt64 });

export const artifactTaskListMessage = message("ListArtifactTasksResponse", {
  artifact_tasks: listOf(
    message("ArtifactTask", {
      id: text,
      artifact_id: text,
      run_id: text,
      task_id: text,
      type: ioType,
      producer: ioProducer,
      key: text,
      /** Ours, and so are all below: lineage reads as names, without a request for each task, run and artifact. */
      task_name: text,
      run_name: text,
      namespace: text,
      task: message("ArtifactTaskTask", { number: int64, key: text, type: text, state: text }),
      artifact: message("ArtifactTaskArtifact", { number: int64, schema_title: text }),
    }),
  ),
  ...page,
});

const inputOutputs = message("InputOutputs", {
  parameters: listOf(message("IOParameter", { value: anyValue, type: ioType, parameter_key: text })),
  artifacts: listOf(message("IOArtifact", { artifacts: listOf(artifactMessage), type: ioType, artifact_key: text })),
});
export type InputOutputs = TypeOf<typeof inputOutputs>;

export const taskMessage = message("PipelineTask", {
  name: text,
  display_name: text,
  task_id: text,
  run_id: text,
  pods: listOf(
    message("TaskPod", { name: text, uid: text, type: word({ 0: "UNSPECIFIED", 1: "DRIVER", 2: "EXECUTOR" }) }),
  ),
  cache_fingerprint: text,
  create_time: time,
  end_time: time,
  state: word({
    0: "RUNTIME_STATE_UNSPECIFIED",
    1: "RUNNING",
    2: "SUCCEEDED",
    3: "SKIPPED",
    4: "FAILED",
    5: "CACHED",
  }),
  status_metadata: message("StatusMetadata", { message: text, custom_properties: mapOf(anyValue) }),
  type: word({
    0: "TASK_TYPE_UNSPECIFIED",
    1: "ROOT",
    2: "RUNTIME",
    3: "CONDITION_BRANCH",
    4: "CONDITION",
    5: "LOOP",
    6: "EXIT_HANDLER",
    7: "IMPORTER",
    8: "DAG",
  }),
  type_attributes: message("TypeAttributes", { iteration_index: presentInt64, iteration_count: presentInt64 }),
  parent_task_id: text,
  child_tasks: listOf(message("ChildTask", { task_id: text, name: text })),
  inputs: inputOutputs,
  outputs: inputOutputs,
  scope_path: text,
});
export type TaskMessage = TypeOf<typeof taskMessage>;

export const cachedTaskQuestion = message("FindCachedTaskRequest", { namespace: text, cache_fingerprint: text });

export const taskListMessage = message("ListTasksResponse", {
  tasks: listOf(taskMessage),
  ...page,
});

const runtimeConfig = message("RuntimeConfig", { parameters: mapOf(anyValue), pipeline_root: text });
const versionReference = message("PipelineVersionReference", { pipeline_id: text, pipeline_version_id: text });
const pipelineSource = ["pipeline_version_id", "pipeline_spec", "pipeline_version_reference"] as const;

export const runMessage = message(
  "Run",
  {
    experiment_id: text,
    run_id: text,
    display_name: text,
    storage_state: storageState,
    description: text,
    pipeline_version_id: text,
    pipeline_spec: struct,
    pipeline_version_reference: versionReference,
    runtime_config: runtimeConfig,
    service_account: text,
    created_at: time,
    scheduled_at: time,
    finished_at: time,
    state: runtimeState,
    error: rpcStatus,
    run_details: message("RunDetails", {
      pipeline_context_id: int64,
      pipeline_run_context_id: int64,
      task_details: listOf(taskDetailMessage),
    }),
    recurring_run_id: text,
    state_history: listOf(runtimeStatus),
    plugins_input: mapOf(struct),
    plugins_output: mapOf(struct),
    task_count: int32,
    tasks: listOf(taskMessage),
  },
  [pipelineSource],
);
export type RunMessage = TypeOf<typeof runMessage>;

export const retryMessage = message("RetryRunRequest", { from: listOf(text) });

export const runListMessage = message("ListRunsResponse", {
  runs: listOf(runMessage),
  ...page,
});

const limits = { start_time: time, end_time: time };

export const recurringRunMessage = message(
  "RecurringRun",
  {
    recurring_run_id: text,
    display_name: text,
    description: text,
    pipeline_version_id: text,
    pipeline_spec: struct,
    pipeline_version_reference: versionReference,
    runtime_config: runtimeConfig,
    service_account: text,
    max_concurrency: int64,
    trigger: message(
      "Trigger",
      {
        cron_schedule: message("CronSchedule", { ...limits, cron: text }),
        periodic_schedule: message("PeriodicSchedule", { ...limits, interval_second: int64 }),
      },
      [["cron_schedule", "periodic_schedule"]],
    ),
    mode: word({ 0: "MODE_UNSPECIFIED", 1: "ENABLE", 2: "DISABLE" }),
    created_at: time,
    updated_at: time,
    status: word({ 0: "STATUS_UNSPECIFIED", 1: "ENABLED", 3: "DISABLED" }),
    error: rpcStatus,
    no_catchup: flag,
    namespace: text,
    experiment_id: text,
    plugins_input: mapOf(struct),
  },
  [pipelineSource],
);
export type RecurringRunMessage = TypeOf<typeof recurringRunMessage>;

export const recurringRunListMessage = message("ListRecurringRunsResponse", {
  // The one name that is camelCase in the proto file itself.
  recurringRuns: listOf(recurringRunMessage),
  ...page,
});

export const propagationPolicy = word({
  0: "DELETE_PROPAGATION_POLICY_UNSPECIFIED",
  1: "FOREGROUND",
  2: "BACKGROUND",
  3: "ORPHAN",
});

export const filterMessage = message("Filter", {
  predicates: listOf(
    message(
      "Predicate",
      {
        operation: word({
          0: "OPERATION_UNSPECIFIED",
          1: "EQUALS",
          2: "NOT_EQUALS",
          3: "GREATER_THAN",
          5: "GREATER_THAN_EQUALS",
          6: "LESS_THAN",
          7: "LESS_THAN_EQUALS",
          8: "IN",
          9: "IS_SUBSTRING",
        }),
        key: text,
        int_value: int32,
        long_value: int64,
        string_value: text,
        timestamp_value: time,
        int_values: message("IntValues", { values: listOf(int32) }),
        long_values: message("LongValues", { values: listOf(int64) }),
        string_values: message("StringValues", { values: listOf(text) }),
      },
      [["int_value", "long_value", "string_value", "timestamp_value", "int_values", "long_values", "string_values"]],
    ),
  ),
});
export type FilterMessage = TypeOf<typeof filterMessage>;

export const healthMessage = message("GetHealthzResponse", {
  commit_sha: text,
  tag_name: text,
  multi_user: presentFlag,
  pipeline_store: text,
});
