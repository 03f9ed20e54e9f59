import type { TaskState, TaskType } from "@headrace/records";
import { InconsistentRun } from "./errors.ts";
import type { ArtifactType, Component, Dag, Pipeline, Task } from "./ir.ts";
import type { JsonObject, JsonValue } from "./json.ts";

/** An artifact as a run passes it on. `id` is its row, and its name in executor_input. */
export interface Artifact {
  readonly id: number;
  readonly name: string;
  readonly uri: string;
  readonly type: ArtifactType;
  readonly metadata: JsonObject;
  /** There were bytes when its step ended. Metrics and the like are metadata alone. */
  readonly written?: boolean;
}

export interface Values {
  readonly parameters: ReadonlyMap<string, JsonValue>;
  readonly artifacts: ReadonlyMap<string, readonly Artifact[]>;
}

const nothing: ReadonlyMap<string, never> = new Map<string, never>();

export const noValues: Values = { parameters: nothing, artifacts: nothing };

/** As a run of thousands of tasks keeps them: they share what is empty. */
function sharingNothing(values: Values | undefined): Values | undefined {
  if (!values) return undefined;
  const { parameters, artifacts } = values;
  if (parameters.size > 0 && artifacts.size > 0) return values;
  return {
    parameters: parameters.size > 0 ? parameters : nothing,
    artifacts: artifacts.size > 0 ? artifacts : nothing,
  };
}

export interface TaskError {
  readonly message: string;
  readonly tail?: string;
  readonly code?: number;
}

/** What changes about a task. The columns of its row, but for those that never change. */
export interface TaskFacts {
  readonly state: TaskState;
  readonly inputs?: Values | undefined;
  readonly outputs?: Values | undefined;
  /** Items of a loop, written once, when it opens. */
  readonly items?: LoopItems | undefined;
  readonly error?: TaskError | undefined;
  readonly fingerprint?: string | undefined;
  readonly cachedFrom?: number | undefined;
  readonly retryAt?: number | undefined;
}

export type LoopItems =
  | { readonly kind: "parameter"; readonly values: readonly JsonValue[] }
  | { readonly kind: "artifact"; readonly values: readonly Artifact[] };

/** What is known of a task's attempts. */
export interface Attempts {
  /** Attempts made so far; the next one's number. */
  readonly made: number;
  /** Those of them since the task was last decided: a retry of the run begins anew. */
  readonly current: number;
  /** Those that count against the retry policy. */
  readonly failed: number;
  readonly lost: number;
  /** The attempt that has not ended yet. */
  readonly open?: number;
}

const noAttempts: Attempts = { made: 0, current: 0, failed: 0, lost: 0 };

/**
 * A task that was decided: its row, held in memory with its neighbours. Tasks that wait for others have no node yet, or one
 * that a retry of the run has set back (`decided` is false).
 */
export interface Node extends TaskFacts {
  readonly key: string;
  readonly name: string;
  readonly displayName: string;
  readonly type: TaskType;
  readonly parent: Node | undefined;
  readonly iteration: number | undefined;
  readonly component: Component;
  /** What the pipeline says of it; undefined for the root and for iterations. */
  readonly task: Task | undefined;
  readonly decided: boolean;
  readonly attempts: Attempts;
  readonly children: ReadonlyMap<string, Node>;
  readonly tally: Tally;
}

/** Counters over a node's children, so that nothing has to look at all of them. */
interface Tally {
  readonly final: number;
  readonly open: number;
  readonly failed: number;
  readonly canceled: number;
  /** Iterations below this index are decided. */
  readonly cursor: number;
}

/** Where a node stands or will stand. */
export interface Position {
  readonly parent: Node | undefined;
  readonly name: string;
  readonly iteration?: number | undefined;
}

/** One step of a run, ready to be written: a task decided or changed, and perhaps an attempt begun. */
export interface Transition {
  readonly position: Position;
  readonly facts: TaskFacts;
  readonly attempt?: "begin";
}

