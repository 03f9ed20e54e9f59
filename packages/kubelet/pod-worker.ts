import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { type Environment, EnvironmentError } from "@headrace/environments";
import type { Container, LifecycleHandler, Pod, Probe } from "@headrace/k8s";
import { isApiError, type StepIO, type StepReport } from "@headrace/model";
import { afterThisTurn, type EventMessage, exponentialDelay, pause } from "@headrace/runtime";
import type { ContainerExit } from "@headrace/sandbox";
import { type CommandResult, runInContainer } from "./commands.ts";
import { instanceId, makesItsFolders, parseInstanceId } from "./container-spec.ts";
import { advance, type ContainerEvent, type ContainerState, type Ended, isAlive } from "./container-state.ts";
import { ContainerConfigError, UnsupportedError } from "./errors.ts";
import { logTail } from "./log-files.ts";
import { lastLog, type LogSource } from "./logs.ts";
import type { NodeServices } from "./node-services.ts";
import { type Action, type Ending, plan, type PodPlan } from "./plan.ts";
import { type DirectoryShape, makeDirectory, messageName, scratchName } from "./pod-directories.ts";
import { podDirectory, podUser } from "./pod-identity.ts";
import { PodProbes } from "./pod-probes.ts";
import { podStatus } from "./pod-status.ts";
import { layersName, prepareContainer } from "./preparation.ts";
import { writeRecord } from "./record.ts";
import { finalForObject, finalForReport, persist } from "./retry.ts";
import { StatusWriter } from "./status-writer.ts";
import { collectStep, readBeneath, readStepIO, scratchFolders } from "./step.ts";
import { refuseUnsupported } from "./unsupported.ts";
import type { NodeFacts } from "./variables.ts";
import { PodVolumes } from "./volumes.ts";

/** Steps that are over within this time are never written as Running: nobody could have seen it, and it costs a commit. */
const quietMs = 250;
const volumeRetries = { firstMs: 1000, maxMs: 60_000 };
/** The longest that a hook may take where the grace does not end it before. */
const hookSeconds = 3600;
const volumesName = ".volumes";
const lastWords = { fileBytes: 1 << 20, bytes: 4096, logBytes: 2048, logLines: 80 };

/** What a pod's worker begins with: of an earlier process of this node, or new. */
export interface Taken {
  readonly containers: readonly ContainerState[];
  /** Where a pod that runs already can be reached. */
  readonly address: string | undefined;
}

interface Verdict {
  readonly phase: "Succeeded" | "Failed";
  readonly reason: string;
  readonly message: string;
}

/**
 * One pod from the moment it is bound to this node until nothing of it is left. Everything that happens is taken in turn: state
 * changes at once, `plan` says what follows, and what takes time comes back as a change.
 */
export class PodWorker {
  readonly #services: NodeServices;
  readonly #directory: string;
  /** Where volumes that are made of objects and tokens lie: in memory, where the node has a place there. */
  readonly #projections: string;
  readonly #startTime: number;
  readonly #volumes: PodVolumes;
  readonly #probes: PodProbes;
  readonly #status: StatusWriter;
  readonly #onRemoved: () => void;
  /** Ends preparations that nobody needs any more. */
  readonly #abandon = new AbortController();
  readonly #logEnds = new Map<string, PromiseWithResolvers<void>>();
  readonly #unsaid: EventMessage[] = [];
  #pod: Pod;
  #containers: readonly ContainerState[];
  #step: StepIO | undefined;
  #admission: "unknown" | "admitted" | "refused" = "unknown";
  #volumesState: PodPlan["volumes"] = "missing";
  #volumesNotBefore = 0;
  #volumesFailures = 0;
  /** Why the pod as a whole waits. */
  #waiting: ContainerState["waiting"] | undefined;
  #ending: Ending | undefined;
  #verdict: Verdict | undefined;
  /** Whether who made the pod knows how it ended: only then may its object say so. */
  #reported = false;
  #podIP: string | undefined;
  /** Where the pod can be reached; undefined where pods have no network. */
  #address: string | undefined;
  #alarm: Disposable | undefined;
  #quiet: Disposable | undefined;
  #renewal: Disposable | undefined;
  /** Whether the pod has taken so long that somebody may be looking. */
  #watched = false;
  /** The object is no longer in the API. */
  #gone = false;
  /** The terminal status is written and the sandbox may forget the containers. */
  #settled = false;
  #removing = false;

