import assert from "node:assert/strict";
import { test } from "node:test";
import { builtIns, ConfigMap, Lease, Namespace } from "@headrace/k8s";
import { ApiError, isApiError } from "@headrace/model";
import { fetchFrom, testApi } from "./testing/index.ts";
import { widget, Widget } from "./testing/kinds.ts";

const one = { namespace: "default", name: "one" };
const path = "/apis/example.com/v1/namespaces/default/widgets";
const json = { "content-type": "application/json" };

test("a created object has a uid, a time, a generation and a resourceVersion, and is read back", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const created = await widgets.create(widget("one"));
  assert.equal(created.metadata.creationTimestamp, "2026-01-01T00:00:00Z");
  assert.equal(created.metadata.generation, 1);
  assert.equal(created.metadata.resourceVersion, "1");
  assert.match(created.metadata.uid ?? "", /^[0-9a-f-]{36}$/);
  assert.deepEqual(created.spec, { size: 1, color: "red" });
  assert.equal(await widgets.get(one), created);
});

test("a new object cannot bring a status, a uid or a past with it", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const eager = {
    ...widget("one", {
      metadata: {
        name: "one",
        namespace: "default",
        uid: "mine",
        generation: 7,
        deletionTimestamp: "2020-01-01T00:00:00Z",
      },
    }),
    status: { ready: true },
  };
  const { metadata, status } = await widgets.create(eager);
  assert.equal(status, undefined);
  assert.equal(metadata.deletionTimestamp, undefined);
  assert.equal(metadata.generation, 1);
  assert.notEqual(metadata.uid, "mine");
  await assert.rejects(widgets.create({ ...eager, metadata: { ...eager.metadata, resourceVersion: "1" } }), {
    message: "resourceVersion should not be set on objects to be created",
  });
});

test("generateName makes names until one is free", async () => {
  const names = ["aaaaa", "aaaaa", "bbbbb"];
  await using api = testApi([Widget], { ids: { uuid: () => crypto.randomUUID(), suffix: () => names.shift() ?? "" } });
  const widgets = api.client.resource(Widget);
  const { name: _, ...unnamed } = { ...widget("").metadata, generateName: "w-" };
  const first = await widgets.create({ ...widget(""), metadata: unnamed });
  const second = await widgets.create({ ...widget(""), metadata: unnamed });
  assert.deepEqual([first.metadata.name, second.metadata.name], ["w-aaaaa", "w-bbbbb"]);
});

test("what is not there, is there already, or was changed meanwhile is said in Kubernetes' words", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  await assert.rejects(widgets.get(one), { message: 'widgets.example.com "one" not found', code: 404 });
  const created = await widgets.create(widget("one"));
  await assert.rejects(widgets.create(widget("one")), {
    message: 'widgets.example.com "one" already exists',
    code: 409,
  });
  await widgets.update({ ...created, spec: { size: 2 } });
  await assert.rejects(widgets.update({ ...created, spec: { size: 3 } }), (error) => isApiError(error, "Conflict"));
  await assert.rejects(widgets.create(widget("two", { spec: { size: 0 } })), (error) => {
    assert.ok(error instanceof ApiError);
    assert.match(error.message, /^Widget.example.com "two" is invalid: spec.size: Invalid value: 0/);
    assert.equal(error.details?.causes?.[0]?.field, "spec.size");
    return error.code === 422;
  });
});

test("generation counts changes of the spec, not of labels or status, and a write that changes nothing is none", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const created = await widgets.create(widget("one"));
  const same = await widgets.update({ ...widget("one"), metadata: { ...created.metadata } });
  assert.equal(same.metadata.resourceVersion, created.metadata.resourceVersion);
  const labelled = await widgets.patch(one, { type: "merge", body: { metadata: { labels: { a: "b" } } } });
  const ready = await widgets.patch(
    one,
    { type: "merge", body: { status: { ready: true } } },
    { subresource: "status" },
  );
  assert.deepEqual([labelled.metadata.generation, ready.metadata.generation], [1, 1]);
  const grown = await widgets.update({ ...ready, spec: { size: 2 } });
  assert.deepEqual([grown.metadata.generation, grown.status], [2, { ready: true }]);
});

test("the object's own path leaves the status alone, and the status' path everything else", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const created = await widgets.create(widget("one"));
  const viaObject = await widgets.update({ ...created, status: { ready: true } });
  assert.equal(viaObject.status, undefined);
  const viaStatus = await widgets.update(
    { ...created, spec: { size: 9 }, metadata: { ...created.metadata, labels: { a: "b" } }, status: { ready: true } },
    { subresource: "status" },
  );
  assert.deepEqual([viaStatus.spec.size, viaStatus.metadata.labels, viaStatus.status], [1, undefined, { ready: true }]);
});

