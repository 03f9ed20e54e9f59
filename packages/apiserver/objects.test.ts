import assert from "node:assert/strict";
import { test } from "node:test";
import { isApiError } from "@headrace/model";
import { testApi } from "./testing/index.ts";
import { widget, Widget } from "./testing/kinds.ts";

const one = { namespace: "default", name: "one" };

test("a created object has a uid, a time, a generation and a resourceVersion, and is read back", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const created = await widgets.create(widget("one"));
  assert.equal(created.metadata.creationTimestamp, "2026-01-01T00:00:00Z");
  assert.equal(created.metadata.generation, 1);
  assert.equal(created.metadata.resourceVersion, "1");
  assert.match(created.metadata.uid ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(await widgets.get(one), created);
});

test("a watch tells the present state, then its end, then what changes", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  await widgets.create(widget("one"));
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const { type, object } of widgets.watch({ signal: stop.signal })) {
    seen.push(`${type} ${object.metadata.name ?? "-"}`);
    if (type === "BOOKMARK") await widgets.create(widget("two"));
    if (object.metadata.name === "two") stop.abort();
  }
  assert.deepEqual(seen, ["ADDED one", "BOOKMARK -", "ADDED two"]);
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
});