  constructor(services: NodeServices, pod: Pod, taken: Taken, onRemoved: () => void) {
    this.#services = services;
    this.#pod = pod;
    this.#containers = taken.containers;
    this.#address = taken.address;
    this.#onRemoved = onRemoved;
    this.#directory = podDirectory(services.podsDirectory, pod);
    this.#startTime = pod.status?.startTime === undefined ? services.clock.now() : Date.parse(pod.status.startTime);
    this.#podIP = pod.status?.podIP;
    const directory = join(this.#directory, volumesName);
    const { memoryDirectory } = services;
    this.#projections = memoryDirectory === undefined ? directory : join(memoryDirectory, basename(this.#directory));
    this.#volumes = new PodVolumes(pod, { directory, projections: this.#projections }, services.volumes);
    this.#status = new StatusWriter(services, pod.metadata, () => this.#currentStatus());
    this.#probes = new PodProbes(services, {
      changed: () => {
        this.#proceed();
        this.#status.publish();
      },
      unhealthy: (message) => this.#warn("Unhealthy", message),
      dead: (container, kind, probe) => this.#restartUnhealthy(container, kind, probe),
    });
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Begins, or goes on with what was taken over. */
  start(): void {
    const phase = this.#pod.status?.phase;
    if (phase === "Succeeded" || phase === "Failed") {
      this.#verdict = { phase, reason: "", message: "" };
      this.#settled = true;
      void this.#settleAgain();
      return;
    }
    try {
      this.#step = readStepIO(this.#pod);
      refuseUnsupported(this.#pod);
    } catch (error) {
      this.#refuse(error);
    }
    for (const { name, phase } of this.#containers) {
      if (phase === "Running") this.#probes.start(this.#spec(name), this.#instance(name), this.#address);
    }
    this.#noteDeletion();
    this.#proceed();
    this.#publishSoon();
  }

  update(pod: Pod): void {
    const before = metadataText(this.#pod);
    this.#pod = pod;
    if (this.#settled) {
      if (this.#isDeleted) void this.#remove();
      return;
    }
    this.#noteDeletion();
    this.#proceed();
    if (this.#volumes.showsMetadata && metadataText(pod) !== before) void this.#refreshVolumes();
  }

  /** The object has left the API without waiting for us: whatever runs is killed. */
  removed(): void {
    this.#gone = true;
    if (this.#settled) {
      void this.#remove();
      return;
    }
    this.#ending = { reason: "", message: "", killAt: 0 };
    this.#proceed();
  }

  exit(exit: ContainerExit): void {
    const id = parseInstanceId(exit.id);
    const container = this.#containers.find(({ name }) => name === id?.container);
    if (container === undefined || container.restarts !== id?.restarts || container.phase === "Terminated") {
      // Told again after a reconnect. What is over is acknowledged again; what is being handled will be.
      if (this.#settled || container?.restarts !== id?.restarts) this.#acknowledgeId(exit.id);
      return;
    }
    this.#apply(container.name, { type: "ended", ended: this.#describeEnd(container, exit) });
    this.#logEnds.get(container.name)?.resolve();
    this.#probes.end(container.name);
    this.#proceed();
    this.#publishSoon();
  }

  /** An ImageMapping has changed: containers that wait for one are tried at once. */
  retryImages(): void {
    this.#containers = this.#containers.map((container) =>
      container.phase === "Waiting" && isImageReason(container.waiting.reason)
        ? { ...container, notBefore: 0 }
        : container,
    );
    this.#proceed();
  }

  /** A ConfigMap or Secret of the pod's namespace has changed. */
  referenceChanged(kind: "ConfigMap" | "Secret", name: string): void {
    if (this.#volumes.refersTo(kind, name)) void this.#refreshVolumes();
  }

  /** Undefined if the pod has no such container or it was never started (or restarted, for `previous`). */
  log(container: string, previous: boolean): LogSource | undefined {
    const state = this.#state(container);
    if (state === undefined) return undefined;
    const latest = state.phase === "Waiting" ? state.restarts - 1 : state.restarts;
    const instance = previous ? state.restarts - 1 : latest;
    if (instance < 0) return undefined;
    const goesOn = instance === state.restarts && isAlive(state);
    return {
      path: this.#logPath(container, instance),
      ended: goesOn ? this.#logEnd(container).promise : Promise.resolve(),
    };
  }

  /** The present instance of a running container; undefined if it does not run. */
  runningInstance(container: string): string | undefined {
    const state = this.#state(container);
    return state?.phase === "Running" || state?.phase === "Stopping" ? this.#instance(container) : undefined;
  }

  /** Where the pod can be reached; undefined where pods have no network, or before it has started. */
  get address(): string | undefined {
    return this.#address;
  }

  #proceed(): void {
    if (this.#ending !== undefined) this.#abandon.abort();
    // Each round changes something, or is the last; a pod has few containers.
    for (let again = true; again;) {
      const actions = plan(this.#planned(), this.#services.clock.now());
      this.#wakeAt(Math.min(...actions.map((action) => (action.do === "wake" ? action.at : Infinity))));
      again = actions.map((action) => this.#perform(action)).includes("again");
    }
  }

  #planned(): PodPlan {
    const { activeDeadlineSeconds, restartPolicy } = this.#pod.spec;
    return {
      restartPolicy: restartPolicy ?? "Always",
      containers: this.#containers,
      starting: this.#probes.starting,
      volumes: this.#volumesState,
      volumesNotBefore: this.#volumesNotBefore,
      ending: this.#ending,
      deadline: activeDeadlineSeconds === undefined ? undefined : this.#startTime + activeDeadlineSeconds * 1000,
      finished: this.#verdict !== undefined,
    };
  }

  #perform(action: Action): "again" | "later" {
    switch (action.do) {
      case "prepare":
        void this.#prepareVolumes();
        return "later";
      case "start":
        void this.#start(action.container);
        return "later";
      case "restart":
        this.#restart(action.container);
        return "again";
      case "stop":
        this.#stop(action.container);
        return "later";
      case "kill":
        this.#signal(action.container, "SIGKILL");
        return "later";
      case "end":
        this.#end(action.reason);
        return "again";
      case "finish":
        void this.#finish(action.phase);
        return "later";
      case "wake":
        return "later";
    }
  }

  #wakeAt(time: number): void {
    const { clock } = this.#services;
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = time === Infinity ? undefined : clock.after(Math.max(0, time - clock.now()), () => this.#proceed());
  }

  #end(reason: "" | "DeadlineExceeded"): void {
    const message = reason === "" ? "" : "Pod was active on the node longer than the specified deadline";
    this.#ending = { reason, message, killAt: this.#services.clock.now() + 1000 * this.#graceSeconds };
    if (reason !== "") this.#warn(reason, message);
  }

  #noteDeletion(): void {
    const { deletionTimestamp } = this.#pod.metadata;
    if (deletionTimestamp === undefined || this.#verdict !== undefined) return;
    const killAt = Math.min(Date.parse(deletionTimestamp), this.#ending?.killAt ?? Infinity);
    this.#ending = { reason: this.#ending?.reason ?? "", message: this.#ending?.message ?? "", killAt };
  }

  #refuse(error: unknown): void {
    const message = messageOf(error);
    this.#ending = { reason: "NotSupported", message, killAt: 0 };
    this.#warn("NotSupported", message);
  }

  async #prepareVolumes(): Promise<void> {
    this.#volumesState = "preparing";
    try {
      this.#services.directories.take(this.#directory, this.#step && this.#shape(this.#step));
      await Promise.all([this.#volumes.prepare(this.#pod, this.#facts()), this.#admitStep()]);
      this.#volumesState = "ready";
      this.#waiting = undefined;
      this.#renewTokens();
    } catch (error) {
      this.#volumesFailed(error);
    }
    this.#proceed();
  }

  #shape(step: StepIO): DirectoryShape {
    const [container] = this.#pod.spec.containers;
    const folders = container && makesItsFolders(this.#pod, container) ? [] : scratchFolders(step);
    return { container: container?.name ?? "", scratchFolders: folders };
  }

  /** Before anything of an artifact is touched: only the engine knows which pods may. */
  async #admitStep(): Promise<void> {
    if (this.#step === undefined) return;
    const refusal = await this.#services.authorizeStep(this.#pod, this.#step);
    this.#admission = refusal === undefined ? "admitted" : "refused";
    if (refusal === undefined) return;
    const what = `names artifacts that the pod may not use: ${refusal}`;
    throw new UnsupportedError("metadata.annotations", what, "Such pods are made by the pipeline engine alone");
  }

  #volumesFailed(error: unknown): void {
    this.#volumesState = "missing";
    if (error instanceof UnsupportedError) {
      this.#refuse(error);
      return;
    }
    this.#volumesFailures += 1;
    this.#volumesNotBefore = this.#services.clock.now() + exponentialDelay(this.#volumesFailures, volumeRetries);
    this.#waiting = { reason: "ContainerCreating", message: messageOf(error) };
    this.#warn("FailedMount", `MountVolume.SetUp failed: ${messageOf(error)}`);
    this.#status.publish();
  }

  async #refreshVolumes(): Promise<void> {
    if (this.#volumesState !== "ready" || this.#verdict !== undefined) return;
    try {
      await this.#volumes.prepare(this.#pod, this.#facts());
      this.#renewTokens();
    } catch (error) {
      this.#services.onError(error);
    }
  }

  #renewTokens(): void {
    const { clock } = this.#services;
    const { renewAt } = this.#volumes;
    this.#renewal?.[Symbol.dispose]();
    if (renewAt === undefined || this.#verdict !== undefined) return;
    this.#renewal = clock.after(Math.max(1000, renewAt - clock.now()), () => void this.#refreshVolumes());
  }

  async #start(name: string): Promise<void> {
    const container = this.#spec(name);
    this.#apply(name, { type: "start" });
    try {
      const { spec, environment } = await this.#prepare(container);
      if (this.#ending === undefined) {
        this.#apply(name, { type: "prepared", imageID: environment.imageID });
        const started = await this.#services.sandbox.start(spec);
        this.#address = started.address;
        this.#podIP ??= started.address ?? this.#services.nodeFacts.hostIP;
        this.#apply(name, { type: "started", at: started.startedAt });
        this.#sayStarted(container, environment);
        await this.#afterStart(container);
      } else {
        this.#holdForGood(name);
      }
    } catch (error) {
      this.#startFailed(container, error);
    }
    this.#proceed();
    this.#publishSoon();
  }

  async #afterStart(container: Container): Promise<void> {
    const { name, lifecycle } = container;
    const instance = this.#instance(name);
    if (lifecycle?.postStart !== undefined) {
      const { exitCode, output } = await this.#runHook(instance, lifecycle.postStart);
      if (exitCode !== 0 && this.#instance(name) === instance) {
        this.#warn("FailedPostStartHook", `PostStartHook failed: ${output}`);
        this.#stop(name);
        this.#killAfter(name, this.#graceSeconds);
        return;
      }
    }
    if (this.#instance(name) !== instance || this.#state(name)?.phase !== "Running") return;
    this.#probes.start(container, instance, this.#address);
  }

  /** Hooks of a kind that this node does not run were refused with the pod. */
  async #runHook(instance: string, hook: LifecycleHandler): Promise<CommandResult> {
    const { clock, sandbox, signal } = this.#services;
    if (hook.exec !== undefined) {
      return runInContainer(sandbox, clock, instance, hook.exec.command ?? [], 1000 * hookSeconds);
    }
    await pause(clock, 1000 * (hook.sleep?.seconds ?? 0), signal);
    return { exitCode: 0, output: "" };
  }

  #prepare(container: Container): ReturnType<typeof prepareContainer> {
    const { name } = container;
    const restarts = this.#state(name)?.restarts ?? 0;
    makeDirectory(join(this.#directory, name), 0o700);
    return prepareContainer({
      services: this.#services,
      pod: this.#pod,
      directory: this.#directory,
      container,
      restarts,
      step: name === this.#pod.spec.containers[0]?.name ? this.#step : undefined,
      volumes: this.#volumes,
      facts: this.#facts(),
      logPath: this.#logPath(name, restarts),
      signal: AbortSignal.any([this.#services.signal, this.#abandon.signal]),
      onProgress: (message) => {
        this.#apply(name, { type: "progress", message });
        this.#say({ type: "Normal", reason: "Pulling", message: `${container.image}: ${message}` });
        this.#publishSoon();
      },
      onWarning: (reason, message) => this.#warn(reason, message),
    });
  }

  #startFailed(container: Container, error: unknown): void {
    const { name } = container;
    const code = codeOf(error);
    if (code === "already-started" || code === "launcher-lost") {
      void this.#findOut(name);
    } else if (code === "start-failed") {
      // Its exit says so as well, and is handled like any other.
    } else if (this.#ending !== undefined) {
      this.#holdForGood(name);
    } else if (error instanceof EnvironmentError) {
      this.#imageFailed(container, `${error.message}\n${error.remedy}`);
    } else if (error instanceof UnsupportedError) {
      this.#hold(name, "CreateContainerConfigError", error.message);
      this.#refuse(error);
    } else if (code === "invalid") {
      // The specification will not become valid by waiting.
      this.#endUnseen(name, "ContainerCannotRun", messageOf(error));
    } else {
      const reason = error instanceof ContainerConfigError ? error.reason : "RunContainerError";
      this.#hold(name, reason, messageOf(error));
      this.#warn("Failed", `Error: ${messageOf(error)}`);
    }
  }

  #imageFailed({ name, image }: Container, message: string): void {
    const again = isImageReason(this.#state(name)?.waiting.reason ?? "");
    this.#hold(name, again ? "ImagePullBackOff" : "ErrImagePull", message);
    this.#warn("Failed", `Failed to prepare image "${image}": ${message}`);
    this.#say({ type: "Normal", reason: "BackOff", message: `Back-off preparing image "${image}"` });
  }

  /** The sandbox knows the instance, but this process missed what became of it: it runs, has ended, or is lost. */
  async #findOut(name: string): Promise<void> {
    const id = this.#instance(name);
    const known = await this.#services.sandbox.sync().catch(() => undefined);
    const running = known?.running.find((each) => each.id === id);
    const exit = known?.exits.find((each) => each.id === id);
    if (running !== undefined) this.#apply(name, { type: "started", at: running.startedAt });
    else if (exit !== undefined) this.exit(exit);
    else if (known !== undefined) this.#endUnseen(name, "Lost", "The sandbox knows nothing of the container any more");
    else this.#hold(name, "RunContainerError", "The sandbox does not answer");
    this.#proceed();
    this.#publishSoon();
  }

  #endUnseen(name: string, reason: "Lost" | "ContainerCannotRun", message: string): void {
    const ended: Ended = {
      exitCode: reason === "Lost" ? 137 : 128,
      reason,
      message,
      startedAt: undefined,
      finishedAt: this.#services.clock.now(),
      restarts: this.#state(name)?.restarts ?? 0,
    };
    this.#apply(name, { type: "ended", ended });
    this.#warn("Failed", `Error: ${message}`);
  }

  #hold(name: string, reason: string, message: string): void {
    this.#apply(name, { type: "held", reason, message, now: this.#services.clock.now() });
  }

  #holdForGood(name: string): void {
    this.#hold(name, "ContainerCreating", "The pod ended before the container was started");
  }

