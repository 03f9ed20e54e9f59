import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { anonymousUser, platformUser, type Attributes, type User } from "@headrace/model";
import { createAuthorizer, stepReportResource } from "./authorizer.ts";
import { whyAnonymous } from "./nobody.ts";
import { ruleAllows } from "./rules.ts";

const step: User = {
  name: "system:serviceaccount:team:default",
  groups: ["system:serviceaccounts", "system:serviceaccounts:team", "system:authenticated"],
  extra: { "authentication.kubernetes.io/pod-name": ["step-1"] },
};
const ana: User = { name: "ana", groups: ["system:authenticated"] };

function ask(user: User, verb: string, resource: string, overrides: Partial<Attributes> = {}): Attributes {
  return { user, verb, group: "", resource, namespace: "team", name: "", ...overrides };
}

describe("the authorizer", () => {
  const authorizer = createAuthorizer({
    rulesFor: async (user, namespace) =>
      user.name === "ana" && namespace === "team"
        ? [{ verbs: ["create"], apiGroups: ["kubeflow.org"], resources: ["experiments"] }]
        : [],
  });
  const allowed = async (attributes: Attributes) => (await authorizer.authorize(attributes)).allowed;
  const reason = async (attributes: Attributes) => (await authorizer.authorize(attributes)).reason;

  test("lets administrators do everything", async () => {
    assert.equal(await allowed(ask(platformUser, "delete", "secrets", { namespace: "kube-system" })), true);
  });

  test("lets a service account read its own namespace, but neither secrets nor its pods' insides", async () => {
    for (const resource of ["pods", "pods/log", "configmaps"])
      assert.equal(await allowed(ask(step, "get", resource)), true);
    for (const resource of ["secrets", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"]) {
      assert.equal(await allowed(ask(step, "get", resource)), false, resource);
    }
    assert.equal(await allowed(ask(step, "create", "pods")), false);
    assert.equal(await allowed(ask(step, "list", "pods", { namespace: "other" })), false);
    assert.equal(await allowed(ask(step, "list", "pods", { namespace: "" })), false);
    assert.match(await reason(ask(step, "create", "pods")), /service account in namespace "team"/);
  });

  test("lets a pod report its own step and no other", async () => {
    const report = (user: User, name: string) => ask(user, "create", "pods/report", { ...stepReportResource, name });
    assert.equal(await allowed(report(step, "step-1")), true);
    assert.equal(await allowed(report(step, "step-2")), false);
    assert.equal(await allowed(report({ ...step, extra: {} }, "step-1")), false);
    assert.match(await reason(report(step, "step-2")), /its own step only/);
  });

  test("does not take a user for a service account because of a name", async () => {
    assert.equal(await allowed(ask({ ...step, groups: ["system:authenticated"] }, "get", "pods")), false);
  });

  test("grants what role bindings grant, where they grant it", async () => {
    const experiments = { group: "kubeflow.org" };
    assert.equal(await allowed(ask(ana, "create", "experiments", experiments)), true);
    assert.equal(await allowed(ask(ana, "create", "experiments", { ...experiments, namespace: "other" })), false);
    assert.match(await reason(ask(ana, "delete", "experiments", experiments)), /no role grants that to the user/);
  });

  test("tells everybody whether it is well, and authenticated callers what it serves", async () => {
    const path = (user: User, text: string) => ask(user, "get", "", { namespace: "", path: text });
    assert.equal(await allowed(path(anonymousUser, "/readyz")), true);
    assert.equal(await allowed(path(anonymousUser, "/api")), false);
    assert.equal(await allowed(path(ana, "/apis/apps/v1")), true);
    assert.equal(await allowed(path(ana, "/metrics")), false);
    const self = { group: "authorization.k8s.io", namespace: "" };
    assert.equal(await allowed(ask(ana, "create", "selfsubjectaccessreviews", self)), true);
  });

  test("tells an anonymous caller why it is one", async () => {
    assert.match(await reason(ask(anonymousUser, "list", "pods")), /bearer token/);
    const rebound = { ...anonymousUser, extra: { [whyAnonymous]: ["its Host is no name of this machine"] } };
    assert.match(await reason(ask(rebound, "list", "pods")), /no name of this machine/);
  });
});

describe("a policy rule", () => {
  const rule = (resources: string[], resourceNames?: string[]) => ({
    verbs: ["get"],
    apiGroups: [""],
    resources,
    ...(resourceNames && { resourceNames }),
  });
  const get = (resource: string, name = "") => ask(ana, "get", resource, { name });

  test("names subresources apart from their resource", () => {
    assert.equal(ruleAllows(rule(["pods"]), get("pods/log")), false);
    assert.equal(ruleAllows(rule(["pods/log"]), get("pods/log")), true);
    assert.equal(ruleAllows(rule(["pods/*"]), get("pods/log")), true);
    assert.equal(ruleAllows(rule(["*/scale"]), get("deployments/scale")), true);
    assert.equal(ruleAllows(rule(["*/scale"]), get("pods/log")), false);
    assert.equal(ruleAllows(rule(["*"]), get("pods/log")), true);
  });

  test("may be for certain names only", () => {
    assert.equal(ruleAllows(rule(["pods"], ["a"]), get("pods", "a")), true);
    assert.equal(ruleAllows(rule(["pods"], ["a"]), get("pods", "b")), false);
    assert.equal(ruleAllows(rule(["pods"], ["a"]), get("pods")), false);
  });

  test("for paths ends in a star to cover what lies below", () => {
    const paths = { verbs: ["get"], nonResourceURLs: ["/metrics", "/logs/*"] };
    const path = (text: string) => ask(ana, "get", "", { path: text });
    assert.equal(ruleAllows(paths, path("/metrics")), true);
    assert.equal(ruleAllows(paths, path("/metrics/x")), false);
    assert.equal(ruleAllows(paths, path("/logs/x")), true);
  });
});
