import type { Client } from "@headrace/client";
import { Pod } from "@headrace/k8s";
import {
  type Clock,
  formatTime,
  isApiError,
  type ObjectKey,
  type StepIO,
  stepIOAnnotation,
  type StepReport,
} from "@headrace/model";
import { createInformer, ifPresent } from "@headrace/runtime";
import type { ExecutorInput } from "../core/executor-input.ts";
import { isObject, type JsonValue } from "../core/json.ts";
import { refOf } from "../controllers/pods.ts";
import type { Engine } from "../engine.ts";

/** What a step sees when it runs. */
export interface SimulatedStep {
  readonly pod: Pod;
  readonly words: readonly string[];
  /** Of a Python step: the function's name and what it was told. */
  readonly name: string;
  readonly input: ExecutorInput | undefined;
  readonly parameters: Readonly<Record<string, JsonValue>>;
  readonly attempt: number;
}

/** What it does. Everything is optional: an empty object is a step that succeeds and writes nothing. */
export interface SimulatedEnd {
  readonly parameters?: Readonly<Record<string, JsonValue>>;
  /** Metadata by output artifact; those that are not named are written without any. */
  readonly artifacts?: Readonly<Record<string, Readonly<Record<string, JsonValue>>>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly tail?: string;
}

export type Program = (step: SimulatedStep) => SimulatedEnd | Promise<SimulatedEnd>;

export interface SimulatedNodeOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** The engine that reports go to; asked anew each time, since tests replace it. */
  readonly engine: () => Engine;
  readonly program: Program;
  /** Told of each URI that a step wrote. */
  readonly wrote?: (uri: string) => void;
}

/**
 * A node without processes: it binds every pod to itself, honours its step-io, and ends it with whatever `program` says, in the
 * order that the engine relies on: report first, then the terminal phase.
 */
export class SimulatedNode {
  readonly #options: SimulatedNodeOptions;
  readonly #taken = new Set<string>();
  /** Pods that ran, in order, as `<task name>`. */
  readonly ran: string[] = [];
  /** Reports, by pod: to be sent again by tests. */
  readonly reports = new Map<string, StepReport>();
  /** While set, pods stay unscheduled; see `resume`. */
  isPaused = false;
  /** While set, the end of a step is reported but its pod's phase stays as it is. */
  isMute = false;
  readonly #endings = new Map<string, () => void>();
  #signal = new AbortController().signal;
  #known: () => readonly Pod[] = () => [];

  constructor(options: SimulatedNodeOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options;
    const informer = createInformer({ client: client.resource(Pod), clock });
    await informer.start(signal);
    this.#known = () => informer.list();
    informer.subscribe(({ type, object }) => {
      if (signal.aborted) return;
      if (object.metadata.deletionTimestamp !== undefined) this.#endings.get(object.metadata.uid ?? "")?.();
      else if (type !== "deleted" && !this.isPaused) void this.#take(object, signal);
    });
    this.#signal = signal;
  }