  #restart(name: string): void {
    const former = this.#instance(name);
    this.#apply(name, { type: "restart", now: this.#services.clock.now() });
    writeRecord(this.#directory, this.#containers);
    this.#acknowledgeId(former);
    this.#logEnds.delete(name);
    this.#warn("BackOff", `Back-off restarting failed container ${name}`);
    this.#publishSoon();
  }

  #stop(name: string): void {
    this.#apply(name, { type: "stop" });
    this.#probes.end(name);
    this.#say({ type: "Normal", reason: "Killing", message: `Stopping container ${name}` });
    const preStop = this.#spec(name).lifecycle?.preStop;
    if (preStop === undefined) this.#signal(name, "SIGTERM");
    else void this.#stopAfterHook(name, preStop);
  }

  /** The grace runs meanwhile: a hook that takes longer is ended with its container. */
  async #stopAfterHook(name: string, preStop: LifecycleHandler): Promise<void> {
    const instance = this.#instance(name);
    const { exitCode, output } = await this.#runHook(instance, preStop);
    if (this.#instance(name) !== instance || this.#state(name)?.phase !== "Stopping") return;
    if (exitCode !== 0) this.#warn("FailedPreStopHook", `PreStopHook failed: ${output}`);
    this.#signal(name, "SIGTERM");
  }

  /** The container ends with its grace; whether it comes back is the restart policy's matter. */
  #restartUnhealthy({ name }: Container, kind: string, probe: Probe): void {
    const message = `Container ${name} failed ${kind.toLowerCase()} probe, will be restarted`;
    this.#say({ type: "Normal", reason: "Killing", message });
    this.#stop(name);
    this.#killAfter(name, probe.terminationGracePeriodSeconds ?? this.#graceSeconds);
  }

  #killAfter(name: string, graceSeconds: number): void {
    const instance = this.#instance(name);
    this.#services.clock.after(graceSeconds * 1000, () => {
      if (this.#instance(name) === instance && this.#state(name)?.phase === "Stopping") this.#signal(name, "SIGKILL");
    });
  }

  #signal(name: string, signal: "SIGTERM" | "SIGKILL"): void {
    this.#services.sandbox.signal(this.#instance(name), signal).catch((error: unknown) => {
      // It has ended by itself meanwhile.
      if (codeOf(error) !== "not-found") this.#services.onError(error);
    });
  }

  #describeEnd(container: ContainerState, exit: ContainerExit): Ended {
    return {
      exitCode: exit.exitCode,
      ...(exit.signal !== undefined && { signal: exit.signal }),
      reason: exit.reason === "StartError" ? "ContainerCannotRun" : exit.reason,
      message: this.#lastWords(container, exit.exitCode) || (exit.message ?? ""),
      startedAt: exit.startedAt || container.startedAt,
      finishedAt: exit.finishedAt,
      restarts: container.restarts,
    };
  }

  #lastWords({ name, restarts }: ContainerState, exitCode: number): string {
    const told = readBeneath(this.#directory, messageName(name), lastWords.fileBytes);
    if (told !== undefined && "text" in told && told.text !== "") return told.text.slice(-lastWords.bytes);
    const fallback = this.#spec(name).terminationMessagePolicy === "FallbackToLogsOnError";
    return fallback && exitCode !== 0
      ? logTail(this.#logPath(name, restarts), lastWords.logBytes, lastWords.logLines)
      : "";
  }

  /** The order matters for kill -9 at any point: the report, then the terminal phase, then the sandbox may forget. */
  async #finish(phase: Verdict["phase"]): Promise<void> {
    const { signal } = this.#services;
    this.#verdict = { phase, reason: this.#ending?.reason ?? "", message: this.#ending?.message ?? "" };
    for (const timer of [this.#alarm, this.#renewal, this.#quiet]) timer?.[Symbol.dispose]();
    if (this.#step !== undefined) await this.#reportStep(this.#step);
    if (signal.aborted) return;
    this.#reported = true;
    await this.#status.publishForCertain();
    // The next step's pod has come with the same commit: it is started first.
    await afterThisTurn();
    if (signal.aborted) return;
    const acknowledged = this.#acknowledge();
    this.#sayUnsaid();
    const cleared = this.#clearAway();
    await acknowledged;
    this.#settled = true;
    await cleared;
    if (this.#gone || this.#isDeleted) await this.#remove();
  }

  /** Goes on where a process that was killed had already written that the pod is over. */
  async #settleAgain(): Promise<void> {
    await this.#acknowledge();
    if (this.#needless.some(existsSync)) await this.#clearAway();
    if (this.#isDeleted) await this.#remove();
  }

  async #clearAway(): Promise<void> {
    const { directories, sandbox, onError } = this.#services;
    await sandbox.removeGroup(this.#uid).catch(onError);
    await directories.remove(...this.#needless).catch(onError);
  }

  /** What a pod that is over has no use for. */
  get #needless(): readonly string[] {
    return [...[volumesName, scratchName, layersName].map((name) => join(this.#directory, name)), this.#projections];
  }

  async #reportStep(step: StepIO): Promise<void> {
    const main = this.#containers.find(({ kind }) => kind === "main");
    if (main === undefined) return;
    const { clock, signal, onError } = this.#services;
    const retry = { clock, signal, onError, final: finalForReport };
    // A pod that ended before it was asked for. What is no step of the engine's is not reported to it.
    if (this.#admission === "unknown") await persist(retry, () => this.#admitStep().catch(onlyTechnical));
    if (this.#admission !== "admitted") return;
    let report: StepReport | undefined;
    await persist({ ...retry, final: [] }, async () => {
      report = await this.#collect(step, main);
    });
    if (report === undefined) return;
    const collected = report;
    await persist(retry, () => this.#tell(step, collected));
  }

  /** What keeps it from being collected may pass, such as a full disk: it is tried until it works, and told meanwhile. */
  async #collect(step: StepIO, main: ContainerState): Promise<StepReport> {
    try {
      return await collectStep({
        pod: this.#pod,
        step,
        ended: this.#stepEnd(main),
        scratchDirectory: join(this.#directory, scratchName),
        artifacts: this.#services.artifacts.in(this.#pod.metadata.namespace ?? ""),
        logPath: this.#logPath(main.name, main.restarts),
        log: () => lastLog(this.#directory, main.name),
      });
    } catch (error) {
      this.#warn("StepNotCollected", `What the step made is not kept yet, and tried again: ${messageOf(error)}`);
      throw error;
    }
  }

  async #tell(step: StepIO, report: StepReport): Promise<void> {
    try {
      await this.#services.report(step.report, report, podUser(this.#pod));
    } catch (error) {
      // Else nobody would learn why a step that went well counts as failed.
      if (finalForReport.some((reason) => isApiError(error, reason)))
        this.#warn("StepReportRefused", `The step's end is not taken: ${messageOf(error)}`);
      throw error;
    }
  }

  /** How the step ended, also if a deadline ended it or it never began. */
  #stepEnd(main: ContainerState): Ended {
    const { reason, message } = this.#verdict ?? { reason: "", message: "" };
    if (main.ended !== undefined && reason !== "DeadlineExceeded") return main.ended;
    return {
      exitCode: main.ended?.exitCode || 137,
      reason: reason === "DeadlineExceeded" ? "DeadlineExceeded" : "ContainerCannotRun",
      message: message || main.ended?.message || main.waiting.message,
      startedAt: main.ended?.startedAt,
      finishedAt: main.ended?.finishedAt ?? this.#services.clock.now(),
      restarts: main.restarts,
    };
  }

  async #acknowledge(): Promise<void> {
    const { sandbox, onError } = this.#services;
    const ended = this.#containers.filter(({ phase }) => phase === "Terminated");
    await Promise.all(ended.map(({ name }) => sandbox.acknowledge(this.#instance(name)).catch(onError)));
  }

  #acknowledgeId(id: string): void {
    this.#services.sandbox.acknowledge(id).catch(this.#services.onError);
  }

  async #remove(): Promise<void> {
    if (this.#removing) return;
    this.#removing = true;
    const { archiveLog, clock, directories, onError, pods, signal } = this.#services;
    const { name = "", namespace = "" } = this.#pod.metadata;
    const log = lastLog(this.#directory, this.#pod.spec.containers[0]?.name);
    if (log !== undefined) await archiveLog({ namespace, name }, log).catch(onError);
    if (!this.#gone) {
      const options = { gracePeriodSeconds: 0, preconditions: { uid: this.#uid } };
      await persist({ clock, signal, onError, final: finalForObject }, () => pods.delete({ namespace, name }, options));
    }
    if (signal.aborted) return;
    await directories.remove(this.#directory, this.#projections).catch(onError);
    this.#onRemoved();
  }

  #publishSoon(): void {
    if (this.#verdict !== undefined || this.#quiet !== undefined) return;
    if (this.#isHeard) {
      this.#status.publish();
      return;
    }
    this.#quiet = this.#services.clock.after(quietMs, () => {
      this.#quiet = undefined;
      this.#watched = true;
      this.#sayUnsaid();
      this.#status.publish();
    });
  }

  #currentStatus(): ReturnType<typeof podStatus> | undefined {
    // A write that was under way when the pod ended comes back for more: the end must not be seen before it is reported.
    if (this.#gone || (this.#verdict !== undefined && !this.#reported)) return undefined;
    const facts = {
      pod: this.#pod,
      containers: this.#containers,
      startTime: this.#startTime,
      hostIP: this.#services.nodeFacts.hostIP,
      podIP: this.#podIP,
      verdict: this.#verdict,
      waiting: this.#waiting,
      unready: this.#probes.unready,
      starting: this.#probes.starting,
    };
    return podStatus(facts, this.#services.clock.now());
  }

  #sayStarted(container: Container, environment: Environment): void {
    const message = [environment.mapping, ...environment.notes].join(". ");
    this.#say({ type: "Normal", reason: "ImageMapped", message });
    if (this.#step !== undefined) return;
    this.#say({ type: "Normal", reason: "Started", message: `Started container ${container.name}` });
  }

  #warn(reason: string, message: string): void {
    this.#services.events.record(this.#pod, { type: "Warning", reason, message });
  }

  #say(event: EventMessage): void {
    if (this.#isHeard) this.#services.events.record(this.#pod, event);
    else this.#unsaid.push(event);
  }

  /** What a step has to tell waits until nobody waits for the step. */
  #sayUnsaid(): void {
    for (const event of this.#unsaid.splice(0)) this.#services.events.record(this.#pod, event);
  }

  get #isHeard(): boolean {
    return this.#step === undefined || this.#watched;
  }

  get #isDeleted(): boolean {
    return this.#pod.metadata.deletionTimestamp !== undefined;
  }

  get #uid(): string {
    return this.#pod.metadata.uid ?? "";
  }

  get #graceSeconds(): number {
    return this.#pod.spec.terminationGracePeriodSeconds ?? 30;
  }

  #facts(): NodeFacts {
    return { ...this.#services.nodeFacts, podIP: this.#podIP };
  }

  #apply(name: string, event: ContainerEvent): void {
    this.#containers = this.#containers.map((container) =>
      container.name === name ? advance(container, event) : container,
    );
  }

  #state(name: string): ContainerState | undefined {
    return this.#containers.find((container) => container.name === name);
  }

  /** The present instance's id in the sandbox. */
  #instance(name: string): string {
    return instanceId(this.#uid, name, this.#state(name)?.restarts ?? 0);
  }

  #spec(name: string): Container {
    const all = [...this.#pod.spec.containers, ...(this.#pod.spec.initContainers ?? [])];
    const found = all.find((container) => container.name === name);
    if (found !== undefined) return found;
    throw new UnsupportedError("spec.containers", `has no container "${name}"`, "A pod's containers never change");
  }

  #logEnd(container: string): PromiseWithResolvers<void> {
    const known = this.#logEnds.get(container);
    if (known !== undefined) return known;
    const end = Promise.withResolvers<void>();
    this.#logEnds.set(container, end);
    return end;
  }

  #logPath(container: string, restarts: number): string {
    return join(this.#directory, container, `${restarts}.log`);
  }
}

function metadataText({ metadata }: Pod): string {
  return JSON.stringify([metadata.labels, metadata.annotations]);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A refusal is an answer; anything else is tried again. */
function onlyTechnical(error: unknown): void {
  if (!(error instanceof UnsupportedError)) throw error;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function isImageReason(reason: string): boolean {
  return reason === "ErrImagePull" || reason === "ImagePullBackOff";
}