test("what only the server may say of an object cannot be changed", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const created = await widgets.create(widget("one"));
  const changed = { ...created, metadata: { ...created.metadata, creationTimestamp: "2020-01-01T00:00:00Z" } };
  await assert.rejects(widgets.update(changed), /metadata.creationTimestamp: Invalid value: .*field is immutable/);
  await assert.rejects(
    widgets.update({ ...created, metadata: { ...created.metadata, uid: "another" } }),
    /Precondition failed: UID/,
  );
  const { resourceVersion: _, ...unversioned } = created.metadata;
  await assert.rejects(
    widgets.update({ ...created, metadata: unversioned }),
    /metadata.resourceVersion: Invalid value: 0x0: must be specified for an update/,
  );
});

test("a built-in kind is updated without a resourceVersion, and a lease is made by its first update", async () => {
  await using api = testApi([ConfigMap, Lease]);
  const configMaps = api.client.resource(ConfigMap);
  const config = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "one", namespace: "default" },
    data: { a: "b" },
  };
  await configMaps.create(config);
  assert.deepEqual((await configMaps.update({ ...config, data: { a: "c" } })).data, { a: "c" });
  const leases = api.client.resource(Lease);
  const lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "l", namespace: "default" },
    spec: {},
  };
  assert.equal((await leases.update(lease)).metadata.name, "l");
  await assert.rejects(configMaps.update({ ...config, metadata: { ...config.metadata, name: "none" } }), (error) =>
    isApiError(error, "NotFound"),
  );
});

test("patches that race are tried again; one that names a revision is not", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  await widgets.create(widget("one"));
  const patches = Array.from({ length: 4 }, (_, n) =>
    widgets.patch(one, { type: "merge", body: { metadata: { labels: { [`l${n}`]: "x" } } } }),
  );
  await Promise.all(patches);
  assert.equal(Object.keys((await widgets.get(one)).metadata.labels ?? {}).length, 4);
  const stale = widgets.patch(one, {
    type: "merge",
    body: { metadata: { resourceVersion: "1", labels: { late: "x" } } },
  });
  await assert.rejects(stale, (error) => isApiError(error, "Conflict"));
});

