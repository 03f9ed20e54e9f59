import { setImmediate } from "node:timers/promises";
import { chunksOf } from "@headrace/records";
import { parseObject } from "../core/json.ts";
import type { PipelineDatabase } from "../records/tables.ts";
import { stepTypes, taskName, taskNumber } from "../resources/index.ts";

/** Values by name, as `status.metrics` of a run has them. */
export type Metrics = Readonly<Record<string, readonly number[]>>;

/** A list of runs stays readable, and its answer small, however much a loop logs. */
const metricLimits = { names: 64, values: 100 } as const;

/** Tasks whose Metrics are read in one go. */
const tasksAtOnce = 500;

/** What a run with more tasks has logged is not read anew for each of its changes; of so many runs at most. */
const largeRun = 200;
const runsKept = 64;

interface KnownRun {
  readonly metrics: RunMetrics;
  /** Everything that the feed tells up to here is in it. */
  readonly seq: number;
}

/** What steps logged as Metrics, those from the cache included. Of a large run only what has changed since is read. */
export class MetricsReader {
  /** The least recently read first. */
  readonly #known = new Map<string, KnownRun>();

  /** Of each run that has any. */
  async read(db: PipelineDatabase, runs: readonly string[]): Promise<ReadonlyMap<string, Metrics>> {
    if (runs.length === 0) return new Map();
    const feed = await feedBounds(db);
    const found = new Map<string, Metrics>();
    const unknown: string[] = [];
    for (const run of runs) {
      const metrics = await this.#bringUpToDate(db, run, feed);
      if (metrics) found.set(run, metrics.shown());
      else unknown.push(run);
    }
    for (const [run, { metrics, tasks }] of await readAll(db, unknown)) {
      found.set(run, metrics.shown());
      if (tasks > largeRun) this.#keep(run, { metrics, seq: feed.newest });
    }
    return new Map([...found].filter(([, metrics]) => Object.keys(metrics).length > 0));
  }

  /** Undefined if all of it has to be read. Reads of one run may overlap: what is known is told twice without harm. */
  async #bringUpToDate(db: PipelineDatabase, run: string, feed: FeedBounds): Promise<RunMetrics | undefined> {
    const known = this.#known.get(run);
    if (!known || feed.oldest > known.seq + 1) return undefined;
    const changed = await changedTasks(db, run, known.seq);
    const logged = (await Array.fromAsync(loggedBy(db, changed))).filter((each) => each.run === run);
    const { metrics } = known;
    if (!metrics.update(changed, new Map(logged.map((each) => [each.task, each])))) return undefined;
    const { seq } = this.#known.get(run) ?? known;
    this.#keep(run, { metrics, seq: Math.max(seq, feed.newest) });
    return metrics;
  }

  #keep(run: string, known: KnownRun): void {
    this.#known.delete(run);
    this.#known.set(run, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= runsKept) break;
      this.#known.delete(oldest);
    }
  }
}

interface FeedBounds {
  readonly oldest: number;
  readonly newest: number;
}

async function feedBounds(db: PipelineDatabase): Promise<FeedBounds> {
  const row = await db
    .selectFrom("change")
    .select(({ fn }) => [fn.min("seq").as("oldest"), fn.max("seq").as("newest")])
    .executeTakeFirst();
  return { oldest: row?.oldest ?? 0, newest: row?.newest ?? 0 };
}

/** The numbers of a run's tasks that have changed; another run's may be among them. */
async function changedTasks(db: PipelineDatabase, run: string, since: number): Promise<readonly number[]> {
  const prefix = taskName(run, 0).slice(0, -1);
  const rows = await db
    .selectFrom("change")
    .select("key")
    .distinct()
    .where("kind", "=", "tasks")
    .where("seq", ">", since)
    .where("key", ">=", prefix)
    .where("key", "<", `${prefix}:`)
    .execute();
  return rows.flatMap(({ key }) => taskNumber(key) ?? []);
}

async function readAll(
  db: PipelineDatabase,
  runs: readonly string[],
): Promise<ReadonlyMap<string, { readonly metrics: RunMetrics; readonly tasks: number }>> {
  const steps = new Map<string, number[]>(runs.map((run) => [run, []]));
  const rows =
    runs.length === 0
      ? []
      : await db
          .selectFrom("task")
          .select(["id", "run"])
          .where("run", "in", runs)
          .where("type", "in", stepTypes)
          .execute();
  for (const { id, run } of rows) steps.get(run)?.push(id);
  const found = new Map(runs.map((run) => [run, { metrics: new RunMetrics(), tasks: steps.get(run)?.length ?? 0 }]));
  for await (const logged of loggedBy(
    db,
    rows.map(({ id }) => id),
  ))
    found.get(logged.run)?.metrics.add(logged);
  for (const { metrics } of found.values()) metrics.cut();
  return found;
}

/** All that one step logged. */
interface Logged {
  readonly run: string;
  readonly task: number;
  readonly key: string;
  readonly values: readonly (readonly [name: string, value: number])[];
}

