import { formatMicroTime, formatTime, type ObjectKey } from "@headrace/model";
import { inChunks, type Records } from "@headrace/records";
import { type ExpressionBuilder, sql } from "kysely";
import { type Component, taskAt } from "../core/ir.ts";
import { isList, isObject, type JsonObject, parseObject } from "../core/json.ts";
import type { ArtifactRow } from "../records/artifacts.ts";
import type { AttemptRow, TaskRow } from "../records/runs.ts";
import { holdsWord } from "../records/listing.ts";
import type { PipelineDatabase, PipelineTables } from "../records/tables.ts";
import {
  runLabel,
  type Task,
  type TaskAttempt,
  taskName,
  taskNumber,
  tasks,
  type TaskValues,
} from "../resources/index.ts";
import { artifactFacts } from "./artifact-projection.ts";
import { lookBack, numberAfter, type Window } from "./look-back.ts";
import type { PipelineCache } from "./pipeline-cache.ts";
import type { Waiting } from "./pods.ts";
import { byNumber, createView, type Found, type View, type ViewSearch } from "./projection.ts";

export interface TaskProjectionOptions {
  readonly records: Records;
  readonly pipelines: PipelineCache;
  /** Why a step's pod does not run yet. */
  readonly waiting: (pod: ObjectKey) => Waiting | undefined;
}

/** `tasks.headrace.io`: those of one run in the order in which they were decided, those of all runs the newest first. */
export function taskProjection({ records, ...options }: TaskProjectionOptions): View<Task> {
  return createView(records, {
    definition: tasks,
    changes: "tasks",
    places: byNumber,
    remedy: "a task shows a step of a run, which only the engine writes; `headrace runs retry --from` runs steps again",
    prefix(selectors) {
      const run = runOf(selectors);
      return run === undefined ? "" : taskName(run, 0).slice(0, -1);
    },
    find: (db, search) => new TaskReader(db, options).find(search),
  });
}

/** By its own name, its place in its run, or its run's name. */
const isKnownBy = ({ eb, or, selectFrom }: ExpressionBuilder<PipelineTables, "task">, word: string) =>
  or([
    holdsWord(["task.display_name", "task.key"], word),
    eb(
      "task.run",
      "in",
      selectFrom("pipeline_run")
        .select("pipeline_run.run")
        .where(holdsWord(["pipeline_run.display_name"], word)),
    ),
  ]);

const runOf = ({ fields, labels }: Pick<Search, "fields" | "labels">): string | undefined =>
  labels[runLabel] ?? fields["spec.run"];

type Search = ViewSearch<number>;

class TaskReader {
  readonly #db: PipelineDatabase;
  readonly #options: Omit<TaskProjectionOptions, "records">;

  constructor(db: PipelineDatabase, options: Omit<TaskProjectionOptions, "records">) {
    this.#db = db;
    this.#options = options;
  }

  async find(search: Search): Promise<readonly Found<Task, number>[]> {
    const rows = await this.#rows(search);
    const byTask = Map.groupBy(await this.#attempts(rows), (attempt) => attempt.task);
    const artifacts = await this.#artifacts(rows);
    const sources = await this.#cachedFrom(rows);
    const runs = await this.#runs(rows);
    return rows.map((row) => {
      const attempts = byTask.get(row.id) ?? [];
      const object = toTask(row, {
        attempts,
        artifacts,
        runName: runs.get(row.run)?.name ?? "",
        dependsOn: upstreamOf(runs.get(row.run)?.root, row.key),
        waiting: this.#waiting(row, attempts),
        cachedFrom: row.cached_from === null ? undefined : sources.get(row.cached_from),
      });
      return { object, place: row.id };
    });
  }

  async #rows({ namespace, names, fields, labels, search = [], after, limit }: Search): Promise<readonly TaskRow[]> {
    const { "spec.id": id, "spec.type": type, "status.state": state } = fields;
    const run = runOf({ fields, labels });
    const ids = names?.flatMap((name) => taskNumber(name) ?? []);
    if (ids?.length === 0) return [];
    const oldestFirst = run !== undefined || names !== undefined;
    const wide = search.reduce(
      (query, word) => query.where((eb) => isKnownBy(eb, word)),
      this.#db.selectFrom("task").selectAll(),
    );
    const within = ({ from, below, limit: most }: Window): Promise<TaskRow[]> =>
      wide
        .$if(namespace !== "", (query) => query.where("ns", "=", namespace))
        .$if(ids !== undefined, (query) => query.where("id", "in", ids ?? []))
        .$if(run !== undefined, (query) => query.where("run", "=", run ?? ""))
        .$if(id !== undefined, (query) => query.where("id", "=", Number(id)))
        .$if(type !== undefined, (query) => query.where(sql<boolean>`type = ${type}`))
        .$if(state !== undefined, (query) => query.where(sql<boolean>`state = ${state}`))
        .$if(oldestFirst && after !== undefined, (query) => query.where("id", ">", after ?? 0))
        .$if(from !== undefined, (query) => query.where("id", ">=", from ?? 0))
        .$if(below !== undefined, (query) => query.where("id", "<", below ?? 0))
        .$if(most !== undefined, (query) => query.limit(most ?? 0))
        .orderBy("id", oldestFirst ? "asc" : "desc")
        .execute();
    const rows =
      search.length === 0 || oldestFirst
        ? await within({ below: oldestFirst ? undefined : after, limit })
        : await lookBack({ below: after ?? (await numberAfter(this.#db, "task")), limit }, within);
    const wanted = names && new Set(names);
    return rows.filter((row) => !wanted || wanted.has(taskName(row.run, row.id)));
  }

  async #attempts(rows: readonly TaskRow[]): Promise<readonly AttemptRow[]> {
    return inChunks(
      rows.map(({ id }) => id),
      (ids) =>
        this.#db.selectFrom("attempt").selectAll().where("task", "in", ids).orderBy("task").orderBy("n").execute(),
    );
  }

  async #artifacts(rows: readonly TaskRow[]): Promise<ReadonlyMap<number, ArtifactRow>> {
    const ids = new Set(rows.flatMap((row) => [...artifactIds(row.inputs), ...artifactIds(row.outputs)]));
    const found = await inChunks([...ids], (chunk) =>
      this.#db.selectFrom("artifact").selectAll().where("id", "in", chunk).execute(),
    );
    return new Map(found.map((row) => [row.id, row]));
  }

  async #cachedFrom(rows: readonly TaskRow[]): Promise<ReadonlyMap<number, { run: string; task: number }>> {
    const ids = new Set(rows.flatMap((row) => row.cached_from ?? []));
    const found = await inChunks([...ids], (chunk) =>
      this.#db.selectFrom("task").select(["id", "run"]).where("id", "in", chunk).execute(),
    );
    return new Map(found.map(({ id, run }) => [id, { run, task: id }]));
  }

  /** The name of each run, and its pipeline, to say what a task waits for. */
  async #runs(rows: readonly TaskRow[]): Promise<ReadonlyMap<string, { name: string; root: Component }>> {
    const ids = [...new Set(rows.map(({ run }) => run))];
    const found = await inChunks(ids, (chunk) =>
      this.#db
        .selectFrom("pipeline_run")
        .select(["run", "ns", "spec", "display_name"])
        .where("run", "in", chunk)
        .execute(),
    );
    const runs = new Map<string, { name: string; root: Component }>();
    for (const { run, ns, spec, display_name: name } of found) {
      const { root } = await this.#options.pipelines.read(this.#db, ns, spec);
      runs.set(run, { name, root });
    }
    return runs;
  }

