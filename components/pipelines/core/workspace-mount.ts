import type { VolumeMount } from "@headrace/k8s";
import { PipelineFault } from "./errors.ts";
import { type ExecutorInput, isInWorkspace } from "./executor-input.ts";
import type { TaskConfig } from "./task-config.ts";
import { workspacePath, workspaceVolume } from "./workspace.ts";

/** Whether a step is told of the workspace: by a parameter with its path in it, or by an artifact that lies there. */
export function needsWorkspace({ inputs }: ExecutorInput): boolean {
  const texts = Object.values(inputs.parameterValues);
  return (
    texts.some((value) => typeof value === "string" && value.includes(workspacePath)) ||
    Object.values(inputs.artifacts).some(({ artifacts }) => artifacts.some(isInWorkspace))
  );
}

/** The settings with the workspace's claim mounted at its place. Throws PipelineFault if something else is to be there. */
export function mountWorkspace(config: TaskConfig, others: readonly VolumeMount[], claimName: string): TaskConfig {
  const other = others.find(
    ({ mountPath }) => mountPath === workspacePath || mountPath.startsWith(`${workspacePath}/`),
  );
  if (other)
    throw new PipelineFault(
      `Cannot mount volume "${other.name}" at ${other.mountPath}: the run's workspace is mounted at ${workspacePath}`,
    );
  return {
    ...config,
    volumes: [...config.volumes, { name: workspaceVolume, persistentVolumeClaim: { claimName } }],
    volumeMounts: [...config.volumeMounts, { name: workspaceVolume, mountPath: workspacePath }],
  };
}
