import { ageColumn, humanDuration, type ColumnDeclaration } from "@headrace/model";
import type { Container } from "./container.ts";
import type { Pod } from "./pod.ts";
import type { ContainerStateTerminated, ContainerStatus } from "./pod-status.ts";

/** The columns of `kubectl get pods`. */
export const podColumns: readonly ColumnDeclaration<Pod>[] = [
  { name: "Ready", value: (pod) => summarise(pod).ready },
  { name: "Status", value: (pod) => summarise(pod).status },
  { name: "Restarts", value: (pod, now) => restartsText(summarise(pod), now) },
  ageColumn,
  { name: "IP", priority: 1, value: (pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? "<none>" },
  { name: "Node", priority: 1, value: (pod) => pod.spec.nodeName || "<none>" },
  { name: "Nominated Node", priority: 1, value: (pod) => pod.status?.nominatedNodeName || "<none>" },
  { name: "Readiness Gates", priority: 1, value: (pod) => readinessGates(pod) },
];

export interface PodSummary {
  /** `Init:0/1`, `CrashLoopBackOff`, `Completed`, `Terminating`, else the phase. */
  readonly status: string;
  /** Ready containers of all, as `1/2`. */
  readonly ready: string;
  readonly restarts: number;
  /** When the last container that was restarted had ended, RFC 3339. */
  readonly lastRestart: string | undefined;
}

/** What `kubectl get` says about a pod in one word: the most telling reason of its containers. */
export function summarise(pod: Pod): PodSummary {
  const { status } = pod;
  const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map((container) => container.name));
  const init = status?.initContainerStatuses ?? [];
  const containers = status?.containerStatuses ?? [];
  const phaseText = beforeContainers(pod);
  const blocked = initReason(pod, init, sidecars);
  const waitsForInit = blocked !== undefined && !hasTrueCondition(pod, "Initialized");
  const readySidecars = init.filter((each) => sidecars.has(each.name) && each.started && each.ready).length;
  const readyContainers = waitsForInit ? 0 : containers.filter(isRunningAndReady).length;
  const counted = waitsForInit ? init : [...init.filter((each) => sidecars.has(each.name)), ...containers];
  return {
    status: whileDeleted(pod, waitsForInit ? blocked : containersReason(pod, containers, blocked ?? phaseText)),
    ready: `${readySidecars + readyContainers}/${pod.spec.containers.length + sidecars.size}`,
    restarts: counted.reduce((sum, each) => sum + each.restartCount, 0),
    lastRestart: counted
      .flatMap((each) => each.lastState?.terminated?.finishedAt ?? [])
      .toSorted()
      .at(-1),
  };
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

function beforeContainers({ status }: Pod): string {
  const scheduled = status?.conditions?.find((condition) => condition.type === "PodScheduled");
  if (scheduled?.reason === "SchedulingGated") return "SchedulingGated";
  return status?.reason || status?.phase || "Unknown";
}

/** Why the first init container that isn't through holds up the rest; undefined when all are through. */
function initReason(pod: Pod, statuses: readonly ContainerStatus[], sidecars: ReadonlySet<string>): string | undefined {
  for (const [index, { name, state, started }] of statuses.entries()) {
    if (state?.terminated?.exitCode === 0 || (sidecars.has(name) && started)) continue;
    if (state?.terminated) return `Init:${endReason(state.terminated)}`;
    const reason = state?.waiting?.reason;
    if (reason && reason !== "PodInitializing") return `Init:${reason}`;
    return `Init:${index}/${pod.spec.initContainers?.length ?? statuses.length}`;
  }
  return undefined;
}

/** The first container that waits or ended speaks for the pod, unless another one still runs. */
function containersReason(pod: Pod, statuses: readonly ContainerStatus[], otherwise: string): string {
  const reasons = statuses.flatMap(({ state }) => {
    if (state?.waiting?.reason) return [state.waiting.reason];
    return state?.terminated ? [endReason(state.terminated)] : [];
  });
  const reason = reasons[0] ?? otherwise;
  if (reason !== "Completed" || !statuses.some(isRunningAndReady)) return reason;
  return hasTrueCondition(pod, "Ready") ? "Running" : "NotReady";
}

function endReason({ reason, signal, exitCode }: ContainerStateTerminated): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}

function whileDeleted(pod: Pod, status: string): string {
  if (!pod.metadata.deletionTimestamp) return status;
  if (pod.status?.reason === "NodeLost") return "Unknown";
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed" ? status : "Terminating";
}

function isRunningAndReady({ state, ready }: ContainerStatus): boolean {
  return ready && state?.running !== undefined;
}

function hasTrueCondition(pod: Pod, type: string): boolean {
  return pod.status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;
}

function restartsText({ restarts, lastRestart }: PodSummary, now: number): string {
  if (restarts === 0 || !lastRestart) return String(restarts);
  return `${restarts} (${humanDuration(now - Date.parse(lastRestart))} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  return `${gates.filter((gate) => hasTrueCondition(pod, gate.conditionType)).length}/${gates.length}`;
}
