import { chunksOf, type Records, rowChunks } from "@headrace/records";
import type { Insertable } from "kysely";
import { keepDocument } from "../records/documents.ts";
import type { PipelineDatabase, PipelineRunTable, PipelineTables } from "../records/tables.ts";

export interface RunToWrite {
  readonly id: string;
  readonly name: string;
  /** Steps in layers of a width: each takes from one or two of the layer before. */
  readonly steps: number;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Logged by the last step. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** Key of a step that failed; the rest succeeded. */
  readonly failed?: number;
  /** Milliseconds since the epoch; each step takes 100 ms. */
  readonly startedAt: number;
}

const layerWidth = 25;
const stepMs = 100;
const runsAtOnce = 500;

/** Writes finished runs as the engine leaves them, without running them: for what must be looked at in large numbers. */
export async function writeRuns(records: Records, ns: string, runs: readonly RunToWrite[]): Promise<void> {
  for (const chunk of chunksOf(runs, runsAtOnce)) {
    await records.in<PipelineTables>(ns).transaction(async ({ db, changed }) => {
      await writeRunRows(db, ns, chunk);
      await writeTaskRows(db, ns, chunk);
      for (const { id } of chunk) changed({ ns, kind: "runs", key: id, op: "PUT" });
    });
  }
}

async function writeRunRows(db: PipelineDatabase, ns: string, runs: readonly RunToWrite[]): Promise<void> {
  const experiment = await db.selectFrom("experiment").select("id").where("ns", "=", ns).executeTakeFirst();
  const specs = new Map<number, string>();
  for (const { steps, startedAt } of runs) {
    if (specs.has(steps)) continue;
    const content = JSON.stringify(layeredPipeline(steps));
    specs.set(steps, await keepDocument(db, { ns, content, now: startedAt }));
  }
  const states = runs.map(({ id, steps, failed, startedAt }) => ({
    id,
    ns,
    state: failed === undefined ? ("SUCCEEDED" as const) : ("FAILED" as const),
    error: failed === undefined ? null : `Step "${nameOf(failed)}" failed: the step exited with code 1`,
    created_at: startedAt,
    started_at: startedAt,
    finished_at: startedAt + Math.ceil(steps / layerWidth) * stepMs,
  }));
  const rows = runs.map(({ id, name, steps, parameters = {}, startedAt }): Insertable<PipelineRunTable> => ({
    run: id,
    ns,
    experiment: experiment?.id ?? "",
    display_name: name,
    description: "",
    storage_state: "AVAILABLE",
    pipeline: null,
    pipeline_version: null,
    pipeline_name: "layered",
    resource_name: `layered-${id.slice(0, 8)}`,
    spec: specs.get(steps) ?? "",
    parameters: JSON.stringify(parameters),
    pipeline_root: "",
    service_account: "pipeline-runner",
    cache: 1,
    cache_max_age: null,
    run_again: null,
    created_at: startedAt,
    scheduled_at: startedAt,
    recurring_run: null,
    recurring_index: null,
  }));
  for (const some of rowChunks(states)) await db.insertInto("run").values(some).execute();
  for (const some of rowChunks(rows)) await db.insertInto("pipeline_run").values(some).execute();
}

async function writeTaskRows(db: PipelineDatabase, ns: string, runs: readonly RunToWrite[]): Promise<void> {
  const roots = new Map<string, number>();
  const rootRows = runs.map((run) => taskRow(ns, run, { key: "root", type: "ROOT", parent: null, at: run.startedAt }));
  for (const rows of rowChunks(rootRows)) {
    const written = await db.insertInto("task").values(rows).returning(["id", "run"]).execute();
    for (const { id, run } of written) roots.set(run, id);
  }
  const steps = runs.flatMap((run) =>
    Array.from({ length: run.steps }, (_, index) => {
      const at = run.startedAt + Math.floor(index / layerWidth) * stepMs;
      return taskRow(ns, run, { key: `root/${nameOf(index)}`, type: "RUNTIME", parent: roots.get(run.id) ?? null, at });
    }),
  );
  const last = new Map<string, number>();
  for (const rows of rowChunks(steps)) {
    const written = await db.insertInto("task").values(rows).returning(["id", "run"]).execute();
    for (const { id, run } of written) last.set(run, id);
  }
  await writeMetrics(db, ns, runs, last);
}

async function writeMetrics(
  db: PipelineDatabase,
  ns: string,
  runs: readonly RunToWrite[],
  last: ReadonlyMap<string, number>,
): Promise<void> {
  const rows = runs.flatMap(({ id, metrics, startedAt }) =>
    metrics
      ? [
          {
            uid: id,
            ns,
            type: "system.Metrics",
            type_schema: "0.0.1",
            name: "metrics",
            uri: `minio://mlpipeline/v2/artifacts/layered/${id}/metrics`,
            metadata: JSON.stringify(metrics),
            digest: null,
            size: null,
            state: "LIVE" as const,
            created_at: startedAt,
          },
        ]
      : [],
  );
  if (rows.length === 0) return;
  const written = await db.insertInto("artifact").values(rows).returning(["id", "uid"]).execute();
  const links = written.map(({ id, uid }) => ({
    task: last.get(uid) ?? 0,
    artifact: id,
    ns,
    direction: "OUTPUT" as const,
    name: "metrics",
    index: 0,
  }));
  await db.insertInto("task_artifact").values(links).execute();
}

function taskRow(
  ns: string,
  { id, failed }: RunToWrite,
  { key, type, parent, at }: { key: string; type: "ROOT" | "RUNTIME"; parent: number | null; at: number },
): Insertable<PipelineTables["task"]> {
  const name = key.split("/").at(-1) ?? key;
  return {
    uid: `${id}-${key}`,
    ns,
    run: id,
    parent,
    key,
    name,
    display_name: name,
    type,
    iteration: null,
    state: failed !== undefined && (name === nameOf(failed) || type === "ROOT") ? "FAILED" : "SUCCEEDED",
    inputs: null,
    outputs: null,
    items: null,
    fingerprint: null,
    cached_from: null,
    error: null,
    created_at: at,
    started_at: at,
    finished_at: at + stepMs,
    retry_at: null,
    deadline_at: null,
  };
}

const nameOf = (index: number): string => `step-${index}`;

/** The names of the steps that a step waits for. */
function before(index: number): readonly string[] {
  if (index < layerWidth) return [];
  const above = index - layerWidth;
  return above % 3 === 0 && (above + 1) % layerWidth !== 0 ? [nameOf(above), nameOf(above + 1)] : [nameOf(above)];
}

function layeredPipeline(steps: number) {
  const tasks = Array.from({ length: steps }, (_, index) => [
    nameOf(index),
    {
      componentRef: { name: "comp-step" },
      taskInfo: { name: nameOf(index) },
      ...(before(index).length > 0 && { dependentTasks: before(index) }),
    },
  ]);
  return {
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.3",
    pipelineInfo: { name: "layered" },
    deploymentSpec: {
      executors: { "exec-step": { container: { image: "python:3", command: ["python3", "-c", "pass"] } } },
    },
    components: { "comp-step": { executorLabel: "exec-step" } },
    root: { dag: { tasks: Object.fromEntries(tasks) } },
  };
}
