import type { ArtifactStore } from "@headrace/artifacts";
import type { Pod } from "@headrace/k8s";
import { isApiError, type ObjectKey } from "@headrace/model";
import { claimOrder, workspaceClaimOf } from "../core/claim-order.ts";
import { PipelineFault } from "../core/errors.ts";
import { type Node, noValues, type Values } from "../core/graph.ts";
import { importStep } from "../core/import-pod.ts";
import type { ClaimExecutor, ContainerExecutor, ImporterExecutor } from "../core/ir.ts";
import { asText } from "../core/json.ts";
import { canPublishLog } from "../core/logs.ts";
import { type AttemptPlan, podName, podOf } from "../core/pod.ts";
import { localPath } from "../core/placeholders.ts";
import type { SharedFolder } from "../core/shared-folders.ts";
import type { StepResult } from "../core/step-report.ts";
import type { ActiveRun } from "./active-run.ts";
import type { ClaimEnd, Claims } from "./claims.ts";
import type { AttemptRef, Pods } from "./pods.ts";
import type { Verification } from "./turn.ts";

/** That an attempt is over, said by the engine itself. */
export interface AttemptEnd {
  readonly task: number;
  readonly n: number;
  readonly result: StepResult;
  readonly reason: string;
}

interface AttemptsOptions {
  readonly artifacts: ArtifactStore;
  readonly pods: Pods;
  readonly claims: Claims;
  readonly sharedFolders?: readonly SharedFolder[];
  readonly publishLogs?: boolean;
  /** Whether the run is still the one that is driven: what is done for another is in vain. */
  readonly isActive: (run: ActiveRun) => boolean;
  /** Told of attempts that end without a report of a node. */
  readonly ended: (run: ActiveRun, end: AttemptEnd) => void;
  readonly onError: (error: unknown) => void;
}

/** What attempts are for, done in the world: pods and claims. Safe to repeat. */
export class Attempts {
  readonly #artifacts: ArtifactStore;
  readonly #pods: Pods;
  readonly #claims: Claims;
  readonly #sharedFolders: readonly SharedFolder[];
  readonly #publishLogs: boolean;
  readonly #isActive: AttemptsOptions["isActive"];
  readonly #ended: AttemptsOptions["ended"];
  readonly #onError: (error: unknown) => void;

  constructor(options: AttemptsOptions) {
    this.#artifacts = options.artifacts;
    this.#pods = options.pods;
    this.#claims = options.claims;
    this.#sharedFolders = options.sharedFolders ?? [];
    this.#publishLogs = options.publishLogs ?? false;
    this.#isActive = options.isActive;
    this.#ended = options.ended;
    this.#onError = options.onError;
  }

  /** Does in the world what an attempt is for. `again`: an earlier process may have done it. */
  carryOut(run: ActiveRun, node: Node, n: number, again: boolean): void {
    const { body } = node.component;
    if (body.kind === "dag" || node.attempts.open !== n) return;
    const task = run.rowId(node);
    if (body.kind === "claim") this.#unlessInvalid(run, task, n, () => this.#makeClaim(run, node, n, { body, again }));
    else this.#unlessInvalid(run, task, n, () => this.#ensurePod(run, node, n, body));
  }

