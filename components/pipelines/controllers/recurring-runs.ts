import {
  ApiError,
  badRequest,
  type Clock,
  type Controller,
  type Ids,
  isApiError,
  type ObjectKey,
} from "@headrace/model";
import type { Change, Records } from "@headrace/records";
import { createController, createLimitedMap, formatKey, parseKey, type Source } from "@headrace/runtime";
import type { Pipeline } from "../core/ir.ts";
import { parseObject } from "../core/json.ts";
import { checkParameters } from "../core/parameters.ts";
import { tickRunId, tickRunName } from "../core/recurring-run.ts";
import { due } from "../core/schedule.ts";
import { documentValue } from "../core/spec.ts";
import type { Engine } from "../engine.ts";
import { keepDocument } from "../records/documents.ts";
import { findExperiment } from "../records/experiments.ts";
import { findLatestVersion, findPipeline } from "../records/pipelines.ts";
import {
  enabledRecurringRuns,
  findRecurringRunNamed,
  recurringRunChanges,
  type RecurringRunRow,
  recurringRunsOfRuns,
  recordTick,
  scheduleOf,
  unfinishedRunsOf,
  updateRecurringRun,
} from "../records/recurring-runs.ts";
import { insertRun } from "../records/runs.ts";
import type { PipelineTables } from "../records/tables.ts";
import { type Alarm, createAlarm } from "./alarm.ts";
import type { PipelineCache } from "./pipeline-cache.ts";

export interface RecurringRunsOptions {
  readonly records: Records;
  readonly engine: Engine;
  readonly pipelines: PipelineCache;
  readonly clock: Clock;
  readonly ids: Ids;
  /** IANA name. */
  readonly timeZone: string;
  readonly onError: (error: unknown) => void;
}

const maxOwnerless = 4096;

/**
 * Makes the runs of recurring runs. What is due follows from the row alone; a tick's run, and that the tick has happened, are one
 * transaction, and the run's id follows from the tick, so that none is lost and none happens twice, whenever the process ends.
 */
export function recurringRunController(options: RecurringRunsOptions): Controller {
  const { clock, onError } = options;
  return {
    name: "pipelines-recurring-runs",
    async start(signal) {
      let enqueue: (key: ObjectKey) => void = () => {};
      const alarm = createAlarm(clock, (key) => enqueue(parseKey(key)));
      signal.addEventListener("abort", () => alarm.stop(), { once: true });
      const scheduler = new Scheduler(options, alarm);
      const source: Source = {
        async start(into) {
          enqueue = into;
          await scheduler.follow(into, signal);
        },
      };
      const controller = createController({
        name: "pipelines-recurring-runs",
        clock,
        sources: [source],
        reconcile: (key) => scheduler.bringUpToDate(key),
        onFailure: ({ error }) => onError(error),
      });
      await controller.start(signal);
    },
  };
}

class Scheduler {
  readonly #options: RecurringRunsOptions;
  /** Runs that no recurring run made, and that none will: each of their steps is told, and most runs are such. */
  readonly #ownerless = createLimitedMap<true>(maxOwnerless);
  readonly #alarm: Alarm;

  constructor(options: RecurringRunsOptions, alarm: Alarm) {
    this.#options = options;
    this.#alarm = alarm;
  }

