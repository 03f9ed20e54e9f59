import type { AttemptTable, TaskTable } from "@headrace/records";
import { formatTime } from "@headrace/model";
import type { Selectable } from "kysely";
import { InconsistentRun } from "../core/errors.ts";
import { executorInput, type ExecutorInput } from "../core/executor-input.ts";
import {
  type Artifact,
  type Attempts,
  dagOf,
  type LoopItems,
  type Node,
  noValues,
  type Position,
  RunGraph,
  type TaskFacts,
  type Values,
} from "../core/graph.ts";
import type { ArtifactType, Component, ContainerExecutor, Pipeline } from "../core/ir.ts";
import { isList, isObject, type JsonValue, parseObject } from "../core/json.ts";
import { claimNames, type Resolve } from "../core/kubernetes-settings.ts";
import { logOutput } from "../core/logs.ts";
import { fillMacros } from "../core/macros.ts";
import { type Change, start } from "../core/next.ts";
import { checkParameters } from "../core/parameters.ts";
import { pipelineRootOf, placeBelow, runDirectory } from "../core/pipeline-root.ts";
import type { RunFacts } from "../core/placeholders.ts";
import { valueIn } from "../core/resolve.ts";
import { outersOf } from "../core/retry.ts";
import { workspaceClaimName, workspacePath } from "../core/workspace.ts";
import { needsWorkspace } from "../core/workspace-mount.ts";
import { type ArtifactRow, taskArtifactsOf } from "../records/artifacts.ts";
import { attemptsOf, findRun, type RunRow, tasksOf } from "../records/runs.ts";
import type { PipelineDatabase } from "../records/tables.ts";
import type { PipelineCache } from "./pipeline-cache.ts";

type TaskRow = Selectable<TaskTable>;
type AttemptRow = Selectable<AttemptTable>;

export const nothingLeft = { changes: [], starts: [] };
const nothing: ReadonlySet<number> = new Set();

/** A run that the engine drives: its rows as a graph, and which row each node is. */
export class ActiveRun {
  readonly row: RunRow;
  readonly facts: RunFacts;
  /** Where artifacts of runs without a root of their own go: those of all namespaces. */
  readonly sharedRoot: string;
  readonly graph: RunGraph;
  /** What is still to be looked at: a large step is written in several transactions. */
  backlog: { readonly changes: readonly Change[]; readonly starts: readonly Node[] } = nothingLeft;
  /** Steps whose cached artifacts are being looked for. */
  readonly verifying = new Set<Node>();
  /** Set when the run is stopped by its own deadline, not by a user. */
  deadline: string | undefined;
  isDeadlineSet = false;
  /** When steps with earlier attempts were decided, by row: their next attempts are no older. */
  readonly setBackAt = new Map<number, number>();
  readonly #runAgain: ReadonlySet<string>;
  #importsIntoWorkspace: boolean | undefined;
  readonly #idOf = new Map<Node, number>();
  readonly #nodeOf = new Map<number, Node>();

  constructor(row: RunRow, facts: RunFacts, { graph, sharedRoot }: { graph: RunGraph; sharedRoot: string }) {
    this.row = row;
    this.facts = facts;
    this.sharedRoot = sharedRoot;
    this.graph = graph;
    this.#runAgain = new Set<string>(row.run_again === null ? [] : JSON.parse(row.run_again));
  }

  get ns(): string {
    return this.row.ns;
  }

  get id(): string {
    return this.row.run;
  }

  /** Whether a user chose this task, or one around it, to run again: then no earlier success will do. */
  isToRunAgain({ key }: Node): boolean {
    return this.#runAgain.size > 0 && outersOf(key).some((outer) => this.#runAgain.has(outer));
  }

  get pipeline(): Pipeline {
    return this.graph.pipeline;
  }

  remember(node: Node, id: number): void {
    this.#idOf.set(node, id);
    this.#nodeOf.set(id, node);
  }

  node(id: number): Node | undefined {
    return this.#nodeOf.get(id);
  }

  /** The row of a node; undefined until it is inserted. */
  idOf(node: Node): number | undefined {
    return this.#idOf.get(node);
  }

  rowId(node: Node): number {
    const id = this.#idOf.get(node);
    if (id === undefined) throw new InconsistentRun(`Cannot find the row of ${node.key}`);
    return id;
  }

  /** URI beneath which an attempt's artifacts go: `<root>/<pipeline>/<run>/<task>/<attempt>`. */
  directory(node: Node, n: number): string {
    return placeBelow(this.#taskDirectory(node), [String(n)]);
  }

  /** URI of what an attempt printed, if that is an artifact: beside the directory that the attempt can write to. */
  logPlace(node: Node, n: number): string {
    return placeBelow(this.#taskDirectory(node), [`${logOutput}-${n}`]);
  }

  /** URI beneath which all goes that the run's steps are given places for. */
  get place(): string {
    return runDirectory(this.facts.pipelineRoot, this.row);
  }

  #taskDirectory(node: Node): string {
    return placeBelow(this.place, [`${node.name}-${this.rowId(node)}`]);
  }

  executorInput(node: Node, n: number): ExecutorInput {
    return this.#inputBelow(node, this.directory(node, n));
  }

  #inputBelow(node: Node, directory: string): ExecutorInput {
    const inWorkspace = this.#workspaceArtifacts();
    return executorInput(node.component, node.inputs ?? noValues, directory, ({ id }) => inWorkspace.has(id));
  }

