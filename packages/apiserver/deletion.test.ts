import assert from "node:assert/strict";
import { test } from "node:test";
import { Pod } from "@headrace/k8s";
import { isApiError } from "@headrace/model";
import { fetchFrom, testApi } from "./testing/index.ts";
import { pod, widget, Widget } from "./testing/kinds.ts";

const one = { namespace: "default", name: "one" };

test("an object that nothing holds is gone at once", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const { metadata } = await widgets.create(widget("one"));
  const { status, json } = await fetchFrom(api)(
    "/apis/example.com/v1/namespaces/default/widgets/one",
    {},
    { method: "DELETE" },
  );
  assert.equal(status, 200);
  assert.deepEqual(json(), {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    code: 200,
    details: { name: "one", group: "example.com", kind: "widgets", uid: metadata.uid },
  });
  await assert.rejects(widgets.delete(one), (error) => isApiError(error, "NotFound"));
});

test("finalizers hold an object until the last is removed, and no new one may be added", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  await widgets.create(widget("one", { metadata: { ...one, finalizers: ["example.com/hold"] } }));
  const held = await widgets.delete(one);
  assert.deepEqual([held?.metadata.deletionTimestamp, held?.metadata.generation], ["2026-01-01T00:00:00Z", 2]);
  const again = await widgets.delete(one);
  assert.equal(again?.metadata.resourceVersion, held?.metadata.resourceVersion);
  const more = widgets.patch(one, {
    type: "merge",
    body: { metadata: { finalizers: ["example.com/hold", "example.com/more"] } },
  });
  await assert.rejects(more, /no new finalizers can be added if the object is being deleted/);
  await widgets.patch(one, { type: "merge", body: { metadata: { finalizers: null } } });
  await assert.rejects(widgets.get(one), (error) => isApiError(error, "NotFound"));
});

test("the way to treat dependents is kept as a finalizer for the garbage collector", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  for (const [propagationPolicy, finalizers] of [
    ["Foreground", ["foregroundDeletion"]],
    ["Orphan", ["orphan"]],
  ] as const) {
    await widgets.create(widget(propagationPolicy.toLowerCase()));
    const held = await widgets.delete(
      { namespace: "default", name: propagationPolicy.toLowerCase() },
      { propagationPolicy },
    );
    assert.deepEqual(held?.metadata.finalizers, finalizers);
  }
  await widgets.create(widget("one"));
  assert.equal(await widgets.delete(one, { propagationPolicy: "Background" }), undefined);
});

test("preconditions keep a deletion from hitting another object", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const { metadata } = await widgets.create(widget("one"));
  await assert.rejects(widgets.delete(one, { preconditions: { uid: "another" } }), /Precondition failed: UID/);
  await assert.rejects(
    widgets.delete(one, { preconditions: { resourceVersion: "99" } }),
    /Precondition failed: ResourceVersion/,
  );
  assert.equal(await widgets.delete(one, { preconditions: { uid: metadata.uid ?? "" } }), undefined);
});

test("a pod on a node gets its grace, which a second deletion can only shorten, and goes with grace 0", async () => {
  await using api = testApi([Pod]);
  const pods = api.client.resource(Pod);
  await pods.create(pod("one"));
  await pods.post(one, "binding", { target: { kind: "Node", name: "local" } });
  const ending = await pods.delete(one);
  assert.deepEqual(
    [ending?.metadata.deletionGracePeriodSeconds, ending?.metadata.deletionTimestamp],
    [30, "2026-01-01T00:00:30Z"],
  );
  assert.equal((await pods.delete(one, { gracePeriodSeconds: 60 }))?.metadata.deletionGracePeriodSeconds, 30);
  assert.equal((await pods.delete(one, { gracePeriodSeconds: 5 }))?.metadata.deletionGracePeriodSeconds, 5);
  assert.equal(await pods.delete(one, { gracePeriodSeconds: 0 }), undefined);
  await pods.create(pod("one"));
  assert.equal(await pods.delete(one), undefined, "one that was never scheduled goes at once");
});

test("a pod that is held by a finalizer outlives its grace and goes with the finalizer", async () => {
  await using api = testApi([Pod]);
  const pods = api.client.resource(Pod);
  await pods.create({ ...pod("one"), metadata: { ...one, finalizers: ["example.com/step"] } });
  await pods.post(one, "binding", { target: { kind: "Node", name: "local" } });
  await pods.delete(one);
  const over = await pods.delete(one, { gracePeriodSeconds: 0 });
  assert.equal(over?.metadata.deletionGracePeriodSeconds, 0);
  await pods.patch(one, { type: "merge", body: { metadata: { finalizers: [] } } });
  await assert.rejects(pods.get(one), (error) => isApiError(error, "NotFound"));
});

test("a collection is deleted by selector", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  for (const name of ["a", "b", "c"])
    await widgets.create(
      widget(name, { metadata: { name, namespace: "default", labels: { keep: name === "b" ? "yes" : "no" } } }),
    );
  const send = fetchFrom(api);
  const answer = await send(
    "/apis/example.com/v1/namespaces/default/widgets?labelSelector=keep%3Dno",
    {},
    { method: "DELETE" },
  );
  assert.equal(answer.json<{ items: unknown[] }>().items.length, 2);
  assert.deepEqual(
    (await widgets.list()).items.map(({ metadata }) => metadata.name),
    ["b"],
  );
});

test("options of a deletion that make no sense are refused", async () => {
  await using api = testApi([Widget]);
  await api.client.resource(Widget).create(widget("one"));
  const send = fetchFrom(api);
  const url = "/apis/example.com/v1/namespaces/default/widgets/one";
  for (const body of [
    '{"gracePeriodSeconds":-1}',
    '{"propagationPolicy":"Sideways"}',
    '{"dryRun":["Some"]}',
    "[]",
    '{"preconditions":7}',
  ]) {
    assert.equal(
      (await send(url, { "content-type": "application/json" }, { method: "DELETE", body })).status,
      400,
      body,
    );
  }
  assert.equal((await send(`${url}?gracePeriodSeconds=x`, {}, { method: "DELETE" })).status, 400);
});
