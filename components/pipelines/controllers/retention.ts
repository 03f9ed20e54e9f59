import type { Clock, Controller } from "@headrace/model";
import type { Records, RunState } from "@headrace/records";
import { findRun, setRunStorage } from "../records/runs.ts";
import type { PipelineTables } from "../records/tables.ts";
import type { RemoveRun } from "./run-removal.ts";

/** How long runs are kept, in milliseconds; what is absent, for ever. */
export interface Retention {
  /** From a run's end until it is archived. */
  readonly runsMs?: number;
  /** From when a run was archived until it is deleted. */
  readonly archivedRunsMs?: number;
}

export interface RetentionOptions extends Retention {
  readonly records: Records;
  readonly clock: Clock;
  readonly removeRun: RemoveRun;
  readonly onError: (error: unknown) => void;
}

const over: readonly RunState[] = ["SUCCEEDED", "FAILED", "CANCELED"];
/** Runs that are looked up at once; between two batches others have their turn. */
const batch = 100;
const pauseMs = 50;
const retryMs = 60_000;

/** Archives runs that ended long ago, and deletes those that were archived long ago. Sleeps until the next one is due. */
export function createRetention({ records, clock, removeRun, onError, ...keep }: RetentionOptions): Controller {
  const { db } = records.all<PipelineTables>();

  /** What is due by `until`, the oldest first, with when each began to wait. */
  const finished = (until: number) =>
    db
      .selectFrom("run")
      .innerJoin("pipeline_run", "pipeline_run.run", "run.id")
      .select(["run.id", "run.ns", "run.finished_at as since"])
      .where("pipeline_run.storage_state", "=", "AVAILABLE")
      .where("run.state", "in", over)
      .where("run.finished_at", "<=", until)
      .orderBy("run.finished_at")
      .limit(batch)
      .execute();

  const archived = (until: number) =>
    db
      .selectFrom("run")
      .innerJoin("pipeline_run", "pipeline_run.run", "run.id")
      .select((eb) => ["run.id", "run.ns", eb.fn.coalesce("pipeline_run.archived_at", "run.finished_at").as("since")])
      .where("pipeline_run.storage_state", "=", "ARCHIVED")
      .where("run.state", "in", over)
      .where((eb) => eb(eb.fn.coalesce("pipeline_run.archived_at", "run.finished_at"), "<=", until))
      .orderBy("since")
      .limit(batch)
      .execute();

  async function archive(run: { readonly id: string; readonly ns: string }): Promise<void> {
    await records.in<PipelineTables>(run.ns).transaction(async ({ db: rows, changed }) => {
      await setRunStorage(rows, { ns: run.ns, run: run.id }, "ARCHIVED", clock.now());
      changed({ ns: run.ns, kind: "runs", key: run.id, op: "PUT" });
    });
  }

  async function remove({ id }: { readonly id: string }): Promise<void> {
    const row = await findRun(db, id);
    if (row) await removeRun(row);
  }

  return {
    name: "pipelines-retention",
    async start(signal) {
      follow(keep.runsMs, finished, archive, signal);
      follow(keep.archivedRunsMs, archived, remove, signal);
    },
  };

  function follow(
    keepMs: number | undefined,
    due: typeof finished | typeof archived,
    act: (run: { readonly id: string; readonly ns: string }) => Promise<void>,
    signal: AbortSignal,
  ): void {
    if (keepMs === undefined) return;
    const turn = async (): Promise<number> => {
      const found = await due(clock.now() - keepMs);
      for (const run of found) {
        if (signal.aborted) return pauseMs;
        await act(run);
      }
      if (found.length === batch) return pauseMs;
      const [next] = await due(Number.MAX_SAFE_INTEGER);
      // What ends from now on is due later than that.
      return Math.min((next?.since ?? clock.now()) + keepMs - clock.now(), keepMs);
    };
    const wake = async (): Promise<void> => {
      const waitMs = await turn().catch((error: unknown) => {
        onError(error);
        return retryMs;
      });
      if (signal.aborted) return;
      const timer = clock.after(Math.max(waitMs, pauseMs), () => void wake());
      signal.addEventListener("abort", () => timer[Symbol.dispose](), { once: true });
    };
    void wake();
  }
}
