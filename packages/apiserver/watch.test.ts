import assert from "node:assert/strict";
import { test } from "node:test";
import { Pod } from "@headrace/k8s";
import { isApiError, type KubeObject, type WatchEvent } from "@headrace/model";
import { createMemoryStore } from "@headrace/store/memory";
import { fetchFrom, testApi, type TestApi } from "./testing/index.ts";
import { pod, widget, Widget } from "./testing/kinds.ts";

const one = { namespace: "default", name: "one" };
const path = "/apis/example.com/v1/namespaces/default/widgets";

/** Events as they come; `next` waits for one, `stop` ends the watch. */
function follow(
  api: TestApi,
  query: { resourceVersion?: string; labelSelector?: string; fieldSelector?: string; namespace?: string } = {},
) {
  const stop = new AbortController();
  const watch = api.client.resource(Widget).watch({ ...query, signal: stop.signal });
  const events = watch[Symbol.asyncIterator]();
  return {
    async next(): Promise<string> {
      const { value, done } = await events.next();
      return done ? "end" : describe(value);
    },
    stop: () => stop.abort(),
  };
}

const describe = ({ type, object }: WatchEvent<KubeObject>): string =>
  `${type} ${object.metadata.name ?? "-"}@${object.metadata.resourceVersion}`;

test("a watch tells the present state, then its end, then what changes", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  await widgets.create(widget("one"));
  const watch = follow(api);
  assert.deepEqual([await watch.next(), await watch.next()], ["ADDED one@1", "BOOKMARK -@1"]);
  await widgets.create(widget("two"));
  await widgets.delete(one);
  assert.deepEqual([await watch.next(), await watch.next()], ["ADDED two@2", "DELETED one@3"]);
  watch.stop();
  assert.equal(await watch.next(), "end");
});

test("a watch from a list's revision misses nothing", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const { metadata } = await widgets.list();
  await widgets.create(widget("one"));
  const watch = follow(api, { resourceVersion: metadata.resourceVersion ?? "" });
  assert.equal(await watch.next(), "ADDED one@1");
  watch.stop();
});

test("an object that leaves the selection is deleted for its watchers, with the revision at which it left", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const watch = follow(api, { fieldSelector: "spec.color=red", labelSelector: "!hidden" });
  assert.equal(await watch.next(), "BOOKMARK -@0");
  await widgets.create(widget("one"));
  await widgets.patch(one, { type: "merge", body: { metadata: { labels: { a: "b" } } } });
  await widgets.patch(one, { type: "merge", body: { spec: { color: "blue" } } });
  await widgets.patch(one, { type: "merge", body: { spec: { size: 2 } } });
  await widgets.patch(one, { type: "merge", body: { spec: { color: "red" } } });
  await widgets.delete(one);
  const seen = [await watch.next(), await watch.next(), await watch.next(), await watch.next(), await watch.next()];
  assert.deepEqual(seen, ["ADDED one@1", "MODIFIED one@2", "DELETED one@3", "ADDED one@5", "DELETED one@6"]);
  watch.stop();
});

test("a watch is about its namespace, or about one name", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const there = follow(api, { namespace: "default", resourceVersion: "0" });
  const named = follow(api, { fieldSelector: "metadata.name=two", resourceVersion: "0" });
  await widgets.create(widget("one", { metadata: { name: "one", namespace: "other" } }));
  await widgets.create(widget("two"));
  assert.deepEqual([await there.next(), await named.next()], ["ADDED two@2", "ADDED two@2"]);
  there.stop();
  named.stop();
});

test("what is too old to go on from is an ERROR that says so", async () => {
  const store = createMemoryStore({ history: { rows: 2 } });
  await using api = testApi([Widget], { store });
  for (const name of ["a", "b", "c", "d", "e"]) await api.client.resource(Widget).create(widget(name));
  await assert.rejects(
    follow(api, { resourceVersion: "1" }).next(),
    (error) => isApiError(error, "Expired") && /too old resource version: 1 \(3\)/.test(error.message),
  );
  const { json } = await fetchFrom(api)(`${path}?watch=true&resourceVersion=1`);
  const { type, object } = json<{ type: string; object: { code: number } }>();
  assert.deepEqual([type, object.code], ["ERROR", 410]);
  await store.close();
});

test("a quiet watch sends bookmarks where they are wanted, and ends at its timeout", async () => {
  await using api = testApi([Widget, Pod]);
  const send = fetchFrom(api);
  const wanted = send(`${path}?watch=true&resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=100`);
  const unwanted = send(`${path}?watch=true&resourceVersion=0&timeoutSeconds=100`);
  await api.client.resource(Pod).create(pod("one"));
  await api.clock.advance(60_000);
  await api.clock.advance(40_000);
  assert.deepEqual(
    (await wanted).text
      .trim()
      .split("\n")
      .map((line) => describe(JSON.parse(line))),
    ["BOOKMARK -@1"],
  );
  assert.equal((await unwanted).text, "");
});

test("initial events end with a bookmark that is marked so, and options that contradict each other are refused", async () => {
  await using api = testApi([Widget]);
  await api.client.resource(Widget).create(widget("one"));
  const send = fetchFrom(api);
  const url = `${path}?watch=1&sendInitialEvents=true&timeoutSeconds=1`;
  const watched = send(`${url}&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`);
  await api.clock.advance(1000);
  const lines = (await watched).text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as WatchEvent);
  assert.deepEqual(lines.map(describe), ["ADDED one@1", "BOOKMARK -@1"]);
  assert.deepEqual(lines[1]?.object.metadata.annotations, { "k8s.io/initial-events-end": "true" });
  assert.equal((await send(`${url}&allowWatchBookmarks=true`)).status, 422);
  assert.equal((await send(`${path}?watch=1&resourceVersionMatch=NotOlderThan`)).status, 422);
  assert.equal((await send(`${path}?watch=1&resourceVersion=old`)).status, 400);
});

test("a watch that wants no initial events begins with what happens next", async () => {
  await using api = testApi([Widget]);
  await api.client.resource(Widget).create(widget("one"));
  const url = `${path}?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&timeoutSeconds=1`;
  const watched = fetchFrom(api)(url);
  await api.clock.settle();
  await api.client.resource(Widget).create(widget("two"));
  await api.clock.advance(1000);
  assert.equal(describe(JSON.parse((await watched).text)), "ADDED two@2");
});

test("a watched table says its columns once", async () => {
  await using api = testApi([Widget]);
  await api.client.resource(Widget).create(widget("one"));
  await api.client.resource(Widget).create(widget("two"));
  const watched = fetchFrom(api)(`${path}?watch=true&timeoutSeconds=1`, {
    accept: "application/json;as=Table;g=meta.k8s.io;v=v1",
  });
  await api.clock.advance(1000);
  const tables = (await watched).text
    .trim()
    .split("\n")
    .map(
      (line) =>
        JSON.parse(line) as { object: { kind: string; columnDefinitions: unknown[]; rows: { cells: unknown[] }[] } },
    );
  assert.deepEqual(
    tables.map(({ object }) => [object.kind, object.columnDefinitions.length, object.rows[0]?.cells[0]]),
    [
      ["Table", 2, "one"],
      ["Table", 0, "two"],
    ],
  );
});