  /** Takes the pods that came meanwhile. */
  resume(): void {
    this.isPaused = false;
    for (const pod of this.#known()) void this.#take(pod, this.#signal);
  }

  async #take(pod: Pod, signal: AbortSignal): Promise<void> {
    const uid = pod.metadata.uid ?? "";
    if (this.#taken.has(uid) || pod.metadata.deletionTimestamp !== undefined) return;
    this.#taken.add(uid);
    const pods = this.#options.client.resource(Pod);
    const key = { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name ?? "" };
    await pods.post(key, "binding", {
      apiVersion: "v1",
      kind: "Binding",
      metadata: key,
      target: { kind: "Node", name: "simulated" },
    });
    const step = readStep(pod);
    this.ran.push(step.name);
    const startedAt = this.#options.clock.now();
    const killed = new Promise<SimulatedEnd>((resolve) => {
      this.#endings.set(uid, () => resolve({ exitCode: 137, reason: "Error" }));
    });
    const end = await Promise.race([this.#options.program(step), killed]);
    const report = reportOf(pod, step, end, { startedAt, finishedAt: this.#options.clock.now() });
    this.reports.set(key.name, report);
    const { outputs, log } = readStepIO(pod);
    for (const uri of [...outputs.map((each) => each.uri), ...(log === undefined ? [] : [log])])
      this.#options.wrote?.(uri);
    const ref = refOf(pod);
    if (ref) await this.#deliver({ run: ref.run, task: ref.task, n: ref.n }, report, signal);
    if (!signal.aborted && !this.isMute) await this.#write(key, pod, report);
  }

  /** Again and again, as a node does: an engine that is restarting takes it later. */
  async #deliver(attempt: Parameters<Engine["report"]>[0], report: StepReport, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#options.engine().report(attempt, report);
        return;
      } catch (error) {
        if (!isApiError(error, "ServiceUnavailable")) return;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  async #write(key: ObjectKey, pod: Pod, report: StepReport): Promise<void> {
    const { clock, client } = this.#options;
    const terminated = { exitCode: report.exitCode, reason: report.reason, finishedAt: formatTime(clock.now()) };
    const name = pod.spec.containers[0]?.name ?? "main";
    const body = {
      status: {
        phase: report.exitCode === 0 ? "Succeeded" : "Failed",
        containerStatuses: [{ name, image: "", imageID: "", ready: false, restartCount: 0, state: { terminated } }],
      },
    };
    await ifPresent(client.resource(Pod).patch(key, { type: "merge", body }, { subresource: "status" }));
  }
}

function readStepIO(pod: Pod): StepIO {
  return JSON.parse(pod.metadata.annotations?.[stepIOAnnotation] ?? "{}");
}

function readStep(pod: Pod): SimulatedStep {
  const [container] = pod.spec.containers;
  const words = [...(container?.command ?? []), ...(container?.args ?? [])];
  const at = words.indexOf("--executor_input");
  const input: ExecutorInput | undefined = at < 0 ? undefined : JSON.parse(words[at + 1] ?? "{}");
  const name = words[words.indexOf("--function_to_execute") + 1] ?? "";
  const parameters = input && isObject(input.inputs.parameterValues) ? input.inputs.parameterValues : {};
  const attempt = refOf(pod)?.n ?? 0;
  return { pod, words, name: at < 0 ? (container?.image ?? "") : name, input, parameters, attempt };
}

function reportOf(
  pod: Pod,
  step: SimulatedStep,
  end: SimulatedEnd,
  times: { startedAt: number; finishedAt: number },
): StepReport {
  const { namespace = "", name = "", uid = "" } = pod.metadata;
  const stepIO = readStepIO(pod);
  const exitCode = end.exitCode ?? 0;
  const written = Object.entries(step.input?.outputs.artifacts ?? {}).map(([key, list]) => {
    const [artifact] = list.artifacts;
    return [key, { artifacts: [{ name: key, uri: artifact?.uri, metadata: end.artifacts?.[key] ?? {} }] }];
  });
  const metadata = { parameterValues: end.parameters ?? {}, artifacts: Object.fromEntries(written) };
  const outputs = stepIO.outputs.map((output) => [
    output.name,
    { kind: "file", size: 1, digest: `sha256:${output.name}`, files: 1 },
  ]);
  return {
    pod: { namespace, name, uid },
    exitCode,
    reason: end.reason ?? (exitCode === 0 ? "Completed" : "Error"),
    message: "",
    ...times,
    files: { ...(step.input && { [step.input.outputs.outputFile]: JSON.stringify(metadata) }), ...end.files },
    refused: {},
    outputs: Object.fromEntries(outputs),
    ...(stepIO.log !== undefined && { log: { size: 1, digest: `sha256:${stepIO.log}` } }),
    tail: end.tail ?? "",
  };
}
