import type { State } from "@headrace/ui-kit";
import type { Run, Task } from "../resources/index.ts";

/** What the pages show of a run. Typed structurally, so that this and its tests need nothing of the browser. */
export function runState(run: Pick<Run, "status">): State {
  const states: Readonly<Record<Run["status"]["state"], State>> = {
    PENDING: "pending",
    RUNNING: "running",
    SUCCEEDED: "succeeded",
    FAILED: "failed",
    CANCELING: "cancelling",
    CANCELED: "cancelled",
  };
  return states[run.status.state];
}

const taskStates: Readonly<Record<Task["status"]["state"], State>> = {
  PENDING: "pending",
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
  SKIPPED: "skipped",
  CACHED: "cached",
  CANCELED: "cancelled",
};

/** Undefined for a word that is none of a task's states. */
export const stateOfTask = (state: string): State | undefined =>
  Object.entries(taskStates).find(([name]) => name === state)?.[1];

/** A task that waits for something with a name is waiting; one whose turn has not come is pending. */
export function taskState(task: Pick<Task, "status">): State {
  const state = taskStates[task.status.state];
  return task.status.waiting !== undefined && (state === "pending" || state === "running") ? "waiting" : state;
}

export function isRunOver(run: Pick<Run, "status">): boolean {
  return run.status.state === "SUCCEEDED" || run.status.state === "FAILED" || run.status.state === "CANCELED";
}

const stripOrder = ["SUCCEEDED", "CACHED", "FAILED", "RUNNING", "CANCELED", "PENDING", "SKIPPED"] as const;

export interface StepCount {
  readonly done: number;
  readonly total: number;
  readonly cached: number;
}

export function countSteps(steps: Readonly<Record<string, number>>): StepCount {
  const cached = steps["CACHED"] ?? 0;
  return {
    done: (steps["SUCCEEDED"] ?? 0) + cached,
    cached,
    total: Object.values(steps).reduce((sum, count) => sum + count, 0),
  };
}

/** One bar a step, in the order in which states follow each other; more steps than `limit` share bars, but no state is lost. */
export function stepBars(steps: Readonly<Record<string, number>>, limit = 20): readonly State[] {
  const { total } = countSteps(steps);
  const scale = Math.min(1, limit / Math.max(1, total));
  const shares = stripOrder.map((state) => {
    const count = steps[state] ?? 0;
    return { state, bars: count === 0 ? 0 : Math.max(1, Math.round(count * scale)) };
  });
  // Rounding up what is rare is paid for by what is most frequent.
  const largest = shares.reduce((most, share) => (share.bars > most.bars ? share : most));
  const excess = shares.reduce((sum, share) => sum + share.bars, 0) - limit;
  if (excess > 0) largest.bars = Math.max(1, largest.bars - excess);
  return shares.flatMap(({ state, bars }) => Array.from({ length: bars }, () => taskStates[state]));
}