const finals: ReadonlySet<TaskState> = new Set(["SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED"]);

export const isFinal = (node: Pick<Node, "state" | "decided">): boolean => node.decided && finals.has(node.state);
export const hasSucceeded = (node: Pick<Node, "state">): boolean =>
  node.state === "SUCCEEDED" || node.state === "CACHED";

/** What became of a task that did not succeed, as the end of a sentence. */
export function fate({ state }: Pick<Node, "state">): string {
  if (state === "FAILED") return "failed";
  if (state === "SKIPPED") return "was skipped";
  return state === "CANCELED" ? "was cancelled" : "has not run";
}

interface MutableTally {
  final: number;
  open: number;
  failed: number;
  canceled: number;
  cursor: number;
}

interface MutableNode extends Node {
  state: TaskState;
  inputs: Values | undefined;
  outputs: Values | undefined;
  items: LoopItems | undefined;
  error: TaskError | undefined;
  fingerprint: string | undefined;
  cachedFrom: number | undefined;
  retryAt: number | undefined;
  decided: boolean;
  attempts: Attempts;
  children: ReadonlyMap<string, MutableNode>;
  readonly tally: MutableTally;
  /** How many upstream tasks of a child are final, by the child's name. */
  arrived: ReadonlyMap<string, number>;
}

/** A node's row, when a run is taken up again. */
export interface StoredNode {
  readonly position: Position;
  readonly facts: TaskFacts;
  readonly decided: boolean;
  readonly attempts: Attempts;
}

/**
 * The tasks of one run in memory: derived from the rows, changed only by `apply`, read by `next`. Every operation costs
 * what it touches, not what the run holds.
 */
export class RunGraph {
  readonly pipeline: Pipeline;
  readonly root: Node;
  /** Whether tasks that do not wait for a failed one begin all the same. */
  readonly keepsGoing: boolean;
  #stopping = false;

  constructor(
    pipeline: Pipeline,
    root: { facts: TaskFacts; decided: boolean },
    { keepsGoing = false }: { readonly keepsGoing?: boolean } = {},
  ) {
    this.pipeline = pipeline;
    this.keepsGoing = keepsGoing;
    const node = blankNode(
      { parent: undefined, name: "root" },
      { component: pipeline.root, task: undefined, type: "ROOT" },
    );
    Object.assign(node, root.facts);
    node.decided = root.decided;
    this.root = node;
  }

  /** True once the run is being cancelled or is past its deadline: nothing new starts. */
  get stopping(): boolean {
    return this.#stopping;
  }

  stop(): void {
    this.#stopping = true;
  }

  /** Takes up a stored row. Parents come before their children. */
  restore(stored: StoredNode): Node {
    const node = this.#nodeAt(stored.position);
    node.attempts = stored.attempts;
    this.#update(node, stored.facts, stored.decided);
    return node;
  }

  /** Carries a transition out, and gives the node it made or changed. */
  apply(transition: Transition): Node {
    const node = this.#nodeAt(transition.position);
    this.#update(node, transition.facts, true);
    if (transition.attempt) {
      const { made, current } = node.attempts;
      node.attempts = { ...node.attempts, made: made + 1, current: current + 1, open: made };
    }
    return node;
  }

  /** Notes how an attempt ended. */
  endAttempt(of: Node, outcome: "succeeded" | "failed" | "lost" | "canceled"): void {
    const node = mutable(of);
    const { open: _, ...attempts } = node.attempts;
    node.attempts = {
      ...attempts,
      failed: attempts.failed + (outcome === "failed" ? 1 : 0),
      lost: attempts.lost + (outcome === "lost" ? 1 : 0),
    };
  }

  /** Whether all that a task waits for is final. */
  isReady(dag: Node, task: Task): boolean {
    return (mutable(dag).arrived.get(task.name) ?? 0) >= task.upstream.length;
  }

  /** Every node, parents first. */
  *nodes(): Generator<Node> {
    const queue: Node[] = [this.root];
    for (let at = 0, node = queue[at]; node; node = queue[++at]) {
      yield node;
      for (const child of node.children.values()) queue.push(child);
    }
  }

