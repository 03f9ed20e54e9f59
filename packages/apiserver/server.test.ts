import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@headrace/client";
import { Lease, Pod } from "@headrace/k8s";
import {
  ApiError,
  defineResource,
  s,
  type Attributes,
  type AuditEvent,
  type KubeObject,
  type Projection,
} from "@headrace/model";
import { fetchFrom, testApi } from "./testing/index.ts";
import { pod, widget, Widget } from "./testing/kinds.ts";

const one = { namespace: "default", name: "one" };
const ann = { name: "ann", groups: ["system:authenticated"] };

test("whoever acts for another user is refused, not served as themselves", async () => {
  await using api = testApi([Pod]);
  const send = fetchFrom(api);
  for (const header of ["impersonate-user", "impersonate-group", "impersonate-extra-scopes"]) {
    const { status, json } = await send("/api/v1/pods", { [header]: "ann" });
    assert.equal(status, 403);
    assert.match(json<{ message: string }>().message, new RegExp(`impersonation \\(header ${header}\\)`));
  }
});

test("every request is put to the authorizer before anything else, and refused in its words", async () => {
  const asked: Attributes[] = [];
  await using api = testApi([Pod, Widget], {
    authorizer: {
      async authorize(attributes) {
        asked.push(attributes);
        return { allowed: false, reason: "not today" };
      },
    },
  });
  const send = fetchFrom(api);
  const requests = [
    ["GET", "/api/v1/pods"],
    ["GET", "/api/v1/namespaces/n/pods?watch=true"],
    ["GET", "/api/v1/namespaces/n/pods/p"],
    ["GET", "/api/v1/namespaces/n/pods/p/log"],
    ["POST", "/api/v1/namespaces/n/pods/p/binding"],
    ["POST", "/apis/example.com/v1/namespaces/n/widgets"],
    ["PUT", "/apis/example.com/v1/namespaces/n/widgets/w/status"],
    ["PATCH", "/apis/example.com/v1/namespaces/n/widgets/w"],
    ["DELETE", "/apis/example.com/v1/namespaces/n/widgets/w"],
    ["DELETE", "/apis/example.com/v1/namespaces/n/widgets"],
    ["GET", "/api"],
    ["GET", "/openapi/v3"],
    ["GET", "/version"],
    ["GET", "/healthz"],
    ["GET", "/no/such/path"],
  ];
  for (const [method = "", url = ""] of requests) {
    const { status, json } = await send(url, {}, { method, user: ann });
    assert.deepEqual([status, json<{ reason: string }>().reason], [403, "Forbidden"], `${method} ${url}`);
  }
  const told = asked.map(
    ({ verb, resource, group, namespace, name, path }) => path ?? [verb, resource, group, namespace, name].join(" "),
  );
  assert.deepEqual(told, [
    "list pods   ",
    "watch pods  n ",
    "get pods  n p",
    "get pods/log  n p",
    "create pods/binding  n p",
    "create widgets example.com n ",
    "update widgets/status example.com n w",
    "patch widgets example.com n w",
    "delete widgets example.com n w",
    "deletecollection widgets example.com n ",
    "/api",
    "/openapi/v3",
    "/version",
    "/healthz",
    "/no/such/path",
  ]);
  const listing = await send("/api/v1/namespaces/n/pods", {}, { user: ann });
  assert.equal(
    listing.json<ApiError>().message,
    'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "n": not today',
  );
});

test("an update that would create something needs the right to create", async () => {
  await using api = testApi([Lease], {
    authorizer: {
      authorize: async ({ verb, user }) => ({ allowed: user.name !== "ann" || verb === "update", reason: "" }),
    },
  });
  const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: one, spec: {} };
  const leases = createClient({ transport: api.server.handle, user: ann }).resource(Lease);
  await assert.rejects(leases.update(lease), /cannot create resource "leases"/);
  const { metadata } = await api.client.resource(Lease).create(lease);
  assert.equal((await leases.update({ ...lease, metadata })).metadata.name, "one");
});

test("what changes something is audited, and so is what was forbidden", async () => {
  const events: AuditEvent[] = [];
  await using api = testApi([Widget], {
    audit: { record: (event) => void events.push(event) },
    authorizer: { authorize: async ({ user }) => ({ allowed: user.name !== "ann", reason: "" }) },
  });
  const widgets = api.client.resource(Widget);
  await widgets.create(widget("one"));
  await widgets.get(one);
  await widgets.delete(one);
  await fetchFrom(api)("/apis/example.com/v1/widgets", {}, { user: ann });
  assert.deepEqual(
    events.map(({ user, verb, resource, name, status }) => [user, verb, resource, name, status]),
    [
      ["system:headrace", "create", "widgets", "", 201],
      ["system:headrace", "delete", "widgets", "one", 200],
      ["ann", "list", "widgets", "", 403],
    ],
  );
});

