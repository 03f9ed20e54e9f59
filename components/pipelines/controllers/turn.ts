import { badRequest, type Clock, type Ids, isApiError, type StepReport } from "@headrace/model";
import type { WriteScope } from "@headrace/records";
import { fingerprint } from "../core/cache-key.ts";
import { isReusable } from "../core/claim-order.ts";
import { PipelineFault } from "../core/errors.ts";
import { failureOf } from "../core/failure.ts";
import { type Artifact, isFinal, type Node, noValues, type Transition, type Values } from "../core/graph.ts";
import { type ClaimExecutor, type ContainerExecutor, type ImporterExecutor, noPorts, type Task } from "../core/ir.ts";
import {
  awaitsStart,
  cancelIdle,
  type Change,
  changesAfter,
  firstAttempt,
  fromCache,
  isGroup,
  next,
  type Outcome,
} from "../core/next.ts";
import { afterLogsOf, logOutput, onlyLogs, withLog } from "../core/logs.ts";
import { planRetry } from "../core/retry.ts";
import { readReport, type StepResult } from "../core/step-report.ts";
import { unlinkArtifacts } from "../records/artifacts.ts";
import { discard } from "../records/garbage.ts";
import type { PipelineTables } from "../records/tables.ts";
import { taskName } from "../resources/index.ts";
import { type ActiveRun, nothingLeft, valuesColumn } from "./active-run.ts";
import { checkReach } from "./authority.ts";
import { areKept, type CacheHit, lookUp } from "./cache.ts";
import { findImported, importedArtifact, importedKey } from "./importer.ts";
import { type NewAttempt, RunWriter } from "./run-writer.ts";

/** Tasks written in one transaction; what remains follows in the next, so that no run holds up the others for long. */
const maxTasksPerTurn = 500;

export interface Verification {
  readonly node: Node;
  readonly hit: CacheHit;
}

export interface Loss extends NewAttempt {
  readonly message: string;
}

/** What has to be done in the world once a turn is committed. */
export interface Aftermath {
  /** Attempts whose pods must exist. */
  readonly attempts: readonly NewAttempt[];
  readonly verifications: readonly Verification[];
  /** Steps with a time for their next attempt. */
  readonly timers: readonly Node[];
  /** Running attempts that must end. */
  readonly kills: readonly NewAttempt[];
  /** Attempts whose pods vanished; another follows each. */
  readonly losses: readonly Loss[];
  readonly isOver: boolean;
  readonly hasMore: boolean;
  /** The run's rows changed in a way that its graph cannot follow: take it up anew. */
  readonly reload: boolean;
}

/** One run's share of one transaction. */
export class Turn {
  readonly run: ActiveRun;
  readonly #scope: WriteScope<PipelineTables>;
  readonly #clock: Clock;
  readonly #writer: RunWriter;
  readonly #changes: Change[];
  readonly #starts: Node[];
  readonly #verifications: Verification[] = [];
  readonly #timers = new Set<Node>();
  readonly #resumed: NewAttempt[] = [];
  readonly #losses: Loss[] = [];
  #kills: NewAttempt[] = [];
  #isOver = false;
  /** A run that has ended is loaded again for what is asked of it. If that is refused, it does not end once more. */
  readonly #wasOver: boolean;
  #reload = false;

  constructor(run: ActiveRun, scope: WriteScope<PipelineTables>, services: { clock: Clock; ids: Ids }) {
    this.run = run;
    this.#wasOver = isFinal(run.graph.root);
    this.#scope = scope;
    this.#clock = services.clock;
    this.#writer = new RunWriter(run, scope, { ids: services.ids, now: services.clock.now() });
    this.#changes = [...run.backlog.changes];
    this.#starts = [...run.backlog.starts];
    run.backlog = nothingLeft;
  }

  /** Begins a new run, or takes one up where an earlier process left it: whatever was decided but not done is done now. */
  async resume(): Promise<void> {
    const { graph } = this.run;
    if (this.run.idOf(graph.root) === undefined) {
      this.#writer.touch(graph.root);
      await this.#writer.flush();
      if (this.run.row.state === "PENDING") await this.#writer.runState("RUNNING", { startedAt: this.#clock.now() });
    }
    for (const node of graph.nodes()) {
      if (!node.decided || isFinal(node)) continue;
      if (isGroup(node)) this.#changes.push({ kind: "opened", node });
      else if (node.attempts.open !== undefined) this.#resumed.push({ node, n: node.attempts.open, again: true });
      else if (awaitsStart(node)) this.#starts.push(node);
      else if (node.retryAt !== undefined) this.#timers.add(node);
    }
    if (isFinal(graph.root)) await this.#finish();
    if (graph.stopping) this.#stop();
  }

