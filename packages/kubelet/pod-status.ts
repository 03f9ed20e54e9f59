import {
  type Container,
  type ContainerStatus,
  type Pod,
  type PodCondition,
  type PodStatus,
  qosClass,
} from "@headrace/k8s";
import { formatTime } from "@headrace/model";
import { type ContainerState, type Ended, isAlive, succeeded } from "./container-state.ts";

/** What a pod's status is made of. */
export interface PodFacts {
  readonly pod: Pod;
  readonly containers: readonly ContainerState[];
  readonly startTime: number;
  readonly hostIP: string;
  readonly podIP: string | undefined;
  /** Decided once and for all; undefined while the pod goes on. */
  readonly verdict:
    | { readonly phase: "Succeeded" | "Failed"; readonly reason: string; readonly message: string }
    | undefined;
  /** Why the pod as a whole waits, such as volumes that cannot be mounted. */
  readonly waiting: { readonly reason: string; readonly message: string } | undefined;
  /** Names of containers whose readiness probe has not said yes. */
  readonly unready: ReadonlySet<string>;
  /** Names of running containers whose startup probe has not said yes. */
  readonly starting: ReadonlySet<string>;
}

/** Whose conditions these are; others (the scheduler's, readiness gates) stay as they stand. */
const ownConditions = new Set(["Initialized", "PodReadyToStartContainers", "ContainersReady", "Ready"]);

export function podStatus(facts: PodFacts, now: number): PodStatus {
  const { pod, containers, verdict } = facts;
  const conditions = podConditions(facts, now);
  return {
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    phase: verdict?.phase ?? (containers.some(hasStarted) ? phaseInFlight(containers) : "Pending"),
    conditions,
    ...(verdict?.message && { message: verdict.message }),
    ...(verdict?.reason && { reason: verdict.reason }),
    hostIP: facts.hostIP,
    hostIPs: [{ ip: facts.hostIP }],
    ...(facts.podIP !== undefined && { podIP: facts.podIP, podIPs: [{ ip: facts.podIP }] }),
    startTime: formatTime(facts.startTime),
    ...(pod.spec.initContainers && {
      initContainerStatuses: statuses(pod.spec.initContainers, facts),
    }),
    containerStatuses: statuses(pod.spec.containers, facts),
    qosClass: pod.status?.qosClass ?? qosClass(pod.spec),
  };
}

/** Pending until every init container is through, as upstream shows it. */
function phaseInFlight(containers: readonly ContainerState[]): "Pending" | "Running" {
  return containers.some((container) => container.kind === "main" && hasStarted(container)) ? "Running" : "Pending";
}

function hasStarted(container: ContainerState): boolean {
  return container.startedAt !== undefined || container.ended !== undefined;
}

function statuses(specs: readonly Container[], facts: PodFacts): ContainerStatus[] {
  return specs.map((spec) => {
    const state = facts.containers.find(({ name }) => name === spec.name);
    return state === undefined ? unknownStatus(spec) : containerStatus(spec, state, facts);
  });
}

function unknownStatus(spec: Container): ContainerStatus {
  return {
    name: spec.name,
    ready: false,
    restartCount: 0,
    image: spec.image ?? "",
    imageID: "",
    state: {},
    lastState: {},
  };
}

function containerStatus(spec: Container, state: ContainerState, facts: PodFacts): ContainerStatus {
  const { pod, verdict } = facts;
  const running = state.phase === "Running" || state.phase === "Stopping";
  const terminated = state.phase === "Terminated";
  const last = terminated ? undefined : state.ended;
  const uid = pod.metadata.uid ?? "";
  return {
    name: spec.name,
    state: running
      ? { running: { startedAt: formatTime(state.startedAt ?? 0) } }
      : terminated && state.ended
        ? { terminated: terminatedState(state.ended, uid, spec.name) }
        : { waiting: withoutEmpty(verdict === undefined ? (facts.waiting ?? waitingOf(state, facts)) : state.waiting) },
    lastState: last ? { terminated: terminatedState(last, uid, spec.name) } : {},
    ready: isReady(state, facts),
    restartCount: state.restarts,
    image: spec.image ?? "",
    imageID: state.imageID,
    ...((running || terminated) && { containerID: containerID(uid, spec.name, state.restarts) }),
    started: running && !facts.starting.has(spec.name),
  };
}

