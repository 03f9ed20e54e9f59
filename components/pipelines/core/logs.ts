import type { Artifact, Values } from "./graph.ts";
import type { Component } from "./ir.ts";
import type { ProducedArtifact, StepOutputs } from "./step-report.ts";

/** Apart from what steps may name as a place of their own: logs are written by the node alone. */
const bucket = "minio://headrace-logs";

/** Where the logs of a run's steps are kept once their pods are gone, unless they are artifacts. */
export const runLogsUri = (run: string): string => `${bucket}/${run}`;

/** Where the log of one attempt is kept. */
export function logUri(attempt: { readonly run: string; readonly task: number; readonly n: number }): string {
  return `${runLogsUri(attempt.run)}/${attempt.task}/${attempt.n}`;
}

/** The output that upstream adds to each step whose log it publishes. */
export const logOutput = "executor-logs";

/** Whether the log of such a step can be an artifact: what has no pod prints nothing, and an output of that name is the component's own. */
export const canPublishLog = ({ body, outputs }: Component): boolean =>
  body.kind === "container" && !outputs.artifacts.has(logOutput);

/** A step's outputs, and what it printed among them. */
export function withLog(
  { parameters, artifacts }: StepOutputs,
  uri: string,
  facts: { readonly size: number; readonly digest: string },
): StepOutputs {
  const type = { schemaTitle: "system.Artifact" };
  const log: ProducedArtifact = { name: logOutput, uri, type, metadata: {}, ...facts };
  return { parameters, artifacts: new Map([...artifacts, [logOutput, [log]]]) };
}

/** The logs of all tries until now as the only outputs of a step that runs again; undefined if none is an artifact. */
export function onlyLogs(outputs: Values | undefined): Values | undefined {
  const logs = outputs?.artifacts.get(logOutput);
  return logs && { parameters: new Map(), artifacts: new Map([[logOutput, logs]]) };
}

/** What a try made, with the logs of earlier ones before its own. */
export function afterLogsOf(earlier: Values | undefined, outputs: Values): Values {
  const logs = earlier?.artifacts.get(logOutput);
  if (!logs) return outputs;
  const all: readonly Artifact[] = [...logs, ...(outputs.artifacts.get(logOutput) ?? [])];
  return { ...outputs, artifacts: new Map([...outputs.artifacts, [logOutput, all]]) };
}
