import assert from "node:assert/strict";
import { test } from "node:test";
import { Pod } from "@headrace/k8s";
import { defineResource, s } from "@headrace/model";
import { createMemoryStore } from "@headrace/store/memory";
import { fetchFrom, testApi, type TestApi } from "./testing/index.ts";
import { pod, widget, Widget } from "./testing/kinds.ts";

const path = "/apis/example.com/v1/namespaces/default/widgets";

interface Listed {
  readonly kind: string;
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly Widget[];
}

async function filled(api: TestApi, names: readonly string[]): Promise<void> {
  for (const [index, name] of names.entries()) {
    await api.client.resource(Widget).create(widget(name, { spec: { color: index % 2 === 0 ? "red" : "blue" } }));
  }
}

const namesOf = ({ items }: Listed): string[] => items.map(({ metadata }) => metadata.name ?? "");

test("pages show the list as it was when the first was asked for", async () => {
  await using api = testApi([Widget]);
  await filled(api, ["a", "b", "c", "d", "e"]);
  const get = fetchFrom(api);
  const first = (await get(`${path}?limit=2`)).json<Listed>();
  assert.deepEqual([namesOf(first), first.metadata.remainingItemCount, first.kind], [["a", "b"], 3, "WidgetList"]);
  const widgets = api.client.resource(Widget);
  await widgets.delete({ namespace: "default", name: "c" });
  await widgets.create(widget("bb"));
  const second = (await get(`${path}?limit=2&continue=${first.metadata.continue}`)).json<Listed>();
  assert.deepEqual([namesOf(second), second.metadata.resourceVersion], [["c", "d"], first.metadata.resourceVersion]);
  const third = (await get(`${path}?limit=2&continue=${second.metadata.continue}`)).json<Listed>();
  assert.deepEqual([namesOf(third), third.metadata.continue], [["e"], undefined]);
});

test("pages of a selection hold as many objects as asked for, and no more are promised than there are", async () => {
  await using api = testApi([Widget]);
  await filled(api, ["a", "b", "c", "d", "e"]);
  const get = fetchFrom(api);
  const first = (await get(`${path}?limit=2&fieldSelector=spec.color%3Dred`)).json<Listed>();
  assert.deepEqual([namesOf(first), first.metadata.remainingItemCount], [["a", "c"], undefined]);
  const second = (
    await get(`${path}?limit=2&fieldSelector=spec.color%3Dred&continue=${first.metadata.continue}`)
  ).json<Listed>();
  assert.deepEqual([namesOf(second), second.metadata.continue], [["e"], undefined]);
});

test("a continue token that is too old or not ours is said to be so", async () => {
  const store = createMemoryStore({ history: { rows: 3 } });
  await using api = testApi([Widget], { store });
  await filled(api, ["a", "b"]);
  const get = fetchFrom(api);
  const { metadata } = (await get(`${path}?limit=1`)).json<Listed>();
  await filled(api, ["c", "d", "e", "f"]);
  const expired = await get(`${path}?limit=1&continue=${metadata.continue}`);
  assert.deepEqual([expired.status, expired.json<{ reason: string }>().reason], [410, "Expired"]);
  assert.equal((await get(`${path}?continue=nonsense`)).status, 400);
  await store.close();
});

test("a list can be asked for as of a revision, not before one, and not after the newest", async () => {
  await using api = testApi([Widget]);
  await filled(api, ["a", "b"]);
  const get = fetchFrom(api);
  assert.deepEqual(namesOf((await get(`${path}?resourceVersion=1&resourceVersionMatch=Exact`)).json<Listed>()), ["a"]);
  assert.deepEqual(namesOf((await get(`${path}?resourceVersion=1`)).json<Listed>()), ["a", "b"]);
  assert.deepEqual(namesOf((await get(`${path}?resourceVersion=0`)).json<Listed>()), ["a", "b"]);
  const future = await get(`${path}?resourceVersion=99`);
  assert.deepEqual([future.status, future.headers["retry-after"]], [504, "1"]);
  assert.match(future.text, /Too large resource version: 99, current: 2/);
  for (const query of [
    "resourceVersion=x",
    "resourceVersionMatch=Exact",
    "resourceVersion=1&resourceVersionMatch=Odd",
    "limit=-1",
    "resourceVersion=0&resourceVersionMatch=Exact",
  ]) {
    assert.equal((await get(`${path}?${query}`)).status, 400, query);
  }
});

test("labels and fields select, and what cannot be selected by is refused with what can", async () => {
  await using api = testApi([Widget]);
  await filled(api, ["a", "b", "c"]);
  const widgets = api.client.resource(Widget);
  await widgets.patch(
    { namespace: "default", name: "b" },
    { type: "merge", body: { metadata: { labels: { tier: "x" } } } },
  );
  const names = async (query: object): Promise<unknown> =>
    (await widgets.list(query)).items.map(({ metadata }) => metadata.name);
  assert.deepEqual(await names({ labelSelector: "tier in (x,y)" }), ["b"]);
  assert.deepEqual(await names({ labelSelector: "!tier" }), ["a", "c"]);
  assert.deepEqual(await names({ fieldSelector: "spec.color!=red" }), ["b"]);
  assert.deepEqual(await names({ fieldSelector: "metadata.name=c,metadata.namespace=default", namespace: "default" }), [
    "c",
  ]);
  assert.deepEqual(await names({ fieldSelector: "metadata.name=none" }), []);
  await assert.rejects(
    widgets.list({ fieldSelector: "spec.size=1" }),
    /field label not supported: spec.size; supported: metadata.name, metadata.namespace, spec.color/,
  );
  await assert.rejects(widgets.list({ labelSelector: "a in" }), { code: 400 });
});

