import type { Ids } from "@headrace/model";
import { type AttemptTable, rowChunks, type RunState, type TaskTable, type WriteScope } from "@headrace/records";
import type { Insertable, Selectable, Updateable } from "kysely";
import { type Artifact, isFinal, type Node } from "../core/graph.ts";
import { isGroup } from "../core/next.ts";
import { onlyLogs } from "../core/logs.ts";
import type { ProducedArtifact, StepOutputs } from "../core/step-report.ts";
import type { PipelineDatabase, PipelineTables } from "../records/tables.ts";
import { type ActiveRun, itemsColumn, typeColumns, valuesColumn } from "./active-run.ts";
import { podName } from "../core/pod.ts";
import { taskName } from "../resources/index.ts";
import type { Values } from "../core/graph.ts";

export interface NewAttempt {
  readonly node: Node;
  readonly n: number;
  /** Of an earlier process, which may have begun it. */
  readonly again?: true;
}

/** Writes what happened to one run within one transaction. Nodes are written once, as they are when `flush` is called. */
export class RunWriter {
  readonly #run: ActiveRun;
  readonly #scope: WriteScope<PipelineTables>;
  readonly #ids: Ids;
  readonly #now: number;
  readonly #dirty = new Set<Node>();
  readonly #started = new Map<Node, number>();
  readonly #attempts: NewAttempt[] = [];
  #written = 0;
  #announced = false;

  constructor(run: ActiveRun, scope: WriteScope<PipelineTables>, { ids, now }: { ids: Ids; now: number }) {
    this.#run = run;
    this.#scope = scope;
    this.#ids = ids;
    this.#now = now;
  }

  /** How many tasks this transaction has written or will write. */
  get size(): number {
    return this.#written + this.#dirty.size;
  }

  /** Attempts that were begun: their pods follow after the commit. */
  get attempts(): readonly NewAttempt[] {
    return this.#attempts;
  }

