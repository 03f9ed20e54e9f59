import {
  type Attributes,
  type Authorizer,
  type Decision,
  isAnonymous,
  podNameOf,
  serviceAccountOf,
  type User,
} from "@headrace/model";
import { whyAnonymous } from "./nobody.ts";
import { ruleAllows, type PolicyRule } from "./rules.ts";

/** What a step's report asks for: `create` on this, in its namespace, with the name of its pod. */
export const stepReportResource = { group: "headrace.io", resource: "pods/report" };

/** Who is calling with a namespace's key to the object store: a user of its own, who has nothing to do elsewhere. */
export function storageUser(namespace: string): User {
  return { name: `${storageUserPrefix}${namespace}`, groups: [storageGroup, "system:authenticated"] };
}

const storageUserPrefix = "system:storage:";
const storageGroup = "system:storage";
const storageResources = new Set(["objects", "buckets"]);

/** Health, version: said to anybody who can connect. */
const openPaths: PolicyRule = {
  verbs: ["get", "head"],
  nonResourceURLs: ["/healthz", "/healthz/*", "/livez", "/livez/*", "/readyz", "/readyz/*", "/version", "/version/"],
};

/** What every authenticated caller may do: find out what is served, and what it may do itself. */
const everyCaller: readonly PolicyRule[] = [
  {
    verbs: ["get", "head"],
    nonResourceURLs: ["/api", "/api/*", "/apis", "/apis/*", "/openapi/*", "/openid/v1/jwks", "/.well-known/*"],
  },
  {
    verbs: ["create"],
    apiGroups: ["authorization.k8s.io"],
    resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
  },
  { verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"] },
];

/**
 * What a service account may do within its own namespace. Secrets reach a pod by being mounted, not by being read here; and of
 * subresources only those that read, for `get` on `pods/exec` is a way in.
 */
function mayReadOwnNamespace({ verb, resource }: Attributes): boolean {
  const [plural = "", subresource] = resource.split("/");
  const isReading = subresource === undefined || ["log", "status", "scale"].includes(subresource);
  return ["get", "list", "watch"].includes(verb) && plural !== "secrets" && isReading;
}

export interface AuthorizerOptions {
  /**
   * Rules that the user has in this namespace beyond the built-in ones (role bindings); the empty namespace asks for cluster-wide
   * ones. Absent: none.
   */
  readonly rulesFor?: (user: User, namespace: string) => Promise<readonly PolicyRule[]>;
}

/**
 * The one decision point. Administrators (`system:masters`) may do everything, service accounts what their pods need in their
 * own namespace, and everybody what `rulesFor` grants. Whatever nothing allows is refused, with the reason.
 */
export function createAuthorizer(options: AuthorizerOptions = {}): Authorizer {
  return {
    async authorize(attributes) {
      const { user } = attributes;
      if (user.groups.includes("system:masters")) return allow("member of system:masters");
      if (ruleAllows(openPaths, attributes)) return allow("open to everybody");
      if (isAnonymous(user)) return refuse(whyAnonymousIsRefused(user));
      if (everyCaller.some((rule) => ruleAllows(rule, attributes))) return allow("allowed to every authenticated user");
      if (isOwnStorage(attributes)) return allow("a key to the object store opens its own namespace");
      const account = serviceAccountOf(user);
      if (account && attributes.path === undefined && attributes.namespace === account.namespace) {
        const reason = allowedToServiceAccount(attributes);
        if (reason !== undefined) return allow(reason);
      }
      const rules = (await options.rulesFor?.(user, attributes.namespace)) ?? [];
      if (rules.some((rule) => ruleAllows(rule, attributes))) return allow("allowed by a role binding");
      return refuse(whatIsMissing(attributes, account !== undefined));
    },
  };
}

function allowedToServiceAccount(attributes: Attributes): string | undefined {
  if (isReport(attributes)) return isOwnPod(attributes) ? "a pod may report its own step" : undefined;
  return mayReadOwnNamespace(attributes) ? "a service account may read its own namespace" : undefined;
}

function isOwnStorage({ user, group, resource, namespace, path }: Attributes): boolean {
  if (path !== undefined || group !== "headrace.io" || !storageResources.has(resource)) return false;
  return user.groups.includes(storageGroup) && user.name === `${storageUserPrefix}${namespace}`;
}

function isReport({ verb, group, resource }: Attributes): boolean {
  return verb === "create" && group === stepReportResource.group && resource === stepReportResource.resource;
}

/** A token that is bound to the pod says its name; tokens that are not bound report nothing. */
function isOwnPod({ user, name }: Attributes): boolean {
  return name !== "" && podNameOf(user) === name;
}

function whyAnonymousIsRefused(user: User): string {
  const reason = user.extra?.[whyAnonymous]?.[0];
  return reason === undefined
    ? "the request says not who makes it; send a bearer token (`headrace token USER` makes one)"
    : `the request is nobody's, because ${reason}`;
}

function whatIsMissing(attributes: Attributes, isServiceAccount: boolean): string {
  if (attributes.path !== undefined) return "no role grants that path";
  if (isReport(attributes)) return "a pod reports its own step only, with a token that is bound to it";
  const where = attributes.namespace === "" ? "at the cluster scope" : `in namespace "${attributes.namespace}"`;
  return isServiceAccount
    ? `no role grants that to the service account ${where}; it may read its own namespace, but no secrets`
    : `no role grants that to the user ${where}`;
}

const allow = (reason: string): Decision => ({ allowed: true, reason });
const refuse = (reason: string): Decision => ({ allowed: false, reason });
