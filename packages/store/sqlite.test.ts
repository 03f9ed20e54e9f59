import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { eventually, testClock } from "@headrace/model/testing";
import { CompactedError, StoreUnavailable } from "./errors.ts";
import { openSqliteStore } from "./sqlite.ts";
import { create, key, names, remove, storeConformance, update } from "./testing/conformance.ts";

storeConformance("SQLite store", async (options) => {
  const { path, dispose } = file();
  return { store: await openSqliteStore({ path, ...options }), dispose };
});

function file(): { path: string; dispose: () => Promise<void> } {
  const directory = mkdtempSync(join(tmpdir(), "headrace-store-"));
  return { path: join(directory, "objects.db"), dispose: async () => rmSync(directory, { recursive: true }) };
}

test("a reopened store has the same objects, goes on counting, and lets watches resume", async () => {
  const { path, dispose } = file();
  const before = await openSqliteStore({ path });
  const one = await create(before, key("a", "one"), { color: "red" });
  const two = await create(before, key("a", "two"));
  const changed = await update(before, one, { color: "blue" });
  const gone = await remove(before, two);
  await before.close();

  const after = await openSqliteStore({ path });
  assert.equal(after.revision, gone.revision);
  assert.deepEqual((await after.get(key("a", "one")))?.object, changed.object);
  assert.equal(await after.get(key("a", "two")), undefined);
  const seen: string[] = [];
  for await (const event of after.watch({
    resource: "things",
    since: one.revision,
    signal: new AbortController().signal,
  })) {
    if (event.type === "PROGRESS") continue;
    seen.push(`${event.type} ${event.stored.name} ${event.previous?.metadata.resourceVersion ?? "-"}`);
    if (event.stored.revision === gone.revision) break;
  }
  assert.deepEqual(seen, ["ADDED two -", `MODIFIED one ${one.revision}`, `DELETED two ${two.revision}`]);
  assert.equal((await create(after, key("a", "three"))).revision, gone.revision + 1);
  await after.close();
  await dispose();
});

test("the log on disk keeps the live objects and no more history than it may", async () => {
  const { path, dispose } = file();
  const store = await openSqliteStore({ path, history: { rows: 10 } });
  const quiet = await create(store, key("a", "quiet"));
  const labels = Array.from({ length: 40 }, (_, n) => `busy-${n}`);
  let busy = await Promise.all(labels.map((name) => create(store, key("a", name))));
  for (let n = 0; n < 30; n += 1) busy = await Promise.all(busy.map((each) => update(store, each, { n })));
  await Promise.all(busy.map((each) => remove(store, each)));
  for (let n = 0; n < 20; n += 1) await remove(store, await create(store, key("a", "brief")));
  await store.close();

  const database = new DatabaseSync(path);
  const count = Number(database.prepare("SELECT count(*) AS n FROM log").get()?.["n"]);
  // Of 1,321 changes: what is live, the history, and what waits to be forgotten together.
  assert.ok(count <= 1 + 10 + 40 + 512, `${count} rows`);
  database.close();

  const again = await openSqliteStore({ path, history: { rows: 10 } });
  assert.deepEqual(names((await again.list({ resource: "things", namespace: "" })).items), ["a/quiet"]);
  assert.deepEqual((await again.get(key("a", "quiet")))?.object, quiet.object);
  const stale = again.watch({ resource: "things", since: quiet.revision, signal: new AbortController().signal });
  await assert.rejects(stale[Symbol.asyncIterator]().next(), CompactedError);
  await again.close();
  await dispose();
});

test("transient objects outlive a restart, but not their time, and their revisions are not given out again", async () => {
  const { path, dispose } = file();
  const transient = [{ resource: "events", ttlSeconds: 60 }];
  const clock = testClock();
  const before = await openSqliteStore({ path, clock, transient });
  await create(before, { ...key("a", "old"), resource: "events" });
  await clock.advance(40_000);
  const brief = await create(before, { ...key("a", "new"), resource: "events" });
  const removed = await remove(before, await create(before, { ...key("a", "gone"), resource: "events" }));
  await before.close();

  const after = await openSqliteStore({ path, clock, transient });
  assert.equal(after.revision, removed.revision);
  await clock.advance(30_000);
  const left = async () => (await after.list({ resource: "events", namespace: "" })).items.map(({ uid }) => uid);
  await eventually("the older one is gone", async () => (await left()).length < 2);
  assert.deepEqual(await left(), [brief.uid]);
  await after.close();
  await dispose();
});

