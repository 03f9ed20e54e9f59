import { formatTime, type WatchEvent } from "@headrace/model";
import type { Change, Records, RunState, TaskState } from "@headrace/records";
import { sql } from "kysely";
import { parseObject } from "../core/json.ts";
import { findObjects, type ObjectSearch } from "../records/object-search.ts";
import { workflowChanges } from "../records/runs.ts";
import type { PipelineDatabase } from "../records/tables.ts";
import { stepTypes, type Workflow, workflows } from "../resources/index.ts";
import {
  atItsName,
  byName,
  createView,
  databaseOf,
  deletedObject,
  liveChanges,
  type View,
  withVersion,
} from "./projection.ts";
import { phaseOf } from "./workflow-phase.ts";

/** Steps of one object at most. */
const maxNodes = 100;

/** By which users of KFP find the Workflow, and the pods, of a run. */
const runLabel = "pipeline/runid";
const schedulePrefix = "scheduledworkflows.kubeflow.org";

/** `workflows.argoproj.io`: runs, by the name that KFP gives their Workflow. */
export function workflowProjection(records: Records): View<Workflow> {
  const view = createView(records, {
    definition: workflows,
    changes: workflowChanges,
    places: byName,
    pageSize: 500,
    remedy:
      "a Workflow shows a run, which is made, ended and deleted through KFP's API: kfp.Client's run_pipeline, terminate_run, delete_run",
    async find(db, { labels, ...search }) {
      const run = labels[runLabel];
      return (await find(db, { ...search, runs: run === undefined ? undefined : [run] })).map(atItsName);
    },
  });
  return {
    ...view,
    async *watch({ namespace, fields, since, signal }): AsyncGenerator<WatchEvent> {
      const wanted = fields["metadata.name"];
      const batches = (kind: string) => liveChanges(records, { kind, namespace, since, signal });
      for await (const batch of merged([batches("runs"), batches(workflowChanges)])) {
        for (const event of await eventsOf(databaseOf(records, namespace), namespace, batch)) {
          if (wanted === undefined || event.object.metadata.name === wanted) yield event;
        }
      }
    },
  };
}

/** Changes of runs go by their ids, and say nothing of a name once the run is gone: that is told apart. */
async function eventsOf(
  db: PipelineDatabase,
  namespace: string,
  changes: readonly Change[],
): Promise<readonly WatchEvent[]> {
  const byRun = new Map(changes.filter(({ kind }) => kind === "runs").map((change) => [change.key, change]));
  const found = await find(db, { namespace, runs: [...byRun.keys()] });
  return [
    ...found.map((workflow): WatchEvent => {
      const seq = byRun.get(workflow.metadata.uid ?? "")?.seq ?? 0;
      return { type: "MODIFIED", object: withVersion(workflow, seq) };
    }),
    ...changes
      .filter(({ kind }) => kind === workflowChanges)
      .map((change): WatchEvent => ({ type: "DELETED", object: deletedObject(workflows, change) })),
  ];
}

/** What comes of several sources, as it comes. */
async function* merged<T>(sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const step = async (source: AsyncGenerator<T>) => ({ source, result: await source.next() });
  const open = new Map(sources.map((source) => [source, step(source)]));
  while (open.size > 0) {
    const { source, result } = await Promise.race(open.values());
    if (result.done) open.delete(source);
    else {
      open.set(source, step(source));
      yield result.value;
    }
  }
}

interface Search extends ObjectSearch {
  /** Their ids. */
  readonly runs?: readonly string[] | undefined;
}

async function find(db: PipelineDatabase, search: Search): Promise<readonly Workflow[]> {
  if (search.runs?.length === 0) return [];
  const rows = await rowsOf(db, search);
  const steps = Map.groupBy(
    await stepsOf(
      db,
      rows.map(({ id }) => id),
    ),
    ({ run }) => run,
  );
  return rows.map((row) => toWorkflow(row, steps.get(row.id) ?? []));
}

async function rowsOf(db: PipelineDatabase, { runs, ...search }: Search) {
  const query = db
    .selectFrom("pipeline_run")
    .innerJoin("run", "run.id", "pipeline_run.run")
    .leftJoin("recurring_run", "recurring_run.id", "pipeline_run.recurring_run")
    .select(["run.id", "run.ns", "run.state", "run.error", "run.started_at", "run.finished_at", "run.created_at"])
    .select(["pipeline_run.resource_name", "pipeline_run.display_name", "pipeline_run.service_account"])
    .select(["pipeline_run.scheduled_at", "pipeline_run.recurring_index", "recurring_run.name as schedule"])
    .$if(runs !== undefined, (some) => some.where("run.id", "in", runs ?? []));
  return findObjects(query, { ns: "pipeline_run.ns", name: "pipeline_run.resource_name" }, search);
}

