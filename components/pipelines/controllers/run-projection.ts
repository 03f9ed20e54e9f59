import { formatMicroTime, formatTime } from "@headrace/model";
import type { Records } from "@headrace/records";
import { type Selectable, sql } from "kysely";
import { parseObject } from "../core/json.ts";
import type { PipelineDatabase, PipelineRunTable } from "../records/tables.ts";
import { type Run, runLabel, runs, stepTypes } from "../resources/index.ts";
import { byTime, createView, type View } from "./projection.ts";
import { type Metrics, MetricsReader } from "./run-metrics.ts";

export interface RunProjectionOptions {
  readonly records: Records;
  /** What keeps a run from going on for now. */
  readonly stuck: (run: string) => Run["status"]["waiting"];
}

/** `runs.headrace.io`, the newest first. */
export function runProjection({ records, stuck }: RunProjectionOptions): View<Run> {
  const logged = new MetricsReader();
  return createView(records, {
    definition: runs,
    changes: "runs",
    places: byTime,
    remedy: "runs are made, ended and deleted by `headrace run` and `headrace runs`, or through KFP's API",
    prefix: ({ labels }) => labels[runLabel] ?? "",
    async find(db, { namespace, names, fields, labels, after, limit }) {
      if (names?.length === 0) return [];
      const { "status.state": state, "spec.experiment.id": experiment } = fields;
      const run = labels[runLabel];
      const rows = await db
        .selectFrom("run")
        .innerJoin("pipeline_run", "pipeline_run.run", "run.id")
        .leftJoin("experiment", "experiment.id", "pipeline_run.experiment")
        .selectAll("pipeline_run")
        .select(["run.state", "run.error", "run.started_at", "run.finished_at", "experiment.name as experiment_name"])
        .$if(namespace !== "", (query) => query.where("run.ns", "=", namespace))
        .$if(names !== undefined, (query) => query.where("run.id", "in", names ?? []))
        .$if(run !== undefined, (query) => query.where("run.id", "=", run ?? ""))
        .$if(state !== undefined, (query) => query.where(sql<boolean>`run.state = ${state}`))
        .$if(experiment !== undefined, (query) => query.where("pipeline_run.experiment", "=", experiment ?? ""))
        .$if(after !== undefined, (query) =>
          query.where(({ eb, or, and }) =>
            or([
              eb("run.created_at", "<", after?.time ?? 0),
              and([eb("run.created_at", "=", after?.time ?? 0), eb("run.id", "<", after?.id ?? "")]),
            ]),
          ),
        )
        .$if(limit !== undefined, (query) => query.limit(limit ?? 0))
        .orderBy("run.created_at", "desc")
        .orderBy("run.id", "desc")
        .execute();
      const found = rows.map(({ run }) => run);
      const [steps, metrics] = [await countSteps(db, found), await logged.read(db, found)];
      return rows.map((row) => ({
        object: toRun(row, { steps: steps.get(row.run) ?? {}, metrics: metrics.get(row.run), waiting: stuck(row.run) }),
        place: { time: row.created_at, id: row.run },
      }));
    },
  });
}

type Steps = Record<string, number>;

/** Steps by state. */
async function countSteps(db: PipelineDatabase, ids: readonly string[]): Promise<ReadonlyMap<string, Steps>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom("task")
    .select(["run", "state", sql<number>`count(*)`.as("count")])
    .where("run", "in", ids)
    .where("type", "in", stepTypes)
    .groupBy(["run", "state"])
    .execute();
  const byRun = new Map<string, Steps>();
  for (const { run, state, count } of rows) byRun.set(run, { ...byRun.get(run), [state]: Number(count) });
  return byRun;
}

interface RunRow extends Selectable<PipelineRunTable> {
  readonly state: Run["status"]["state"];
  readonly error: string | null;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly experiment_name: string | null;
}

interface Surroundings {
  readonly steps: Steps;
  readonly metrics: Metrics | undefined;
  readonly waiting: Run["status"]["waiting"];
}

function toRun(row: RunRow, { steps, metrics, waiting }: Surroundings): Run {
  return {
    apiVersion: "headrace.io/v1alpha1",
    kind: "Run",
    metadata: {
      name: row.run,
      namespace: row.ns,
      uid: row.run,
      creationTimestamp: formatTime(row.created_at),
      labels: { [runLabel]: row.run },
    },
    spec: {
      displayName: row.display_name,
      description: row.description,
      experiment: { id: row.experiment, name: row.experiment_name ?? "" },
      pipeline: {
        name: row.pipeline_name,
        ...(row.pipeline !== null && { id: row.pipeline }),
        ...(row.pipeline_version !== null && { versionId: row.pipeline_version }),
      },
      parameters: parseObject(row.parameters),
      pipelineRoot: row.pipeline_root,
      serviceAccount: row.service_account,
      archived: row.storage_state === "ARCHIVED",
      ...(row.recurring_run !== null && { recurringRun: row.recurring_run }),
    },
    status: {
      state: row.state,
      steps,
      ...(row.started_at !== null && { startedAt: formatMicroTime(row.started_at) }),
      ...(row.finished_at !== null && { finishedAt: formatMicroTime(row.finished_at) }),
      ...(row.error !== null && { error: row.error }),
      ...(waiting && { waiting }),
      ...(metrics && { metrics }),
    },
  };
}