test("patches of each type do what they say, and nothing if they do not fit", async () => {
  await using api = testApi([ConfigMap, Widget]);
  const widgets = api.client.resource(Widget);
  await widgets.create(widget("one", { spec: { parts: ["a"] } }));
  const added = await widgets.patch(one, { type: "json", body: [{ op: "add", path: "/spec/parts/-", value: "b" }] });
  assert.deepEqual(added.spec.parts, ["a", "b"]);
  const tested = widgets.patch(one, { type: "json", body: [{ op: "test", path: "/spec/size", value: 5 }] });
  await assert.rejects(tested, (error) => isApiError(error, "Invalid"));
  await assert.rejects(widgets.patch(one, { type: "strategic", body: {} }), (error) =>
    isApiError(error, "UnsupportedMediaType"),
  );
  await assert.rejects(widgets.patch(one, { type: "merge", body: { kind: "Gadget" } }), (error) =>
    isApiError(error, "BadRequest"),
  );
  const apply = await fetchFrom(api)(
    `${path}/one`,
    { "content-type": "application/apply-patch+yaml" },
    { method: "PATCH", body: "{}" },
  );
  assert.equal(apply.status, 415);
  assert.match(apply.text, /kubectl apply` without --server-side/);
});

test("a rehearsal says what would be and changes nothing", async () => {
  await using api = testApi([Widget]);
  const send = fetchFrom(api);
  const body = JSON.stringify(widget("one"));
  const rehearsed = await send(`${path}?dryRun=All`, json, { method: "POST", body });
  assert.equal(rehearsed.status, 201);
  assert.equal(rehearsed.json<Widget>().spec.color, "red");
  assert.equal((await send(`${path}/one`)).status, 404);
  await send(path, json, { method: "POST", body });
  assert.equal((await send(`${path}?dryRun=All`, json, { method: "POST", body })).status, 409);
  assert.equal((await send(`${path}/one?dryRun=All`, {}, { method: "DELETE" })).status, 200);
  assert.equal((await send(`${path}/one`)).status, 200);
  assert.equal((await send(`${path}?dryRun=Some`, json, { method: "POST", body })).status, 400);
});

test("fields that a kind does not have are dropped with a warning, refused, or dropped", async () => {
  await using api = testApi([Widget]);
  const send = fetchFrom(api);
  const body = (name: string): string => `{"metadata":{"name":"${name}"},"spec":{"size":1,"size":2,"junk":1}}`;
  const warned = await send(path, json, { method: "POST", body: body("one") });
  assert.equal(
    warned.headers["warning"],
    String.raw`299 - "unknown field \"spec.junk\"", 299 - "duplicate field \"spec.size\""`,
  );
  assert.deepEqual(warned.json<Widget>().spec, { size: 2, color: "red" });
  const strict = await send(`${path}?fieldValidation=Strict`, json, { method: "POST", body: body("two") });
  assert.equal(strict.status, 400);
  assert.match(strict.text, /strict decoding error: unknown field .*spec.junk.*, duplicate field .*spec.size/);
  const ignored = await send(`${path}?fieldValidation=Ignore`, json, { method: "POST", body: body("three") });
  assert.deepEqual([ignored.status, ignored.headers["warning"]], [201, undefined]);
});

test("bodies come as JSON, YAML or protobuf, and are refused if they are too long, another kind, or nothing of these", async () => {
  await using api = testApi([Widget]);
  const send = fetchFrom(api);
  const post = (type: string, body: string | Uint8Array) =>
    send(path, { "content-type": type }, { method: "POST", body });
  assert.equal(
    (await post("application/yaml", "kind: Widget\nmetadata: { name: y }\nspec: { size: 1 }\n")).status,
    201,
  );
  assert.equal((await post("application/json; charset=utf-8", JSON.stringify(widget("j")))).status, 201);
  assert.equal((await post("application/json", "{")).status, 400);
  assert.equal((await post("application/json", "[]")).status, 400);
  assert.equal((await post("application/json", "")).status, 400);
  assert.equal((await post("application/yaml", "a: [")).status, 400);
  assert.equal((await post("application/xml", "<a/>")).status, 415);
  assert.equal((await post("application/json", new Uint8Array(3 * 1024 * 1024 + 1))).status, 413);
  assert.equal((await post("application/json", '{"kind":"Gadget","metadata":{}}')).status, 400);
  assert.equal((await post("application/json", '{"apiVersion":"example.com/v2","metadata":{}}')).status, 400);
  assert.equal(
    (await post("application/json", '{"metadata":{"name":"x","namespace":"other"},"spec":{"size":1}}')).status,
    400,
  );
  assert.equal((await post("application/json", "[".repeat(100_000))).status, 400);
  assert.match((await post("application/vnd.kubernetes.protobuf", "k8s\0")).text, /send it as application\/json/);
  const large = await post("application/json", JSON.stringify(widget("l", { spec: { color: "x".repeat(2_000_000) } })));
  assert.equal(large.status, 413);
});

test("a write whose answer the caller could not read does not happen", async () => {
  await using api = testApi([Widget]);
  const headers = { ...json, accept: "application/vnd.kubernetes.protobuf" };
  const send = fetchFrom(api);
  assert.equal((await send(path, headers, { method: "POST", body: JSON.stringify(widget("one")) })).status, 406);
  assert.equal((await send(`${path}/one`)).status, 404);
});

test("new content needs a namespace that is there and stays", async () => {
  await using api = testApi([...builtIns, Widget]);
  const widgets = api.client.resource(Widget);
  const namespaces = api.client.resource(Namespace);
  await assert.rejects(widgets.create(widget("one")), { message: 'namespaces "default" not found' });
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "default" }, spec: {} });
  await widgets.create(widget("one"));
  const ending = await namespaces.delete({ namespace: "", name: "default" });
  assert.deepEqual([ending?.status?.phase, ending?.spec.finalizers], ["Terminating", ["kubernetes"]]);
  await assert.rejects(
    widgets.create(widget("two")),
    (error) => isApiError(error, "Forbidden") && error.details?.causes?.[0]?.reason === "NamespaceTerminating",
  );
  assert.ok(ending);
  await namespaces.update({ ...ending, spec: {} }, { subresource: "finalize" });
  await assert.rejects(namespaces.get({ namespace: "", name: "default" }), (error) => isApiError(error, "NotFound"));
});

test("admission can change and refuse what is written, and sees deletions", async () => {
  const seen: string[] = [];
  await using api = testApi([Widget], {
    admission: [
      {
        name: "paint",
        mutate: ({ object }) => ({ ...object, metadata: { ...object.metadata, labels: { painted: "yes" } } }),
        validate({ operation, name, object }) {
          seen.push(`${operation} ${name} ${object?.metadata.labels?.["painted"] ?? "-"}`);
          if (name === "bad") throw new ApiError("Forbidden", 'widgets.example.com "bad" is forbidden: no');
        },
      },
    ],
  });
  const widgets = api.client.resource(Widget);
  assert.deepEqual((await widgets.create(widget("one"))).metadata.labels, { painted: "yes" });
  await assert.rejects(widgets.create(widget("bad")), { message: 'widgets.example.com "bad" is forbidden: no' });
  await widgets.delete(one);
  assert.deepEqual(seen, ["CREATE one yes", "CREATE bad yes", "DELETE one -"]);
});
