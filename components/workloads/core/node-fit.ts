import {
  podResources,
  type Node,
  type NodeSelectorRequirement,
  type NodeSelectorTerm,
  type Pod,
  type Taint,
  type Toleration,
} from "@headrace/k8s";
import { matchesLabels, parseQuantity } from "@headrace/model";

/** Amounts in billionths of the resource's unit. */
export type Amounts = ReadonlyMap<string, bigint>;

/** What a pod asks of a node. Pods of the same shape fit the same nodes, so one answer serves them all. */
export interface PodDemand {
  readonly shape: string;
  readonly priority: number;
  readonly requests: Amounts;
  readonly spec: Pod["spec"];
}

export function demandOf(pod: Pod): PodDemand {
  const { spec } = pod;
  const requests = podResources(spec);
  const priority = spec.priority ?? 0;
  const shape = JSON.stringify([
    priority,
    requests,
    spec.nodeSelector,
    spec.affinity,
    spec.tolerations,
    spec.topologySpreadConstraints,
  ]);
  return { shape, priority, requests: amountsOf(requests), spec };
}

export function amountsOf(quantities: Readonly<Record<string, string>>): Amounts {
  return new Map(Object.entries(quantities).map(([name, text]) => [name, parseQuantity(text).nano]));
}

/** What a node has and what of it is taken, counted in memory. */
export interface NodeRoom {
  readonly node: Node;
  readonly allocatable: Amounts;
  readonly used: Amounts;
  readonly pods: number;
}

/**
 * Why the pod does not fit this node, in upstream's words, each reason once; empty if it fits. `nodes` are all that there are: a
 * pod may ask to be spread over them. Pure.
 */
export function whyNot(demand: PodDemand, room: NodeRoom, nodes: readonly Node[]): readonly string[] {
  const wrongNode = whyUnsuitable(demand.spec, room.node) ?? whySpreadForbids(demand.spec, room.node, nodes);
  return wrongNode === undefined ? shortages(demand.requests, room) : [wrongNode];
}

function whyUnsuitable(spec: Pod["spec"], node: Node): string | undefined {
  if (needsOtherPods(spec))
    return "node(s) cannot be chosen by the pod's affinity to other pods, which is not supported";
  if (node.spec.unschedulable && !tolerates(spec.tolerations, unschedulableTaint)) return "node(s) were unschedulable";
  if (!matchesNode(spec, node)) return "node(s) didn't match Pod's node affinity/selector";
  const taints = [...(node.spec.taints ?? []), ...(isReady(node) ? [] : [notReadyTaint])];
  const hard = taints.find((taint) => taint.effect !== "PreferNoSchedule" && !tolerates(spec.tolerations, taint));
  return hard && `node(s) had untolerated taint {${hard.key}: ${hard.value ?? ""}}`;
}

const unschedulableTaint: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };
const notReadyTaint: Taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };

/** Honest refusal: ignoring these would place pods where their author forbade it. */
function needsOtherPods({ affinity }: Pod["spec"]): boolean {
  const required = [affinity?.podAffinity, affinity?.podAntiAffinity];
  return required.some((rule) => (rule?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0);
}

/**
 * Pods of one domain are spread evenly whatever their number, so nothing has to be counted. What would need counts is refused;
 * what is only wished (ScheduleAnyway) never keeps a pod from a node.
 */
function whySpreadForbids(
  { topologySpreadConstraints = [] }: Pod["spec"],
  node: Node,
  nodes: readonly Node[],
): string | undefined {
  for (const { topologyKey, whenUnsatisfiable, minDomains = 1 } of topologySpreadConstraints) {
    if (whenUnsatisfiable !== "DoNotSchedule") continue;
    if (node.metadata.labels?.[topologyKey] === undefined)
      return "node(s) didn't match pod topology spread constraints (missing required label)";
    const domains = new Set(nodes.flatMap(({ metadata }) => metadata.labels?.[topologyKey] ?? []));
    if (domains.size > 1 || minDomains > 1)
      return `node(s) cannot be chosen by the pod's spread over several domains of ${topologyKey}, which is not supported`;
  }
  return undefined;
}

function isReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((toleration) => {
    if (toleration.effect && toleration.effect !== taint.effect) return false;
    if (toleration.key && toleration.key !== taint.key) return false;
    if (toleration.operator === "Exists") return true;
    return Boolean(toleration.key) && (toleration.value ?? "") === (taint.value ?? "");
  });
}

function matchesNode(spec: Pod["spec"], node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const selected = Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return selected && (terms === undefined || terms.some((term) => matchesTerm(term, node)));
}

/**
 * How well a node that the pod fits suits its wishes: the weights of the preferred affinities that it meets, and for what it does not
 * tolerate of soft taints (PreferNoSchedule) the heaviest weight that there is is taken off. Pure.
 */
export function preferenceFor({ spec }: PodDemand, node: Node): number {
  const wishes = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const met = wishes.filter(({ preference }) => matchesTerm(preference, node));
  const soft = (node.spec.taints ?? []).filter(
    (taint) => taint.effect === "PreferNoSchedule" && !tolerates(spec.tolerations, taint),
  );
  return met.reduce((sum, { weight }) => sum + weight, 0) - heaviestWeight * soft.length;
}

const heaviestWeight = 100;

/** A term without requirements matches nothing. */
function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const fields = { "metadata.name": node.metadata.name ?? "" };
  return (
    matchesLabels(matchExpressions.map(asRequirement), node.metadata.labels) &&
    matchesLabels(matchFields.map(asRequirement), fields)
  );
}

/** Fields are asked as labels are: by a name, with the same operators. */
const asRequirement = ({ key, operator, values = [] }: NodeSelectorRequirement) => ({ key, operator, values });

function shortages(requests: Amounts, room: NodeRoom): readonly string[] {
  const reasons: string[] = [];
  if (BigInt(room.pods + 1) * 1_000_000_000n > (room.allocatable.get("pods") ?? 0n)) reasons.push("Too many pods");
  for (const [resource, amount] of requests) {
    const free = (room.allocatable.get(resource) ?? 0n) - (room.used.get(resource) ?? 0n);
    if (amount > 0n && amount > free) reasons.push(`Insufficient ${resource}`);
  }
  return reasons;
}

/** `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.` from each node's reasons. */
export function unschedulableMessage(reasonsByNode: readonly (readonly string[])[]): string {
  if (reasonsByNode.length === 0) return "no nodes available to schedule pods";
  const counts = new Map<string, number>();
  for (const reason of reasonsByNode.flat()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).toSorted();
  return `0/${reasonsByNode.length} nodes are available: ${reasons.join(", ")}.`;
}
