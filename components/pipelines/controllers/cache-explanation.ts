import { formatTime, humanDuration, type Reason } from "@headrace/model";
import { cacheKey } from "../core/cache-key.ts";
import { type Component, type Task, taskAt } from "../core/ir.ts";
import {
  asText,
  canonical,
  field,
  isList,
  isObject,
  type JsonObject,
  type JsonValue,
  parseObject,
} from "../core/json.ts";
import { outersOf } from "../core/retry.ts";
import { findRun, type RunRow, type TaskRow } from "../records/runs.ts";
import type { PipelineDatabase } from "../records/tables.ts";
import { stepTypes, taskName } from "../resources/index.ts";
import type { PipelineCache } from "./pipeline-cache.ts";

/** Values longer than this are cut where they are shown. */
const shownCharacters = 80;

/**
 * Whether a step was reused, from where, and if not, what differs from the last time that it succeeded. One sentence; nothing for
 * what is no step, or has not come so far yet.
 */
export async function explainCache(
  db: PipelineDatabase,
  pipelines: PipelineCache,
  id: number,
): Promise<readonly Reason[]> {
  const task = await db.selectFrom("task").selectAll().where("id", "=", id).executeTakeFirst();
  const run = task && (await findRun(db, task.run));
  if (!task || !run || task.type !== "RUNTIME" || task.inputs === null) return [];
  if (task.state === "CACHED") return [await reused(db, task)];
  return new Question(db, pipelines, { task, run }).answer();
}

async function reused(db: PipelineDatabase, task: TaskRow): Promise<Reason> {
  const source = await db
    .selectFrom("task")
    .selectAll()
    .where("id", "=", task.cached_from ?? 0)
    .executeTakeFirst();
  const run = source && (await findRun(db, source.run));
  const from = run ? `what ${source.key} of ${nameOf(run)} made` : "what a run made that was deleted since";
  return { summary: `${task.key}: Reused ${from}: its image, command and inputs are the same` };
}

interface Subject {
  readonly task: TaskRow;
  readonly run: RunRow;
}

/** Why one step was not reused. */
class Question {
  readonly #db: PipelineDatabase;
  readonly #pipelines: PipelineCache;
  readonly #now: Subject;

  constructor(db: PipelineDatabase, pipelines: PipelineCache, now: Subject) {
    this.#db = db;
    this.#pipelines = pipelines;
    this.#now = now;
  }

