import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "@headrace/model";
import { eventually, testClock, type TestClock } from "@headrace/model/testing";
import fc from "fast-check";
import { CompactedError, ObjectTooLarge, StoreConflict, StoreUnavailable } from "../errors.ts";
import type { HistoryLimits, Store, StoreChange, Stored, StoreKey, TransientResource } from "../store.ts";

export interface StoreUnderTest {
  readonly store: Store;
  /** Gives back what the store needs besides itself, such as its file. */
  readonly dispose: () => Promise<void>;
}

export type MakeStore = (options: {
  readonly clock: TestClock;
  readonly history?: HistoryLimits;
  readonly transient?: readonly TransientResource[];
}) => Promise<StoreUnderTest>;

/** What every store promises. `name` says in the tests' names which store runs it. */
export function storeConformance(name: string, make: MakeStore): void {
  async function withStore(
    body: (store: Store, clock: TestClock) => Promise<void>,
    options: { history?: HistoryLimits; transient?: readonly TransientResource[] } = {},
  ): Promise<void> {
    const clock = testClock();
    const { store, dispose } = await make({ clock, ...options });
    try {
      await body(store, clock);
    } finally {
      await store.close();
      await dispose();
    }
  }

  test(`${name}: what was written is read back, with its revision`, () =>
    withStore(async (store) => {
      const written = await create(store, key("a", "one"), { color: "red" });
      assert.equal(written.revision, store.revision);
      const read = await store.get(key("a", "one"));
      assert.equal(read, written);
      assert.equal(written.object.metadata.resourceVersion, String(written.revision));
      assert.deepEqual(JSON.parse(new TextDecoder().decode(written.bytes)), written.object);
      assert.equal(await store.get(key("a", "two")), undefined);
    }));

  test(`${name}: objects are frozen all the way down`, () =>
    withStore(async (store) => {
      const { object } = await create(store, key("a", "one"), { nested: { list: [{}] } });
      assert.ok(Object.isFrozen(object) && Object.isFrozen(object.metadata));
      const nested: unknown = Reflect.get(object, "nested");
      assert.ok(Object.isFrozen(nested) && Object.isFrozen(Reflect.get(nested as object, "list")));
    }));

  test(`${name}: a precondition that does not hold refuses the write and says what is there`, () =>
    withStore(async (store) => {
      const one = await create(store, key("a", "one"));
      const two = await update(store, one, { color: "blue" });
      for (const attempt of [create(store, key("a", "one")), update(store, one), remove(store, one)]) {
        await assert.rejects(attempt, (error) => error instanceof StoreConflict && error.current === two);
      }
      await assert.rejects(
        store.write({ ...key("a", "none"), expect: { revision: 1 }, object: undefined }),
        (error) => error instanceof StoreConflict && error.current === undefined,
      );
      assert.equal(store.revision, two.revision);
    }));

  test(`${name}: an object that is too large is refused`, () =>
    withStore(async (store) => {
      await assert.rejects(create(store, key("a", "one"), { data: "x".repeat(2_000_000) }), ObjectTooLarge);
      assert.equal(store.revision, 0);
    }));

  test(`${name}: of two writers at the same time that expect the same revision one wins`, () =>
    withStore(async (store) => {
      const one = await create(store, key("a", "one"));
      const results = await Promise.allSettled([update(store, one, { by: "x" }), update(store, one, { by: "y" })]);
      assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    }));

  test(`${name}: lists are sorted by namespace, then name, and can be paged`, () =>
    withStore(async (store) => {
      for (const [namespace, each] of [
        ["b", "one"],
        ["a-b", "z"],
        ["a", "two"],
        ["a", "one"],
      ] as const) {
        await create(store, key(namespace, each));
      }
      const all = await store.list({ resource: "things", namespace: "" });
      assert.deepEqual(names(all.items), ["a/one", "a/two", "a-b/z", "b/one"]);
      assert.deepEqual(names((await store.list({ resource: "things", namespace: "a" })).items), ["a/one", "a/two"]);
      assert.deepEqual(names((await store.list({ resource: "others", namespace: "" })).items), []);
      const first = await store.list({ resource: "things", namespace: "", limit: 3 });
      assert.deepEqual([first.more, first.remaining], [true, 1]);
      const second = await store.list({
        resource: "things",
        namespace: "",
        limit: 3,
        after: { namespace: "a-b", name: "z" },
      });
      assert.deepEqual([names(second.items), second.more, second.remaining], [["b/one"], false, 0]);
    }));

  test(`${name}: a page shows the state as of its revision, whatever happened since`, () =>
    withStore(async (store) => {
      const a = await create(store, key("n", "a"));
      const b = await create(store, key("n", "b"), { color: "red" });
      await create(store, key("n", "d"));
      const at = store.revision;
      await update(store, b, { color: "blue" });
      await remove(store, a);
      await create(store, key("n", "c"));
      const then = await store.list({ resource: "things", namespace: "n", at });
      assert.equal(then.revision, at);
      assert.deepEqual(names(then.items), ["n/a", "n/b", "n/d"]);
      assert.equal(Reflect.get(then.items[1]?.object ?? {}, "color"), "red");
      assert.deepEqual(names((await store.list({ resource: "things", namespace: "n" })).items), ["n/b", "n/c", "n/d"]);
    }));

  test(`${name}: a watch gets every change after its revision, in order, and what was there before`, () =>
    withStore(async (store) => {
      const one = await create(store, key("a", "one"));
      const events = collect(store, one.revision);
      const two = await create(store, key("a", "two"));
      await create(store, { ...key("a", "x"), resource: "others" });
      const changed = await update(store, one, { color: "blue" });
      const gone = await remove(store, two);
      const seen = await events.take(3);
      assert.deepEqual(
        seen.map(({ type, stored, previous }) => [
          type,
          stored.name,
          stored.revision,
          previous?.metadata.resourceVersion,
        ]),
        [
          ["ADDED", "two", two.revision, undefined],
          ["MODIFIED", "one", changed.revision, String(one.revision)],
          ["DELETED", "two", gone.revision, String(two.revision)],
        ],
      );
      assert.equal(seen[2]?.stored.object.metadata.resourceVersion, String(gone.revision));
      await events.stop();
    }));

  test(`${name}: changes of long ago are told with the objects as they were`, () =>
    withStore(async (store) => {
      const one = await create(store, key("a", "one"), { count: 0 });
      let last = one;
      for (let count = 1; count <= 600; count += 1) last = await update(store, last, { count });
      const gone = await remove(store, last);
      const events = collect(store, one.revision);
      const seen = await events.take(601);
      const countOf = (object: object | undefined): unknown => Reflect.get(object ?? {}, "count");
      for (const [index, { stored, previous }] of seen.slice(0, 600).entries())
        assert.deepEqual([countOf(previous), countOf(stored.object)], [index, index + 1]);
      assert.deepEqual([seen[600]?.type, countOf(seen[600]?.stored.object)], ["DELETED", 600]);
      assert.equal(seen[600]?.stored.revision, gone.revision);
      await events.stop();
    }));

  test(`${name}: a quiet watch says up to where it has told everything`, () =>
    withStore(async (store, clock) => {
      const watch = store.watch({
        resource: "things",
        since: 0,
        signal: new AbortController().signal,
        progressMs: 1000,
      });
      const first = watch[Symbol.asyncIterator]().next();
      await create(store, { ...key("a", "x"), resource: "others" });
      await clock.advance(1000);
      assert.deepEqual((await first).value, { type: "PROGRESS", revision: store.revision });
    }));

  test(`${name}: a watch ends when its signal aborts and when the store closes`, () =>
    withStore(async (store) => {
      const aborted = collect(store, 0);
      await aborted.stop();
      const open = collect(store, 0);
      await store.close();
      await open.ended;
      await assert.rejects(create(store, key("a", "late")), StoreUnavailable);
    }));

  test(`${name}: what the log no longer keeps is said to be compacted`, () =>
    withStore(
      async (store) => {
        let latest = await create(store, key("a", "one"));
        const first = latest.revision;
        for (let n = 0; n < 20; n += 1) latest = await update(store, latest, { n });
        await assert.rejects(store.list({ resource: "things", namespace: "", at: first }), CompactedError);
        await assert.rejects(collect(store, first).take(1), CompactedError);
        assert.equal((await collect(store, latest.revision - 2).take(2)).length, 2);
      },
      { history: { rows: 5 } },
    ));

  test(`${name}: a reader that falls behind is told so instead of being buffered for`, () =>
    withStore(
      async (store) => {
        const stop = new AbortController();
        const slow = store.watch({ resource: "things", since: 0, signal: stop.signal })[Symbol.asyncIterator]();
        let latest = await create(store, key("a", "one"));
        assert.equal((await slow.next()).done, false);
        for (let n = 0; n < 20; n += 1) latest = await update(store, latest, { n });
        await assert.rejects(slow.next(), CompactedError);
        stop.abort();
      },
      { history: { rows: 5 } },
    ));

  test(`${name}: transient objects vanish after their time and beyond their number, and watches see it`, () =>
    withStore(
      async (store, clock) => {
        const events = collect(store, 0, "events");
        for (const each of ["one", "two", "three"]) await create(store, { ...key("a", each), resource: "events" });
        const left = async () => names((await store.list({ resource: "events", namespace: "" })).items);
        await eventually("no more are left than may be", async () => (await left()).length <= 2);
        assert.deepEqual(await left(), ["a/three", "a/two"]);
        await create(store, key("a", "stays"));
        await clock.advance(70_000);
        await eventually("their time is over", async () => (await left()).length === 0);
        assert.deepEqual(names((await store.list({ resource: "things", namespace: "" })).items), ["a/stays"]);
        const seen = await events.take(6);
        assert.deepEqual(seen.map(({ type, stored }) => `${type} ${stored.name}`).slice(3), [
          "DELETED one",
          "DELETED two",
          "DELETED three",
        ]);
        await events.stop();
      },
      { transient: [{ resource: "events", ttlSeconds: 60, rows: 2 }] },
    ));

  test(`${name}: replaying the events of a watch over any list gives the list`, () =>
    fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), fc.nat(60), async (commands, listedAfter) => {
        await withStore(async (store) => {
          let listed = await store.list({ resource: "things", namespace: "" });
          for (const [index, each] of commands.entries()) {
            if (index === listedAfter) listed = await store.list({ resource: "things", namespace: "" });
            await perform(store, each);
          }
          const replica = new Map(listed.items.map((stored) => [`${stored.namespace}/${stored.name}`, stored]));
          await replay(store, listed.revision, replica);
          const { items } = await store.list({ resource: "things", namespace: "" });
          assert.deepEqual(
            new Map([...replica].sort()),
            new Map(items.map((stored) => [`${stored.namespace}/${stored.name}`, stored] as const).sort()),
          );
          const then = await store.list({ resource: "things", namespace: "", at: listed.revision });
          assert.deepEqual(then.items, listed.items);
        });
      }),
      { numRuns: 40 },
    ));
}