  #waiting(row: TaskRow, attempts: readonly AttemptRow[]): Waiting | undefined {
    if (row.state !== "PENDING") return undefined;
    if (row.retry_at !== null) return { summary: `It failed, and is tried again at ${formatTime(row.retry_at)}` };
    const open = attempts.find(({ state }) => state === "CREATED");
    return open && this.#options.waiting({ namespace: row.ns, name: open.pod });
  }
}

/** What the task at a path waits for; an iteration waits for nothing. */
const upstreamOf = (root: Component | undefined, key: string): readonly string[] =>
  !root || key.endsWith("]") ? [] : (taskAt(root, key)?.upstream ?? []);

function artifactIds(text: string | null): readonly number[] {
  const { artifacts } = parseObject(text);
  return Object.values(isObject(artifacts) ? artifacts : {}).flatMap((ids) => (isList(ids) ? ids.map(Number) : []));
}

interface Surroundings {
  readonly attempts: readonly AttemptRow[];
  readonly artifacts: ReadonlyMap<number, ArtifactRow>;
  readonly runName: string;
  readonly dependsOn: readonly string[];
  readonly waiting: Waiting | undefined;
  readonly cachedFrom: { readonly run: string; readonly task: number } | undefined;
}

function toTask(row: TaskRow, surroundings: Surroundings): Task {
  const { attempts, artifacts, runName, dependsOn, waiting, cachedFrom } = surroundings;
  const items: unknown = row.items === null ? undefined : JSON.parse(row.items);
  const error = row.error === null ? undefined : readError(parseObject(row.error));
  return {
    apiVersion: "headrace.io/v1alpha1",
    kind: "Task",
    metadata: {
      name: taskName(row.run, row.id),
      namespace: row.ns,
      uid: row.uid,
      creationTimestamp: formatTime(row.created_at),
      labels: { [runLabel]: row.run },
    },
    spec: {
      run: row.run,
      runName,
      id: row.id,
      key: row.key,
      name: row.name,
      displayName: row.display_name,
      type: row.type,
      dependsOn,
      ...(row.parent !== null && { parent: row.parent }),
      ...(row.iteration !== null && { iteration: row.iteration }),
    },
    status: {
      state: row.state,
      inputs: readValues(row.inputs, artifacts),
      outputs: readValues(row.outputs, artifacts),
      attempts: attempts.map(toAttempt),
      ...(row.started_at !== null && { startedAt: formatMicroTime(row.started_at) }),
      ...(row.finished_at !== null && { finishedAt: formatMicroTime(row.finished_at) }),
      ...(error && { error }),
      ...(cachedFrom && { cachedFrom }),
      ...(Array.isArray(items) && { iterations: items.length }),
      ...(waiting && { waiting }),
    },
  };
}

function readError({ message, tail }: JsonObject): { message: string; tail?: string } {
  return { message: typeof message === "string" ? message : "", ...(typeof tail === "string" && { tail }) };
}

function readValues(text: string | null, rows: ReadonlyMap<number, ArtifactRow>): TaskValues {
  const { parameters, artifacts } = parseObject(text);
  const lists = Object.entries(isObject(artifacts) ? artifacts : {}).map(([name, ids]) => {
    const list = isList(ids) ? ids.flatMap((id) => rows.get(Number(id)) ?? []) : [];
    return [name, list.map(artifactFacts)] as const;
  });
  return { parameters: isObject(parameters) ? parameters : {}, artifacts: Object.fromEntries(lists) };
}

function toAttempt(row: AttemptRow): TaskAttempt {
  return {
    n: row.n,
    pod: row.pod,
    state: row.state,
    ...(row.exit_code !== null && { exitCode: row.exit_code }),
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.message !== null && { message: row.message }),
    ...(row.started_at !== null && { startedAt: formatMicroTime(row.started_at) }),
    ...(row.finished_at !== null && { finishedAt: formatMicroTime(row.finished_at) }),
  };
}
