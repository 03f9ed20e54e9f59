import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defineResource,
  type KubeObject,
  type ObjectList,
  platformUser,
  type Projection,
  s,
  type WatchEvent,
} from "@headrace/model";
import { parse } from "yaml";
import { fetchFrom, testApi, type TestApi } from "./testing/index.ts";
import { widget, Widget } from "./testing/kinds.ts";

const Record = defineResource({
  group: "example.com",
  version: "v1",
  kind: "Record",
  spec: s.object({ n: s.integer() }),
  readOnly: true,
});

const count = 1_050;
const path = "/apis/example.com/v1/records";
const asTable = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };

const record = (n: number): KubeObject & { spec: { n: number } } => ({
  apiVersion: "example.com/v1",
  kind: "Record",
  metadata: { name: `record-${n}`, namespace: "default" },
  spec: { n },
});

/** Records that change while they are listed: the first page's version is the only one that all of the list has seen. */
function manyRecords() {
  const asked: number[] = [];
  const projection: Projection = {
    definition: Record,
    get: async () => undefined,
    async list({ limit = count, continue: token = "7:0" }) {
      asked.push(limit);
      const [version, from = 0] = token.split(":").map(Number);
      const to = Math.min(from + limit, count);
      const metadata = { resourceVersion: String(version), ...(to < count && { continue: `${version}:${to}` }) };
      const items = Array.from({ length: to - from }, (_, index) => record(from + index));
      return { apiVersion: "example.com/v1", kind: "RecordList", metadata, items };
    },
    async *watch() {},
  };
  return { projection, asked };
}

/** Tells how often others had their turn since. */
function turnsOfOthers(): () => number {
  let turns = 0;
  let next = setImmediate(function again() {
    turns += 1;
    next = setImmediate(again);
  });
  return () => {
    clearImmediate(next);
    return turns;
  };
}

async function bodyOf({ server }: TestApi, query: string): Promise<AsyncIterable<Uint8Array | string>> {
  const { body } = await server.handle({
    method: "GET",
    path,
    query: new URLSearchParams(query),
    headers: {},
    user: platformUser,
    signal: new AbortController().signal,
  });
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array)
    assert.fail("a long list comes in pieces");
  return body;
}

test("a list without limit is read at the pace at which it is sent, and others have their turn in between", async () => {
  const { projection, asked } = manyRecords();
  await using api = testApi([], { projections: [projection] });
  const turns = turnsOfOthers();
  const body = await bodyOf(api, "");
  assert.equal(asked.length, 1, "nothing is read before somebody takes it");
  let text = "";
  for await (const piece of body) text += typeof piece === "string" ? piece : new TextDecoder().decode(piece);
  assert.deepEqual(asked, [200, 200, 200, 200, 200, 200]);
  assert.ok(turns() >= 5);
  const list = JSON.parse(text) as ObjectList<KubeObject>;
  assert.deepEqual(list.metadata, { resourceVersion: "7" });
  assert.deepEqual(
    list.items.map(({ metadata }) => metadata.name),
    Array.from({ length: count }, (_, n) => `record-${n}`),
  );
});

test("a page is as long as asked for, in pieces too, and the next one begins where it ends", async () => {
  const { projection, asked } = manyRecords();
  await using api = testApi([], { projections: [projection] });
  const get = fetchFrom(api);
  const turns = turnsOfOthers();
  const first = (await get(`${path}?limit=500`)).json<ObjectList<KubeObject>>();
  assert.deepEqual([first.items.length, asked], [500, [200, 200, 100]]);
  assert.ok(turns() >= 4, "between what is read, and between what is written");
  const next = first.metadata.continue;
  const second = (await get(`${path}?limit=9000&continue=${next}`)).json<ObjectList<KubeObject>>();
  assert.deepEqual([second.items.length, second.items[0]?.metadata.name], [550, "record-500"]);
  assert.deepEqual(second.metadata, { resourceVersion: "7" });
});

test("long lists are whole in every form that they are asked for in", async () => {
  const { projection } = manyRecords();
  await using api = testApi([], { projections: [projection] });
  const get = fetchFrom(api);
  const table = (await get(path, asTable)).json<{ kind: string; rows: readonly unknown[] }>();
  assert.deepEqual([table.kind, table.rows.length], ["Table", count]);
  const yaml = await get(path, { accept: "application/yaml" });
  const parsed = parse(yaml.text) as ObjectList<KubeObject>;
  assert.deepEqual([parsed.kind, parsed.items.length], ["RecordList", count]);
  assert.deepEqual(parsed.items[900], record(900));
  const empty = await get(`${path}?labelSelector=a%3Db`, { accept: "application/yaml" });
  assert.deepEqual((parse(empty.text) as ObjectList<KubeObject>).items, []);
  assert.deepEqual((await get(`${path}?labelSelector=a%3Db`)).json<ObjectList<KubeObject>>().items, []);
  assert.equal((await api.client.resource(Record).list()).items.length, count);
});

test("a watch tells all of a long list before its end is marked", async () => {
  const { projection } = manyRecords();
  await using api = testApi([], { projections: [projection] });
  const seen: WatchEvent["type"][] = [];
  const stop = new AbortController();
  for await (const { type } of api.client.resource(Record).watch({ signal: stop.signal })) seen.push(type);
  assert.deepEqual(seen, [...Array.from({ length: count }, () => "ADDED"), "BOOKMARK"]);
});

test("stored objects are listed as of one revision, though others write while the list is sent", async () => {
  await using api = testApi([Widget]);
  const widgets = api.client.resource(Widget);
  const names = Array.from({ length: 450 }, (_, n) => `w-${String(n).padStart(4, "0")}`);
  await Promise.all(names.map((name) => widgets.create(widget(name))));
  const listing = fetchFrom(api)("/apis/example.com/v1/widgets");
  await widgets.delete({ namespace: "default", name: "w-0449" });
  const { items, metadata } = (await listing).json<ObjectList<Widget>>();
  assert.deepEqual(
    items.map((item) => item.metadata.name),
    names,
  );
  assert.equal(metadata.resourceVersion, "450");
});