/** A key of the resource that the tests write to. */
export function key(namespace: string, name: string): StoreKey {
  return { resource: "things", namespace, name };
}

/** An object without meaning, for tests of stores. */
function thing({ namespace, name }: StoreKey, fields: object = {}): KubeObject {
  return { apiVersion: "v1", kind: "Thing", metadata: { namespace, name, uid: `${namespace}/${name}` }, ...fields };
}

export const create = (store: Store, at: StoreKey, fields?: object): Promise<Stored> =>
  store.write({ ...at, expect: { absent: true }, object: thing(at, fields) });

export const update = (
  store: Store,
  { resource, namespace, name, revision }: Stored,
  fields?: object,
): Promise<Stored> =>
  store.write({
    resource,
    namespace,
    name,
    expect: { revision },
    object: thing({ resource, namespace, name }, fields),
  });

export const remove = (store: Store, { resource, namespace, name, revision }: Stored): Promise<Stored> =>
  store.write({ resource, namespace, name, expect: { revision }, object: undefined });

export const names = (items: readonly Stored[]): string[] => items.map(({ namespace, name }) => `${namespace}/${name}`);

interface Collected {
  /** The next `count` events. */
  take(count: number): Promise<StoreChange[]>;
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

function collect(store: Store, since: number, resource = "things"): Collected {
  const controller = new AbortController();
  const events: StoreChange[] = [];
  let wake = (): void => {};
  let failure: unknown;
  const ended = (async () => {
    for await (const event of store.watch({ resource, since, signal: controller.signal })) {
      if (event.type !== "PROGRESS") events.push(event);
      wake();
    }
  })().catch((error: unknown) => {
    failure = error;
    wake();
  });
  return {
    async take(count) {
      for (;;) {
        if (failure !== undefined) throw failure;
        if (events.length >= count) return events.splice(0, count);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    ended,
    async stop() {
      controller.abort();
      await ended;
    },
  };
}

const command = fc.record({
  verb: fc.constantFrom("create", "update", "remove"),
  namespace: fc.constantFrom("a", "a-b", "b"),
  name: fc.constantFrom("x", "y", "z"),
  value: fc.nat(9),
});

async function perform(
  store: Store,
  { verb, namespace, name, value }: { verb: string; namespace: string; name: string; value: number },
): Promise<void> {
  const present = await store.get(key(namespace, name));
  if (verb === "create" && !present) await create(store, key(namespace, name), { value });
  if (verb === "update" && present) await update(store, present, { value });
  if (verb === "remove" && present) await remove(store, present);
}

async function replay(store: Store, since: number, onto: Map<string, Stored>): Promise<void> {
  const marker = await create(store, key("z-end", "marker"));
  for await (const event of store.watch({
    resource: "things",
    since,
    signal: new AbortController().signal,
  })) {
    if (event.type === "PROGRESS") continue;
    const { type, stored } = event;
    if (type === "DELETED") onto.delete(`${stored.namespace}/${stored.name}`);
    else onto.set(`${stored.namespace}/${stored.name}`, stored);
    if (stored.revision === marker.revision) return;
  }
}
