import { badRequest, type Clock } from "@headrace/model";
import { finalRunStates, type Records, type RunState } from "@headrace/records";
import type { Engine, RunKey } from "../engine.ts";
import type { PipelineTables } from "../records/tables.ts";

/** An engine that runs nothing and says so: runs stay PENDING until a test settles them. */
export interface IdleEngine extends Engine {
  /** What it was told, in order: `submitted <run>`, `forget <run>`. */
  readonly told: readonly string[];
  /** Gives a run a state, as a real engine would when its steps are done. */
  settle(run: RunKey, state: RunState, error?: string): Promise<void>;
}

export function idleEngine(records: Records, clock: Clock): IdleEngine {
  const told: string[] = [];

  const stateOf = async ({ ns, id }: RunKey): Promise<RunState> => {
    const { db } = records.in<PipelineTables>(ns);
    const row = await db.selectFrom("run").select("state").where("ns", "=", ns).where("id", "=", id).executeTakeFirst();
    if (!row) throw badRequest(`Run ${id} not found`);
    return row.state;
  };

  const settle: IdleEngine["settle"] = ({ ns, id }, state, error) => {
    const now = clock.now();
    const finished = finalRunStates.includes(state);
    return records.in<PipelineTables>(ns).transaction(async ({ db, changed }) => {
      await db
        .updateTable("run")
        .set({ state, error: error ?? null, finished_at: finished ? now : null })
        .where("ns", "=", ns)
        .where("id", "=", id)
        .execute();
      await db
        .insertInto("run_state")
        .values({ run: id, ns, at: now, state, error: error ?? null })
        .execute();
      changed({ ns, kind: "runs", key: id, op: "PUT" });
    });
  };

  return {
    told,
    settle,
    start: async () => {},
    submitted: ({ id }) => void told.push(`submitted ${id}`),
    async terminate(run) {
      const state = await stateOf(run);
      if (state !== "PENDING" && state !== "RUNNING") {
        throw badRequest(`Cannot terminate run ${run.id}: it is ${state}`);
      }
      await settle(run, "CANCELING");
      await settle(run, "CANCELED");
    },
    async retry(run) {
      const state = await stateOf(run);
      if (state !== "FAILED" && state !== "CANCELED") throw badRequest(`Cannot retry run ${run.id}: it is ${state}`);
      await settle(run, "PENDING");
    },
    report: async ({ run, task, n }, { exitCode }) => void told.push(`report ${run} ${task} ${n} exit ${exitCode}`),
    forget: async ({ id }) => void told.push(`forget ${id}`),
  };
}
