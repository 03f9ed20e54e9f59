import type { ContainerExit } from "@headrace/sandbox";

/** `sidecar` is an init container that keeps running beside the main ones. */
export type ContainerKind = "init" | "sidecar" | "main";

type ContainerPhase = "Waiting" | "Starting" | "Running" | "Stopping" | "Terminated";

/** One container of a pod as the node knows it. Values are replaced, never changed. */
export interface ContainerState {
  readonly name: string;
  readonly kind: ContainerKind;
  readonly phase: ContainerPhase;
  /** How often it was started before: the number of the present or next instance. */
  readonly restarts: number;
  readonly waiting: { readonly reason: string; readonly message: string };
  /** Earliest time of the next start, in milliseconds since the epoch. */
  readonly notBefore: number;
  /** Delay before the next start after a further failure. */
  readonly backoffMs: number;
  readonly startedAt: number | undefined;
  readonly imageID: string;
  /** The end of the present instance, or of the last one while a new one waits. */
  readonly ended: Ended | undefined;
}

export interface Ended {
  readonly exitCode: number;
  readonly signal?: number;
  readonly reason: ContainerExit["reason"] | "Lost" | "DeadlineExceeded" | "ContainerCannotRun";
  readonly message: string;
  readonly startedAt: number | undefined;
  readonly finishedAt: number;
  readonly restarts: number;
}

export type ContainerEvent =
  | { readonly type: "start" }
  /** What is being done before it can run. */
  | { readonly type: "progress"; readonly message: string }
  /** It is known what runs; the sandbox is asked next. */
  | { readonly type: "prepared"; readonly imageID: string }
  | { readonly type: "started"; readonly at: number }
  /** It could not be started; it waits and is tried again. */
  | { readonly type: "held"; readonly reason: string; readonly message: string; readonly now: number }
  | { readonly type: "stop" }
  | { readonly type: "ended"; readonly ended: Ended }
  | { readonly type: "restart"; readonly now: number };

/** Which event may come in which phase, and where it leads. What is not here is old news, such as an exit told twice. */
const transitions: Readonly<Record<ContainerPhase, Partial<Record<ContainerEvent["type"], ContainerPhase>>>> = {
  Waiting: { start: "Starting", held: "Waiting", ended: "Terminated" },
  Starting: {
    progress: "Starting",
    prepared: "Starting",
    started: "Running",
    held: "Waiting",
    stop: "Stopping",
    ended: "Terminated",
  },
  Running: { stop: "Stopping", ended: "Terminated" },
  Stopping: { started: "Stopping", ended: "Terminated" },
  Terminated: { restart: "Waiting" },
};

export const backoff = { firstMs: 10_000, maxMs: 300_000, resetMs: 600_000 };

export function newContainer(name: string, kind: ContainerKind): ContainerState {
  return {
    name,
    kind,
    phase: "Waiting",
    restarts: 0,
    waiting: { reason: kind === "main" ? "PodInitializing" : "ContainerCreating", message: "" },
    notBefore: 0,
    backoffMs: backoff.firstMs,
    startedAt: undefined,
    imageID: "",
    ended: undefined,
  };
}

/** The container after the event; the very same one if the event is not for its phase. */
export function advance(container: ContainerState, event: ContainerEvent): ContainerState {
  const phase = transitions[container.phase][event.type];
  if (phase === undefined) return container;
  return { ...container, phase, ...consequences(container, event) };
}

function consequences(container: ContainerState, event: ContainerEvent): Partial<ContainerState> {
  switch (event.type) {
    case "started":
      return { startedAt: event.at };
    case "progress":
      return { waiting: { reason: "ContainerCreating", message: event.message } };
    case "prepared":
      return { imageID: event.imageID };
    case "held":
      return {
        waiting: { reason: event.reason, message: event.message },
        notBefore: event.now + container.backoffMs,
        backoffMs: Math.min(2 * container.backoffMs, backoff.maxMs),
      };
    case "ended":
      return { ended: event.ended };
    case "restart":
      return afterRestart(container, event.now);
    case "start":
      return { startedAt: undefined };
    case "stop":
      return {};
  }
}

/** The first restart comes at once after ten minutes of health, else ever later. */
function afterRestart(container: ContainerState, now: number): Partial<ContainerState> {
  const { ended } = container;
  const lasted = ended === undefined ? 0 : ended.finishedAt - (ended.startedAt ?? ended.finishedAt);
  const delay = lasted >= backoff.resetMs ? backoff.firstMs : container.backoffMs;
  return {
    restarts: container.restarts + 1,
    startedAt: undefined,
    notBefore: (ended?.finishedAt ?? now) + delay,
    backoffMs: Math.min(2 * delay, backoff.maxMs),
    waiting: {
      reason: "CrashLoopBackOff",
      message: `back-off ${delay / 1000}s restarting failed container=${container.name}`,
    },
  };
}

export function isAlive({ phase }: ContainerState): boolean {
  return phase === "Starting" || phase === "Running" || phase === "Stopping";
}

export function succeeded(container: ContainerState): boolean {
  return container.phase === "Terminated" && container.ended?.exitCode === 0;
}