type Row = Awaited<ReturnType<typeof rowsOf>>[number];
type Step = Awaited<ReturnType<typeof stepsOf>>[number];

/** The first steps of each of several runs, with the number of all of them and of those that are done. */
async function stepsOf(db: PipelineDatabase, runs: readonly string[]) {
  if (runs.length === 0) return [];
  const numbered = db
    .selectFrom("task")
    .select(["id", "uid", "run", "name", "key", "state", "error", "started_at", "finished_at"])
    .select(sql<number>`row_number() over (partition by run order by id)`.as("position"))
    .select(sql<number>`count(*) over (partition by run)`.as("total"))
    .select(
      sql<number>`sum(case when state in ('SUCCEEDED', 'CACHED', 'SKIPPED') then 1 else 0 end) over (partition by run)`.as(
        "done",
      ),
    )
    .where("run", "in", runs)
    .where("type", "in", stepTypes);
  return db
    .selectFrom(numbered.as("step"))
    .selectAll()
    .where("position", "<=", maxNodes)
    .orderBy("run")
    .orderBy("position")
    .execute();
}

function toWorkflow(row: Row, steps: readonly Step[]): Workflow {
  const { total = 0, done = 0 } = steps[0] ?? {};
  const failed = steps.find(({ state }) => state === "FAILED");
  const message = row.error ?? failed?.error ?? null;
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Workflow",
    metadata: {
      name: row.resource_name,
      namespace: row.ns,
      uid: row.id,
      creationTimestamp: formatTime(row.created_at),
      labels: labelsOf(row),
      annotations: { "pipelines.kubeflow.org/run_name": row.display_name },
    },
    spec: { serviceAccountName: row.service_account },
    status: {
      phase: phaseOf(row.state as RunState),
      progress: `${Number(done)}/${Number(total)}`,
      ...timesOf(row),
      // As Argo has it, and only once it is over: what `kubectl wait --for=condition=Completed` waits for.
      ...(row.finished_at !== null && { conditions: [{ type: "Completed", status: "True" }] }),
      ...(message !== null && { message: readMessage(message) }),
      ...(steps.length > 0 && { nodes: Object.fromEntries(steps.map((step) => [step.uid, nodeOf(step)])) }),
    },
  };
}

function labelsOf(row: Row): Readonly<Record<string, string>> {
  const hasEnded = row.finished_at !== null;
  return {
    [runLabel]: row.id,
    "workflows.argoproj.io/phase": phaseOf(row.state as RunState),
    ...(hasEnded && { "workflows.argoproj.io/completed": "true" }),
    ...(row.schedule !== null && {
      [`${schedulePrefix}/isOwnedByScheduledWorkflow`]: "true",
      [`${schedulePrefix}/scheduledWorkflowName`]: row.schedule,
      [`${schedulePrefix}/workflowEpoch`]: String(Math.floor(row.scheduled_at / 1000)),
      [`${schedulePrefix}/workflowIndex`]: String(row.recurring_index ?? 0),
    }),
  };
}

function nodeOf(step: Step) {
  return {
    id: step.uid,
    name: step.key,
    displayName: step.name,
    type: "Pod",
    phase: nodePhases[step.state as TaskState],
    ...timesOf(step),
    ...(step.error !== null && { message: readMessage(step.error) }),
  };
}

const nodePhases = {
  PENDING: "Pending",
  RUNNING: "Running",
  SUCCEEDED: "Succeeded",
  CACHED: "Succeeded",
  SKIPPED: "Omitted",
  FAILED: "Failed",
  CANCELED: "Failed",
} as const satisfies Readonly<Record<TaskState, string>>;

function timesOf({ started_at, finished_at }: Pick<Row, "started_at" | "finished_at">) {
  return {
    ...(started_at !== null && { startedAt: formatTime(started_at) }),
    ...(finished_at !== null && { finishedAt: formatTime(finished_at) }),
  };
}

/** A run's error is text, a task's an object. */
function readMessage(error: string): string {
  if (!error.startsWith("{")) return error;
  const { message } = parseObject(error);
  return typeof message === "string" ? message : error;
}