  /** A step that makes no sense ends before it began, and says why. */
  #unlessInvalid<T>(run: ActiveRun, task: number, n: number, body: () => T): T | undefined {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof PipelineFault) && !isApiError(error)) throw error;
      this.#ended(run, { task, n, reason: "InvalidStep", result: endOf(false, error.message) });
      return undefined;
    }
  }

  #makeClaim(
    run: ActiveRun,
    node: Node,
    n: number,
    { body, again }: { readonly body: ClaimExecutor; readonly again: boolean },
  ): void {
    const task = run.rowId(node);
    const order = claimOrder(body, node.inputs ?? noValues, { namespace: run.ns, run: run.id, rowId: task });
    const done = (end: ClaimEnd): void => {
      const result = "name" in end ? claimMade(node, end.name) : endOf(false, end.refusal);
      const reason = "name" in end ? "Completed" : "ClaimRefused";
      this.#ended(run, { task, n, reason, result });
    };
    this.#claims.carryOut(run.ns, order, { again, isWanted: this.#isWanted(run, node, n), done });
  }

  #isWanted(run: ActiveRun, node: Node, n: number): () => boolean {
    return () => this.#isActive(run) && node.attempts.open === n && !run.graph.stopping;
  }

  /** What the pod of a step runs: the step itself, or the copy of what it imports. */
  #stepOf(
    run: ActiveRun,
    node: Node,
    n: number,
    body: ContainerExecutor | ImporterExecutor,
  ): Pick<AttemptPlan, "component" | "executor" | "input"> {
    if (body.kind === "container") {
      this.#checkInputs(run.ns, node.inputs);
      return { component: node.component, executor: body, input: run.executorInput(node, n) };
    }
    const [artifact] = [...(node.outputs?.artifacts.values() ?? [])].flat();
    if (!artifact || run.workspaceClaim === undefined)
      throw new PipelineFault("Cannot import into the workspace: the pipeline has none (dsl.WorkspaceConfig)");
    this.#checkInputs(run.ns, { parameters: new Map(), artifacts: new Map([["artifact", [artifact]]]) });
    return importStep(node, artifact, run.directory(node, n));
  }

  #podOf(run: ActiveRun, node: Node, n: number, body: ContainerExecutor | ImporterExecutor): Pod {
    const task = run.rowId(node);
    const { workspaceClaim } = run;
    return podOf({
      ...this.#stepOf(run, node, n, body),
      namespace: run.ns,
      run: run.facts,
      pipelineName: run.row.pipeline_name,
      serviceAccount: run.row.service_account,
      task: { name: node.name, id: String(task), rowId: task, displayName: node.displayName },
      n,
      directory: run.directory(node, n),
      resolve: run.resolveFor(node),
      sharedFolders: this.#sharedFolders,
      ...(workspaceClaim !== undefined && { workspaceClaim }),
      ...(this.#publishLogs && canPublishLog(node.component) && { log: run.logPlace(node, n) }),
    });
  }

  /** What the pod is to be is worked out when its turn has come: of a wide loop most have to wait for that. */
  #ensurePod(run: ActiveRun, node: Node, n: number, body: ContainerExecutor | ImporterExecutor): void {
    const task = run.rowId(node);
    const isWanted = this.#isWanted(run, node, n);
    const ensure = (build: () => Pod | undefined): void =>
      this.#pods.ensure(attemptOf(run, node, n), podKeyOf(run, node, n).name, build, isWanted);
    const { workspace } = run.pipeline.settings;
    if (!workspace) {
      ensure(() => this.#unlessInvalid(run, task, n, () => this.#podOf(run, node, n, body)));
      return;
    }
    const pod = this.#podOf(run, node, n, body);
    const usesIt = pod.spec.volumes?.some((each) => each.persistentVolumeClaim?.claimName === run.workspaceClaim);
    if (!usesIt) {
      ensure(() => pod);
      return;
    }
    const claim = workspaceClaimOf({ namespace: run.ns, run: run.id, resourceName: run.facts.resourceName }, workspace);
    const done = (end: ClaimEnd): void => {
      if ("name" in end) ensure(() => pod);
      else
        this.#ended(run, {
          task,
          n,
          reason: "WorkspaceRefused",
          result: endOf(false, `the run's workspace was refused: ${end.refusal}`),
        });
    };
    this.#claims.ensure(claim, { isWanted, done });
  }

  /** An artifact that has a place in the container has to be one that we can put there. */
  #checkInputs(ns: string, inputs: Values | undefined): void {
    for (const [name, artifacts] of inputs?.artifacts ?? []) {
      for (const { uri } of artifacts) {
        if (!localPath(uri).startsWith("/")) continue;
        const answer = this.#artifacts.in(ns).supports(uri);
        if (!answer.ok) throw new PipelineFault(`Cannot mount input artifact "${name}" (${uri}): ${answer.reason}`);
      }
    }
  }

  /** Whether all that a cached result refers to is still there. */
  async verify(run: ActiveRun, verification: Verification): Promise<boolean> {
    const artifacts = [...verification.hit.outputs.artifacts.values()].flat().filter(({ written }) => written);
    const found = await Promise.all([
      ...artifacts.map(({ uri }) => this.#exists(run.ns, uri)),
      ...(verification.node.component.body.kind === "claim" ? [this.#claimExists(run, verification)] : []),
    ]);
    return found.every(Boolean);
  }

  async #claimExists(run: ActiveRun, { hit }: Verification): Promise<boolean> {
    try {
      return await this.#claims.exists(run.ns, asText(hit.outputs.parameters.get("name") ?? ""));
    } catch (error) {
      this.#onError(error);
      return false;
    }
  }

  /** Bytes that we do not keep are taken to be where they are said to be. */
  async #exists(ns: string, uri: string): Promise<boolean> {
    const artifacts = this.#artifacts.in(ns);
    if (!artifacts.supports(uri).ok) return true;
    try {
      return (await artifacts.stat(uri)) !== undefined;
    } catch (error) {
      this.#onError(error);
      return false;
    }
  }
}

export function attemptOf(run: ActiveRun, node: Node, n: number): AttemptRef {
  return { ns: run.ns, run: run.id, task: run.rowId(node), n };
}

export function podKeyOf(run: ActiveRun, node: Node, n: number): ObjectKey {
  return { namespace: run.ns, name: podName(run.facts.resourceName, node.name, run.rowId(node), n) };
}

/** `CreatePVC` gives the claim's name as its one output. */
function claimMade({ component }: Node, name: string): StepResult {
  const names = [...component.outputs.parameters.keys()];
  const parameters = new Map(names.map((key) => [key, name]));
  return { kind: "succeeded", outputs: { parameters, artifacts: new Map() } };
}

export function endOf(lost: boolean, message: string): StepResult {
  if (lost) return { kind: "lost", error: { message } };
  return { kind: "failed", error: { message }, outputs: { parameters: new Map(), artifacts: new Map() } };
}
