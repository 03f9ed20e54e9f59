import type { Run } from "../resources/index.ts";
import { failureLine, type Failure } from "./failure-words.ts";
import type { RunNode } from "./run-tree.ts";
import { countByState, flatten, isGroup } from "./run-tree.ts";
import { countSteps } from "./state.ts";

/** Which sentence says how a run is, and the values that it takes; the page puts it into the reader's language. */
export type RunSentence =
  | { readonly key: "pending" | "cancelling" }
  | { readonly key: "stuck"; readonly why: string }
  | { readonly key: "succeeded"; readonly total: number; readonly cached: number }
  | { readonly key: "running"; readonly steps: readonly string[]; readonly done: number; readonly total: number }
  | {
      readonly key: "waiting";
      readonly step: string;
      readonly why: string;
      readonly done: number;
      readonly total: number;
    }
  | { readonly key: "cancelled"; readonly done: number; readonly total: number }
  | {
      readonly key: "failed";
      readonly step?: FailedStep;
      readonly why?: string;
      readonly done: number;
      readonly total: number;
    };

export interface FailedStep {
  readonly label: string;
  /** Counted from 1, of the innermost loop around it. */
  readonly iteration?: number;
  readonly message?: string;
}

export function runSentence(run: Pick<Run, "status">, tree: RunNode): RunSentence {
  const { done, total, cached } = countSteps(run.status.steps);
  const { waiting } = run.status;
  if (waiting) return { key: "stuck", why: withoutStop(waiting.summary) };
  switch (run.status.state) {
    case "PENDING":
      return { key: "pending" };
    case "CANCELING":
      return { key: "cancelling" };
    case "CANCELED":
      return { key: "cancelled", done, total };
    case "SUCCEEDED":
      return { key: "succeeded", total, cached };
    case "RUNNING":
      return runningSentence(tree);
    case "FAILED":
      return failedSentence(run, tree, done, total);
  }
}

function runningSentence(tree: RunNode): RunSentence {
  const steps = flatten(tree).flatMap(({ node }) => (isGroup(node) ? [] : [node]));
  const { done, total } = countSteps(countByState(tree));
  const waiting = steps.find((node) => node.state === "waiting");
  const running = steps.filter((node) => node.state === "running").map((node) => node.label);
  if (running.length === 0 && waiting?.task?.status.waiting) {
    return { key: "waiting", step: waiting.label, why: withoutStop(waiting.task.status.waiting.summary), done, total };
  }
  return { key: "running", steps: [...new Set(running)], done, total };
}

function failedSentence(run: Pick<Run, "status">, tree: RunNode, done: number, total: number): RunSentence {
  const failed = firstFailure(tree);
  const why = run.status.error === undefined ? undefined : reasonIn({ message: run.status.error });
  if (!failed) return { key: "failed", done, total, ...(why !== undefined && { why }) };
  const iteration = [...failed.key.matchAll(/\[(\d+)\]/g)].at(-1)?.[1];
  const message = reasonIn(failed.task?.status.error ?? { message: "" });
  return {
    key: "failed",
    done,
    total,
    step: {
      label: failed.label,
      ...(iteration !== undefined && { iteration: Number(iteration) + 1 }),
      ...(message !== "" && { message }),
    },
  };
}

/** The step that failed first, for what failed later may have failed because of it. */
function firstFailure(tree: RunNode): RunNode | undefined {
  let first: RunNode | undefined;
  for (const { node } of flatten(tree)) {
    if (isGroup(node) || node.state !== "failed") continue;
    if (!first || (node.task?.status.finishedAt ?? "9") < (first.task?.status.finishedAt ?? "9")) first = node;
  }
  return first;
}

const reasonIn = (failure: Failure): string => withoutStop(failureLine(failure)).slice(0, 240);
const withoutStop = (text: string): string => text.replace(/[.\s]+$/, "");
