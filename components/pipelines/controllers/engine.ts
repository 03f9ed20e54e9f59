import type { Admission } from "@headrace/apiserver";
import type { ArtifactStore } from "@headrace/artifacts";
import type { Client } from "@headrace/client";
import {
  ApiError,
  apiVersionOf,
  type Clock,
  formatTime,
  type Ids,
  isApiError,
  type ObjectKey,
  type StepReport,
} from "@headrace/model";
import { activeRunStates, type Records, type RunState, type WriteScope } from "@headrace/records";
import { createEventRecorder, type EventRecorder, exponentialDelay } from "@headrace/runtime";
import { InconsistentRun, PipelineFault } from "../core/errors.ts";
import type { SharedFolder } from "../core/shared-folders.ts";
import type { Engine, RunKey } from "../engine.ts";
import { findRun } from "../records/runs.ts";
import type { PipelineTables } from "../records/tables.ts";
import { runs } from "../resources/index.ts";
import { type ActiveRun, loadRun } from "./active-run.ts";
import { type AttemptEnd, attemptOf, Attempts, endOf, podKeyOf } from "./attempts.ts";
import { Claims } from "./claims.ts";
import { Jobs } from "./jobs.ts";
import { Leftovers } from "./leftovers.ts";
import { PipelineCache } from "./pipeline-cache.ts";
import { type AttemptRef, Pods, type Waiting, waitingOf } from "./pods.ts";
import { type Aftermath, Turn, type Verification } from "./turn.ts";

export interface EngineOptions {
  readonly records: Records;
  readonly client: Client;
  readonly artifacts: ArtifactStore;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Where artifacts go if neither the run nor its pipeline says so. */
  readonly defaultPipelineRoot?: string;
  /** Shared with the projections, so that each pipeline is read once. */
  readonly pipelines?: PipelineCache;
  /** Folders of the host that steps see at the same path. */
  readonly sharedFolders?: readonly SharedFolder[];
  /** Whether what steps print is an output artifact of theirs, as with upstream's `PUBLISH_LOGS`. */
  readonly publishLogs?: boolean;
  /** Told of failures that the engine gets over by itself. */
  readonly onError?: (error: unknown) => void;
}

const standardPipelineRoot = "minio://mlpipeline/v2/artifacts";
/** Happenings that share one transaction, and runs that are remembered as deleted. */
const maxBatch = 200;
const maxForgotten = 10_000;
const backoff = { firstMs: 100, maxMs: 30_000 };

/** Something that happened to a run, waiting to be recorded. */
type Happening =
  | { readonly kind: "resume" }
  | { readonly kind: "continue" }
  | { readonly kind: "report"; readonly task: number; readonly n: number; readonly report: StepReport }
  | ({ readonly kind: "ended" } & AttemptEnd)
  | { readonly kind: "running"; readonly task: number; readonly n: number; readonly startedAt: number }
  | { readonly kind: "due"; readonly task: number }
  | { readonly kind: "verified"; readonly verification: Verification; readonly areThere: boolean }
  | { readonly kind: "waiting"; readonly task: number }
  | { readonly kind: "exceeded"; readonly message: string }
  | { readonly kind: "terminate" }
  | { readonly kind: "retry"; readonly from: readonly string[] }
  | { readonly kind: "forget" };

/** What keeps a run from going on, and may pass. */
interface Trouble {
  /** How often it came in a row. */
  readonly times: number;
  readonly message: string;
  readonly nextAt: number;
  /** The step whose end cannot be recorded: that the run goes on otherwise does not end the trouble. */
  readonly task: number | undefined;
}