/** Those of the steps that logged anything, read a few hundred at a time: others have their turn in between. */
async function* loggedBy(db: PipelineDatabase, tasks: readonly number[]): AsyncGenerator<Logged> {
  for (const [index, ids] of [...chunksOf(tasks, tasksAtOnce)].entries()) {
    if (index > 0) await setImmediate();
    const rows = await db
      .selectFrom("task")
      .innerJoin("task_artifact", "task_artifact.task", "task.id")
      .innerJoin("artifact", "artifact.id", "task_artifact.artifact")
      .select(["task.run", "task.id", "task.key", "artifact.metadata"])
      .where("task.id", "in", ids)
      .where("task.type", "in", stepTypes)
      .where("task_artifact.direction", "=", "OUTPUT")
      .where("artifact.type", "=", "system.Metrics")
      .orderBy("task.id")
      .orderBy("artifact.id")
      .execute();
    for (const [task, own] of Map.groupBy(rows, ({ id }) => id)) {
      const [{ run, key } = { run: "", key: "" }] = own;
      yield { run, task, key, values: own.flatMap(({ metadata }) => numbersIn(metadata)) };
    }
  }
}

const numbersIn = (metadata: string) =>
  Object.entries(parseObject(metadata)).filter((entry): entry is [string, number] => typeof entry[1] === "number");

interface Value {
  readonly task: number;
  readonly key: string;
  /** Its place among what the same step logged. */
  readonly at: number;
  readonly value: number;
}

/** A step of the pipeline, with all of its turns. */
interface Step {
  /** The task that began first. */
  first: number;
  readonly byName: Map<string, Value[]>;
  /** Whether names that came later than those that are shown were left out. */
  isCut: boolean;
}

const naturally = new Intl.Collator("en", { numeric: true });
const inOrder = (a: Value, b: Value): number => naturally.compare(a.key, b.key) || a.at - b.at;

/**
 * What the steps of a run logged, cut to what is shown: steps as they began, but the turns of a loop by their number, since they run
 * side by side, and two equal runs must show the same. Steps may come in any order.
 */
class RunMetrics {
  readonly #steps = new Map<string, Step>();
  #isLost = false;

  /** Takes in what changed tasks have logged by now. False if it cannot tell any more what to show: then all is read again. */
  update(changed: readonly number[], logged: ReadonlyMap<number, Logged>): boolean {
    this.#isLost ||= changed.some((task) => this.#contradicts(task, logged.get(task)?.values ?? []));
    this.#isLost ||= ![...logged.values()].every((each) => this.add(each));
    this.cut();
    return !this.#isLost;
  }

  /** False if what was cut off may be missing now. */
  add({ task, key, values }: Logged): boolean {
    if (values.length === 0) return true;
    const path = key.replaceAll(/\[\d+\]/g, "");
    const step = this.#steps.get(path) ?? { first: task, byName: new Map<string, Value[]>(), isCut: false };
    this.#steps.set(path, step);
    step.first = Math.min(step.first, task);
    return values.every(([name, value], at) => addValue(step, name, { task, key, at, value }));
  }

  /** Leaves out the names that are not shown. */
  cut(): void {
    for (const step of this.#steps.values()) {
      if (step.byName.size <= metricLimits.names) continue;
      for (const name of namesInOrder(step).slice(metricLimits.names)) step.byName.delete(name);
      step.isCut = true;
    }
  }

  shown(): Metrics {
    const metrics: Record<string, number[]> = {};
    for (const step of [...this.#steps.values()].toSorted((a, b) => a.first - b.first)) {
      for (const name of namesInOrder(step)) {
        const shown = metrics[name] ?? [];
        if (shown.length === 0 && Object.keys(metrics).length >= metricLimits.names) continue;
        const more = (step.byName.get(name) ?? []).slice(0, metricLimits.values - shown.length);
        metrics[name] = [...shown, ...more.map(({ value }) => value)];
      }
    }
    return metrics;
  }

  /** Whether a task that was tried again has logged something else before: what was cut off for it may be shown now. */
  #contradicts(task: number, values: Logged["values"]): boolean {
    for (const { byName } of this.#steps.values()) {
      for (const [name, held] of byName) {
        const own = held.filter((each) => each.task === task);
        if (own.some(({ at, value }) => values[at]?.[0] !== name || values[at]?.[1] !== value)) return true;
      }
    }
    return false;
  }
}

function addValue(step: Step, name: string, value: Value): boolean {
  const held = step.byName.get(name);
  if (held) insert(held, value);
  else if (!step.isCut) step.byName.set(name, [value]);
  // Of a name that was left out there were values already: they are missing if it is to be shown now.
  else return inOrder(value, firstOf(step, namesInOrder(step).at(-1) ?? "")) > 0;
  return true;
}

function insert(held: Value[], value: Value): void {
  const at = held.findLastIndex((each) => inOrder(each, value) <= 0);
  const before = held[at];
  if (before?.task === value.task && before.at === value.at) return;
  held.splice(at + 1, 0, value);
  if (held.length > metricLimits.values) held.pop();
}

const namesInOrder = (step: Step): readonly string[] =>
  [...step.byName.keys()].toSorted((a, b) => inOrder(firstOf(step, a), firstOf(step, b)));

function firstOf({ byName }: Step, name: string): Value {
  const [first] = byName.get(name) ?? [];
  return first ?? { task: 0, key: "", at: 0, value: 0 };
}
