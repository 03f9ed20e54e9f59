import { PipelineFault } from "./errors.ts";
import {
  dagOf,
  fate,
  hasSucceeded,
  isFinal,
  type Node,
  noValues,
  type Position,
  type RunGraph,
  type TaskError,
  type TaskFacts,
  type Transition,
  type Values,
} from "./graph.ts";
import type { RetryPolicy, Task } from "./ir.ts";
import { onlyLogs } from "./logs.ts";
import type { RunFacts } from "./placeholders.ts";
import { dagOutputs, iterationInputs, loopOutputs, resolveInputs, resolveItems } from "./resolve.ts";

/** Something that happened to a run, or a place to look at because of it. */
export type Change =
  /** A DAG or loop began, or is taken up again after a restart. */
  | { readonly kind: "opened"; readonly node: Node }
  /** Something that this task waits for became final. */
  | { readonly kind: "consider"; readonly dag: Node; readonly task: Task }
  /** A loop may open its next iteration. */
  | { readonly kind: "iterate"; readonly loop: Node }
  /** A child became final: perhaps all of them are. */
  | { readonly kind: "settle"; readonly node: Node }
  | { readonly kind: "finished"; readonly node: Node }
  /** An attempt of a step ended. The graph has noted it already. */
  | { readonly kind: "ended"; readonly node: Node; readonly outcome: Outcome }
  /** The next attempt of a step is due. */
  | { readonly kind: "due"; readonly node: Node };

export type Outcome =
  | { readonly kind: "succeeded"; readonly outputs: Values }
  | { readonly kind: "failed"; readonly error: TaskError; readonly outputs: Values }
  | { readonly kind: "lost"; readonly error: TaskError }
  | { readonly kind: "canceled" };

export interface Step {
  readonly transitions: readonly Transition[];
  /** What to look at once the transitions are applied, besides what `changesAfter` says. */
  readonly changes: readonly Change[];
}

const nothing: Step = { transitions: [], changes: [] };

/** A step whose pod vanishes this often is not lost but broken. */
const maxLosses = 20;

/**
 * What follows from one change. Pure, and walks outward from the change: apply the transitions to the graph, then ask again
 * with the changes that follow, until none is left. The work may be interrupted between any two calls.
 */
export function next(graph: RunGraph, change: Change, run: RunFacts, now: number): Step {
  switch (change.kind) {
    case "opened":
      return opened(graph, change.node);
    case "consider":
      return consider(graph, change.dag, change.task, run);
    case "iterate":
      return iterate(graph, change.loop);
    case "settle":
      return settle(graph, change.node);
    case "finished":
      return finished(change.node);
    case "ended":
      return ended(graph, change.node, change.outcome, now);
    case "due":
      return due(graph, change.node, now);
  }
}

/** What to look at because a transition was applied. A step that waits for its first attempt is left to the engine. */
export function changesAfter(node: Node): readonly Change[] {
  if (isFinal(node)) return [{ kind: "finished", node }];
  return node.state === "RUNNING" && isGroup(node) ? [{ kind: "opened", node }] : [];
}

export const isGroup = (node: Node): boolean => node.component.body.kind === "dag";

/** A step that is ready for its first attempt, or for a look into the cache. */
export function awaitsStart(node: Node): boolean {
  return node.decided && !isGroup(node) && node.state === "PENDING" && node.attempts.current === 0;
}

function opened(graph: RunGraph, node: Node): Step {
  if (node.type === "LOOP") {
    return {
      transitions: [],
      changes: [
        { kind: "iterate", loop: node },
        { kind: "settle", node },
      ],
    };
  }
  const ready = [...dagOf(node).tasks.values()].filter((task) => graph.isReady(node, task));
  const changes = ready.map((task): Change => ({ kind: "consider", dag: node, task }));
  return { transitions: [], changes: [...changes, { kind: "settle", node }] };
}

function consider(graph: RunGraph, dag: Node, task: Task, run: RunFacts): Step {
  if (graph.stopping || isFinal(dag) || dag.children.get(task.name)?.decided || !graph.isReady(dag, task))
    return nothing;
  const position: Position = { parent: dag, name: task.name };
  const obstacle = task.always ? undefined : obstacleTo(graph, dag, task);
  if (obstacle !== undefined) return decide(position, { state: "SKIPPED", error: { message: obstacle } });
  try {
    return decide(position, begin(task, resolveInputs(dag, task, run)));
  } catch (error) {
    return decide(position, failure(error));
  }
}