test("a second process, a newer format and a missing directory are refused with the reason", async () => {
  const { path, dispose } = file();
  const store = await openSqliteStore({ path });
  await assert.rejects(
    openSqliteStore({ path }),
    (error) => error instanceof StoreUnavailable && error.message.includes("another process holds it"),
  );
  await store.close();
  const database = new DatabaseSync(path);
  database.exec("UPDATE meta SET value = 99 WHERE key = 'VERSION'");
  database.close();
  await assert.rejects(
    openSqliteStore({ path }),
    (error) => error instanceof StoreUnavailable && error.message.includes("format 99"),
  );
  await assert.rejects(openSqliteStore({ path: `${path}/none/objects.db` }), StoreUnavailable);
  await dispose();
});

test("a commit that the disk refuses fails its whole batch and shows nothing", async () => {
  const { path, dispose } = file();
  const store = await openSqliteStore({ path });
  const one = await create(store, key("a", "one"));
  // SQLite cannot bind an object, so the second insert of the batch fails.
  const unbindable = { metadata: { name: "two", uid: {} as string } };
  const results = await Promise.allSettled([
    create(store, key("a", "three")),
    create(store, key("a", "two"), unbindable),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.equal(store.revision, one.revision);
  assert.deepEqual(names((await store.list({ resource: "things", namespace: "" })).items), ["a/one"]);
  assert.equal((await create(store, key("a", "three"))).revision, one.revision + 1);
  await store.close();
  await dispose();
});

test("sealed objects cannot be read on disk, nor without their key", async () => {
  const { path, dispose } = file();
  const key32 = (byte: number) => new Uint8Array(32).fill(byte);
  const sealed = { resources: ["secrets"], key: key32(1) };
  const before = await openSqliteStore({ path });
  await create(before, { ...key("a", "plain"), resource: "secrets" }, { data: "written before" });
  await before.close();
  const store = await openSqliteStore({ path, sealed });
  await create(store, { ...key("a", "one"), resource: "secrets" }, { data: "hunter2" });
  await create(store, key("a", "other"), { data: "in the open" });
  await store.close();

  const database = new DatabaseSync(path);
  const rows = database.prepare("SELECT CAST(json AS TEXT) AS text FROM log ORDER BY revision").all();
  database.close();
  const found = ["written before", "hunter2", "in the open"].map((text) =>
    rows.some((row) => String(row["text"]).includes(text)),
  );
  assert.deepEqual(found, [true, false, true]);

  const again = await openSqliteStore({ path, sealed });
  assert.equal(
    Reflect.get((await again.get({ ...key("a", "one"), resource: "secrets" }))?.object ?? {}, "data"),
    "hunter2",
  );
  await again.close();
  for (const options of [{}, { sealed: { ...sealed, key: key32(2) } }]) {
    await assert.rejects(
      openSqliteStore({ path, ...options }),
      (error) => error instanceof StoreUnavailable && error.message.includes("encrypted"),
    );
  }
  await dispose();
});

test("a write that has patience shares the next commit, or has its own when its time is over", async () => {
  const { path, dispose } = file();
  const clock = testClock();
  const transient = [{ resource: "events", ttlSeconds: 60, patienceMs: 20 }];
  const store = await openSqliteStore({ path, clock, transient });
  const patient = create(store, { ...key("a", "patient"), resource: "events" });
  const hasty = create(store, key("a", "hasty"));
  await Promise.all([patient, hasty]);
  const alone = create(store, { ...key("a", "alone"), resource: "events" });
  await clock.advance(19);
  assert.equal(store.revision, 2);
  await clock.advance(1);
  assert.equal((await alone).revision, 3);
  await store.close();
  await dispose();
});