test("a search finds the objects that have all of its words, of kinds that say what they are searched by", async () => {
  const Note = defineResource({
    group: "example.com",
    version: "v1",
    kind: "Note",
    spec: s.object({ text: s.string() }),
    searchText: ({ metadata, spec }) => `${metadata.name} ${spec.text}`,
  });
  await using api = testApi([Widget, Note]);
  const notes = api.client.resource(Note);
  const note = (name: string, text: string) =>
    notes.create({
      apiVersion: "example.com/v1",
      kind: "Note",
      metadata: { name, namespace: "default" },
      spec: { text },
    });
  await note("a", "Loss of the nightly run");
  await note("b", "Ärger with the NIGHTLY build");
  const names = async (...search: string[]): Promise<unknown> =>
    (await notes.list({ search })).items.map(({ metadata }) => metadata.name);
  assert.deepEqual(await names("nightly"), ["a", "b"]);
  assert.deepEqual(await names("nightly", "ärg"), ["b"]);
  assert.deepEqual(await names("nightly", "loss", "b"), []);
  await assert.rejects(api.client.resource(Widget).list({ search: ["a"] }), /search: widgets are not searched/);
  await assert.rejects(notes.list({ search: ["x".repeat(201)] }), /search: may be given 10 times/);
});

test("the client follows pages to the end, or to the limit", async () => {
  await using api = testApi([Widget]);
  await filled(
    api,
    Array.from({ length: 12 }, (_, n) => `w-${String(n).padStart(4, "0")}`),
  );
  const widgets = api.client.resource(Widget);
  assert.equal((await widgets.list()).items.length, 12);
  const some = await widgets.list({ limit: 5 });
  assert.deepEqual(
    [some.items.length, (await widgets.list({ continue: some.metadata.continue ?? "" })).items.length],
    [5, 7],
  );
});

test("all versions of a kind share their objects, shown in the version asked for", async () => {
  const Old = { ...Widget, version: "v1beta1" };
  await using api = testApi([Widget, Old]);
  await api.client.resource(Widget).create(widget("one"));
  const shown = await api.client.resource(Old).get({ namespace: "default", name: "one" });
  assert.deepEqual([shown.apiVersion, shown.metadata.resourceVersion], ["example.com/v1beta1", "1"]);
  const [item] = (await api.client.resource(Old).list()).items;
  assert.equal(item?.apiVersion, "example.com/v1beta1");
});

test("tables have a row for each object, with as much of the object as asked for", async () => {
  await using api = testApi([Pod]);
  await api.client.resource(Pod).create(pod("one"));
  await api.clock.advance(90_000);
  const accept = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };
  interface Table {
    readonly kind: string;
    readonly columnDefinitions: readonly { name: string }[];
    readonly rows: readonly { cells: readonly unknown[]; object?: { kind: string } }[];
  }
  const get = fetchFrom(api);
  const table = (await get("/api/v1/pods", accept)).json<Table>();
  assert.deepEqual(
    table.columnDefinitions.slice(0, 5).map(({ name }) => name),
    ["Name", "Ready", "Status", "Restarts", "Age"],
  );
  assert.deepEqual(table.rows[0]?.cells.slice(0, 5), ["one", "0/1", "Pending", "0", "90s"]);
  assert.equal(table.rows[0]?.object?.kind, "PartialObjectMetadata");
  const single = (await get("/api/v1/namespaces/default/pods/one?includeObject=Object", accept)).json<Table>();
  assert.deepEqual([single.kind, single.rows[0]?.object?.kind], ["Table", "Pod"]);
  assert.equal((await get("/api/v1/pods?includeObject=None", accept)).json<Table>().rows[0]?.object, undefined);
  assert.equal((await get("/api/v1/pods?includeObject=Odd", accept)).status, 400);
});

test("answers come as JSON, YAML or metadata alone; protobuf alone is not to be had", async () => {
  await using api = testApi([Pod]);
  await api.client.resource(Pod).create(pod("one"));
  const get = fetchFrom(api);
  const yaml = await get("/api/v1/namespaces/default/pods/one", { accept: "application/yaml" });
  assert.deepEqual([yaml.headers["content-type"], yaml.text.includes("kind: Pod\n")], ["application/yaml", true]);
  const partial = await get("/api/v1/pods", {
    accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
  });
  const { kind, items } = partial.json<Listed>();
  assert.deepEqual(
    [kind, Object.keys(items[0] ?? {})],
    ["PartialObjectMetadataList", ["kind", "apiVersion", "metadata"]],
  );
  const preferred = await get("/api/v1/pods", { accept: "application/vnd.kubernetes.protobuf,application/json" });
  assert.equal(preferred.headers["content-type"], "application/json");
  assert.equal((await get("/api/v1/pods", { accept: "application/vnd.kubernetes.protobuf" })).status, 406);
  assert.equal((await get("/api/v1/pods", { accept: "text/html;q=0.9, */*;q=0.1" })).status, 200);
});