test("paths and methods that are not served are told apart", async () => {
  await using api = testApi([Pod, Widget]);
  await api.client.resource(Pod).create(pod("one"));
  const send = fetchFrom(api);
  const status = async (method: string, url: string) => (await send(url, {}, { method })).status;
  assert.equal(await status("GET", "/apis/example.com/v1/gadgets"), 404);
  assert.equal(await status("GET", "/api/v1/namespaces/default/pods/one/nonsense"), 404);
  assert.equal(await status("DELETE", "/api/v1/namespaces/default/pods/one/status"), 405);
  assert.equal(await status("PUT", "/api/v1/namespaces/default/pods"), 405);
  assert.equal(await status("HEAD", "/api/v1/namespaces/default/pods/one"), 405);
  assert.equal(await status("POST", "/api/v1/nonsense"), 404);
  assert.equal(await status("GET", "/api/v1/namespaces/default/pods/%zz"), 400);
  const exec = await send("/api/v1/namespaces/default/pods/one/exec?command=ls");
  assert.equal(exec.status, 503);
  assert.match(exec.text, /no node agent that offers it is connected/);
});

test("a bug of the server is an InternalError for the caller and is reported", async () => {
  const bugs: unknown[] = [];
  const Broken = defineResource({
    group: "example.com",
    version: "v1",
    kind: "Broken",
    prepare: () => {
      throw new TypeError("a bug");
    },
  });
  await using api = testApi([Broken], { onBug: (error) => void bugs.push(error) });
  const create = api.client.resource(Broken).create({ apiVersion: "example.com/v1", kind: "Broken", metadata: one });
  await assert.rejects(create, { code: 500 });
  assert.equal(bugs.length, 1);
});

test("logs come from the node, of a container that the pod has", async () => {
  const asked: object[] = [];
  await using api = testApi([Pod], {
    node: {
      async log({ metadata }, options) {
        asked.push({ name: metadata.name, ...options });
        return (async function* () {
          yield "one\n";
          yield "two\n";
        })();
      },
    },
  });
  const two = {
    ...pod("two"),
    spec: {
      containers: [
        { name: "a", image: "i" },
        { name: "b", image: "i" },
      ],
    },
  };
  await api.client.resource(Pod).create(pod("one"));
  await api.client.resource(Pod).create(two);
  const send = fetchFrom(api);
  const log = await send(
    "/api/v1/namespaces/default/pods/one/log?follow=true&tailLines=10&sinceSeconds=60&timestamps=1",
  );
  assert.deepEqual([log.headers["content-type"], log.text], ["text/plain", "one\ntwo\n"]);
  assert.deepEqual(asked, [
    {
      name: "one",
      container: "main",
      follow: true,
      previous: false,
      timestamps: true,
      tailLines: 10,
      sinceSeconds: 60,
    },
  ]);
  assert.match(
    (await send("/api/v1/namespaces/default/pods/two/log")).text,
    /a container name must be specified for pod two, choose one of: \[a b\]/,
  );
  assert.match(
    (await send("/api/v1/namespaces/default/pods/two/log?container=c")).text,
    /container c is not valid for pod two/,
  );
  assert.equal((await send("/api/v1/namespaces/default/pods/one/log?tailLines=x")).status, 400);
  assert.equal((await send("/api/v1/namespaces/default/pods/none/log")).status, 404);
});

test("a pod is bound to a node once", async () => {
  await using api = testApi([Pod]);
  const pods = api.client.resource(Pod);
  await pods.create(pod("one"));
  await pods.post(one, "binding", { target: { kind: "Node", name: "local" } });
  const { spec, status } = await pods.get(one);
  assert.deepEqual([spec.nodeName, status?.conditions?.[0]?.type, status?.phase], ["local", "PodScheduled", "Pending"]);
  await assert.rejects(
    pods.post(one, "binding", { target: { name: "other" } }),
    /pod one is already assigned to node "local"/,
  );
  await assert.rejects(pods.post(one, "binding", {}), { code: 422 });
});

test("a pod can be evicted", async () => {
  await using api = testApi([Pod]);
  const pods = api.client.resource(Pod);
  await pods.create(pod("one"));
  await pods.post(one, "eviction", { metadata: one });
  await assert.rejects(pods.get(one), { code: 404 });
});

test("kinds that are only answered are created and never kept", async () => {
  const Review = defineResource({
    group: "example.com",
    version: "v1",
    kind: "Review",
    scope: "Cluster",
    spec: s.object({ question: s.string() }),
    status: s.object({}, { answer: s.string() }),
  });
  await using api = testApi([], {
    answers: [
      {
        definition: Review,
        create: async (object, { user }) => ({ ...object, status: { answer: user.name } }) as KubeObject,
      },
    ],
  });
  const reviews = createClient({ transport: api.server.handle, user: ann }).resource(Review);
  const asked = { apiVersion: "example.com/v1", kind: "Review", metadata: {}, spec: { question: "who?" } };
  assert.deepEqual((await reviews.create(asked)).status, { answer: "ann" });
  await assert.rejects(reviews.list(), { code: 405 });
});

