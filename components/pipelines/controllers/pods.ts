import type { Admission } from "@headrace/apiserver";
import type { Client, ResourceClient } from "@headrace/client";
import { Pod } from "@headrace/k8s";
import { ApiError, type Clock, isApiError, type ObjectKey } from "@headrace/model";
import { chunksOf } from "@headrace/records";
import {
  afterThisTurn,
  createInformer,
  hasFinalizer,
  ifPresent,
  type Informer,
  removeFinalizer,
  withoutFinalizer,
} from "@headrace/runtime";
import { attemptLabel, runLabel, stepFinalizer, taskLabel } from "../core/pod.ts";
import type { Jobs } from "./jobs.ts";
import { PodLine } from "./pod-line.ts";

/** An attempt, as its pod's labels name it. */
export interface AttemptRef {
  readonly ns: string;
  readonly run: string;
  readonly task: number;
  readonly n: number;
}

/** What a pod shows that its node does not report. */
export interface PodNews {
  running(ref: AttemptRef, startedAt: number): void;
  /** The pod is gone, or ended without a report. `lost` if it is no fault of the step's. */
  ended(ref: AttemptRef, end: { readonly lost: boolean; readonly reason: string; readonly message: string }): void;
  /** Why a step does not run yet has changed. */
  waiting(ref: AttemptRef): void;
  /** Whether the attempt still waits to be recorded. Asked before the pod is let go. */
  isOpen(ref: AttemptRef): Promise<boolean>;
}

export interface PodsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly jobs: Jobs;
  readonly news: PodNews;
  readonly onError: (error: unknown) => void;
}

/** A step that ends within this time is never written as RUNNING: that would cost a commit that nobody sees. In milliseconds. */
const runningAfterMs = 300;
/** How long a pod waits before anybody is told why. In milliseconds. */
const waitingAfterMs = 1_000;
const forgottenAtOnce = 50;
/** How long a pod that ended may be without a report before none is expected: the node reports first, then writes the phase. */
const reportGraceMs = 5_000;

/** Makes, watches, ends and lets go of the pods of steps. */
export class Pods {
  /**
   * For the API server: the write that says how a pod ended lets go of it, too, if its attempt is recorded, as it is where its node
   * reports before it writes. For all other pods `#letGo` does so.
   */
  readonly release: Admission = {
    name: "StepRelease",
    mutate: async ({ definition, subresource, object }) =>
      definition === Pod && subresource === "status" ? this.#released(object as Pod) : object,
  };
  readonly #client: ResourceClient<Pod>;
  readonly #clock: Clock;
  readonly #news: PodNews;
  readonly #jobs: Jobs;
  readonly #informer: Informer<Pod>;
  readonly #line: PodLine;
  readonly #timers = new Set<Disposable>();
  readonly #unsettled = new Set<string>();
  #signal = new AbortController().signal;

