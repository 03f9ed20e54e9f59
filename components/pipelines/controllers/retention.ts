import type { Clock, Controller } from "@headrace/model";
import { finalRunStates, type Records } from "@headrace/records";
import { pause } from "@headrace/runtime";
import type { RunKey } from "../engine.ts";
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

/** Runs that are looked up at once; between two batches others have their turn. */
const batch = 100;
const pauseMs = 50;
const retryMs = 60_000;

/** Archives runs that ended long ago, and deletes those that were archived long ago. Sleeps until the next one is due. */
export function createRetention({ records, clock, removeRun, onError, ...keep }: RetentionOptions): Controller {
  const { db } = records.all<PipelineTables>();

  const finished = (until: number) =>
    db
      .selectFrom("run")
      .innerJoin("pipeline_run", "pipeline_run.run", "run.id")
      .select(["run.id", "run.ns", "run.finished_at as since"])
      .where("pipeline_run.storage_state", "=", "AVAILABLE")
      .where("run.state", "in", finalRunStates)
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
      .where("run.state", "in", finalRunStates)
      .where((eb) => eb(eb.fn.coalesce("pipeline_run.archived_at", "run.finished_at"), "<=", until))
      .orderBy("since")
      .limit(batch)
      .execute();

  async function archive({ ns, id }: RunKey): Promise<void> {
    await records.in<PipelineTables>(ns).transaction(async ({ db: rows, changed }) => {
      await setRunStorage(rows, { ns, run: id }, "ARCHIVED", clock.now());
      changed({ ns, kind: "runs", key: id, op: "PUT" });
    });
  }

  async function remove({ id }: RunKey): Promise<void> {
    const row = await findRun(db, id);
    if (row) await removeRun(row);
  }

  return {
    name: "pipelines-retention",
    async start(signal) {
      void follow(keep.runsMs, { due: finished, act: archive, signal });
      void follow(keep.archivedRunsMs, { due: archived, act: remove, signal });
    },
  };

  async function follow(keepMs: number | undefined, { due, act, signal }: Following): Promise<void> {
    if (keepMs === undefined) return;
    const turn = async (): Promise<number> => {
      const found = await due(clock.now() - keepMs);
      for (const run of found) {
        if (signal.aborted) break;
        await act(run);
      }
      if (found.length === batch) return pauseMs;
      const [next] = await due(Number.MAX_SAFE_INTEGER);
      // What ends from now on is due later than that.
      return Math.min((next?.since ?? clock.now()) + keepMs - clock.now(), keepMs);
    };
    while (!signal.aborted) {
      const waitMs = await turn().catch((error: unknown) => {
        onError(error);
        return retryMs;
      });
      await pause(clock, Math.max(waitMs, pauseMs), signal);
    }
  }
}

interface Following {
  /** What is due by then, the oldest first, with when each began to wait. */
  readonly due: (until: number) => Promise<readonly (RunKey & { readonly since: number | null })[]>;
  readonly act: (run: RunKey) => Promise<void>;
  readonly signal: AbortSignal;
}
