export { type Artifact, artifacts } from "./artifact.ts";
export { type Run, runs } from "./run.ts";
export { runLabel, type Task, type TaskArtifact, type TaskAttempt, taskName, type TaskValues, tasks } from "./task.ts";