  /** Everything that is enabled, then what changes: recurring runs themselves, and their runs, whose end may let the next one begin. */
  async follow(enqueue: (key: ObjectKey) => void, signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#watch(recurringRunChanges, signal, {
        all: enqueue,
        changed: (changes) => changes.map(keyOf).forEach(enqueue),
      }),
      this.#watch("runs", signal, {
        all: enqueue,
        changed: async (changes) => {
          const { db } = this.#options.records.all<PipelineTables>();
          const runs = [...new Set(changes.map(({ key }) => key))].filter((run) => !this.#ownerless.get(run));
          if (runs.length === 0) return;
          const owners = await recurringRunsOfRuns(db, runs);
          if (owners.length === 0) for (const run of runs) this.#ownerless.set(run, true);
          for (const { ns, name } of owners) enqueue({ namespace: ns, name });
          await this.#tell(owners);
        },
      }),
    ]);
  }

  /** Their objects show their runs, so they have changed with those. */
  async #tell(owners: readonly { readonly ns: string; readonly name: string }[]): Promise<void> {
    if (owners.length === 0) return;
    await this.#options.records.all<PipelineTables>().transaction(async ({ changed }) => {
      for (const { ns, name } of owners) changed({ ns, kind: recurringRunChanges, key: name, op: "PUT" });
    });
  }

  /** Resolves once all that exists is enqueued; goes on until the signal aborts. Begins again if it was left too far behind. */
  async #watch(
    kind: string,
    signal: AbortSignal,
    to: { all: (key: ObjectKey) => void; changed: (changes: readonly Change[]) => Promise<void> | void },
  ): Promise<void> {
    const { records, onError } = this.#options;
    const since = await records.sequence();
    for await (const { ns, name } of enabledRecurringRuns(records.all<PipelineTables>().db)) {
      to.all({ namespace: ns, name });
    }
    const listen = async (): Promise<void> => {
      for await (const changes of records.changes({ kind, since, signal })) await to.changed(changes);
    };
    listen().catch((error: unknown) => {
      if (signal.aborted) return;
      if (!isApiError(error, "Expired")) onError(error);
      void this.#watch(kind, signal, to).catch(onError);
    });
  }

  async bringUpToDate(key: ObjectKey): Promise<void> {
    const { records, clock, timeZone: zone } = this.#options;
    const { db } = records.in<PipelineTables>(key.namespace);
    const row = await findRecurringRunNamed(db, key.namespace, key.name);
    if (!row?.enabled) return this.#alarm.set(formatKey(key), undefined);
    const now = clock.now();
    const schedule = scheduleOf(row);
    const limit = row.max_concurrency - (await unfinishedRunsOf(db, row)).length;
    const { ticks, next } = due(schedule, { last: row.last_at ?? undefined, now, limit, zone });
    try {
      let current = row;
      for (const tick of ticks) current = await this.#makeRun(current, tick);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await this.#note(row, error.message);
      // It may be well again by the next time, or somebody changes what is wrong.
      return this.#alarm.set(formatKey(key), due(schedule, { last: now, now, limit, zone }).next);
    }
    // What is due and held back waits for the end of a run.
    this.#alarm.set(formatKey(key), next !== undefined && next > now ? next : undefined);
  }

  async #makeRun(row: RecurringRunRow, tick: number): Promise<RecurringRunRow> {
    const { records, clock, ids, engine } = this.#options;
    const { ns } = row;
    await this.#requireExperiment(row);
    const { pipeline, version } = await this.#pipelineOf(row);
    checkParameters(pipeline, parseObject(row.parameters));
    const now = clock.now();
    const index = row.last_index + 1;
    const id = tickRunId(row.id, tick);
    const run = {
      run: id,
      ns,
      experiment: row.experiment,
      display_name: tickRunName(row.name, index),
      description: "",
      storage_state: "AVAILABLE",
      pipeline: row.pipeline,
      pipeline_version: version,
      pipeline_name: pipeline.name,
      resource_name: `${pipeline.name}-${ids.suffix(5)}`,
      parameters: row.parameters,
      pipeline_root: row.pipeline_root,
      service_account: row.service_account,
      cache: 1,
      keep_going: row.keep_going,
      cache_max_age: row.cache_max_age,
      created_at: now,
      scheduled_at: tick,
      recurring_run: row.id,
      recurring_index: index,
    } as const;
    const content = JSON.stringify(documentValue(pipeline.document));
    await records.in<PipelineTables>(ns).transaction(async ({ db, changed }) => {
      if (!(await recordTick(db, row, tick)))
        throw new ApiError("Conflict", `Recurring run "${row.name}" has changed since it was looked at`);
      await insertRun(db, { ...run, spec: await keepDocument(db, { ns, content, now }) });
      changed({ ns, kind: "runs", key: id, op: "PUT" });
      changed({ ns, kind: recurringRunChanges, key: row.name, op: "PUT" });
    });
    engine.submitted({ ns, id });
    return { ...row, last_at: tick, last_index: index, error: null };
  }

  async #requireExperiment({ ns, experiment }: RecurringRunRow): Promise<void> {
    const found = await findExperiment(this.#options.records.in<PipelineTables>(ns).db, experiment);
    if (!found) throw badRequest("Its experiment was deleted; make the recurring run anew in another one");
    if (found.storage_state === "ARCHIVED")
      throw badRequest(`Its experiment "${found.name}" is archived; restore that first`);
  }

  /** What it is bound to, or the pipeline's latest version by now. */
  async #pipelineOf(row: RecurringRunRow): Promise<{ pipeline: Pipeline; version: string | null }> {
    const { records, pipelines } = this.#options;
    // A pipeline that everybody may use is in no namespace.
    const { db } = records.all<PipelineTables>();
    if (row.spec !== null) {
      return { pipeline: await pipelines.read(db, row.ns, row.spec), version: row.pipeline_version };
    }
    const owner = row.pipeline === null ? undefined : await findPipeline(db, row.pipeline);
    if (!owner) throw badRequest("Its pipeline was deleted; make the recurring run anew with another one");
    const version = await findLatestVersion(db, owner);
    if (!version) throw badRequest(`Its pipeline "${owner.name}" has no version; upload one`);
    return { pipeline: await pipelines.read(db, version.ns, version.spec), version: version.id };
  }

  /** Written once: what does not change wakes nobody. */
  async #note(row: RecurringRunRow, message: string): Promise<void> {
    const error = `Cannot make a run: ${message}`;
    if (row.error === error) return;
    await this.#options.records.in<PipelineTables>(row.ns).transaction(async ({ db, changed }) => {
      await updateRecurringRun(db, row, { error });
      changed({ ns: row.ns, kind: recurringRunChanges, key: row.name, op: "PUT" });
    });
  }
}

const keyOf = ({ ns, key }: Change): ObjectKey => ({ namespace: ns, name: key });

/** What is wrong with the recurring run itself, or with what it refers to. Trying again at once would not help. */
const isRefusal = (error: unknown): error is ApiError => isApiError(error, "BadRequest");