/** Why a task does not run, though everything that it waits for is final. */
function obstacleTo(graph: RunGraph, dag: Node, task: Task): string | undefined {
  const blocking = task.upstream.map((name) => dag.children.get(name)).find((node) => node && !hasSucceeded(node));
  if (blocking) return `Not run: "${blocking.name}" ${fate(blocking)}`;
  if (dag.tally.failed > 0 && !graph.keepsGoing) return `Not run: another task of ${dag.key} failed before`;
  return undefined;
}

function begin(task: Task, inputs: Values): TaskFacts {
  const { condition, iterator } = task;
  if (condition && !condition.holds(inputs.parameters)) return { state: "SKIPPED", inputs };
  if (task.component.body.kind !== "dag") return { state: "PENDING", inputs };
  if (!iterator) return { state: "RUNNING", inputs };
  return { state: "RUNNING", inputs, items: resolveItems(task, inputs) };
}

function decide(position: Position, facts: TaskFacts): Step {
  return { transitions: [{ position, facts }], changes: [] };
}

function failure(error: unknown): TaskFacts {
  if (!(error instanceof PipelineFault)) throw error;
  return { state: "FAILED", error: { message: error.message } };
}

/** Opens one iteration and asks to be called again, so that a loop of any size is opened piece by piece. */
function iterate(graph: RunGraph, loop: Node): Step {
  const { tally, items } = loop;
  const limit = loop.task?.iterator?.parallelism || Infinity;
  const count = items?.values.length ?? 0;
  if (graph.stopping || isFinal(loop) || isSpoilt(graph, loop) || tally.cursor >= count || tally.open >= limit)
    return nothing;
  const index = tally.cursor;
  const position: Position = { parent: loop, name: `[${index}]`, iteration: index };
  return { ...decide(position, iteration(loop, index)), changes: [{ kind: "iterate", loop }] };
}

/** A loop opens no more iterations once one has failed. */
const isSpoilt = (graph: RunGraph, node: Node): boolean =>
  node.type === "LOOP" && node.tally.failed > 0 && !graph.keepsGoing;

function iteration(loop: Node, index: number): TaskFacts {
  try {
    return { state: "RUNNING", inputs: iterationInputs(loop, index) };
  } catch (error) {
    return failure(error);
  }
}

/** Ends a DAG or loop once nothing in it is open and nothing will be. */
function settle(graph: RunGraph, node: Node): Step {
  if (isFinal(node) || node.tally.open > 0) return nothing;
  const { tally } = node;
  const expected = node.type === "LOOP" ? (node.items?.values.length ?? 0) : dagOf(node).tasks.size;
  const complete = tally.final >= expected;
  const broken = graph.stopping || isSpoilt(graph, node);
  if (!complete && !broken) return nothing;
  return { transitions: [{ position: node, facts: result(graph, node, complete) }], changes: [] };
}

function result(graph: RunGraph, node: Node, complete: boolean): TaskFacts {
  const outputs = node.type === "LOOP" ? loopOutputs(node) : dagOutputs(node);
  const failed = node.tally.failed > 0 ? unforgiven(node) : [];
  if (failed.length > 0) return { state: "FAILED", outputs, error: { message: reasonOf(failed) } };
  if (node.tally.canceled > 0 || (graph.stopping && !complete)) return { state: "CANCELED", outputs };
  return { state: "SUCCEEDED", outputs };
}

/**
 * The tasks whose failure makes their DAG fail. It does not if every task that waited for it ran in spite of it and succeeded
 * (`ignore_upstream_failure`): what counts, as in Argo, is how each branch of the graph ends. An exit task runs in any case, so
 * it forgives nothing.
 */
function unforgiven({ children }: Node): readonly Node[] {
  const found = new Set<Node>();
  // Nothing is decided before what it waits for, so those who followed a task come first here.
  for (const node of [...children.values()].toReversed()) {
    if (node.state !== "FAILED") continue;
    const { task } = node;
    const ranAnyway = (name: string): boolean => {
      const follower = children.get(name);
      return follower?.task?.always === true && (hasSucceeded(follower) || !found.has(follower));
    };
    const isForgiven =
      task !== undefined &&
      task.downstream.length > 0 &&
      node.type !== "EXIT_HANDLER" &&
      task.downstream.every(ranAnyway);
    if (!isForgiven) found.add(node);
  }
  return [...found].toReversed();
}

