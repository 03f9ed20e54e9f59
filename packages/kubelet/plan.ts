import { type ContainerState, isAlive, succeeded } from "./container-state.ts";

/** What decides a pod's next step, apart from time. */
export interface PodPlan {
  readonly restartPolicy: "Always" | "OnFailure" | "Never";
  /** Init containers and sidecars in their order, then the main ones. */
  readonly containers: readonly ContainerState[];
  /** Names of running containers whose startup probe has not said yes. */
  readonly starting: ReadonlySet<string>;
  readonly volumes: "missing" | "preparing" | "ready";
  readonly volumesNotBefore: number;
  /** Why the pod has to end before its containers do by themselves. */
  readonly ending: Ending | undefined;
  /** Milliseconds since the epoch; undefined without a deadline. */
  readonly deadline: number | undefined;
  /** Whether the terminal status was decided. */
  readonly finished: boolean;
}

export interface Ending {
  readonly reason: "" | "DeadlineExceeded" | "NotSupported" | "NodeShutdown";
  readonly message: string;
  /** When what still runs is killed. */
  readonly killAt: number;
}

export type Action =
  | { readonly do: "prepare" }
  | { readonly do: "start"; readonly container: string }
  | { readonly do: "restart"; readonly container: string }
  | { readonly do: "stop"; readonly container: string }
  | { readonly do: "kill"; readonly container: string }
  /** End what still runs, with the pod's grace: its time is over, or its work is done and only sidecars are left. */
  | { readonly do: "end"; readonly reason: "" | "DeadlineExceeded" }
  | { readonly do: "finish"; readonly phase: "Succeeded" | "Failed" }
  /** Look again at this time. */
  | { readonly do: "wake"; readonly at: number };

/** What is to be done now. Pure: the same pod at the same time gives the same answer, and doing a thing twice is harmless. */
export function plan(pod: PodPlan, now: number): readonly Action[] {
  if (pod.finished) return [];
  if (pod.ending !== undefined) return planEnding(pod, pod.ending, now);
  if (pod.deadline !== undefined && now >= pod.deadline) return [{ do: "end", reason: "DeadlineExceeded" }];
  const deadline: readonly Action[] = pod.deadline === undefined ? [] : [{ do: "wake", at: pod.deadline }];
  const actions = planContainers(pod, now);
  if (pod.volumes === "ready") return [...deadline, ...actions];
  // Only starts need volumes: a pod that was taken over runs on, and ends, without.
  const others = actions.filter((action) => action.do !== "start");
  const isEnding = others.some((action) => action.do === "finish" || action.do === "end");
  return isEnding ? [...deadline, ...others] : [...deadline, ...others, ...planVolumes(pod, now)];
}

function planVolumes(pod: PodPlan, now: number): readonly Action[] {
  if (pod.volumes === "preparing") return [];
  return pod.volumesNotBefore > now ? [{ do: "wake", at: pod.volumesNotBefore }] : [{ do: "prepare" }];
}

function planContainers(pod: PodPlan, now: number): readonly Action[] {
  const actions: Action[] = [];
  for (const container of pod.containers) {
    if (container.kind === "main") continue;
    const next = planInit(pod, container, now);
    actions.push(...next.actions);
    if (!next.goOn) return actions;
  }
  const main = pod.containers.filter((container) => container.kind === "main");
  if (main.every((container) => isOver(pod, container))) return planCompletion(pod);
  return [...actions, ...main.flatMap((container) => planMain(pod, container, now))];
}

/** Init containers run one after the other; the next one waits for the success of this one, or for the start of a sidecar. */
function planInit(pod: PodPlan, container: ContainerState, now: number): { actions: readonly Action[]; goOn: boolean } {
  if (container.kind === "sidecar") {
    if (container.phase === "Terminated")
      return { actions: [{ do: "restart", container: container.name }], goOn: false };
    // A sidecar that was up before does not hold up the main containers while it restarts.
    const goOn = (container.phase === "Running" && !pod.starting.has(container.name)) || container.restarts > 0;
    return { actions: startWhenDue(container, now), goOn };
  }
  if (succeeded(container)) return { actions: [], goOn: true };
  if (container.phase !== "Terminated") return { actions: startWhenDue(container, now), goOn: false };
  if (pod.restartPolicy === "Never") return { actions: planCompletion(pod), goOn: false };
  return { actions: [{ do: "restart", container: container.name }], goOn: false };
}

function planMain(pod: PodPlan, container: ContainerState, now: number): readonly Action[] {
  if (container.phase !== "Terminated") return startWhenDue(container, now);
  return isOver(pod, container) ? [] : [{ do: "restart", container: container.name }];
}

function startWhenDue(container: ContainerState, now: number): readonly Action[] {
  if (container.phase !== "Waiting") return [];
  return container.notBefore > now
    ? [{ do: "wake", at: container.notBefore }]
    : [{ do: "start", container: container.name }];
}

function isOver(pod: PodPlan, container: ContainerState): boolean {
  if (container.phase !== "Terminated") return false;
  if (pod.restartPolicy === "Always") return false;
  return pod.restartPolicy === "Never" || succeeded(container);
}

/** The work is done: sidecars are asked to end, then the pod is over. */
function planCompletion(pod: PodPlan): readonly Action[] {
  return pod.containers.some(isAlive) ? [{ do: "end", reason: "" }] : [{ do: "finish", phase: outcome(pod) }];
}

/** Main containers end first, sidecars after them; what is left at the end of the grace is killed. */
function planEnding(pod: PodPlan, ending: Ending, now: number): readonly Action[] {
  const alive = pod.containers.filter(isAlive);
  if (alive.length === 0) return [{ do: "finish", phase: ending.reason === "" ? outcome(pod) : "Failed" }];
  if (now >= ending.killAt) {
    return alive.filter(({ phase }) => phase !== "Starting").map(({ name }) => ({ do: "kill", container: name }));
  }
  const first = alive.filter(({ kind }) => kind !== "sidecar");
  const next = first.length > 0 ? first : alive;
  const stops = next
    .filter(({ phase }) => phase === "Running")
    .map(({ name }): Action => ({ do: "stop", container: name }));
  return [...stops, { do: "wake", at: ending.killAt }];
}

/** A pod has succeeded if all its main containers and init containers did. */
function outcome(pod: PodPlan): "Succeeded" | "Failed" {
  const decisive = pod.containers.filter(({ kind }) => kind !== "sidecar");
  return decisive.every(succeeded) ? "Succeeded" : "Failed";
}
