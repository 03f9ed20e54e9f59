import type { Artifact } from "./graph.ts";
import type { AttemptPlan } from "./pod.ts";
import { executorInput } from "./executor-input.ts";
import { type Component, type ContainerExecutor, noPorts } from "./ir.ts";
import { localPath, pathInWorkspace } from "./placeholders.ts";
import { workspacePath } from "./workspace.ts";

/** Whole or not at all: what an interrupted try left is replaced. */
const copy = 'mkdir -p "$(dirname "$1")" && rm -rf "$1.part" "$1" && cp -R "$0" "$1.part" && mv "$1.part" "$1"';

/** The step that copies an imported artifact into the run's workspace: its plan, but for what is the same for every step. */
export function importStep(
  { component }: { readonly component: Component },
  artifact: Artifact,
  directory: string,
): Pick<AttemptPlan, "component" | "executor" | "input"> {
  const executor: ContainerExecutor = {
    kind: "container",
    label: component.name,
    image: "busybox",
    command: ["sh", "-c", copy],
    args: [localPath(artifact.uri), pathInWorkspace(artifact.uri)],
    env: [],
    resources: {},
  };
  const copying: Component = {
    ...component,
    inputs: noPorts,
    outputs: noPorts,
    body: executor,
    passthroughs: new Map(),
  };
  const values = {
    parameters: new Map([["workspace", workspacePath]]),
    artifacts: new Map([["artifact", [artifact]]]),
  };
  return { component: copying, executor, input: executorInput(copying, values, directory) };
}
