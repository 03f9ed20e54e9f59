import type { Clock, ObjectKey } from "@headrace/model";
import { chunksOf, finalRunStates, type Records, type RunState } from "@headrace/records";
import { formatKey, parseKey } from "@headrace/runtime";
import type { PipelineSettings } from "../core/ir.ts";
import type { RunKey } from "../engine.ts";
import type { PipelineDatabase, PipelineTables } from "../records/tables.ts";
import { type Alarm, createAlarm } from "./alarm.ts";
import type { Claims } from "./claims.ts";
import type { PipelineCache } from "./pipeline-cache.ts";
import type { Pods } from "./pods.ts";

export interface LeftoversOptions {
  readonly records: Records;
  readonly pipelines: PipelineCache;
  readonly pods: Pods;
  readonly claims: Claims;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** A run that is over. */
export interface Ended extends RunKey {
  readonly state: RunState;
  readonly finishedAt: number;
}

/**
 * What a run that is over has left in Kubernetes. Its workspace goes once it has succeeded, and stays where a retry may want it;
 * its pods, and whatever else is left, go when the time has passed that the pipeline gives (`resource_ttl_on_…`).
 */
export class Leftovers {
  readonly #options: LeftoversOptions;
  /** By run: when what it left goes. */
  readonly #alarm: Alarm;

  constructor(options: LeftoversOptions) {
    this.#options = options;
    this.#alarm = createAlarm(options.clock, (key) => this.#clear(parseKey(key)));
  }

  /** Takes up what earlier processes had to leave undone. */
  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#alarm.stop(), { once: true });
    const { pods, claims, records } = this.#options;
    const workspaces = await claims.workspaces();
    const known = new Map(
      [...pods.runs(), ...workspaces.map(({ ns, run }) => ({ ns, id: run }))].map((run) => [run.id, run]),
    );
    const { db } = records.all<PipelineTables>();
    const ids = [...known.keys()];
    for (const some of chunksOf(ids)) {
      if (signal.aborted) return;
      const rows = await runsOf(db, some);
      for (const { ns, id, state, finished_at, spec } of rows) {
        if (!finalRunStates.includes(state)) continue;
        const pipeline = await this.#options.pipelines.read(db, ns, spec).catch(this.#options.onError);
        if (pipeline) this.ended({ ns, id, state, finishedAt: finished_at ?? 0 }, pipeline.settings);
      }
      const found = new Set(rows.map(({ id }) => id));
      for (const { ns, run } of workspaces) if (some.includes(run) && !found.has(run)) claims.removeWorkspace(ns, run);
    }
  }

  /** Says that a run is over, again after a restart. */
  ended({ state, finishedAt, ...run }: Ended, { workspace, resourceTtl }: PipelineSettings): void {
    if (workspace && state === "SUCCEEDED") this.#options.claims.removeWorkspace(run.ns, run.id);
    const seconds = state === "SUCCEEDED" ? resourceTtl.onSuccess : resourceTtl.onFailure;
    if (seconds === undefined) return;
    this.#alarm.set(keyOf(run), finishedAt + seconds * 1000);
  }

  /** The run goes on, or is gone: nothing is due any more. */
  keep(run: RunKey): void {
    this.#alarm.set(keyOf(run), undefined);
  }

  #clear({ namespace: ns, name: id }: ObjectKey): void {
    const { pods, claims, onError } = this.#options;
    claims.removeWorkspace(ns, id);
    pods.forget(ns, id).catch(onError);
  }
}

const keyOf = ({ ns, id }: RunKey): string => formatKey({ namespace: ns, name: id });

function runsOf(db: PipelineDatabase, ids: readonly string[]) {
  return db
    .selectFrom("run")
    .innerJoin("pipeline_run", "pipeline_run.run", "run.id")
    .select(["run.id", "run.ns", "run.state", "run.finished_at", "pipeline_run.spec"])
    .where("run.id", "in", ids)
    .execute();
}