/** The failure that a group failed with: the first of its children's. */
function reasonOf([first]: readonly Node[]): string {
  if (!first) return "a task failed";
  return isGroup(first) && first.error ? first.error.message : `${first.key} failed: ${first.error?.message ?? ""}`;
}

function finished(node: Node): Step {
  const { parent, task } = node;
  const transitions = leftovers(node);
  if (!parent) return { transitions, changes: [] };
  const changes: Change[] = [];
  if (parent.type === "LOOP" && !task) changes.push({ kind: "iterate", loop: parent });
  for (const name of task?.downstream ?? []) {
    const follower = dagOf(parent).tasks.get(name);
    if (follower) changes.push({ kind: "consider", dag: parent, task: follower });
  }
  return { transitions, changes: [...changes, { kind: "settle", node: parent }] };
}

/** What a retry of the run set back and what now, its group being over, will not run. */
function leftovers({ key, children }: Node): readonly Transition[] {
  return [...children.values()]
    .filter(({ decided }) => !decided)
    .map((position) => ({
      position,
      facts: { state: "SKIPPED", error: { message: `Not run: ${key} went another way` } },
    }));
}

function ended(graph: RunGraph, node: Node, outcome: Outcome, now: number): Step {
  if (isFinal(node)) return nothing;
  switch (outcome.kind) {
    case "succeeded":
      return decide(node, { state: "SUCCEEDED", outputs: outcome.outputs, error: undefined });
    case "canceled":
      return decide(node, { state: "CANCELED" });
    case "lost":
      if (graph.stopping) return decide(node, { state: "CANCELED" });
      return node.attempts.lost < maxLosses ? attempt(node) : decide(node, { state: "FAILED", error: outcome.error });
    case "failed":
      return failed(graph, node, outcome, now);
  }
}

function failed(graph: RunGraph, node: Node, { error, outputs }: Outcome & { kind: "failed" }, now: number): Step {
  if (graph.stopping) return decide(node, { state: "CANCELED", error });
  const policy = node.task?.retry;
  const failures = node.attempts.failed;
  if (!policy || failures > policy.maxRetries || graph.stopping)
    return decide(node, { state: "FAILED", error, outputs });
  const logs = onlyLogs(outputs);
  const facts = { error, ...(logs && { outputs: logs }) };
  const delay = retryDelay(policy, failures);
  if (delay === 0) return attempt(node, facts);
  return decide(node, { state: "PENDING", ...facts, retryAt: now + delay });
}

/** Milliseconds before the attempt that follows the nth failure. */
export function retryDelay({ delayMs, factor, maxDelayMs }: RetryPolicy, failures: number): number {
  return Math.min(delayMs * Math.max(factor, 0) ** (failures - 1), maxDelayMs);
}

function due(graph: RunGraph, node: Node, now: number): Step {
  const waits = node.state === "PENDING" && node.retryAt !== undefined && node.retryAt <= now;
  return waits && node.attempts.open === undefined && !graph.stopping ? attempt(node) : nothing;
}

function attempt(node: Node, facts: Partial<TaskFacts> = {}): Step {
  return {
    transitions: [{ position: node, facts: { state: "PENDING", ...facts, retryAt: undefined }, attempt: "begin" }],
    changes: [],
  };
}

/**
 * What a stopped run does at once: steps without a running attempt are cancelled. Those with one follow when it ends; groups when
 * all of theirs are final.
 */
export function cancelIdle(graph: RunGraph): Step {
  const transitions: Transition[] = [];
  const groups: Change[] = [];
  for (const node of graph.nodes()) {
    if (!node.decided || isFinal(node)) continue;
    if (isGroup(node)) groups.unshift({ kind: "settle", node });
    else if (node.attempts.open === undefined)
      transitions.push({ position: node, facts: { state: "CANCELED", retryAt: undefined } });
  }
  return { transitions, changes: groups };
}

/** A step that was found in the cache. */
export function fromCache(node: Node, cached: { readonly task: number; readonly outputs: Values }): Transition {
  return { position: node, facts: { state: "CACHED", outputs: cached.outputs, cachedFrom: cached.task } };
}

/** The first attempt of a step. */
export function firstAttempt(node: Node, fingerprint: string | undefined): Transition {
  return { position: node, facts: { state: "PENDING", fingerprint }, attempt: "begin" };
}

/** The root's beginning: the run's parameters as its inputs. */
export function start(parameters: Values["parameters"]): TaskFacts {
  return { state: "RUNNING", inputs: { ...noValues, parameters } };
}