/** Main containers wait for `PodInitializing` only while there is something to initialise. */
function waitingOf(state: ContainerState, facts: PodFacts): ContainerState["waiting"] {
  const initialising = facts.containers.some(({ kind, phase }) => kind === "init" && phase !== "Terminated");
  if (state.waiting.reason !== "PodInitializing" || initialising) return state.waiting;
  return { reason: "ContainerCreating", message: "" };
}

function isReady(state: ContainerState, facts: PodFacts): boolean {
  if (state.kind === "init") return succeeded(state);
  return state.phase === "Running" && !facts.unready.has(state.name);
}

function terminatedState(ended: Ended, uid: string, name: string) {
  return {
    exitCode: ended.exitCode,
    ...(ended.signal !== undefined && { signal: ended.signal }),
    reason: ended.reason,
    ...(ended.message !== "" && { message: ended.message }),
    ...(ended.startedAt !== undefined && { startedAt: formatTime(ended.startedAt) }),
    finishedAt: formatTime(ended.finishedAt),
    containerID: containerID(uid, name, ended.restarts),
  };
}

function containerID(uid: string, name: string, restarts: number): string {
  return `headrace://${uid}/${name}/${restarts}`;
}

function withoutEmpty({ reason, message }: { reason: string; message: string }): { reason: string; message?: string } {
  return message === "" ? { reason } : { reason, message };
}

function podConditions(facts: PodFacts, now: number): PodCondition[] {
  const { pod, containers, verdict } = facts;
  const before = pod.status?.conditions ?? [];
  const initialised = containers.every(
    (container) =>
      container.kind === "main" || succeeded(container) || (container.kind === "sidecar" && hasStarted(container)),
  );
  const unready = containers
    .filter((container) => container.kind !== "init" && !isReady(container, facts))
    .map(({ name }) => name);
  const over = verdict !== undefined;
  const completed = verdict?.phase === "Succeeded" ? "PodCompleted" : "PodFailed";
  const ready: Pick<PodCondition, "status" | "reason" | "message"> = over
    ? { status: "False", reason: completed }
    : unready.length === 0
      ? { status: "True" }
      : {
          status: "False",
          reason: "ContainersNotReady",
          message: `containers with unready status: [${unready.join(" ")}]`,
        };
  const gates = (pod.spec.readinessGates ?? []).map(({ conditionType }) => conditionType);
  const closed = gates.filter((gate) => before.find(({ type }) => type === gate)?.status !== "True");
  const podReady =
    ready.status === "True" && closed.length > 0
      ? {
          status: "False" as const,
          reason: "ReadinessGatesNotReady",
          message: `corresponding condition of pod readiness gate "${closed[0]}" does not exist or is not True`,
        }
      : ready;
  const wanted: Pick<PodCondition, "type" | "status" | "reason" | "message">[] = [
    {
      type: "PodReadyToStartContainers",
      status: containers.some((container) => hasStarted(container) || isAlive(container)) && !over ? "True" : "False",
    },
    initialised || over
      ? { type: "Initialized", status: "True", ...(verdict?.phase === "Succeeded" && { reason: completed }) }
      : { type: "Initialized", status: "False", reason: "ContainersNotInitialized" },
    { type: "Ready", ...podReady },
    { type: "ContainersReady", ...ready },
  ];
  const kept = before.filter(({ type }) => !ownConditions.has(type));
  return [...kept, ...wanted.map((condition) => withTransition(condition, before, now))];
}

function withTransition(
  condition: Pick<PodCondition, "type" | "status" | "reason" | "message">,
  before: readonly PodCondition[],
  now: number,
): PodCondition {
  const old = before.find(({ type }) => type === condition.type);
  const at = old?.status === condition.status ? old.lastTransitionTime : undefined;
  return { ...condition, lastTransitionTime: at ?? formatTime(now) };
}