  constructor({ client, clock, jobs, news, onError }: PodsOptions) {
    this.#client = client.resource(Pod);
    this.#clock = clock;
    this.#news = news;
    this.#jobs = jobs;
    this.#line = new PodLine(clock);
    this.#informer = createInformer({ client: this.#client, clock, labelSelector: runLabel, onError });
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#clear(), { once: true });
    await this.#informer.start(signal);
    this.#informer.subscribe((change) => {
      const { metadata, spec } = change.object;
      const run = metadata.labels?.[runLabel] ?? "";
      if (change.type === "deleted" || spec.nodeName || metadata.deletionTimestamp !== undefined)
        this.#line.leave(run, metadata.name ?? "");
      if (change.type === "deleted") this.#gone(change.object);
      else this.#look(change.object, change.type === "updated" ? change.previous : undefined);
    });
  }

  get(key: ObjectKey): Pod | undefined {
    return this.#informer.get(key);
  }

  /** The runs that pods are left of. */
  runs(): readonly { readonly ns: string; readonly id: string }[] {
    const refs = this.#informer.list().flatMap((pod) => refOf(pod) ?? []);
    return [...new Map(refs.map(({ ns, run }) => [run, { ns, id: run }])).values()];
  }

  isBeingDeleted(key: ObjectKey): boolean {
    return this.get(key)?.metadata.deletionTimestamp !== undefined;
  }

  /**
   * Sees to it that the pod exists, now or once its run's line has moved on. One of that name that is there already is taken for it if
   * its labels say so. What the API refuses for good ends the attempt; anything else is tried again until it works.
   *
   * @param build makes the pod when its turn has come; undefined if there is none to be made.
   */
  ensure(ref: AttemptRef, name: string, build: () => Pod | undefined, isWanted: () => boolean): void {
    this.#line.enter(ref.run, name, () =>
      this.#jobs.enqueue(async () => {
        const pod = isWanted() ? build() : undefined;
        if (!pod || !(await this.#create(ref, pod))) this.#line.leave(ref.run, name);
      }),
    );
  }

  /** Whether there is a pod now that has yet to find a node. */
  async #create(ref: AttemptRef, pod: Pod): Promise<boolean> {
    try {
      await this.#client.create(pod, { signal: this.#signal });
      return true;
    } catch (error) {
      if (isApiError(error, "AlreadyExists")) {
        await this.#adopt(ref, pod);
        return false;
      }
      if (!isRefusal(error)) throw error;
      this.#news.ended(ref, {
        lost: false,
        reason: "PodRefused",
        message: `the step's pod was refused: ${error.message}${hintOf(error)}`,
      });
      return false;
    }
  }

  async #adopt(ref: AttemptRef, pod: Pod): Promise<void> {
    const known = await ifPresent(this.#client.get(keyOf(pod), { signal: this.#signal }));
    if (!known) throw new ApiError("Conflict", `Pod "${pod.metadata.name}" is in the way and being removed`);
    if (isSame(refOf(known), ref)) return this.#look(known, known);
    const message = `pod "${pod.metadata.name}" exists already, and belongs to something else`;
    this.#news.ended(ref, { lost: false, reason: "PodNameTaken", message });
  }

  /** Ends a pod; its node reports the end. An attempt without a pod ends at once. */
  kill(ref: AttemptRef, key: ObjectKey): void {
    this.#jobs.enqueue(async () => {
      try {
        await this.#client.delete(key, { signal: this.#signal });
      } catch (error) {
        if (!isApiError(error, "NotFound")) throw error;
        this.#news.ended(ref, { lost: true, reason: "Deleted", message: "the step's pod was never made" });
      }
    });
  }

  /** A pod whose attempt has ended before it could begin, such as one made while its run was being cancelled. */
  async #endUnwanted(ref: AttemptRef, pod: Pod): Promise<void> {
    if (await this.#news.isOpen(ref)) return;
    await ifPresent(this.#client.delete(keyOf(pod), { signal: this.#signal }));
  }

  /** Ends every pod of a run and lets go of them. Resolves once the API has taken it. */
  async forget(ns: string, run: string): Promise<void> {
    const { items } = await this.#client.list({ namespace: ns, labelSelector: `${runLabel}=${run}` });
    const letGo = async (pod: Pod): Promise<void> => {
      await ifPresent(this.#client.delete(keyOf(pod)));
      await removeFinalizer(this.#client, keyOf(pod), stepFinalizer);
    };
    // Several at a time share the waits for the disk.
    for (const some of chunksOf(items, forgottenAtOnce)) await Promise.all(some.map(letGo));
  }

  /** Looks again at a pod whose attempt was just recorded: it may be waiting to be let go. */
  recorded(key: ObjectKey): void {
    const pod = this.get(key);
    if (pod) this.#look(pod, pod);
  }

  #look(pod: Pod, previous: Pod | undefined): void {
    const ref = refOf(pod);
    if (!ref) return;
    const isDeleted = pod.metadata.deletionTimestamp !== undefined;
    if (isOver(pod) || (isDeleted && !pod.spec.nodeName)) {
      if (pod.metadata.finalizers?.includes(stepFinalizer)) this.#jobs.enqueue(() => this.#letGo(ref, pod));
      return;
    }
    if (!previous && !isDeleted) this.#jobs.enqueue(() => this.#endUnwanted(ref, pod));
    const startedAt = pod.status?.containerStatuses?.[0]?.state?.running?.startedAt;
    if (pod.status?.phase === "Running" && previous?.status?.phase !== "Running") {
      this.#later(runningAfterMs, () => this.#news.running(ref, startedAt ? Date.parse(startedAt) : this.#clock.now()));
    }
    if (waitingOf(pod)?.summary !== (previous && waitingOf(previous)?.summary)) this.#tellWaiting(ref, keyOf(pod));
  }

  /** Once for all that changes within a moment: most pods wait for a moment, and few for long. */
  #tellWaiting(ref: AttemptRef, key: ObjectKey): void {
    if (this.#unsettled.has(key.name)) return;
    this.#unsettled.add(key.name);
    this.#later(waitingAfterMs, () => {
      this.#unsettled.delete(key.name);
      this.#news.waiting(ref);
    });
  }

  /** A pod that will not run any more is let go once its attempt is recorded; one that nobody reports is recorded as it is. */
  async #letGo(ref: AttemptRef, pod: Pod): Promise<void> {
    await afterThisTurn();
    if (!(await this.#news.isOpen(ref))) {
      await removeFinalizer(this.#client, keyOf(pod), stepFinalizer);
      return;
    }
    if (!pod.spec.nodeName)
      this.#news.ended(ref, { lost: true, reason: "Deleted", message: "the step's pod was deleted before it ran" });
    else this.#later(reportGraceMs, () => this.#news.ended(ref, unreportedEnd(pod)));
  }

  async #released(pod: Pod): Promise<Pod> {
    const ref = refOf(pod);
    if (!ref || !isOver(pod) || !hasFinalizer(pod, stepFinalizer) || this.#signal.aborted) return pod;
    return (await this.#news.isOpen(ref)) ? pod : withoutFinalizer(pod, stepFinalizer);
  }

  #gone(pod: Pod): void {
    const ref = refOf(pod);
    if (ref) this.#news.ended(ref, { lost: true, reason: "Deleted", message: "the step's pod is gone" });
  }

  #later(delayMs: number, callback: () => void): void {
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer);
      callback();
    });
    this.#timers.add(timer);
  }

  #clear(): void {
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#timers.clear();
    this.#line.clear();
  }
}

