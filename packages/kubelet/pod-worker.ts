import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ArtifactStore } from "@headrace/artifacts";
import type { ResourceClient } from "@headrace/client";
import { type Environment, EnvironmentError, type Environments } from "@headrace/environments";
import type { Container, Pod, Probe } from "@headrace/k8s";
import {
  type Clock,
  environmentAnnotation,
  type EnvironmentRequest,
  type ImageMappingSpec,
  isApiError,
  type StepIO,
  type StepReport,
  type User,
  warmEntryAnnotation,
} from "@headrace/model";
import { type EventMessage, type EventRecorder, exponentialDelay, pause } from "@headrace/runtime";
import type { ContainerExit, ContainerSpec, Mount, Sandbox } from "@headrace/sandbox";
import {
  containerSpec,
  expandedWords,
  imageVariables,
  instanceId,
  parseInstanceId,
  tenantOf,
  warmEntry,
} from "./container-spec.ts";
import { advance, type ContainerEvent, type ContainerState, type Ended, isAlive } from "./container-state.ts";
import { ContainerConfigError, UnsupportedError } from "./errors.ts";
import { logTail } from "./log-files.ts";
import type { LogSource } from "./logs.ts";
import { type Action, type Ending, plan } from "./plan.ts";
import { podStatus } from "./pod-status.ts";
import { startProbes } from "./probes.ts";
import { writeRecord } from "./record.ts";
import { collectStep, readBeneath, readStepIO, stepMounts } from "./step.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { containerVariables, type NodeFacts, type References } from "./variables.ts";
import { PodVolumes, type VolumeContext } from "./volumes.ts";

/** What all pods of a node share. */
export interface NodeServices {
  readonly pods: ResourceClient<Pod>;
  readonly sandbox: Sandbox;
  readonly environments: Environments;
  readonly artifacts: ArtifactStore;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly references: References;
  readonly volumes: VolumeContext;
  readonly nodeFacts: Omit<NodeFacts, "podIP">;
  readonly podsDirectory: string;
  readonly report: (path: string, report: StepReport, user: User) => Promise<void>;
  /** Why this pod may not use the artifacts that it names; undefined if it may. */
  readonly authorizeStep: (pod: Pod, step: StepIO) => Promise<string | undefined>;
  readonly imageMappings: () => readonly ImageMappingSpec[];
  /** `KUBERNETES_SERVICE_HOST` and what else every container of a namespace gets. */
  readonly serviceVariables: (namespace: string) => Readonly<Record<string, string>>;
  readonly hosts: (pod: Pod) => readonly { readonly address: string; readonly names: readonly string[] }[];
  /** Called with the directory of a step's logs before it is removed. */
  readonly archiveLogs: (pod: Pod, directory: string) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** Aborts when the node agent stops; containers go on. */
  readonly signal: AbortSignal;
}

/** Steps that are over within this time are never written as Running: nobody could have seen it, and it costs a commit. */
const quietMs = 25;
const retries = { firstMs: 100, maxMs: 30_000 };
const volumeRetries = { firstMs: 1000, maxMs: 60_000 };
const terminationMessageBytes = 4096;
const fallbackMessage = { bytes: 2048, lines: 80 };

/**
 * One pod from the moment it is bound to this node until nothing of it is left. Everything that happens is taken in turn: state
 * changes at once, `plan` says what follows, and what takes time comes back as a change.
 */
export class PodWorker {
  readonly #services: NodeServices;
  readonly #directory: string;
  readonly #startTime: number;
  readonly #volumes: PodVolumes;
  readonly #logEnds = new Map<string, PromiseWithResolvers<void>>();
  readonly #unsaid: EventMessage[] = [];
  #pod: Pod;
  #containers: readonly ContainerState[];
  #step: StepIO | undefined;
  #volumesState: "missing" | "preparing" | "ready" = "missing";
  #volumesNotBefore = 0;
  #volumesFailures = 0;
  #waiting: { reason: string; message: string } | undefined;
  #ending: Ending | undefined;
  #verdict: { phase: "Succeeded" | "Failed"; reason: string; message: string } | undefined;
  #podIP: string | undefined;
  /** Where the pod can be reached; undefined where pods have no network. */
  #address: string | undefined;
  #unready: ReadonlySet<string> = new Set();
  #starting: ReadonlySet<string> = new Set();
  readonly #probes = new Map<string, Disposable>();
  #alarm: Disposable | undefined;
  #quiet: Disposable | undefined;
  #renewal: Disposable | undefined;
  #published = "";
  #publishing: Promise<void> | undefined;
  #stale = false;
  /** Whether the pod has taken so long that somebody may be looking. */
  #watched = false;
  /** The object is no longer in the API. */
  #gone = false;
  /** Ends preparations that nobody needs any more. */
  readonly #abandon = new AbortController();
  #settled = false;
  #removing = false;
  readonly #onRemoved: () => void;

