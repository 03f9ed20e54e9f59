import type { State } from "@headrace/ui-kit";
import type { Task } from "../resources/index.ts";
import type { SpecDag, SpecTask, StepKind } from "./pipeline-spec.ts";
import { taskState } from "./state.ts";

/** A place in a run: what the pipeline says of it and, once it exists, its task. Loops hold iterations, iterations hold steps. */
export interface RunNode {
  /** The task's key: `root/for-loop-2[3]/train`. */
  readonly key: string;
  /** The key without iterations: the same for all iterations of a loop. */
  readonly path: string;
  readonly name: string;
  readonly label: string;
  readonly kind: StepKind;
  readonly state: State;
  readonly dependsOn: readonly string[];
  readonly children: readonly RunNode[];
  readonly task?: Task;
  readonly iteration?: number;
  readonly condition?: string;
  readonly loopsOver?: string;
  /** What an iteration of a loop will hold, while there is none. */
  readonly template?: readonly RunNode[];
}

const kinds: Readonly<Record<Task["spec"]["type"], StepKind>> = {
  ROOT: "group",
  RUNTIME: "step",
  IMPORTER: "importer",
  DAG: "group",
  CONDITION: "condition",
  CONDITION_BRANCH: "branches",
  LOOP: "loop",
  ITERATION: "iteration",
  EXIT_HANDLER: "exit",
};

/** Joins the pipeline's plan with the tasks that exist. Either may be missing: tasks alone still make a tree, and so does the plan. */
export function buildRunTree(spec: SpecDag | undefined, tasks: readonly Task[]): RunNode {
  const children = Map.groupBy(tasks, (task) => task.spec.parent);
  const root = tasks.find((task) => task.spec.type === "ROOT");
  const top = root ? children.get(root.spec.id) : children.get(undefined);
  const state = root ? taskState(root) : "pending";
  return {
    key: "root",
    path: "root",
    name: "root",
    label: root?.spec.displayName ?? "root",
    kind: "group",
    state,
    dependsOn: [],
    children: buildDag(
      spec,
      (top ?? []).filter((task) => task !== root),
      children,
      { key: "root", path: "root", absent: absentIn(state) },
    ),
    ...(root && { task: root }),
  };
}

type Children = ReadonlyMap<number | undefined, readonly Task[]>;
interface At {
  readonly key: string;
  readonly path: string;
  /** What is planned here and has no task. */
  readonly absent: Absent;
}
type Absent = Pick<RunNode, "state" | "condition">;

/** A task that does not exist yet may come as long as what holds it goes on; afterwards it never will. */
function absentIn(holder: State, condition?: string): Absent {
  if (holder === "pending" || holder === "waiting" || holder === "running") return { state: "pending" };
  if (holder === "cancelling" || holder === "cancelled") return { state: "cancelled" };
  return { state: "skipped", ...(holder === "skipped" && condition !== undefined && { condition }) };
}

function buildDag(spec: SpecDag | undefined, rows: readonly Task[], all: Children, at: At): readonly RunNode[] {
  const byName = new Map(rows.map((row) => [row.spec.name, row]));
  const planned = spec?.tasks ?? [];
  const names = new Set([...planned.map((task) => task.name), ...byName.keys()]);
  const plan = new Map(planned.map((task) => [task.name, task]));
  return [...names].map((name) => buildNode(name, plan.get(name), byName.get(name), all, at));
}

function buildNode(name: string, plan: SpecTask | undefined, task: Task | undefined, all: Children, at: At): RunNode {
  const { state, condition = plan?.condition } = task ? { state: taskState(task) } : at.absent;
  const here = { key: `${at.key}/${name}`, path: `${at.path}/${name}`, absent: absentIn(state, condition) };
  const kind = task ? kinds[task.spec.type] : (plan?.kind ?? "step");
  const rows = task ? (all.get(task.spec.id) ?? []) : [];
  const inside =
    kind === "loop" ? loopInside(plan, rows, all, here) : { children: buildDag(plan?.dag, rows, all, here) };
  return {
    key: here.key,
    path: here.path,
    name,
    kind,
    label: labelOf(name, plan, task),
    state,
    dependsOn: [...new Set([...(plan?.dependsOn ?? []), ...(task?.spec.dependsOn ?? [])])],
    ...inside,
    ...(task && { task }),
    ...(condition !== undefined && { condition }),
    ...(plan?.loopsOver !== undefined && { loopsOver: plan.loopsOver }),
  };
}