  /** Records a step's end. A repeated report, or one of an attempt that is not the present one, changes nothing. */
  async report(task: number, n: number, report: StepReport, isBeingDeleted: boolean): Promise<void> {
    const node = this.run.node(task);
    if (!node || node.attempts.open !== n) return;
    const interrupted = isBeingDeleted && report.exitCode !== 0;
    const result: StepResult = interrupted
      ? { kind: "lost", error: { message: "the step's pod was deleted while it ran" } }
      : await this.#withinReach(node, n, this.#read(node, n, report));
    await this.#endAttempt(node, n, result, report);
  }

  #read(node: Node, n: number, report: StepReport): StepResult {
    const { component } = node;
    // What copies into the workspace has no outputs of its own.
    const outputs = component.body.kind === "importer" ? noPorts : component.outputs;
    return readReport({ ...component, outputs }, this.run.executorInput(node, n), report);
  }

  /** A step may say that its artifact is somewhere else than planned, but not anywhere. */
  async #withinReach(node: Node, n: number, result: StepResult): Promise<StepResult> {
    if (result.kind === "lost") return result;
    const own = `${this.run.directory(node, n)}/`;
    const elsewhere = [...result.outputs.artifacts.values()]
      .flat()
      .filter(({ uri }) => !uri.startsWith(own) || uri.includes("/../"));
    try {
      for (const { uri } of elsewhere) await this.#checkReach(uri);
      return result;
    } catch (error) {
      if (!(error instanceof PipelineFault)) throw error;
      return {
        kind: "failed",
        error: { message: error.message },
        outputs: { parameters: new Map(), artifacts: new Map() },
      };
    }
  }

  #checkReach(uri: string): Promise<void> {
    return checkReach(this.#scope.db, this.run.ns, uri, this.run.sharedRoot);
  }

  /** Records the end of an attempt that nobody reports: its pod vanished, or could not be made. */
  async ended(task: number, n: number, result: StepResult, reason: string): Promise<void> {
    const node = this.run.node(task);
    if (!node || node.attempts.open !== n) return;
    const message = "error" in result ? result.error.message : "";
    await this.#endAttempt(node, n, result, { exitCode: null, reason, message, finishedAt: this.#clock.now() });
  }

  /** A step's program began. */
  async running(task: number, n: number, startedAt: number): Promise<void> {
    const node = this.run.node(task);
    if (!node || node.attempts.open !== n || node.state !== "PENDING") return;
    this.#apply({ position: node, facts: { state: "RUNNING" } });
    this.#writer.startedAt(node, startedAt);
    await this.#writer.endAttempt(node, n, { state: "RUNNING", started_at: startedAt });
  }

  due(task: number): void {
    const node = this.run.node(task);
    if (node) this.#changes.push({ kind: "due", node });
  }

  /** Whether the artifacts of a cache hit are still there. */
  async verified({ node, hit }: Verification, areThere: boolean): Promise<void> {
    if (!this.run.verifying.delete(node) || !awaitsStart(node)) return;
    const isGood = areThere && (await areKept(this.#scope.db, this.run.ns, hit));
    this.#apply(isGood ? fromCache(node, hit) : firstAttempt(node, node.fingerprint));
  }

  /** Something outside changed about how a waiting step looks. */
  looksDifferent(task: number): void {
    const node = this.run.node(task);
    if (node) this.#writer.announce(node);
  }

  /** Throws ApiError BadRequest if the run is over. */
  async terminate(): Promise<void> {
    const { row, graph } = this.run;
    if (isFinal(graph.root) && this.run.idOf(graph.root) !== undefined) {
      throw badRequest(`Cannot terminate run "${row.display_name}" (${row.run}): it is ${row.state}`);
    }
    if (graph.stopping && this.run.deadline === undefined) return;
    this.run.deadline = undefined;
    graph.stop();
    await this.#writer.runState("CANCELING");
    this.#stop();
  }

  /** The pipeline's own deadline has passed: everything stops, and the run has failed. */
  async exceeded(message: string): Promise<void> {
    if (this.run.graph.stopping || isFinal(this.run.graph.root)) return;
    this.run.deadline = message;
    this.run.graph.stop();
    this.#stop();
  }

  /** Sets back what did not succeed, and the `chosen` tasks. Throws ApiError BadRequest if that cannot be. */
  async retry(chosen: readonly string[]): Promise<void> {
    const { row, graph } = this.run;
    this.#checkRetry(chosen);
    const { reset, reopen } = planRetry(graph.root, chosen);
    const blank = { outputs: null, error: null, finished_at: null, retry_at: null };
    for (const node of reopen) await this.#rewrite(node, { ...blank, state: "RUNNING" });
    for (const node of reset) {
      const fresh = { inputs: null, items: null, fingerprint: null, cached_from: null, started_at: null };
      const outputs = valuesColumn(ownLogs(node));
      await this.#rewrite(node, { ...blank, ...fresh, outputs, state: "PENDING", created_at: this.#clock.now() + 1 });
    }
    await this.#forgetLinks(reset);
    await this.#scope.db
      .updateTable("run")
      .set({ finished_at: null, error: null })
      .where("ns", "=", row.ns)
      .where("id", "=", row.run)
      .execute();
    await this.#scope.db
      .updateTable("pipeline_run")
      .set({ run_again: JSON.stringify(chosen) })
      .where("ns", "=", row.ns)
      .where("run", "=", row.run)
      .execute();
    await this.#writer.runState("RUNNING", { error: null });
    this.#reload = true;
  }

  /** What steps were given and made before a retry; the logs of earlier tries stay. */
  async #forgetLinks(reset: readonly Node[]): Promise<void> {
    const { ns } = this.run;
    const tasks = reset.flatMap((node) => {
      const id = this.run.idOf(node);
      return id === undefined ? [] : [{ id, keep: ownLogs(node) && logOutput }];
    });
    const gone = await unlinkArtifacts(this.#scope.db, ns, tasks);
    for (const { id } of gone) this.#scope.changed({ ns, kind: "artifacts", key: String(id), op: "DELETE" });
    // What lies with the run is freed with it.
    const elsewhere = gone.filter(({ digest, uri }) => digest !== null && !uri.startsWith(`${this.run.place}/`));
    await discard(
      this.#scope,
      ns,
      elsewhere.map(({ uri }) => uri),
      this.#clock.now(),
    );
  }

  #checkRetry(chosen: readonly string[]): void {
    const { row, graph } = this.run;
    const state = isFinal(graph.root) ? row.state : "RUNNING";
    const cannot = `Cannot retry run "${row.display_name}" (${row.run})`;
    if (state !== "FAILED" && state !== "CANCELED" && (state !== "SUCCEEDED" || chosen.length === 0))
      throw badRequest(
        `${cannot}: it is ${state}, and only a failed run can be retried, or a finished one from tasks that you choose`,
      );
    const known = new Set([...graph.nodes()].filter(({ parent }) => parent !== undefined).map(({ key }) => key));
    const [unknown] = chosen.flatMap((key, index) => (known.has(key) ? [] : [{ key, index }]));
    if (unknown)
      throw badRequest(
        `${cannot}: from[${unknown.index}]: it has no task "${unknown.key}"; keys are such as ${[...known].slice(0, 3).join(", ")}`,
      );
  }

  /** Walks until nothing more follows, or enough is written for one transaction; then writes all of it. */
  async finish(): Promise<Aftermath> {
    await this.#walk();
    await this.#writer.flush();
    await this.#writer.flushAttempts();
    if (this.#writer.hasChanges) this.#writer.runChanged();
    return {
      attempts: [...this.#resumed, ...this.#writer.attempts],
      verifications: this.#verifications,
      timers: [...this.#timers].filter(
        (node) => node.retryAt !== undefined && node.attempts.open === undefined && !isFinal(node),
      ),
      kills: this.#kills,
      losses: this.#losses,
      isOver: this.#isOver,
      hasMore: this.run.backlog.changes.length + this.run.backlog.starts.length > 0,
      reload: this.#reload,
    };
  }

  async #walk(): Promise<void> {
    if (this.#reload) return;
    const queue = this.#changes;
    let at = 0;
    while (at < queue.length || this.#starts.length > 0) {
      for (let change = queue[at]; change && !this.#isFull; change = queue[++at]) this.#step(change);
      if (this.#isFull) break;
      await this.#startReady();
    }
    this.run.backlog = { changes: queue.slice(at), starts: this.#starts.splice(0) };
    if (isFinal(this.run.graph.root) && !this.#isOver && !this.#wasOver) await this.#finish();
  }

  get #isFull(): boolean {
    return this.#writer.size >= maxTasksPerTurn;
  }

  #step(change: Change): void {
    const { transitions, changes } = next(this.run.graph, change, this.run.facts, this.#clock.now());
    for (const transition of transitions) this.#apply(transition);
    this.#consider(changes);
  }

  /** One by one: a DAG may have more tasks than a call may have arguments. */
  #consider(changes: readonly Change[]): void {
    for (const change of changes) this.#changes.push(change);
  }

  #apply(transition: Transition): Node {
    const node = this.run.graph.apply(transition);
    if (transition.attempt) this.#writer.begin(node);
    else this.#writer.touch(node);
    if (node.retryAt !== undefined) this.#timers.add(node);
    if (awaitsStart(node)) this.#starts.push(node);
    this.#consider(changesAfter(node));
    return node;
  }

  /** Begins steps that became ready, as many as this turn has room for: imports, cache hits, and first attempts of the rest. */
  async #startReady(): Promise<void> {
    const ready = this.#starts
      .splice(0, maxTasksPerTurn - this.#writer.size)
      .filter((node) => awaitsStart(node) && !this.run.verifying.has(node));
    if (ready.length === 0) return;
    const cacheable = new Map<string, Node[]>();
    for (const node of ready) {
      const { body } = node.component;
      if (body.kind === "importer") await this.#import(node, body);
      else if (body.kind === "container" || body.kind === "claim") this.#sort(node, body, cacheable);
    }
    const { ns, pipeline_name: pipelineName, cache_max_age: maxAge } = this.run.row;
    const scope = { ns, pipelineName, ...(maxAge !== null && { notBefore: this.#clock.now() - maxAge }) };
    for (const [print, nodes] of cacheable) {
      const hit = await lookUp(this.#scope.db, scope, print);
      for (const node of nodes) this.#begin(node, print, hit);
    }
  }

  /** Puts a step among those to look for in the cache, or begins it. */
  #sort(node: Node, executor: ContainerExecutor | ClaimExecutor, cacheable: Map<string, Node[]>): void {
    const { task, inputs } = node;
    if (!task || !inputs || !task.cache.enabled || this.run.row.cache === 0) {
      this.#apply(firstAttempt(node, undefined));
      return;
    }
    const print = this.#fingerprint(node, task, executor, inputs);
    if (print === undefined) {
      this.#apply(firstAttempt(node, undefined));
      return;
    }
    if (this.run.isToRunAgain(node)) {
      this.#apply(firstAttempt(node, print));
      return;
    }
    cacheable.set(print, [...(cacheable.get(print) ?? []), node]);
  }

  /** Undefined for what no earlier success can stand for, or what will say by itself that it makes no sense. */
  #fingerprint(
    node: Node,
    task: Task,
    executor: ContainerExecutor | ClaimExecutor,
    inputs: Values,
  ): string | undefined {
    if (executor.kind === "claim") {
      const { image } = executor;
      return isReusable(executor, inputs) ? fingerprint(task, { image, command: [], args: [] }, inputs) : undefined;
    }
    try {
      return fingerprint(task, { ...executor, claims: this.run.mountedClaims(node, executor) }, inputs);
    } catch (error) {
      if (!(error instanceof PipelineFault) && !isApiError(error, "BadRequest")) throw error;
      return undefined;
    }
  }

  #begin(node: Node, print: string, hit: CacheHit | undefined): void {
    if (!hit) {
      this.#apply(firstAttempt(node, print));
      return;
    }
    this.run.graph.apply({ position: node, facts: { state: "PENDING", fingerprint: print } });
    if (hit.outputs.artifacts.size === 0 && node.component.body.kind !== "claim") {
      this.#apply(fromCache(node, hit));
      return;
    }
    this.#writer.touch(node);
    this.run.verifying.add(node);
    this.#verifications.push({ node, hit });
  }

  async #import(node: Node, executor: ImporterExecutor): Promise<void> {
    this.#writer.startedAt(node, this.#clock.now());
    try {
      const wanted = importedArtifact(node, executor);
      await this.#checkReach(wanted.uri);
      const known = executor.reimport ? undefined : await findImported(this.#scope.db, this.run.ns, wanted);
      const outputs = known
        ? onlyArtifact(known)
        : await this.#writer.keepOutputs({ parameters: new Map(), artifacts: new Map([[importedKey, [wanted]]]) });
      // The copy into the workspace is a step like any other; what it copies is known by then, and allowed.
      if (executor.downloadToWorkspace)
        this.#apply({ position: node, facts: { state: "PENDING", outputs }, attempt: "begin" });
      else this.#apply({ position: node, facts: { state: "SUCCEEDED", outputs } });
    } catch (error) {
      if (!(error instanceof PipelineFault)) throw error;
      this.#apply({ position: node, facts: { state: "FAILED", error: { message: error.message } } });
    }
  }

  async #endAttempt(
    node: Node,
    n: number,
    result: StepResult,
    facts: Pick<StepReport, "reason" | "message" | "startedAt" | "finishedAt" | "log"> & { exitCode: number | null },
  ): Promise<void> {
    if (result.kind === "lost" && !this.run.graph.stopping)
      this.#losses.push({ node, n, message: result.error.message });
    const { exitCode, reason, message, startedAt, finishedAt, log } = facts;
    const place = log && this.run.logPlace(node, n);
    const outcome = await this.#outcome(
      node,
      log && place !== undefined ? this.#published(result, place, log) : result,
    );
    const state = outcome.kind !== "succeeded" && this.run.graph.stopping ? "canceled" : outcome.kind;
    this.run.graph.endAttempt(node, state);
    if (startedAt !== undefined) this.#writer.startedAt(node, startedAt);
    await this.#writer.endAttempt(node, n, {
      state: attemptStates[state],
      exit_code: exitCode,
      reason,
      message,
      finished_at: finishedAt,
      ...(startedAt !== undefined && { started_at: startedAt }),
      ...(place !== undefined && { log: place }),
    });
    this.#changes.push({ kind: "ended", node, outcome });
  }

  /** With what the step printed among its outputs, unless it was stopped or lost. */
  #published(result: StepResult, uri: string, log: NonNullable<StepReport["log"]>): StepResult {
    const isStopped = result.kind === "lost" || (result.kind === "failed" && this.run.graph.stopping);
    return isStopped ? result : { ...result, outputs: withLog(result.outputs, uri, log) };
  }

  async #outcome(node: Node, result: StepResult): Promise<Outcome> {
    if (result.kind === "lost") return result;
    const { body } = node.component;
    if (body.kind === "importer" && result.kind === "succeeded")
      return { kind: "succeeded", outputs: node.outputs ?? noValues };
    const outputs = afterLogsOf(node.outputs, await this.#writer.keepOutputs(result.outputs));
    return result.kind === "succeeded"
      ? { kind: "succeeded", outputs }
      : { kind: "failed", outputs, error: result.error };
  }

  #stop(): void {
    const { transitions, changes } = cancelIdle(this.run.graph);
    for (const transition of transitions) this.#apply(transition);
    this.#consider(changes);
    const open = [...this.run.graph.nodes()].flatMap((node) =>
      node.attempts.open === undefined ? [] : [{ node, n: node.attempts.open }],
    );
    this.#kills = open;
  }

  async #finish(): Promise<void> {
    this.#isOver = true;
    const { root } = this.run.graph;
    const finishedAt = this.#clock.now();
    if (this.run.deadline !== undefined)
      return this.#writer.runState("FAILED", { error: this.run.deadline, finishedAt });
    if (root.state === "FAILED") return this.#writer.runState("FAILED", { error: failureOf(root), finishedAt });
    return this.#writer.runState(root.state === "CANCELED" ? "CANCELED" : "SUCCEEDED", { finishedAt });
  }

  async #rewrite(node: Node, columns: Parameters<typeof rewriteTask>[3]): Promise<void> {
    await rewriteTask(this.#scope, this.run, node, columns);
  }
}

/** What a step printed itself, as far as that is among its outputs. */
const ownLogs = (node: Node): Values | undefined =>
  node.cachedFrom === undefined ? onlyLogs(node.outputs) : undefined;

const attemptStates = { succeeded: "SUCCEEDED", failed: "FAILED", lost: "LOST", canceled: "CANCELED" } as const;

function onlyArtifact(artifact: Artifact): Values {
  return { parameters: new Map(), artifacts: new Map([[importedKey, [artifact]]]) };
}

async function rewriteTask(
  scope: WriteScope<PipelineTables>,
  run: ActiveRun,
  node: Node,
  columns: {
    state: "RUNNING" | "PENDING";
    created_at?: number;
    inputs?: null;
    items?: null;
    fingerprint?: null;
    cached_from?: null;
    started_at?: null;
    outputs: string | null;
    error: null;
    finished_at: null;
    retry_at: null;
  },
): Promise<void> {
  const id = run.idOf(node);
  if (id === undefined) return;
  await scope.db.updateTable("task").set(columns).where("ns", "=", run.ns).where("id", "=", id).execute();
  scope.changed({ ns: run.ns, kind: "tasks", key: taskName(run.id, id), op: "PUT" });
}
