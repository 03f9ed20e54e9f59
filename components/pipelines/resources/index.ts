export { type Artifact, artifacts } from "./artifact.ts";
export { type Run, runStates, runs } from "./run.ts";
export {
  isStepType,
  runLabel,
  stepTypes,
  type Task,
  type TaskArtifact,
  type TaskAttempt,
  taskName,
  taskNumber,
  type TaskValues,
  tasks,
} from "./task.ts";
export { type ScheduledWorkflow, scheduledWorkflows } from "./scheduled-workflow.ts";
export { type PipelineObject, pipelines } from "./pipeline.ts";
export { type PipelineVersionObject, pipelineVersions } from "./pipeline-version.ts";
export { type Workflow, workflows } from "./workflow.ts";