const isOver = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";

/** Reasons with which a node or its guardian ends a pod that has done nothing wrong. */
const losses = new Set([
  "Evicted",
  "NodeLost",
  "Preempting",
  "Shutdown",
  "NodeShutdown",
  "Terminated",
  "UnexpectedAdmissionError",
]);

function unreportedEnd(pod: Pod): { lost: boolean; reason: string; message: string } {
  const terminated = pod.status?.containerStatuses?.[0]?.state?.terminated;
  const reason = pod.status?.reason ?? terminated?.reason ?? "Unreported";
  const lost = losses.has(reason) || pod.metadata.deletionTimestamp !== undefined;
  const said = pod.status?.message ?? terminated?.message;
  return {
    lost,
    reason,
    message: said ? `${reason}: ${said}` : `the step's pod ended (${reason}) and its node reported no outputs`,
  };
}

/** The API's answers that stay the same however often one asks. */
export function isRefusal(error: unknown): error is Error {
  return (
    isApiError(error) &&
    error.code >= 400 &&
    error.code < 500 &&
    error.reason !== "TooManyRequests" &&
    error.reason !== "Conflict"
  );
}

/** A pod holds all that its step is told. */
const hintOf = (error: Error): string =>
  isApiError(error, "RequestEntityTooLarge")
    ? ". The step is told too much: hand large values on as artifacts, and collect thousands of artifacts in several steps"
    : "";

function keyOf(pod: Pod): ObjectKey {
  return { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name ?? "" };
}

export function refOf(pod: Pod): AttemptRef | undefined {
  const labels = pod.metadata.labels ?? {};
  const run = labels[runLabel];
  const task = Number(labels[taskLabel]);
  const n = Number(labels[attemptLabel]);
  if (run === undefined || !Number.isInteger(task) || !Number.isInteger(n)) return undefined;
  return { ns: pod.metadata.namespace ?? "", run, task, n };
}

function isSame(a: AttemptRef | undefined, b: AttemptRef): boolean {
  return a?.ns === b.ns && a.run === b.run && a.task === b.task && a.n === b.n;
}

export interface Waiting {
  readonly summary: string;
  readonly remedy?: string;
}

/** Why a pod does not run yet, for people; undefined while it does or has, or when nothing holds it up. */
export function waitingOf(pod: Pod): Waiting | undefined {
  const { status } = pod;
  if (status?.phase === "Running" || isOver(pod)) return undefined;
  const unscheduled = status?.conditions?.find(({ type, status: met }) => type === "PodScheduled" && met === "False");
  if (unscheduled) {
    const summary = unscheduled.message ?? `It cannot be scheduled: ${unscheduled.reason ?? "no reason given"}`;
    return { summary, remedy: `\`headrace explain ${blockerOf(pod, summary)}\` says what to do` };
  }
  const states = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const waits = states.flatMap(({ state }) => state?.waiting ?? []);
  const waiting = waits.find(({ reason }) => reason && !passing.has(reason));
  // What passes by itself is worth a word only while the node says what it is about.
  const progress = waits.find(({ reason, message }) => reason === "ContainerCreating" && message);
  if (!waiting) return progress && { summary: `Preparing its environment: ${progress.message}` };
  return {
    summary: waiting.message ? `${waiting.reason}: ${waiting.message}` : (waiting.reason ?? ""),
    // A Secret, a ConfigMap or a key of one.
    ...(waiting.reason === "CreateContainerConfigError" && {
      remedy: "Make what is missing with kubectl: the step goes on by itself",
    }),
  };
}

/** What to ask about: its claim, if that has no volume yet, which keeps the pod from a node. */
function blockerOf({ metadata, spec }: Pod, message: string): string {
  const claims = spec.volumes?.flatMap(({ persistentVolumeClaim: claim }) => claim?.claimName ?? []) ?? [];
  const isKept = claims.length === 1 && /unbound immediate|available persistent volumes/.test(message);
  return isKept ? `pvc/${claims[0]}` : `pod/${metadata.name}`;
}

const passing = new Set(["ContainerCreating", "PodInitializing"]);