  /** The name of the workspace's claim, if the pipeline has a workspace. */
  get workspaceClaim(): string | undefined {
    return this.pipeline.settings.workspace && workspaceClaimName(this.facts.resourceName);
  }

  /** Reads a value from the DAG around a step. */
  resolveFor(node: Node): Resolve {
    return (source) => (node.parent ? valueIn(node.parent, source) : undefined);
  }

  /** The claims that a step mounts, which may have no row yet. Throws PipelineFault, or ApiError BadRequest for settings that make no sense. */
  mountedClaims(node: Node, { kubernetes }: ContainerExecutor): readonly string[] {
    const named = kubernetes ? claimNames(kubernetes, this.resolveFor(node)) : [];
    const { workspaceClaim } = this;
    if (workspaceClaim === undefined || !needsWorkspace(this.#inputBelow(node, ""))) return named;
    return [...named, workspaceClaim];
  }

  /** Artifacts, by number, whose importers put them into the workspace. */
  #workspaceArtifacts(): ReadonlySet<number> {
    this.#importsIntoWorkspace ??= importsIntoWorkspace(this.pipeline.root);
    if (!this.#importsIntoWorkspace) return nothing;
    const importers = [...this.graph.nodes()].filter(
      ({ component: { body }, state }) => body.kind === "importer" && body.downloadToWorkspace && state === "SUCCEEDED",
    );
    return new Set(
      importers.flatMap(({ outputs }) => [...(outputs?.artifacts.values() ?? [])].flat().map(({ id }) => id)),
    );
  }
}

/** Whether anything of the pipeline is imported into a workspace: what no pipeline does is not looked for. */
function importsIntoWorkspace(root: Component): boolean {
  // Each component once, however often it is used.
  const components = new Set([root]);
  for (const { body } of components) {
    if (body.kind === "importer" && body.downloadToWorkspace) return true;
    if (body.kind === "dag") for (const { component } of body.tasks.values()) components.add(component);
  }
  return false;
}

export interface LoadOptions {
  readonly defaultPipelineRoot: string;
  readonly pipelines: PipelineCache;
}

/** Takes a run up from its rows; undefined if there is no such run. */
export async function loadRun(
  db: PipelineDatabase,
  key: { readonly ns: string; readonly id: string },
  options: LoadOptions,
): Promise<ActiveRun | undefined> {
  const row = await findRun(db, key.id);
  if (!row || row.ns !== key.ns) return undefined;
  const pipeline = await options.pipelines.read(db, row.ns, row.spec);
  const tasks = await tasksOf(db, row.ns, row.run);
  const [rootRow, ...others] = tasks;
  const artifacts = new Map((await taskArtifactsOf(db, row.ns, row.run)).map((each) => [each.id, artifactOf(each)]));
  const attempts = groupBy(await attemptsOf(db, row.ns, row.run), (attempt) => attempt.task);
  const values = new ValueReader(artifacts);
  const root = rootRow
    ? { facts: values.facts(rootRow), decided: isDecided(rootRow) }
    : { facts: start(givenTo(row, pipeline)), decided: true };
  const active = new ActiveRun(row, factsOf(row, pipeline, options), {
    graph: new RunGraph(pipeline, root, { keepsGoing: row.keep_going === 1 }),
    sharedRoot: options.defaultPipelineRoot,
  });
  if (rootRow) active.remember(active.graph.root, rootRow.id);
  for (const task of others) {
    const position = positionOf(active, task);
    const kind =
      task.type === "LOOP" ? position.parent && dagOf(position.parent).tasks.get(task.name)?.iterator?.kind : undefined;
    const stored = {
      position,
      facts: values.facts(task, kind),
      decided: isDecided(task),
      attempts: summarise(attempts.get(task.id) ?? [], task),
    };
    active.remember(active.graph.restore(stored), task.id);
    if (stored.attempts.made > 0) active.setBackAt.set(task.id, task.created_at);
  }
  if (row.state === "CANCELING") active.graph.stop();
  return active;
}

function givenTo(row: RunRow, pipeline: Pipeline): Values["parameters"] {
  const facts = {
    runId: row.run,
    now: row.created_at,
    scheduled: row.scheduled_at,
    ...(row.recurring_index !== null && { index: row.recurring_index }),
  };
  return checkParameters(pipeline, fillMacros(parseObject(row.parameters), facts));
}

function factsOf(row: RunRow, pipeline: Pipeline, options: LoadOptions): RunFacts {
  return {
    id: row.run,
    displayName: row.display_name,
    resourceName: row.resource_name,
    pipelineRoot: pipelineRootOf(row.pipeline_root, pipeline.defaultPipelineRoot, options.defaultPipelineRoot),
    ...(pipeline.settings.workspace && { workspacePath }),
    createdAt: formatTime(row.created_at),
    scheduledAt: formatTime(row.scheduled_at),
  };
}

function positionOf(active: ActiveRun, row: TaskRow): Position {
  const parent = row.parent === null ? undefined : active.node(row.parent);
  if (!parent) throw new InconsistentRun(`Cannot take up task ${row.key}: its parent ${row.parent} is not there`);
  return { parent, name: row.name, ...(row.iteration !== null && { iteration: row.iteration }) };
}

/** A retry of the run sets tasks back to this; every task that was decided has inputs or a final state. */
const isDecided = (row: TaskRow): boolean => row.state !== "PENDING" || row.inputs !== null;

/** Attempts from before the task was set back by a retry of the run count no longer against its retry policy. */
function summarise(rows: readonly AttemptRow[], task: TaskRow): Attempts {
  const counted = rows.filter((row) => row.created_at >= task.created_at);
  const open = rows.find((row) => row.state === "CREATED" || row.state === "RUNNING");
  return {
    made: rows.length,
    current: counted.length,
    failed: counted.filter((row) => row.state === "FAILED").length,
    lost: counted.filter((row) => row.state === "LOST").length,
    ...(open && { open: open.n }),
  };
}

/** Reads the JSON columns of tasks; artifacts stand in them as ids. */
class ValueReader {
  readonly #artifacts: ReadonlyMap<number, Artifact>;

  constructor(artifacts: ReadonlyMap<number, Artifact>) {
    this.#artifacts = artifacts;
  }

  facts(row: TaskRow, itemKind: LoopItems["kind"] = "parameter"): TaskFacts {
    return {
      state: row.state,
      inputs: this.values(row.inputs),
      outputs: this.values(row.outputs),
      items: this.#items(row.items, itemKind),
      error: readError(row.error),
      fingerprint: row.fingerprint ?? undefined,
      cachedFrom: row.cached_from ?? undefined,
      retryAt: row.retry_at ?? undefined,
    };
  }

  values(text: string | null): Values | undefined {
    if (text === null) return undefined;
    const { parameters, artifacts } = parseObject(text);
    return {
      parameters: new Map(Object.entries(isObject(parameters) ? parameters : {})),
      artifacts: new Map(
        Object.entries(isObject(artifacts) ? artifacts : {}).map(([name, ids]) => [name, this.#list(ids)]),
      ),
    };
  }

  #list(ids: JsonValue): readonly Artifact[] {
    if (!isList(ids)) return [];
    return ids.map((id) => {
      const artifact = this.#artifacts.get(Number(id));
      if (!artifact) throw new InconsistentRun(`Cannot find artifact ${String(id)}, which a task refers to`);
      return artifact;
    });
  }

  #items(text: string | null, kind: LoopItems["kind"]): LoopItems | undefined {
    const values: unknown = text === null ? undefined : JSON.parse(text);
    if (!Array.isArray(values)) return undefined;
    return kind === "artifact" ? { kind, values: this.#list(values) } : { kind, values };
  }
}

function readError(text: string | null): TaskFacts["error"] {
  if (text === null) return undefined;
  const { message, tail, code } = parseObject(text);
  return {
    message: typeof message === "string" ? message : "",
    ...(typeof tail === "string" && { tail }),
    ...(typeof code === "number" && { code }),
  };
}

export function artifactOf(row: ArtifactRow): Artifact {
  return {
    id: row.id,
    name: row.name ?? "",
    uri: row.uri,
    type: typeOf(row),
    metadata: parseObject(row.metadata),
    written: row.digest !== null,
  };
}

/** `type_schema` holds an instance schema's text, or a title's version. */
function typeOf({ type, type_schema }: ArtifactRow): ArtifactType {
  if (type === "") return type_schema ? { instanceSchema: type_schema } : {};
  return { schemaTitle: type, ...(type_schema !== null && { schemaVersion: type_schema }) };
}

export function typeColumns({
  schemaTitle,
  schemaVersion,
  instanceSchema,
}: ArtifactType): Pick<ArtifactRow, "type" | "type_schema"> {
  if (schemaTitle !== undefined) return { type: schemaTitle, type_schema: schemaVersion ?? null };
  return { type: "", type_schema: instanceSchema ?? null };
}

export function valuesColumn(values: Values | undefined): string | null {
  if (!values) return null;
  const artifacts = Object.fromEntries([...values.artifacts].map(([name, list]) => [name, list.map(({ id }) => id)]));
  return JSON.stringify({ parameters: Object.fromEntries(values.parameters), artifacts });
}

export function itemsColumn(items: LoopItems | undefined): string | null {
  if (!items) return null;
  return JSON.stringify(items.kind === "artifact" ? items.values.map(({ id }) => id) : items.values);
}

function groupBy<T, K>(rows: readonly T[], keyOf: (row: T) => K): ReadonlyMap<K, readonly T[]> {
  return Map.groupBy(rows, keyOf);
}