  constructor(
    services: NodeServices,
    pod: Pod,
    taken: { readonly containers: readonly ContainerState[]; readonly address: string | undefined },
    onRemoved: () => void,
  ) {
    this.#services = services;
    this.#pod = pod;
    this.#containers = taken.containers;
    this.#address = taken.address;
    this.#onRemoved = onRemoved;
    this.#directory = podDirectory(services.podsDirectory, pod);
    this.#startTime = pod.status?.startTime === undefined ? services.clock.now() : Date.parse(pod.status.startTime);
    this.#podIP = pod.status?.podIP;
    this.#volumes = new PodVolumes(pod, join(this.#directory, ".volumes"), services.volumes);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Begins, or goes on with what was adopted. */
  start(): void {
    if (this.#isOver()) {
      this.#verdict = {
        phase: this.#pod.status?.phase === "Succeeded" ? "Succeeded" : "Failed",
        reason: "",
        message: "",
      };
      this.#settled = true;
      void this.#acknowledge();
      if (this.#pod.metadata.deletionTimestamp !== undefined) void this.#remove();
      return;
    }
    try {
      refuseUnsupported(this.#pod);
      this.#step = readStepIO(this.#pod);
    } catch (error) {
      this.#refuse(error);
    }
    for (const { name, phase } of this.#containers) if (phase === "Running") this.#probe(this.#spec(name));
    this.#noteDeletion();
    this.#proceed();
    this.#publishSoon();
  }

  update(pod: Pod): void {
    const changed =
      pod.metadata.labels !== this.#pod.metadata.labels || pod.metadata.annotations !== this.#pod.metadata.annotations;
    this.#pod = pod;
    if (this.#settled) {
      if (pod.metadata.deletionTimestamp !== undefined) void this.#remove();
      return;
    }
    this.#noteDeletion();
    this.#proceed();
    if (changed && this.#volumesState === "ready") void this.#refresh();
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
    if (
      id === undefined ||
      container === undefined ||
      container.restarts !== id.restarts ||
      container.phase === "Terminated"
    ) {
      // Told again after a reconnect: an end that is settled is acknowledged again, one that is being handled will be.
      if (this.#settled || id?.restarts !== container?.restarts)
        void this.#services.sandbox.acknowledge(exit.id).catch(this.#services.onError);
      return;
    }
    this.#apply(container.name, { type: "ended", ended: this.#describeEnd(container, exit) });
    this.#logEnds.get(container.name)?.resolve();
    this.#endProbes(container.name);
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
    if (!this.#settled) this.#proceed();
  }

  /** A ConfigMap or Secret of the pod's namespace has changed. */
  referenceChanged(kind: "ConfigMap" | "Secret", name: string): void {
    if (this.#volumesState === "ready" && this.#verdict === undefined && this.#volumes.refersTo(kind, name))
      void this.#refresh();
  }

  /** Undefined if the pod has no such container or it was never started (or restarted, for `previous`). */
  log(container: string, previous: boolean): LogSource | undefined {
    const state = this.#containers.find(({ name }) => name === container);
    if (state === undefined) return undefined;
    const started = state.phase !== "Waiting";
    const instance = previous ? state.restarts - 1 : started ? state.restarts : state.restarts - 1;
    if (instance < 0) return undefined;
    const running = instance === state.restarts && isAlive(state);
    return {
      path: this.#logPath(container, instance),
      ended: running ? this.#logEnd(container).promise : Promise.resolve(),
    };
  }

  #isOver(): boolean {
    return this.#pod.status?.phase === "Succeeded" || this.#pod.status?.phase === "Failed";
  }

  #refuse(error: unknown): void {
    const message = error instanceof UnsupportedError ? error.message : String(error);
    this.#ending = { reason: "NotSupported", message, killAt: 0 };
    this.#say({ type: "Warning", reason: "NotSupported", message });
  }

  #noteDeletion(): void {
    const { deletionTimestamp } = this.#pod.metadata;
    if (deletionTimestamp === undefined || this.#verdict !== undefined) return;
    const killAt = Math.min(Date.parse(deletionTimestamp), this.#ending?.killAt ?? Infinity);
    this.#ending = { reason: this.#ending?.reason ?? "", message: this.#ending?.message ?? "", killAt };
  }

  #proceed(): void {
    if (this.#ending !== undefined) this.#abandon.abort();
    // Each round changes something, or is the last; a pod has few containers.
    for (let goOn = true; goOn;) {
      const actions = plan(this.#view(), this.#services.clock.now());
      this.#wakeAt(Math.min(...actions.map((action) => (action.do === "wake" ? action.at : Infinity))));
      goOn = actions.map((action) => this.#perform(action)).includes("again");
    }
  }

  #wakeAt(time: number): void {
    const { clock } = this.#services;
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = time === Infinity ? undefined : clock.after(Math.max(0, time - clock.now()), () => this.#proceed());
  }

  #view(): Parameters<typeof plan>[0] {
    const { activeDeadlineSeconds, restartPolicy } = this.#pod.spec;
    return {
      restartPolicy: restartPolicy ?? "Always",
      containers: this.#containers,
      starting: this.#starting,
      volumes: this.#volumesState,
      volumesNotBefore: this.#volumesNotBefore,
      ending: this.#ending,
      deadline: activeDeadlineSeconds === undefined ? undefined : this.#startTime + activeDeadlineSeconds * 1000,
      finished: this.#verdict !== undefined,
    };
  }

  #perform(action: Action): "again" | "later" {
    const { clock } = this.#services;
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
        this.#ending = {
          reason: action.reason,
          message: action.reason === "" ? "" : "Pod was active on the node longer than the specified deadline",
          killAt: clock.now() + 1000 * (this.#pod.spec.terminationGracePeriodSeconds ?? 30),
        };
        if (action.reason !== "") this.#say({ type: "Warning", reason: action.reason, message: this.#ending.message });
        return "again";
      case "finish":
        void this.#finish(action.phase);
        return "later";
      case "wake":
        return "later";
    }
  }

  #apply(name: string, event: ContainerEvent): void {
    this.#containers = this.#containers.map((container) =>
      container.name === name ? advance(container, event) : container,
    );
  }

  async #prepareVolumes(): Promise<void> {
    this.#volumesState = "preparing";
    try {
      await this.#volumes.prepare(this.#pod, this.#facts());
      if (this.#step !== undefined) {
        const refusal = await this.#services.authorizeStep(this.#pod, this.#step);
        if (refusal !== undefined)
          throw new UnsupportedError(
            "metadata.annotations",
            `names artifacts that it may not use: ${refusal}`,
            "Only the pipeline engine makes such pods",
          );
        mkdirSync(join(this.#directory, ".scratch"), { recursive: true, mode: 0o777 });
      }
      this.#volumesState = "ready";
      this.#waiting = undefined;
      this.#renewTokens();
    } catch (error) {
      this.#volumesFailed(error);
    }
    this.#proceed();
  }

  #volumesFailed(error: unknown): void {
    this.#volumesState = "missing";
    if (error instanceof UnsupportedError) {
      this.#refuse(error);
      return;
    }
    const message = error instanceof Error ? error.message : String(error);
    this.#volumesFailures += 1;
    this.#volumesNotBefore = this.#services.clock.now() + exponentialDelay(this.#volumesFailures, volumeRetries);
    this.#waiting = { reason: "ContainerCreating", message };
    this.#say({ type: "Warning", reason: "FailedMount", message: `MountVolume.SetUp failed: ${message}` });
    this.#publish();
  }

  async #refresh(): Promise<void> {
    try {
      await this.#volumes.refresh(this.#pod, this.#facts());
      this.#renewTokens();
    } catch (error) {
      this.#services.onError(error);
    }
  }

  #renewTokens(): void {
    const { renewAt } = this.#volumes;
    this.#renewal?.[Symbol.dispose]();
    if (renewAt === undefined || this.#verdict !== undefined) return;
    this.#renewal = this.#services.clock.after(
      Math.max(1000, renewAt - this.#services.clock.now()),
      () => void this.#refresh(),
    );
  }

  #facts(): NodeFacts {
    return { ...this.#services.nodeFacts, podIP: this.#podIP };
  }

  async #start(name: string): Promise<void> {
    const container = this.#spec(name);
    this.#apply(name, { type: "start" });
    const restarts = this.#state(name)?.restarts ?? 0;
    try {
      const { spec, environment } = await this.#specify(container, restarts);
      if (this.#ending !== undefined) {
        this.#hold(name, "ContainerCreating", "The pod ended before the container was started");
      } else {
        this.#apply(name, { type: "prepared", imageID: environment.imageID });
        writeRecord(this.#directory, this.#containers);
        const started = await this.#services.sandbox.start(spec);
        this.#address = started.address;
        this.#podIP ??= started.address ?? this.#services.nodeFacts.hostIP;
        this.#apply(name, { type: "started", at: started.startedAt });
        this.#probe(container);
        this.#sayStarted(container, environment);
      }
    } catch (error) {
      this.#startFailed(name, container, error);
    }
    this.#proceed();
    this.#publishSoon();
  }

  /** The sandbox knows the instance, but this process missed what became of it: it runs, has ended, or is lost. */
  async #findOut(name: string): Promise<void> {
    const restarts = this.#state(name)?.restarts ?? 0;
    const id = instanceId(this.#pod.metadata.uid ?? "", name, restarts);
    const known = await this.#services.sandbox.sync().catch(() => undefined);
    const running = known?.running.find((each) => each.id === id);
    const exit = known?.exits.find((each) => each.id === id);
    if (running !== undefined) this.#apply(name, { type: "started", at: running.startedAt });
    else if (exit !== undefined) this.exit(exit);
    else if (known !== undefined)
      this.#endUnstarted(name, "Lost", "The sandbox knows nothing of the container any more");
    else this.#hold(name, "RunContainerError", "The sandbox does not answer");
    this.#proceed();
    this.#publishSoon();
  }

  #endUnstarted(name: string, reason: "Lost" | "ContainerCannotRun", message: string): void {
    const restarts = this.#state(name)?.restarts ?? 0;
    const finishedAt = this.#services.clock.now();
    const ended: Ended = {
      exitCode: reason === "Lost" ? 137 : 128,
      reason,
      message,
      startedAt: undefined,
      finishedAt,
      restarts,
    };
    this.#apply(name, { type: "ended", ended });
    this.#say({ type: "Warning", reason: "Failed", message: `Error: ${message}` });
  }

  #hold(name: string, reason: string, message: string): void {
    this.#apply(name, { type: "held", reason, message, now: this.#services.clock.now() });
  }