interface Item {
  readonly run: RunKey;
  readonly happening: Happening;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Drives runs: see engine.ts of the component for the contract, and the order of records and pods in `afterwards`. */
export function createEngine(options: EngineOptions): Engine {
  return new RunEngine(options);
}

class RunEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #jobs: Jobs;
  readonly #pods: Pods;
  readonly #claims: Claims;
  readonly #attempts: Attempts;
  readonly #leftovers: Leftovers;
  readonly #inbox: Item[] = [];
  readonly #active = new Map<string, ActiveRun>();
  readonly #timers = new Map<string, Set<Disposable>>();
  readonly #pipelines: PipelineCache;
  readonly #events: EventRecorder;
  readonly #onError: (error: unknown) => void;
  /** Runs that are about to be deleted: nothing may take them up again. The oldest are dropped, their rows being gone by then. */
  readonly #forgotten = new Set<string>();
  readonly #troubles = new Map<string, Trouble>();
  #working = false;
  #signal: AbortSignal | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#pipelines = options.pipelines ?? new PipelineCache();
    this.#events = createEventRecorder({ ...options, component: "headrace-pipelines" });
    this.#onError = options.onError ?? (() => {});
    this.#jobs = new Jobs({ clock: options.clock, onError: this.#onError });
    this.#claims = new Claims({ client: options.client, jobs: this.#jobs });
    this.#pods = new Pods({
      client: options.client,
      clock: options.clock,
      jobs: this.#jobs,
      onError: this.#onError,
      news: {
        running: ({ task, n, ...at }, startedAt) => this.#tell(keyOf(at), { kind: "running", task, n, startedAt }),
        ended: ({ task, n, ...at }, { lost, reason, message }) =>
          this.#tell(keyOf(at), { kind: "ended", task, n, reason, result: endOf(lost, message) }),
        waiting: ({ task, ...at }) => this.#tell(keyOf(at), { kind: "waiting", task }),
        isOpen: (ref) => this.#isOpen(ref),
      },
    });
    this.#attempts = new Attempts({
      ...options,
      pods: this.#pods,
      claims: this.#claims,
      isActive: (run) => this.#active.get(run.id) === run,
      ended: (run, end) => this.#tell(keyOf(run), { kind: "ended", ...end }),
      onError: this.#onError,
    });
    this.#leftovers = new Leftovers({
      ...options,
      pipelines: this.#pipelines,
      pods: this.#pods,
      claims: this.#claims,
      onError: this.#onError,
    });
  }

  get release(): Admission {
    return this.#pods.release;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#evictAll(), { once: true });
    this.#jobs.start(signal);
    await this.#pods.start(signal);
    this.#leftovers.start(signal).catch(this.#onError);
    const { db } = this.#options.records.all<PipelineTables>();
    const rows = await db
      .selectFrom("run")
      .innerJoin("pipeline_run", "pipeline_run.run", "run.id")
      .select(["run.id", "run.ns"])
      .where("run.state", "in", activeRunStates)
      .orderBy("run.created_at")
      .execute();
    await Promise.all(
      rows.map((row) => this.#ask({ ns: row.ns, id: row.id }, { kind: "resume" }).catch(this.#onError)),
    );
  }

  submitted(run: RunKey): void {
    this.#tell(run, { kind: "resume" });
  }

  async terminate(run: RunKey): Promise<void> {
    await this.#ask(run, { kind: "terminate" });
  }

  async retry(run: RunKey, from: readonly string[] = []): Promise<void> {
    await this.#ask(run, { kind: "retry", from });
  }

  async report(attempt: { run: string; task: number; n: number }, report: StepReport): Promise<void> {
    this.#refuseWhenStopping();
    const { db } = this.#options.records.all<PipelineTables>();
    const ns = this.#active.get(attempt.run)?.ns ?? report.pod.namespace;
    const row = this.#active.get(attempt.run)?.node(attempt.task)
      ? { pod: undefined }
      : await db
          .selectFrom("attempt")
          .select("pod")
          .where("ns", "=", ns)
          .where("task", "=", attempt.task)
          .where("n", "=", attempt.n)
          .executeTakeFirst();
    if (!row)
      throw new ApiError(
        "NotFound",
        `Cannot record the end of attempt ${attempt.n} of task ${attempt.task} of run ${attempt.run}: there is no such attempt`,
      );
    await this.#ask({ ns, id: attempt.run }, { kind: "report", task: attempt.task, n: attempt.n, report });
    this.#pods.recorded(report.pod);
  }

  async forget(run: RunKey): Promise<void> {
    await this.#ask(run, { kind: "forget" });
    this.#leftovers.keep(run);
    this.#claims.removeWorkspace(run.ns, run.id);
    await this.#pods.forget(run.ns, run.id);
  }

  waiting(key: ObjectKey): Waiting | undefined {
    const pod = this.#pods.get(key);
    return pod && waitingOf(pod);
  }

  stuck(run: string): { readonly summary: string; readonly remedy: string } | undefined {
    const trouble = this.#troubles.get(run);
    if (!trouble) return undefined;
    const { message, nextAt } = trouble;
    const next = nextAt > this.#options.clock.now() ? `, next at ${formatTime(nextAt)}` : "";
    return {
      summary: `Cannot go on at present: ${message}`,
      remedy: `Nothing is lost, and it is tried again by itself${next}; the log of Headrace may say more`,
    };
  }

  #refuseWhenStopping(): void {
    if (this.#signal?.aborted)
      throw new ApiError("ServiceUnavailable", "The pipeline engine is stopping; try again later");
  }

  /** Puts something into the inbox without waiting for it. */
  #tell(run: RunKey, happening: Happening): void {
    this.#ask(run, happening).catch((error) => {
      if (!this.#signal?.aborted) this.#onError(error);
    });
  }

  /** Resolves once what follows from the happening is durable. */
  async #ask(run: RunKey, happening: Happening): Promise<void> {
    this.#refuseWhenStopping();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#inbox.push({ run, happening, done: resolve, failed: reject });
    if (!this.#working) void this.#work();
    await promise;
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#inbox.length > 0) await this.#record(this.#inbox.splice(0, maxBatch));
    this.#working = false;
  }

  /** One transaction for everything that came in meanwhile. If it fails, each item gets one of its own, so that none spoils the others'. */
  async #record(items: readonly Item[]): Promise<void> {
    try {
      await this.#commit(items);
    } catch (error) {
      for (const { run } of items) this.#evict(run.id);
      const [only, another] = items;
      if (another) for (const item of items) await this.#record([item]);
      else if (only) await this.#giveUp(only, error);
    }
  }

  /** What is wrong with the run itself ends it; anything else (a full disk) may pass, and the run is taken up again from its rows. */
  async #giveUp({ run, happening, failed }: Item, fault: unknown): Promise<void> {
    failed(fault);
    let error = fault;
    try {
      const isForGood =
        isApiError(fault, "BadRequest") || fault instanceof InconsistentRun || fault instanceof PipelineFault;
      if (isForGood) return await this.#fail(run, fault.message);
    } catch (failure) {
      this.#onError(failure);
      error = failure;
    }
    const known = this.#troubles.get(run.id);
    const times = (known?.times ?? 0) + 1;
    const nextAt = this.#options.clock.now() + exponentialDelay(times, backoff);
    const task = happening.kind === "report" ? happening.task : known?.task;
    const message = error instanceof Error ? error.message : String(error);
    this.#troubles.set(run.id, { times, message, nextAt, task });
    this.#tellTrouble(run);
    this.#wakeAt(run, nextAt, { kind: "resume" });
  }

  /** To those who watch the run, as far as anything can be written. */
  #tellTrouble(run: RunKey): void {
    const stuck = this.stuck(run.id);
    this.#announce(run).catch(() => {});
    if (!stuck) return;
    const object = {
      apiVersion: apiVersionOf(runs),
      kind: runs.kind,
      metadata: { namespace: run.ns, name: run.id, uid: run.id },
    };
    this.#events.record(object, { type: "Warning", reason: "CannotGoOn", message: stuck.summary });
  }

  async #announce({ ns, id }: RunKey): Promise<void> {
    await this.#options.records
      .in<PipelineTables>(ns)
      .transaction(async ({ changed }) => changed({ ns, kind: "runs", key: id, op: "PUT" }));
  }

  /** Something was recorded of the run: unless the trouble is with another step's end, it has passed. */
  #forgetTrouble({ run, happening }: Item): void {
    const trouble = this.#troubles.get(run.id);
    if (!trouble) return;
    const isOther = trouble.task !== undefined && this.#active.has(run.id);
    if (isOther && (happening.kind !== "report" || happening.task !== trouble.task)) return;
    this.#troubles.delete(run.id);
    this.#tellTrouble(run);
  }

  async #fail({ ns, id }: RunKey, message: string): Promise<void> {
    const at = this.#options.clock.now();
    await this.#options.records.in<PipelineTables>(ns).transaction(async ({ db, changed }) => {
      const error = `Cannot go on: ${message}`;
      await db
        .updateTable("run")
        .set({ state: "FAILED", error, finished_at: at })
        .where("ns", "=", ns)
        .where("id", "=", id)
        .execute();
      await db.insertInto("run_state").values({ run: id, ns, at, state: "FAILED", error }).execute();
      changed({ ns, kind: "runs", key: id, op: "PUT" });
    });
    this.#troubles.delete(id);
  }

  async #commit(items: readonly Item[]): Promise<void> {
    const refused = new Map<Item, unknown>();
    const finished = await this.#options.records.all<PipelineTables>().transaction(async (scope) => {
      const turns = new Map<string, Turn>();
      for (const item of items) {
        try {
          const turn = await this.#turnOf(item, scope, turns);
          if (turn) await this.#happen(turn, item.happening);
        } catch (error) {
          if (!isApiError(error) || !isRequest(item.happening)) throw error;
          refused.set(item, error);
        }
      }
      const aftermaths: [Turn, Aftermath][] = [];
      for (const turn of turns.values()) aftermaths.push([turn, await turn.finish()]);
      return aftermaths;
    });
    for (const item of items) {
      if (refused.has(item)) item.failed(refused.get(item));
      else item.done();
    }
    for (const [turn, aftermath] of finished) this.#afterwards(turn.run, aftermath);
    for (const item of items) this.#forgetTrouble(item);
  }

  async #turnOf(
    { run, happening }: Item,
    scope: WriteScope<PipelineTables>,
    turns: Map<string, Turn>,
  ): Promise<Turn | undefined> {
    if (happening.kind === "forget") this.#forgetRun(run.id);
    if (this.#forgotten.has(run.id)) return undefined;
    const open = turns.get(run.id);
    if (open) return open;
    const known = this.#active.get(run.id);
    if (known && happening.kind === "resume") return undefined;
    const state = known ? "RUNNING" : await this.#stateOf(run, happening, scope);
    const isOver = state === "" || !activeRunStates.includes(state);
    if (isOver && happening.kind !== "retry" && happening.kind !== "terminate") return undefined;
    const active = known ?? (await this.#load(run, scope));
    if (!active) return undefined;
    const turn = new Turn(active, scope, this.#options);
    turns.set(run.id, turn);
    if (!known && !isOver) {
      this.#active.set(run.id, active);
      this.#leftovers.keep(run);
      await turn.resume();
    }
    return turn;
  }

  /** Empty if there is no such run, which only a user's own request is told. */
  async #stateOf(run: RunKey, happening: Happening, scope: WriteScope<PipelineTables>): Promise<RunState | ""> {
    const row = await findRun(scope.db, run.id);
    if (row && row.ns === run.ns) return row.state;
    if (happening.kind !== "terminate" && happening.kind !== "retry") return "";
    throw new ApiError("NotFound", `Cannot ${happening.kind} run "${run.id}": it does not exist`);
  }

  #forgetRun(id: string): void {
    this.#evict(id);
    this.#forgotten.add(id);
    for (const oldest of this.#forgotten) {
      if (this.#forgotten.size <= maxForgotten) break;
      this.#forgotten.delete(oldest);
    }
  }

  #load(run: RunKey, scope: WriteScope<PipelineTables>): Promise<ActiveRun | undefined> {
    return loadRun(scope.db, run, {
      defaultPipelineRoot: this.#options.defaultPipelineRoot ?? standardPipelineRoot,
      pipelines: this.#pipelines,
    });
  }

  async #happen(turn: Turn, happening: Happening): Promise<void> {
    switch (happening.kind) {
      case "report": {
        const { task, n, report } = happening;
        return turn.report(task, n, report, this.#pods.isBeingDeleted(report.pod));
      }
      case "ended":
        return turn.ended(happening.task, happening.n, happening.result, happening.reason);
      case "running":
        return turn.running(happening.task, happening.n, happening.startedAt);
      case "due":
        return turn.due(happening.task);
      case "verified":
        return turn.verified(happening.verification, happening.areThere);
      case "waiting":
        return turn.looksDifferent(happening.task);
      case "exceeded":
        return turn.exceeded(happening.message);
      case "terminate":
        return turn.terminate();
      case "retry":
        return turn.retry(happening.from);
      default:
        return undefined;
    }
  }

  /**
   * Records lead, objects follow: everything here is repeated after a restart if it did not happen, and does no harm if it
   * happened before.
   */
  #afterwards(run: ActiveRun, aftermath: Aftermath): void {
    if (aftermath.reload) this.#tell(keyOf(run), { kind: "resume" });
    if (this.#active.get(run.id) !== run) return;
    for (const { node, n, message } of aftermath.losses) this.#tellLoss(podKeyOf(run, node, n), message);
    for (const { node, n, again = false } of aftermath.attempts) this.#attempts.carryOut(run, node, n, again);
    for (const verification of aftermath.verifications) void this.#verify(run, verification);
    for (const node of aftermath.timers) this.#wakeAt(run, node.retryAt ?? 0, { kind: "due", task: run.rowId(node) });
    for (const { node, n } of aftermath.kills) this.#pods.kill(attemptOf(run, node, n), podKeyOf(run, node, n));
    if (aftermath.isOver) this.#leave(run);
    else this.#watchDeadline(run);
    if (aftermath.hasMore) this.#tell(keyOf(run), { kind: "continue" });
  }

  #tellLoss(key: ObjectKey, message: string): void {
    const pod = this.#pods.get(key) ?? { apiVersion: "v1", kind: "Pod", metadata: key };
    this.#events.record(pod, {
      type: "Warning",
      reason: "StepLost",
      message: `Runs again, which is no retry: ${message}`,
    });
  }

  /** A run that is over is forgotten; what it left in Kubernetes goes in its time. */
  #leave(run: ActiveRun): void {
    this.#evict(run.id);
    const finishedAt = this.#options.clock.now();
    const state = run.graph.root.state === "SUCCEEDED" && run.deadline === undefined ? "SUCCEEDED" : "FAILED";
    this.#leftovers.ended({ ...keyOf(run), state, finishedAt }, run.pipeline.settings);
  }

  async #verify(run: ActiveRun, verification: Verification): Promise<void> {
    const areThere = await this.#attempts.verify(run, verification);
    this.#tell(keyOf(run), { kind: "verified", verification, areThere });
  }

  #watchDeadline(run: ActiveRun): void {
    const seconds = run.pipeline.settings.activeDeadlineSeconds;
    if (seconds === undefined || run.isDeadlineSet) return;
    run.isDeadlineSet = true;
    const message = `The run took longer than the ${seconds} s that its pipeline allows (activeDeadlineSeconds)`;
    this.#wakeAt(run, (run.row.started_at ?? this.#options.clock.now()) + seconds * 1000, {
      kind: "exceeded",
      message,
    });
  }

  #wakeAt(run: RunKey, at: number, happening: Happening): void {
    const { clock } = this.#options;
    const timers = this.#timers.get(run.id) ?? new Set();
    this.#timers.set(run.id, timers);
    const timer = clock.after(at - clock.now(), () => {
      timers.delete(timer);
      // A timer cannot wait longer than some 24 days: then look at the clock again.
      if (clock.now() < at) this.#wakeAt(run, at, happening);
      else this.#tell({ ns: run.ns, id: run.id }, happening);
    });
    timers.add(timer);
  }

  async #isOpen({ ns, run, task, n }: AttemptRef): Promise<boolean> {
    const node = this.#active.get(run)?.node(task);
    if (node) return node.attempts.open === n;
    const row = await this.#options.records
      .in<PipelineTables>(ns)
      .db.selectFrom("attempt")
      .select("state")
      .where("ns", "=", ns)
      .where("task", "=", task)
      .where("n", "=", n)
      .executeTakeFirst();
    return row?.state === "CREATED" || row?.state === "RUNNING";
  }

  #evict(run: string): void {
    this.#active.delete(run);
    for (const timer of this.#timers.get(run) ?? []) timer[Symbol.dispose]();
    this.#timers.delete(run);
  }

  #evictAll(): void {
    for (const run of this.#active.keys()) this.#evict(run);
  }
}

/** What a user asked for, and may be refused. */
const isRequest = ({ kind }: Happening): boolean => kind === "terminate" || kind === "retry";

const keyOf = (run: { readonly ns: string } & ({ readonly id: string } | { readonly run: string })): RunKey => ({
  ns: run.ns,
  id: "id" in run ? run.id : run.run,
});
