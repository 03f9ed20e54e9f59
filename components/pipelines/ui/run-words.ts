import { formatElapsed, formatSpan, parseTime, type Translate } from "@headrace/ui-kit/portable";
import type { Run } from "../resources/index.ts";
import type { pipelineMessages } from "./messages.ts";
import { runSentence } from "./run-sentence.ts";
import { flatten, isGroup, type RunNode } from "./run-tree.ts";
import { isRunOver } from "./state.ts";

export type Words = Translate<keyof (typeof pipelineMessages)["en"]>;

/** How a run is, and why, in one sentence. `now` in milliseconds since the epoch. */
export function sayRun(run: Run, tree: RunNode, t: Words, now: number): string {
  const said = runSentence(run, tree);
  const time = spanOf(run.status, isRunOver(run) ? undefined : now);
  switch (said.key) {
    case "pending":
      return t("run.pending");
    case "cancelling":
      return t("run.cancelling");
    case "stuck":
      return t("run.stuck", { ...said, time });
    case "cancelled":
      return t("run.cancelled", { ...said, time });
    case "succeeded":
      return t(said.cached > 0 ? "run.succeededCached" : "run.succeeded", { ...said, time });
    case "waiting":
      return t("run.waiting", { ...said, time });
    case "running": {
      const [first, ...others] = said.steps.map((step) => `\`${step}\``);
      if (first === undefined) return t("run.runningIdle", { time, done: said.done, total: said.total });
      const steps = others.length > 0 ? t("run.andMore", { first, count: others.length }) : first;
      return t("run.running", { time, steps, done: said.done, total: said.total });
    }
    case "failed": {
      const { step, why, done, total } = said;
      if (!step)
        return why === undefined ? t("run.failedPlain", { time, done, total }) : t("run.failedWhy", { time, why });
      const iteration = step.iteration === undefined ? "" : t("run.iteration", { n: step.iteration });
      const message = step.message === undefined ? t("run.saidNothing") : t("run.said", { message: step.message });
      return t("run.failedStep", { time, step: step.label, iteration, why: message, done, total });
    }
  }
}

/** The time between start and end; up to `now` for what goes on. */
export function spanOf(
  span: { readonly startedAt?: string; readonly finishedAt?: string },
  now: number | undefined,
): string {
  const { startedAt, finishedAt } = span;
  const from = parseTime(startedAt);
  if (from === undefined || startedAt === undefined) return formatElapsed(0);
  if (finishedAt !== undefined) return formatSpan(startedAt, finishedAt);
  return now === undefined ? "" : formatElapsed(now - from);
}

/** What stands on a node, groups by what they are for. */
export function sayLabel(node: RunNode, t: Words): string {
  if (node.kind === "iteration") return t("iteration.label", { n: (node.iteration ?? 0) + 1 });
  if (node.kind === "loop" && node.loopsOver !== undefined && node.label.includes(" · "))
    return t("loop.over", { what: node.loopsOver });
  if (/^condition-branches-\d+$/.test(node.label)) return t("branches.label");
  if (/^exit-handler-\d+$/.test(node.label)) return t("exit.label");
  return node.label;
}

/** The second line of a node. `now` is given only while the run goes on. */
export function sayDetail(node: RunNode, t: Words, now: number | undefined): string {
  if (node.kind === "loop" && node.children.length > 0)
    return t("detail.iterations", { count: node.task?.status.iterations ?? node.children.length });
  const status = node.task?.status;
  switch (node.state) {
    case "cached":
      return t("detail.cached");
    case "waiting":
      return (status?.waiting?.summary ?? "").replaceAll("`", "");
    case "skipped":
      if (node.condition !== undefined) return t("detail.condition");
      return t(node.task ? "detail.upstream" : "detail.notRun");
    case "pending":
      return isGroup(node) ? t("detail.steps", { count: stepsOf(node) }) : t("detail.notYet");
    default: {
      const parts = status ? [spanOf(status, now)] : [];
      if (status && status.attempts.length > 1) parts.push(t("detail.tries", { count: status.attempts.length }));
      const exit = node.state === "failed" ? status?.attempts.at(-1)?.reason : undefined;
      if (exit !== undefined && exit !== "" && exit !== "Error") parts.push(exit);
      return parts.filter(Boolean).join(" · ");
    }
  }
}

const stepsOf = (node: RunNode): number => flatten(node).filter(({ node: it }) => !isGroup(it)).length;