  #startFailed(name: string, container: Container, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (hasBegun(error)) {
      void this.#findOut(name);
    } else if (codeOf(error) === "start-failed") {
      // Its exit says so as well, and is handled like any other.
    } else if (this.#ending !== undefined) {
      this.#hold(name, "ContainerCreating", "The pod ended before the container was started");
    } else if (error instanceof EnvironmentError) {
      const again = isImageReason(this.#state(name)?.waiting.reason ?? "");
      const text = `${message}\n${error.remedy}`;
      this.#hold(name, again ? "ImagePullBackOff" : "ErrImagePull", text);
      this.#say({
        type: "Warning",
        reason: "Failed",
        message: `Failed to prepare image "${container.image}": ${text}`,
      });
      this.#say({ type: "Normal", reason: "BackOff", message: `Back-off preparing image "${container.image}"` });
    } else if (error instanceof UnsupportedError) {
      this.#hold(name, "CreateContainerConfigError", message);
      this.#refuse(error);
    } else if (codeOf(error) === "invalid") {
      // The specification will not become valid by waiting.
      this.#endUnstarted(name, "ContainerCannotRun", message);
    } else {
      const reason = error instanceof ContainerConfigError ? "CreateContainerConfigError" : "RunContainerError";
      this.#hold(name, reason, message);
      this.#say({ type: "Warning", reason: "Failed", message: `Error: ${message}` });
    }
  }

  /** Everything that has to be known before a container starts, gathered side by side. */
  async #specify(container: Container, restarts: number): Promise<{ spec: ContainerSpec; environment: Environment }> {
    const isStep = this.#step !== undefined && container.name === this.#pod.spec.containers[0]?.name;
    const [{ environment, complete }, artifacts] = await Promise.all([
      this.#resolveImage(container),
      isStep && this.#step
        ? stepMounts(this.#step, join(this.#directory, ".scratch"), this.#services.artifacts)
        : undefined,
    ]);
    for (const uri of artifacts?.missing ?? []) {
      this.#say({
        type: "Warning",
        reason: "ArtifactMissing",
        message: `Nothing is stored at ${uri}: the step finds no file there`,
      });
    }
    const hopeful =
      isStep && complete && environment.warm.ok && this.#pod.metadata.annotations?.[warmEntryAnnotation] !== undefined;
    let variables = await this.#variables(container, environment, !hopeful);
    const warm = hopeful
      ? warmEntry(this.#pod, container, expandedWords(container, variables, environment), environment)
      : undefined;
    if (hopeful && warm === undefined) variables = await this.#variables(container, environment, true);
    const layerDirectory = warm === undefined ? await this.#createLayer(container, restarts, environment) : undefined;
    const spec = containerSpec({
      pod: this.#pod,
      container,
      restarts,
      environment,
      variables,
      warm,
      layerDirectory,
      mounts: [
        ...this.#terminationMount(container),
        ...this.#volumes.mounts(container, variables),
        ...(artifacts?.mounts ?? []),
      ],
      logPath: this.#makeLogPath(container.name, restarts),
      hosts: [
        ...(this.#pod.spec.hostAliases ?? []).map(({ ip, hostnames }) => ({ address: ip, names: hostnames ?? [] })),
        ...this.#services.hosts(this.#pod),
      ],
    });
    return { spec, environment };
  }

  /**
   * The image with the packages that the step's prelude will ask pip for. If they cannot be had, the step runs without: then
   * its own pip says why, in its log, as it would anywhere.
   */
  async #resolveImage(container: Container): Promise<{ environment: Environment; complete: boolean }> {
    const packages = readPackages(this.#pod);
    const request = {
      image: container.image ?? "",
      mappings: this.#services.imageMappings(),
      tenant: tenantOf(this.#pod),
      signal: AbortSignal.any([this.#services.signal, this.#abandon.signal]),
      onProgress: (message: string) => this.#tellProgress(container, message),
    };
    try {
      return {
        environment: await this.#services.environments.resolve({ ...request, ...(packages && { packages }) }),
        complete: true,
      };
    } catch (error) {
      const forgivable =
        error instanceof EnvironmentError && (error.code === "build-failed" || error.code === "refused");
      if (packages === undefined || !forgivable) throw error;
      this.#say({
        type: "Warning",
        reason: "EnvironmentIncomplete",
        message: `${error.message}\nThe step runs without and installs them by itself`,
      });
      return { environment: await this.#services.environments.resolve(request), complete: false };
    }
  }

  #tellProgress(container: Container, message: string): void {
    this.#apply(container.name, { type: "progress", message });
    this.#say({ type: "Normal", reason: "Pulling", message: `${container.image}: ${message}` });
    this.#publishSoon();
  }

  #variables(container: Container, environment: Environment, withLayer: boolean): Promise<Record<string, string>> {
    const given = {
      ...imageVariables(this.#pod, container, environment, withLayer),
      ...this.#services.serviceVariables(this.#pod.metadata.namespace ?? ""),
    };
    return containerVariables(this.#pod, container, given, this.#facts(), this.#services.references);
  }

  async #createLayer(container: Container, restarts: number, environment: Environment): Promise<string | undefined> {
    if (environment.layer === undefined) return undefined;
    const directory = join(this.#directory, ".layers", `${container.name}-${restarts}`);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    await environment.layer.create(directory);
    return directory;
  }

  #terminationMount(container: Container): Mount[] {
    const target = container.terminationMessagePath || "/dev/termination-log";
    const directory = join(this.#directory, ".messages");
    mkdirSync(directory, { recursive: true });
    const source = join(directory, container.name);
    rmSync(source, { force: true });
    writeFileSync(source, "", { mode: 0o666, flag: "wx" });
    return [{ kind: "bind", source, target, readOnly: false }];
  }

  #sayStarted(container: Container, environment: Environment): void {
    this.#say({
      type: "Normal",
      reason: "ImageMapped",
      message: [environment.mapping, ...environment.notes].join(". "),
    });
    if (this.#step !== undefined) return;
    this.#say({ type: "Normal", reason: "Started", message: `Started container ${container.name}` });
  }

  #restart(name: string): void {
    const former = this.#state(name);
    this.#apply(name, { type: "restart", now: this.#services.clock.now() });
    writeRecord(this.#directory, this.#containers);
    if (former !== undefined) this.#acknowledgeInstance(name, former.restarts);
    this.#logEnds.delete(name);
    this.#say({ type: "Warning", reason: "BackOff", message: `Back-off restarting failed container ${name}` });
    this.#publish();
  }

  #stop(name: string): void {
    this.#apply(name, { type: "stop" });
    this.#endProbes(name);
    this.#say({ type: "Normal", reason: "Killing", message: `Stopping container ${name}` });
    const sleep = this.#spec(name).lifecycle?.preStop?.sleep?.seconds ?? 0;
    if (sleep > 0) this.#services.clock.after(sleep * 1000, () => this.#signal(name, "SIGTERM"));
    else this.#signal(name, "SIGTERM");
  }

  /** Only containers with probes have any; the others are ready as soon as they run. */
  #probe(container: Container): void {
    const { name, startupProbe, readinessProbe, livenessProbe } = container;
    if (startupProbe === undefined && readinessProbe === undefined && livenessProbe === undefined) return;
    if (this.#state(name)?.phase !== "Running") return;
    this.#endProbes(name);
    this.#starting = startupProbe === undefined ? this.#starting : this.#starting.union(new Set([name]));
    this.#unready = this.#unready.union(new Set([name]));
    const { clock, sandbox } = this.#services;
    const dial = sandbox.dial.bind(sandbox);
    const address = this.#address;
    if (address === undefined) {
      const message = "Cannot probe the container: pods have no network on this node (see headrace doctor)";
      this.#say({ type: "Warning", reason: "Unhealthy", message });
      return;
    }
    const probes = startProbes(
      { container, address, dial, clock },
      {
        started: () => {
          this.#starting = this.#starting.difference(new Set([name]));
          this.#proceed();
          this.#publish();
        },
        ready: (ready) => {
          const names = new Set([name]);
          this.#unready = ready ? this.#unready.difference(names) : this.#unready.union(names);
          this.#publish();
        },
        dead: (kind, message, probe) => this.#restartUnhealthy(container, kind, message, probe),
        unhealthy: (kind, message) =>
          this.#say({ type: "Warning", reason: "Unhealthy", message: `${kind} probe failed: ${message}` }),
      },
    );
    this.#probes.set(name, probes);
  }

  #endProbes(name: string): void {
    this.#probes.get(name)?.[Symbol.dispose]();
    this.#probes.delete(name);
    this.#starting = this.#starting.difference(new Set([name]));
    this.#unready = this.#unready.difference(new Set([name]));
  }

  /** The container ends with its grace; whether it comes back is the restart policy's matter. */
  #restartUnhealthy(container: Container, kind: string, message: string, probe: Probe): void {
    const { name } = container;
    const instance = this.#state(name)?.restarts;
    this.#say({
      type: "Normal",
      reason: "Killing",
      message: `Container ${name} failed ${kind.toLowerCase()} probe, will be restarted`,
    });
    this.#stop(name);
    const grace = probe.terminationGracePeriodSeconds ?? this.#pod.spec.terminationGracePeriodSeconds ?? 30;
    this.#services.clock.after(grace * 1000, () => {
      const state = this.#state(name);
      if (state?.restarts === instance && state?.phase === "Stopping") this.#signal(name, "SIGKILL");
    });
  }

  #signal(name: string, signal: "SIGTERM" | "SIGKILL"): void {
    const state = this.#state(name);
    if (state === undefined) return;
    const id = instanceId(this.#pod.metadata.uid ?? "", name, state.restarts);
    this.#services.sandbox.signal(id, signal).catch(this.#services.onError);
  }

  #describeEnd(container: ContainerState, exit: ContainerExit): Ended {
    const spec = this.#spec(container.name);
    const startedAt = exit.startedAt || container.startedAt;
    const told = readBeneath(join(this.#directory, ".messages"), container.name, 1 << 20);
    let message = told !== undefined && "text" in told ? told.text.slice(-terminationMessageBytes) : "";
    if (message === "" && exit.exitCode !== 0 && spec.terminationMessagePolicy === "FallbackToLogsOnError") {
      message = logTail(
        this.#logPath(container.name, container.restarts),
        fallbackMessage.bytes,
        fallbackMessage.lines,
      );
    }
    return {
      exitCode: exit.exitCode,
      ...(exit.signal !== undefined && { signal: exit.signal }),
      reason: exit.reason === "StartError" ? "ContainerCannotRun" : exit.reason,
      message: message || (exit.message ?? ""),
      startedAt,
      finishedAt: exit.finishedAt,
      restarts: container.restarts,
    };
  }

  /** The order matters for kill -9 at any point: the report, then the terminal phase, then the sandbox may forget. */
  async #finish(phase: "Succeeded" | "Failed"): Promise<void> {
    this.#verdict = { phase, reason: this.#ending?.reason ?? "", message: this.#ending?.message ?? "" };
    this.#alarm?.[Symbol.dispose]();
    this.#renewal?.[Symbol.dispose]();
    this.#quiet?.[Symbol.dispose]();
    if (this.#step !== undefined) await this.#reportStep(this.#step);
    await this.#publishForCertain();
    if (this.#services.signal.aborted) return;
    await this.#acknowledge();
    this.#settled = true;
    this.#sayUnsaid();
    await this.#services.sandbox.removeGroup(this.#pod.metadata.uid ?? "").catch(this.#services.onError);
    await Promise.all(
      [".volumes", ".scratch", ".layers"].map((name) =>
        rm(join(this.#directory, name), { recursive: true, force: true }).catch(this.#services.onError),
      ),
    );
    if (this.#gone || this.#pod.metadata.deletionTimestamp !== undefined) await this.#remove();
  }

  async #reportStep(step: StepIO): Promise<void> {
    const main = this.#containers.find(({ kind }) => kind === "main");
    if (main === undefined) return;
    const ended = this.#stepEnd(main);
    const report = await collectStep({
      pod: this.#pod,
      step,
      ended,
      scratchDirectory: join(this.#directory, ".scratch"),
      artifacts: this.#services.artifacts,
      logPath: this.#logPath(main.name, main.restarts),
    });
    await this.#repeat(() => this.#services.report(step.report, report, podUser(this.#pod)));
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

  /** Until it succeeds, is refused for good, or the node agent stops (then the next one does it again). */
  async #repeat(work: () => Promise<unknown>): Promise<void> {
    for (let failures = 1; !this.#services.signal.aborted; failures++) {
      try {
        await work();
        return;
      } catch (error) {
        if (isFinal(error)) return;
        this.#services.onError(error);
        await pause(this.#services.clock, exponentialDelay(failures, retries), this.#services.signal);
      }
    }
  }

  async #acknowledge(): Promise<void> {
    const uid = this.#pod.metadata.uid ?? "";
    const ended = this.#containers.filter(({ phase }) => phase === "Terminated");
    await Promise.all(
      ended.map(({ name, restarts }) =>
        this.#services.sandbox.acknowledge(instanceId(uid, name, restarts)).catch(this.#services.onError),
      ),
    );
  }

  #acknowledgeInstance(name: string, restarts: number): void {
    this.#services.sandbox
      .acknowledge(instanceId(this.#pod.metadata.uid ?? "", name, restarts))
      .catch(this.#services.onError);
  }

  async #remove(): Promise<void> {
    if (this.#removing) return;
    this.#removing = true;
    const { name = "", namespace = "", uid = "" } = this.#pod.metadata;
    try {
      await this.#services.archiveLogs(this.#pod, this.#directory);
    } catch (error) {
      this.#services.onError(error);
    }
    if (!this.#gone) {
      await this.#repeat(() =>
        this.#services.pods.delete({ namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } }),
      );
    }
    if (this.#services.signal.aborted) return;
    await rm(this.#directory, { recursive: true, force: true }).catch(this.#services.onError);
    this.#onRemoved();
  }

  #publishSoon(): void {
    if (this.#verdict !== undefined || this.#quiet !== undefined) return;
    if (this.#step === undefined || this.#watched) {
      this.#publish();
      return;
    }
    this.#quiet = this.#services.clock.after(quietMs, () => {
      this.#quiet = undefined;
      this.#watched = true;
      this.#sayUnsaid();
      this.#publish();
    });
  }

  /** Writes the status unless the API has it already; of several calls during a write only the last state is written. */
  #publish(): void {
    if (this.#publishing !== undefined) {
      this.#stale = true;
      return;
    }
    this.#publishing = this.#writeStatus()
      .catch((error: unknown) => {
        if (!isFinal(error)) this.#services.onError(error);
      })
      .finally(() => {
        this.#publishing = undefined;
        if (!this.#stale) return;
        this.#stale = false;
        this.#publish();
      });
  }

  async #publishForCertain(): Promise<void> {
    await this.#publishing;
    await this.#repeat(() => this.#writeStatus());
  }

  async #writeStatus(): Promise<void> {
    if (this.#gone) return;
    const { name = "", namespace = "", uid = "" } = this.#pod.metadata;
    const status = podStatus(
      {
        pod: this.#pod,
        containers: this.#containers,
        startTime: this.#startTime,
        hostIP: this.#services.nodeFacts.hostIP,
        podIP: this.#podIP,
        verdict: this.#verdict,
        waiting: this.#waiting,
        unready: this.#unready,
        starting: this.#starting,
      },
      this.#services.clock.now(),
    );
    const text = JSON.stringify(status);
    if (text === this.#published) return;
    await this.#services.pods.patch(
      { namespace, name },
      { type: "merge", body: { metadata: { uid }, status } },
      { subresource: "status" },
    );
    this.#published = text;
  }

  #say(event: EventMessage): void {
    if (this.#step === undefined || this.#watched || event.type === "Warning")
      this.#services.events.record(this.#pod, event);
    else this.#unsaid.push(event);
  }

  /** What a step has to tell waits until nobody waits for the step. */
  #sayUnsaid(): void {
    for (const event of this.#unsaid.splice(0)) this.#services.events.record(this.#pod, event);
  }

  #state(name: string): ContainerState | undefined {
    return this.#containers.find((container) => container.name === name);
  }

  #spec(name: string): Container {
    const all = [...this.#pod.spec.containers, ...(this.#pod.spec.initContainers ?? [])];
    const found = all.find((container) => container.name === name);
    if (found === undefined)
      throw new UnsupportedError("spec.containers", `has no container "${name}"`, "A pod's containers never change");
    return found;
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

  #makeLogPath(container: string, restarts: number): string {
    mkdirSync(join(this.#directory, container), { recursive: true, mode: 0o700 });
    return this.#logPath(container, restarts);
  }
}

export function podDirectory(podsDirectory: string, pod: Pod): string {
  const { namespace, name, uid } = pod.metadata;
  return join(podsDirectory, `${namespace}_${name}_${uid}`);
}

/** The pod's own identity, as its service account token would prove it. */
function podUser(pod: Pod): User {
  const namespace = pod.metadata.namespace ?? "";
  return {
    name: `system:serviceaccount:${namespace}:${pod.spec.serviceAccountName || "default"}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
    extra: {
      "authentication.kubernetes.io/pod-name": [pod.metadata.name ?? ""],
      "authentication.kubernetes.io/pod-uid": [pod.metadata.uid ?? ""],
    },
  };
}

function readPackages(pod: Pod): EnvironmentRequest | undefined {
  const text = pod.metadata.annotations?.[environmentAnnotation];
  if (text === undefined) return undefined;
  try {
    const request: EnvironmentRequest = JSON.parse(text);
    return Array.isArray(request.installs) ? request : undefined;
  } catch {
    return undefined;
  }
}

/** The sandbox has taken the instance before: asking again would be refused, and what became of it is known there. */
function hasBegun(error: unknown): boolean {
  return ["already-started", "launcher-lost"].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function isImageReason(reason: string): boolean {
  return reason === "ErrImagePull" || reason === "ImagePullBackOff";
}

/** The object is gone or is another one by now, or the answer will always be no. */
function isFinal(error: unknown): boolean {
  return (["NotFound", "Gone", "Conflict", "BadRequest", "Forbidden", "Invalid"] as const).some((reason) =>
    isApiError(error, reason),
  );
}