  #nodeAt(position: Position): MutableNode {
    if (!position.parent) return mutable(this.root);
    const parent = mutable(position.parent);
    const known = parent.children.get(position.name);
    if (known) return known;
    const node = blankNode(position, kindOf(position));
    parent.children = withEntry(parent.children, position.name, node);
    return node;
  }

  #update(node: MutableNode, facts: TaskFacts, decided: boolean): void {
    const parent = node.parent && mutable(node.parent);
    if (parent) count(parent, node, -1);
    Object.assign(node, facts);
    node.inputs = sharingNothing(node.inputs);
    node.outputs = sharingNothing(node.outputs);
    node.decided = decided;
    if (parent) count(parent, node, 1);
  }
}

/** `restore` and `apply` make every node, so every node is a mutable one. */
function mutable(node: Node): MutableNode {
  return node as MutableNode;
}

function count(parent: MutableNode, node: MutableNode, by: 1 | -1): void {
  if (!node.decided) return;
  const { tally } = parent;
  while (parent.children.get(`[${tally.cursor}]`)?.decided) tally.cursor += 1;
  if (!isFinal(node)) {
    tally.open += by;
    return;
  }
  tally.final += by;
  if (node.state === "FAILED") tally.failed += by;
  if (node.state === "CANCELED") tally.canceled += by;
  for (const name of node.task?.downstream ?? [])
    parent.arrived = withEntry(parent.arrived, name, (parent.arrived.get(name) ?? 0) + by);
}

/** The same map, or the first of its own for a node that had nothing yet: most steps never have. */
function withEntry<V>(map: ReadonlyMap<string, V>, name: string, value: V): ReadonlyMap<string, V> {
  const own = map === nothing ? new Map<string, V>() : (map as Map<string, V>);
  return own.set(name, value);
}

interface NodeKind {
  readonly component: Component;
  readonly task: Task | undefined;
  readonly type: TaskType;
}

function kindOf({ parent, name, iteration }: Position): NodeKind {
  if (parent && iteration !== undefined) return { component: parent.component, task: undefined, type: "ITERATION" };
  const task = parent && dagOf(parent).tasks.get(name);
  if (!task)
    throw new InconsistentRun(`Cannot find task "${name}" in ${parent?.key ?? "the root"}: the pipeline has none`);
  return { component: task.component, task, type: typeOf(task) };
}

function typeOf(task: Task): TaskType {
  const { body } = task.component;
  if (body.kind === "container" || body.kind === "claim") return "RUNTIME";
  if (body.kind === "importer") return "IMPORTER";
  if (task.iterator) return "LOOP";
  if (task.name.startsWith("exit-handler-")) return "EXIT_HANDLER";
  if (task.name.startsWith("condition-branches-")) return "CONDITION_BRANCH";
  return task.condition ? "CONDITION" : "DAG";
}

/** The DAG that a node's children are tasks of. */
export function dagOf(node: Node): Dag {
  const { body } = node.component;
  if (body.kind !== "dag") throw new InconsistentRun(`Cannot walk into ${node.key}: it is a ${body.kind}, not a DAG`);
  return body;
}

function blankNode(position: Position, kind: NodeKind): MutableNode {
  const { parent, name, iteration } = position;
  const path = iteration === undefined ? `${parent?.key}/${name}` : `${parent?.key}${name}`;
  return {
    key: parent ? path : name,
    name,
    displayName: kind.task?.displayName ?? name,
    ...kind,
    parent,
    iteration,
    state: "PENDING",
    inputs: undefined,
    outputs: undefined,
    items: undefined,
    error: undefined,
    fingerprint: undefined,
    cachedFrom: undefined,
    retryAt: undefined,
    decided: false,
    attempts: noAttempts,
    children: nothing,
    tally: { final: 0, open: 0, failed: 0, canceled: 0, cursor: 0 },
    arrived: nothing,
  };
}