  async answer(): Promise<readonly Reason[]> {
    const { task, run } = this.#now;
    const switchedOff = await this.#switchedOff();
    if (switchedOff) return [this.#notReused(switchedOff)];
    if (task.fingerprint === null) return [];
    const same = await this.#earlier("fingerprint", task.fingerprint);
    if (same) return [this.#notReused(await this.#refused(same))];
    const before = await this.#earlier("key", task.key);
    if (before) return [await this.#differs(before)];
    return [this.#notReused(`no earlier run of pipeline "${run.pipeline_name}" has a result of this step`)];
  }

  #notReused(why: string, remedy?: string): Reason {
    return { summary: `${this.#now.task.key}: Not reused: ${why}`, ...(remedy !== undefined && { remedy }) };
  }

  async #switchedOff(): Promise<string | undefined> {
    const { task, run } = this.#now;
    if (run.cache === 0) return "caching is off for this run";
    const defined = await this.#definition(this.#now);
    if (defined && !defined.cache.enabled)
      return "caching is off for this step, by its pipeline or by who submitted the run";
    const chosen: unknown = run.run_again === null ? [] : JSON.parse(run.run_again);
    const isChosen = Array.isArray(chosen) && outersOf(task.key).some((outer) => chosen.includes(outer));
    return isChosen ? "the run was to be retried from here" : undefined;
  }

  /** The newest earlier success of this pipeline with that value. */
  async #earlier(column: "fingerprint" | "key", value: string): Promise<Subject | undefined> {
    const { task, run } = this.#now;
    const found = await this.#db
      .selectFrom("task")
      .innerJoin("pipeline_run", "pipeline_run.run", "task.run")
      .selectAll("task")
      .where("task.ns", "=", task.ns)
      .where(`task.${column}`, "=", value)
      .where("task.state", "in", ["SUCCEEDED", "CACHED"])
      .where("pipeline_run.pipeline_name", "=", run.pipeline_name)
      .where("task.id", "<", task.id)
      .orderBy("task.id", "desc")
      .limit(1)
      .executeTakeFirst();
    const itsRun = found && (await findRun(this.#db, found.run));
    return itsRun && { task: found, run: itsRun };
  }

  /** Why an equal step was not taken, as far as it can still be seen. */
  async #refused({ task, run }: Subject): Promise<string> {
    const { task: mine, run: myRun } = this.#now;
    const began = mine.started_at ?? mine.created_at;
    const finished = task.finished_at ?? task.created_at;
    if (finished > began) return `${nameOf(run)} was still at an equal step`;
    const age = began - (await this.#ranAt(task));
    if (myRun.cache_max_age !== null && age > myRun.cache_max_age)
      return `the result of ${nameOf(run)} was ${humanDuration(age)} old, and may be ${humanDuration(myRun.cache_max_age)} old at most`;
    return `artifacts of the equal step in ${nameOf(run)} are gone`;
  }

  async #ranAt(task: TaskRow): Promise<number> {
    const source = await this.#db
      .selectFrom("task")
      .select("finished_at")
      .where("id", "=", task.cached_from ?? task.id)
      .executeTakeFirst();
    return source?.finished_at ?? task.finished_at ?? task.created_at;
  }

  async #differs(before: Subject): Promise<Reason> {
    const [was, is] = [await this.#keyOf(before), await this.#keyOf(this.#now)];
    const found = was && is ? differences(was, is) : [];
    const what = found.length > 0 ? found.join("; ") : "its cache key is another";
    const since = `since ${nameOf(before.run)}, ${what}`;
    const producer = was && is && (await this.#newProducer(was, is));
    if (!producer) return this.#notReused(since);
    return this.#notReused(
      `${since}, made by ${producer.key}`,
      `See why that ran: headrace explain task/${taskName(producer.run, producer.id)}`,
    );
  }

  /** The step of the same run that made the first input artifact that is another one than before. */
  async #newProducer(was: JsonObject, is: JsonObject): Promise<TaskRow | undefined> {
    const [name] = changedNames(part(was, "inputArtifactNames"), part(is, "inputArtifactNames"));
    const list = name === undefined ? undefined : field(part(is, "inputArtifactNames"), name);
    const [artifact] = isObject(list) && isList(list["artifactNames"]) ? list["artifactNames"] : [];
    if (artifact === undefined) return undefined;
    return this.#db
      .selectFrom("task_artifact")
      .innerJoin("task", "task.id", "task_artifact.task")
      .selectAll("task")
      .where("task_artifact.artifact", "=", Number(artifact))
      .where("task_artifact.direction", "=", "OUTPUT")
      .where("task.run", "=", this.#now.task.run)
      .where("task.type", "in", stepTypes)
      .orderBy("task.id")
      .limit(1)
      .executeTakeFirst();
  }

  async #keyOf(subject: Subject): Promise<JsonObject | undefined> {
    const body = (await this.#definition(subject))?.component;
    return body && keyOf(body, subject.task.inputs);
  }

  async #definition({ task, run }: Subject): Promise<Task | undefined> {
    const pipeline = await this.#pipelines.read(this.#db, run.ns, run.spec);
    return taskAt(pipeline.root, task.key);
  }
}

function keyOf(component: Component, inputs: string | null): JsonObject | undefined {
  if (component.body.kind !== "container") return undefined;
  const { parameters, artifacts } = parseObject(inputs);
  const ids = Object.entries(isObject(artifacts) ? artifacts : {}).map(
    ([name, list]) => [name, isList(list) ? list.map((id) => ({ id: Number(id) })) : []] as const,
  );
  return cacheKey(component, component.body, {
    parameters: new Map(Object.entries(isObject(parameters) ? parameters : {})),
    artifacts: new Map(ids),
  });
}

function differences(was: JsonObject, is: JsonObject): readonly string[] {
  const parameters = { was: part(was, "inputParameterValues"), is: part(is, "inputParameterValues") };
  const artifacts = { was: part(was, "inputArtifactNames"), is: part(is, "inputArtifactNames") };
  const container = { was: part(was, "containerSpec"), is: part(is, "containerSpec") };
  const image = change(`the image`, container.was["image"], container.is["image"]);
  const outputs = ["outputParametersSpec", "outputArtifactsSpec"].some(
    (name) => !equal(part(was, name), part(is, name)),
  );
  return [
    ...changedNames(parameters.was, parameters.is).map((name) =>
      change(`input "${name}"`, field(parameters.was, name), field(parameters.is, name)),
    ),
    ...(equal(container.was["image"], container.is["image"]) ? [] : [image]),
    ...changedCode(container.was["cmdArgs"], container.is["cmdArgs"]),
    ...(outputs ? ["its outputs are declared differently"] : []),
    ...changedNames(artifacts.was, artifacts.is).map((name) => `input "${name}" is another artifact`),
  ];
}

/** The first line that differs says most: a step's arguments hold its source. */
function changedCode(was: JsonValue | undefined, is: JsonValue | undefined): readonly string[] {
  if (equal(was, is)) return [];
  const [before, after] = [was, is].map((words) => (isList(words) ? words.map(asText).join("\n").split("\n") : []));
  const at = after?.findIndex((line, index) => line !== before?.[index]) ?? -1;
  const line = at < 0 ? before?.length : at;
  const [old, fresh] = [before?.[line ?? 0], after?.[line ?? 0]];
  return [change("its code or command", old?.trim() ?? "", fresh?.trim() ?? "")];
}

const change = (what: string, was: JsonValue | undefined, is: JsonValue | undefined): string =>
  `${what} was ${shown(was)} and is ${shown(is)}`;

function shown(value: JsonValue | undefined): string {
  if (value === undefined) return "absent";
  const text = JSON.stringify(value);
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
}

const part = (key: JsonObject, name: string): JsonObject => {
  const value = field(key, name);
  return isObject(value) ? value : {};
};

const changedNames = (was: JsonObject, is: JsonObject): readonly string[] =>
  [...new Set([...Object.keys(is), ...Object.keys(was)])].filter((name) => !equal(field(was, name), field(is, name)));

const equal = (one: JsonValue | undefined, other: JsonValue | undefined): boolean =>
  canonical(one ?? null) === canonical(other ?? null);

const nameOf = (run: RunRow): string =>
  `run "${run.display_name}" (${run.run.slice(0, 8)}) of ${formatTime(run.created_at)}`;
