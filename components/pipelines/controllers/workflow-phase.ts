import type { RunState } from "@headrace/records";

/** Argo's word for a run's state. What is being stopped still runs there, and what was stopped has failed. */
export function phaseOf(state: RunState): "Pending" | "Running" | "Succeeded" | "Failed" {
  return phases[state];
}

const phases = {
  PENDING: "Pending",
  RUNNING: "Running",
  CANCELING: "Running",
  SUCCEEDED: "Succeeded",
  FAILED: "Failed",
  CANCELED: "Failed",
} as const satisfies Readonly<Record<RunState, string>>;
