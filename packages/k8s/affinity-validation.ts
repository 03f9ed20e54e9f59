import { cause, qualifiedNameProblem, validateLabelSelector, type StatusCause } from "@headrace/model";
import type {
  Affinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  TopologySpreadConstraint,
} from "./affinity.ts";

const required = "requiredDuringSchedulingIgnoredDuringExecution";
const preferred = "preferredDuringSchedulingIgnoredDuringExecution";

export function validateAffinity(
  { nodeAffinity, podAffinity, podAntiAffinity }: Affinity,
  path: string,
): StatusCause[] {
  return [
    ...nodeAffinityCauses(nodeAffinity, `${path}.nodeAffinity`),
    ...podAffinityCauses(podAffinity, `${path}.podAffinity`),
    ...podAffinityCauses(podAntiAffinity, `${path}.podAntiAffinity`),
  ];
}

function nodeAffinityCauses(affinity: Affinity["nodeAffinity"], path: string): StatusCause[] {
  const terms = affinity?.[required]?.nodeSelectorTerms;
  const none =
    terms?.length === 0
      ? [cause.required(`${path}.${required}.nodeSelectorTerms`, "must have at least one node selector term")]
      : [];
  const hard = (terms ?? []).flatMap((term, index) =>
    termCauses(term, `${path}.${required}.nodeSelectorTerms[${index}]`),
  );
  const soft = (affinity?.[preferred] ?? []).flatMap(({ weight, preference }, index) => {
    const at = `${path}.${preferred}[${index}]`;
    return [...weightCauses(weight, at), ...termCauses(preference, `${at}.preference`)];
  });
  return [...none, ...hard, ...soft];
}

function podAffinityCauses(affinity: Affinity["podAffinity"], path: string): StatusCause[] {
  const hard = (affinity?.[required] ?? []).flatMap((term, index) =>
    podTermCauses(term, `${path}.${required}[${index}]`),
  );
  const soft = (affinity?.[preferred] ?? []).flatMap(({ weight, podAffinityTerm }, index) => {
    const at = `${path}.${preferred}[${index}]`;
    return [...weightCauses(weight, at), ...podTermCauses(podAffinityTerm, `${at}.podAffinityTerm`)];
  });
  return [...hard, ...soft];
}

function weightCauses(weight: number, path: string): StatusCause[] {
  return weight < 1 || weight > 100 ? [cause.invalid(`${path}.weight`, weight, "must be in the range 1-100")] : [];
}

function podTermCauses(
  { topologyKey, labelSelector, namespaceSelector }: PodAffinityTerm,
  path: string,
): StatusCause[] {
  const problem = qualifiedNameProblem(topologyKey);
  return [
    ...(problem ? [cause.invalid(`${path}.topologyKey`, topologyKey, problem)] : []),
    ...validateLabelSelector(labelSelector, `${path}.labelSelector`),
    ...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`),
  ];
}

function termCauses({ matchExpressions, matchFields }: NodeSelectorTerm, path: string): StatusCause[] {
  return [
    ...(matchExpressions ?? []).flatMap((each, index) => requirementCauses(each, `${path}.matchExpressions[${index}]`)),
    ...(matchFields ?? []).flatMap((each, index) => requirementCauses(each, `${path}.matchFields[${index}]`)),
  ];
}

function requirementCauses({ key, operator, values = [] }: NodeSelectorRequirement, path: string): StatusCause[] {
  const problem = qualifiedNameProblem(key);
  const causes = problem ? [cause.invalid(`${path}.key`, key, problem)] : [];
  if ((operator === "In" || operator === "NotIn") && values.length === 0) {
    return [...causes, cause.required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
  }
  if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0) {
    return [
      ...causes,
      cause.forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
    ];
  }
  if ((operator === "Gt" || operator === "Lt") && values.length !== 1) {
    return [
      ...causes,
      cause.required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
    ];
  }
  return causes;
}

export function validateTopologySpread(constraints: readonly TopologySpreadConstraint[], path: string): StatusCause[] {
  return constraints.flatMap(({ maxSkew, labelSelector }, index) => [
    ...(maxSkew > 0 ? [] : [cause.invalid(`${path}[${index}].maxSkew`, maxSkew, "must be greater than zero")]),
    ...validateLabelSelector(labelSelector, `${path}[${index}].labelSelector`),
  ]);
}