  get #db(): PipelineDatabase {
    return this.#scope.db;
  }

  /** Whether there is anything that who watches the run has to hear of. */
  get hasChanges(): boolean {
    return this.size > 0 || this.#announced;
  }

  touch(node: Node): void {
    this.#dirty.add(node);
  }

  /** The row stays as it is, but what is shown of it does not. */
  announce(node: Node): void {
    this.#announced = true;
    this.#changed("tasks", taskName(this.#run.id, this.#run.rowId(node)));
  }

  /** When a step's program really began, in milliseconds. */
  startedAt(node: Node, at: number): void {
    this.#started.set(node, at);
    this.#dirty.add(node);
  }

  begin(node: Node): void {
    this.#dirty.add(node);
    if (node.attempts.open !== undefined) this.#attempts.push({ node, n: node.attempts.open });
  }

  /** Writes all nodes that were touched: new ones first, parents before children, since they get their numbers here. */
  async flush(): Promise<void> {
    const nodes = [...this.#dirty];
    this.#dirty.clear();
    this.#written += nodes.length;
    let fresh = nodes.filter((node) => this.#run.idOf(node) === undefined);
    for (const node of nodes) if (this.#run.idOf(node) !== undefined) await this.#update(node);
    while (fresh.length > 0) {
      const ready = fresh.filter(({ parent }) => !parent || this.#run.idOf(parent) !== undefined);
      await this.#insert(ready);
      fresh = fresh.filter((node) => this.#run.idOf(node) === undefined);
    }
    for (const node of nodes) this.#changed("tasks", taskName(this.#run.id, this.#run.rowId(node)));
    await this.#linkOutputs(nodes);
  }

  /** Writes the attempts that were begun, once their tasks have numbers. */
  async flushAttempts(): Promise<void> {
    const rows = this.#attempts.map(({ node, n }) => this.#attemptRow(node, n));
    for (const some of rowChunks(rows)) await this.#db.insertInto("attempt").values(some).execute();
    const inputs = this.#attempts
      // The first try since it was decided, or since the run was retried.
      .filter(({ node }) => node.attempts.current === 1)
      .flatMap(({ node }) => this.#links(node, "INPUT", node.inputs));
    await this.#insertLinks(inputs);
  }

  async endAttempt(node: Node, n: number, facts: Updateable<AttemptTable>): Promise<void> {
    await this.#db
      .updateTable("attempt")
      .set(facts)
      .where("ns", "=", this.#run.ns)
      .where("task", "=", this.#run.rowId(node))
      .where("n", "=", n)
      .execute();
    this.#dirty.add(node);
  }

  /** Gives rows, and so numbers, to what a step made. */
  async keepOutputs(outputs: StepOutputs): Promise<Values> {
    const produced = [...outputs.artifacts].flatMap(([port, list]) =>
      list.map((artifact) => ({ port, artifact, uid: this.#ids.uuid() })),
    );
    const numbers = new Map<string, number>();
    for (const some of rowChunks(produced.map(({ artifact, uid }) => this.#artifactRow(artifact, uid)))) {
      const rows = await this.#db.insertInto("artifact").values(some).returning(["id", "uid"]).execute();
      for (const { id, uid } of rows) {
        numbers.set(uid, id);
        this.#changed("artifacts", String(id));
      }
    }
    const artifacts = new Map<string, Artifact[]>();
    for (const { port, artifact, uid } of produced) {
      const { uri, type, metadata, name } = artifact;
      const list = artifacts.get(port) ?? [];
      list.push({ id: numbers.get(uid) ?? 0, name, uri, type, metadata });
      artifacts.set(port, list);
    }
    return { parameters: outputs.parameters, artifacts };
  }

  /** Writes the run's own state. */
  async runState(
    state: RunState,
    facts: { error?: string | null; startedAt?: number; finishedAt?: number } = {},
  ): Promise<void> {
    const { ns, id } = this.#run;
    const { error, startedAt, finishedAt } = facts;
    await this.#db
      .updateTable("run")
      .set({
        state,
        ...(error !== undefined && { error }),
        ...(startedAt !== undefined && { started_at: startedAt }),
        ...(finishedAt !== undefined && { finished_at: finishedAt }),
      })
      .where("ns", "=", ns)
      .where("id", "=", id)
      .execute();
    await this.#db
      .insertInto("run_state")
      .values({ run: id, ns, at: this.#now, state, error: error ?? null })
      .execute();
    this.runChanged();
  }

  runChanged(): void {
    this.#changed("runs", this.#run.id);
  }

  #changed(kind: "runs" | "tasks" | "artifacts", key: string): void {
    this.#scope.changed({ ns: this.#run.ns, kind, key, op: "PUT" });
  }

  async #insert(nodes: readonly Node[]): Promise<void> {
    const byKey = new Map(nodes.map((node) => [node.key, node]));
    for (const rows of rowChunks(nodes.map((node) => this.#taskRow(node)))) {
      const written = await this.#db.insertInto("task").values(rows).returning(["id", "key"]).execute();
      for (const { id, key } of written) {
        const node = byKey.get(key);
        if (node) this.#run.remember(node, id);
      }
    }
  }

  async #update(node: Node): Promise<void> {
    const { started_at, ...columns } = this.#mutableColumns(node);
    await this.#db
      .updateTable("task")
      .set({ ...columns, ...(started_at !== null && { started_at }) })
      .where("ns", "=", this.#run.ns)
      .where("id", "=", this.#run.rowId(node))
      .execute();
  }

  #taskRow(node: Node): Insertable<TaskTable> {
    return {
      uid: this.#ids.uuid(),
      ns: this.#run.ns,
      run: this.#run.id,
      parent: node.parent ? this.#run.rowId(node.parent) : null,
      key: node.key,
      name: node.name,
      display_name: node.displayName,
      type: node.type,
      iteration: node.iteration ?? null,
      created_at: this.#now,
      deadline_at: null,
      ...this.#mutableColumns(node),
    };
  }

  #mutableColumns(node: Node) {
    return {
      state: node.state,
      inputs: valuesColumn(node.inputs),
      outputs: valuesColumn(node.outputs),
      items: itemsColumn(node.items),
      fingerprint: node.fingerprint ?? null,
      cached_from: node.cachedFrom ?? null,
      error: node.error ? JSON.stringify(node.error) : null,
      started_at: this.#started.get(node) ?? (isGroup(node) && this.#run.idOf(node) === undefined ? this.#now : null),
      finished_at: isFinal(node) ? this.#now : null,
      retry_at: node.retryAt ?? null,
    };
  }

  #attemptRow(node: Node, n: number): Insertable<AttemptTable> {
    return {
      task: this.#run.rowId(node),
      n,
      ns: this.#run.ns,
      run: this.#run.id,
      pod: podName(this.#run.facts.resourceName, node.name, this.#run.rowId(node), n),
      state: "CREATED",
      exit_code: null,
      reason: null,
      message: null,
      log: null,
      created_at: Math.max(this.#now, this.#run.setBackAt.get(this.#run.rowId(node)) ?? 0),
      started_at: null,
      finished_at: null,
    };
  }

  #artifactRow(artifact: ProducedArtifact, uid: string): Insertable<PipelineTables["artifact"]> {
    return {
      uid,
      ns: this.#run.ns,
      ...typeColumns(artifact.type),
      name: artifact.name,
      uri: artifact.uri,
      metadata: JSON.stringify(artifact.metadata),
      digest: artifact.digest ?? null,
      size: artifact.size ?? null,
      state: "LIVE",
      created_at: this.#now,
    };
  }

  /** Which artifacts came out of steps that just ended, and the logs of those that run again. */
  async #linkOutputs(nodes: readonly Node[]): Promise<void> {
    const ended = nodes.filter((node) => !isGroup(node) && (isFinal(node) || onlyLogs(node.outputs)));
    await this.#insertLinks(ended.flatMap((node) => this.#links(node, "OUTPUT", node.outputs)));
  }

  #links(
    node: Node,
    direction: "INPUT" | "OUTPUT",
    values: Values | undefined,
  ): Selectable<PipelineTables["task_artifact"]>[] {
    return [...(values?.artifacts ?? [])].flatMap(([name, list]) =>
      list.map(({ id }, index) => ({
        task: this.#run.rowId(node),
        artifact: id,
        ns: this.#run.ns,
        direction,
        name,
        index,
      })),
    );
  }

  async #insertLinks(rows: Selectable<PipelineTables["task_artifact"]>[]): Promise<void> {
    for (const some of rowChunks(rows)) {
      await this.#db
        .insertInto("task_artifact")
        .values(some)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
  }
}