function loopInside(
  plan: SpecTask | undefined,
  rows: readonly Task[],
  all: Children,
  at: At,
): Pick<RunNode, "children" | "template"> {
  const iterations = rows
    .filter((row) => row.spec.type === "ITERATION")
    .sort((a, b) => (a.spec.iteration ?? 0) - (b.spec.iteration ?? 0))
    .map((row): RunNode => {
      const index = row.spec.iteration ?? 0;
      const state = taskState(row);
      const here = { key: `${at.key}[${index}]`, path: at.path, absent: absentIn(state) };
      return {
        key: here.key,
        path: here.path,
        name: row.spec.name,
        label: row.spec.displayName,
        kind: "iteration",
        iteration: index,
        state,
        dependsOn: [],
        task: row,
        children: buildDag(plan?.dag, all.get(row.spec.id) ?? [], all, here),
      };
    });
  if (iterations.length > 0) return { children: iterations };
  return { children: [], template: buildDag(plan?.dag, [], all, at) };
}

/** Generated names say what a person would say; names that somebody chose stay. */
function labelOf(name: string, plan: SpecTask | undefined, task: Task | undefined): string {
  const chosen = task?.spec.displayName ?? plan?.displayName ?? name;
  if (!/^(condition|condition-branches|for-loop|exit-handler)-\d+$/.test(chosen)) return chosen;
  return plan?.condition ?? (plan?.loopsOver === undefined ? chosen : `${chosen} · ${plan.loopsOver}`);
}

/** Whether a node stands for others rather than for work of its own. */
export function isGroup(node: RunNode): boolean {
  return node.kind !== "step" && node.kind !== "importer";
}

/** Every node below, in reading order, with its depth. */
export function flatten(node: RunNode, depth = 0): readonly { readonly node: RunNode; readonly depth: number }[] {
  return (node.children.length > 0 ? node.children : (node.template ?? [])).flatMap((child) => [
    { node: child, depth },
    ...flatten(child, depth + 1),
  ]);
}

/** Steps by the state of their task, those of the plan that have none yet as PENDING: what `status.steps` will be in the end. */
export function countByState(root: RunNode): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { node } of flatten(root)) {
    if (isGroup(node)) continue;
    const state = node.task?.status.state ?? "PENDING";
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

/** The node with this key; a key into a loop finds its iteration. */
export function findNode(root: RunNode, key: string): RunNode | undefined {
  if (root.key === key) return root;
  for (const child of [...root.children, ...(root.template ?? [])]) {
    if (key === child.key || key.startsWith(`${child.key}/`) || key.startsWith(`${child.key}[`)) {
      const found = findNode(child, key);
      if (found) return found;
    }
  }
  return undefined;
}

/** `{"root/for-loop-2": 3}` for a key inside the fourth iteration of that loop: what must be shown for it to be seen. */
export function iterationsOf(key: string): Readonly<Record<string, number>> {
  const shown: Record<string, number> = {};
  for (const match of key.matchAll(/\[(\d+)\]/g)) {
    shown[withoutIterations(key.slice(0, match.index))] = Number(match[1]);
  }
  return shown;
}

export const withoutIterations = (key: string): string => key.replaceAll(/\[\d+\]/g, "");

/** The iteration that a loop shows before anybody chose: the first that failed, else the first that runs, else the first. */
export function iterationToShow(loop: RunNode): number {
  const at = (state: State): number => loop.children.findIndex((iteration) => iteration.state === state);
  return [at("failed"), at("waiting"), at("running"), 0].find((index) => index >= 0) ?? 0;
}

/** Keys of what decided the run's length, each with the key of the sibling that it waited for last. */
export type CriticalPath = ReadonlyMap<string, string | undefined>;

/**
 * The steps that decided how long the run took: from the one that ended last backwards, always to the dependency that
 * ended last. The groups around the steps are part of it.
 */
export function criticalPath(root: RunNode): CriticalPath {
  const found = new Map<string, string | undefined>();
  const walk = (siblings: readonly RunNode[]): void => {
    const byName = new Map(siblings.map((node) => [node.name, node]));
    let current = latest(siblings);
    while (current && !found.has(current.key)) {
      const before = latest(current.dependsOn.flatMap((name) => byName.get(name) ?? []));
      found.set(current.key, before?.key);
      walk(current.children);
      current = before;
    }
  };
  walk(root.children);
  return found;
}

function latest(nodes: readonly RunNode[]): RunNode | undefined {
  let best: RunNode | undefined;
  const end = (node: RunNode): string =>
    node.task?.status.finishedAt ?? (node.task?.status.startedAt === undefined ? "" : "9999");
  for (const node of nodes) if (end(node) !== "" && (!best || end(node) > end(best))) best = node;
  return best;
}