test("callers can ask who they are, and what they and others may do", async () => {
  await using api = testApi([], {
    authorizer: {
      async authorize({ user, verb, resource, namespace, path }) {
        const allowed =
          verb === "create" ||
          (user.name === "ann" && (path === "/metrics" || (resource === "pods/log" && namespace === "n")));
        return { allowed, reason: allowed ? "by rule" : "" };
      },
    },
  });
  const send = fetchFrom(api);
  const ask = async (path: string, spec: object): Promise<unknown> => {
    const body = JSON.stringify({ metadata: {}, spec });
    const { status, json } = await send(
      `/apis/${path}`,
      { "content-type": "application/json" },
      { method: "POST", body, user: ann },
    );
    return status === 201 ? json<{ status: unknown }>().status : status;
  };
  const resourceAttributes = { verb: "get", resource: "pods", subresource: "log", namespace: "n" };
  const root = "authorization.k8s.io/v1";
  assert.deepEqual(await ask(`${root}/selfsubjectaccessreviews`, { resourceAttributes }), {
    allowed: true,
    reason: "by rule",
  });
  assert.deepEqual(
    await ask(`${root}/selfsubjectaccessreviews`, { nonResourceAttributes: { path: "/metrics", verb: "get" } }),
    { allowed: true, reason: "by rule" },
  );
  assert.deepEqual(await ask(`${root}/subjectaccessreviews`, { user: "bob", resourceAttributes }), { allowed: false });
  assert.deepEqual(
    await ask(`${root}/namespaces/n/localsubjectaccessreviews`, {
      user: "ann",
      resourceAttributes: { ...resourceAttributes, namespace: "" },
    }),
    { allowed: true, reason: "by rule" },
  );
  assert.equal(
    await ask(`${root}/namespaces/n/localsubjectaccessreviews`, {
      user: "ann",
      resourceAttributes: { ...resourceAttributes, namespace: "m" },
    }),
    400,
  );
  assert.equal(await ask(`${root}/selfsubjectaccessreviews`, {}), 400);
  assert.equal(await ask(`${root}/subjectaccessreviews`, { resourceAttributes }), 400);
  assert.deepEqual(await ask("authentication.k8s.io/v1/selfsubjectreviews", {}), {
    userInfo: { username: "ann", groups: ["system:authenticated"] },
  });
});

test("records are shown as a kind that can be read and watched, and not written", async () => {
  const Run = defineResource({
    group: "example.com",
    version: "v1",
    kind: "Run",
    spec: s.object({}, { state: s.string() }),
    selectableFields: ["spec.state"],
    readOnly: true,
  });
  const run = (name: string, state: string, revision: number): KubeObject =>
    ({
      apiVersion: "example.com/v1",
      kind: "Run",
      metadata: { name, namespace: "default", resourceVersion: String(revision) },
      spec: { state },
    }) as KubeObject;
  const queries: object[] = [];
  const projection: Projection = {
    definition: Run,
    get: async ({ name }) => (name === "one" ? run("one", "on", 7) : undefined),
    async list(query) {
      queries.push(query);
      return {
        apiVersion: "example.com/v1",
        kind: "RunList",
        metadata: { resourceVersion: "9" },
        items: [run("one", "on", 7), run("two", "off", 9)],
      };
    },
    async *watch({ since }) {
      yield { type: "MODIFIED", object: run("one", "off", since + 1) };
      throw new ApiError("Expired", "too old");
    },
  };
  await using api = testApi([], { projections: [projection] });
  const runs = api.client.resource(Run);
  assert.equal((await runs.get(one)).metadata.resourceVersion, "7");
  const list = await runs.list({ fieldSelector: "spec.state=on", labelSelector: "a=b,c", namespace: "default" });
  assert.deepEqual(
    [list.items.length, list.metadata.resourceVersion],
    [0, "9"],
    "the selector's other terms are sifted here",
  );
  assert.deepEqual(queries, [{ namespace: "default", fields: { "spec.state": "on" }, labels: { a: "b" }, limit: 200 }]);
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { type, object } of runs.watch({ signal: new AbortController().signal }))
      seen.push(`${type} ${object.metadata.name ?? "-"}@${object.metadata.resourceVersion}`);
  })();
  await assert.rejects(watching, { reason: "Expired" });
  assert.deepEqual(seen, ["ADDED one@7", "ADDED two@9", "BOOKMARK -@9", "MODIFIED one@10"]);
  await assert.rejects(runs.delete(one), { code: 405 });
});
