import type { Attributes } from "@headrace/model";

/** rbac.authorization.k8s.io/v1 PolicyRule. `*` stands for everything; `pods/*` for every subresource of pods. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  /** Paths, with `*` at the end for all below. */
  readonly nonResourceURLs?: readonly string[];
}

export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!names(rule.verbs, attributes.verb)) return false;
  if (attributes.path !== undefined) return (rule.nonResourceURLs ?? []).some(covers(attributes.path));
  if (!names(rule.apiGroups, attributes.group) || !namesResource(rule.resources, attributes.resource)) return false;
  const only = rule.resourceNames ?? [];
  return only.length === 0 || only.includes(attributes.name);
}

function names(list: readonly string[] | undefined, word: string): boolean {
  return list !== undefined && (list.includes(word) || list.includes("*"));
}

function namesResource(list: readonly string[] | undefined, resource: string): boolean {
  if (names(list, resource)) return true;
  const slash = resource.indexOf("/");
  if (slash < 0) return false;
  // `*/scale` names a subresource of everything, `pods/*` all those of pods; `pods` alone does not name `pods/log`.
  return [`*${resource.slice(slash)}`, `${resource.slice(0, slash)}/*`].some((pattern) => list?.includes(pattern));
}

const covers =
  (path: string) =>
  (pattern: string): boolean =>
    pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
