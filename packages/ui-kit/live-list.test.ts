import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, type Clock, type KubeObject, type WatchEvent } from "@headrace/model";
import { LiveList, LiveLists, type LiveOptions, type LiveSource } from "./live-list.ts";

/** A clock that is moved by hand. */
function handClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    after(delay, callback) {
      const timer = { at: now + delay, callback };
      timers.add(timer);
      return { [Symbol.dispose]: () => void timers.delete(timer) };
    },
    advance(ms) {
      now += ms;
      for (const timer of timers) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.callback();
      }
    },
  };
}

const object = (name: string, resourceVersion: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { name, resourceVersion },
});

/** A server of one kind: lists what it holds in windows, and sends what happens to whoever watches. */
class Server implements LiveSource<KubeObject> {
  items: KubeObject[] = [];
  revision = 1;
  failure: Error | undefined;
  readonly watchedFrom: (string | undefined)[] = [];
  readonly #watchers = new Set<(event: WatchEvent | Error) => void>();

  list: LiveSource<KubeObject>["list"] = async ({ limit = 100, continue: from = "0" } = {}) => {
    if (this.failure) throw this.failure;
    const start = Number(from);
    const rest = start + limit < this.items.length ? { continue: String(start + limit) } : {};
    return {
      apiVersion: "v1",
      kind: "ThingList",
      metadata: { resourceVersion: String(this.revision), ...rest },
      items: this.items.slice(start, start + limit),
    };
  };

  watch: LiveSource<KubeObject>["watch"] = async function* (
    this: Server,
    query: { readonly resourceVersion?: string; readonly signal: AbortSignal },
  ) {
    this.watchedFrom.push(query.resourceVersion);
    const queue: (WatchEvent | Error)[] = [];
    let wake = (): void => undefined;
    const push = (event: WatchEvent | Error): void => {
      queue.push(event);
      wake();
    };
    this.#watchers.add(push);
    query.signal.addEventListener("abort", () => wake());
    try {
      while (!query.signal.aborted) {
        const event = queue.shift();
        if (event instanceof Error) throw event;
        if (event) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#watchers.delete(push);
    }
  }.bind(this) as LiveSource<KubeObject>["watch"];

  get watching(): number {
    return this.#watchers.size;
  }

  send(event: WatchEvent | Error): void {
    for (const watcher of this.#watchers) watcher(event);
  }
}

function setUp(windowSize?: number) {
  const server = new Server();
  const clock = handClock();
  const options: LiveOptions = {
    clock,
    soon: (callback) => callback(),
    ...(windowSize !== undefined && { windowSize }),
  };
  const list = new LiveList(server, {}, options);
  const names = (): readonly (string | undefined)[] => list.snapshot().items.map((item) => item.metadata.name);
  return { server, clock, list, names, options };
}

/** Until what was started has come to rest; everything here is promises without timers. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

test("it loads by windows, then follows from the list's revision", async () => {
  const { server, list, names } = setUp(2);
  server.items = ["a", "b", "c", "d", "e"].map((name) => object(name, "1"));
  list.start();
  await settle();
  assert.deepEqual(names(), ["a", "b", "c", "d", "e"]);
  assert.equal(list.snapshot().phase, "live");
  assert.deepEqual(server.watchedFrom, ["1"]);
  server.send({ type: "MODIFIED", object: object("b", "2") });
  server.send({ type: "ADDED", object: object("f", "3") });
  server.send({ type: "DELETED", object: object("a", "4") });
  await settle();
  assert.deepEqual(names(), ["b", "c", "d", "e", "f"]);
  list.stop();
  await settle();
  assert.equal(server.watching, 0);
});

test("a bounded list loads its beginning only, says that there is more, and follows what comes", async () => {
  const { server, clock } = setUp();
  server.items = ["a", "b", "c", "d"].map((name) => object(name, "1"));
  const list = new LiveList(server, { most: 2 }, { clock, soon: (callback) => callback() });
  list.start();
  await settle();
  const names = () => list.snapshot().items.map((item) => item.metadata.name);
  assert.deepEqual([names(), list.snapshot().more, list.snapshot().complete], [["a", "b"], true, true]);
  server.send({ type: "ADDED", object: object("e", "2") });
  await settle();
  assert.deepEqual(names(), ["a", "b", "e"]);
  list.stop();
});

test("a list of what changes no more is read, holds no connection, and is read again by whoever comes back", async () => {
  const { server, clock } = setUp();
  server.items = [object("a", "1")];
  const list = new LiveList(server, { still: true }, { clock, soon: (callback) => callback() });
  list.start();
  await settle();
  assert.deepEqual([list.snapshot().items.length, list.snapshot().complete, server.watching], [1, true, 0]);
  list.stop();
  server.items = [object("a", "1"), object("b", "2")];
  list.start();
  await settle();
  assert.deepEqual([list.snapshot().items.length, server.watchedFrom.length], [2, 0]);
  list.stop();
});

test("changes of a list of thousands are gathered, and shown before anybody notices", async () => {
  const { server, clock } = setUp();
  server.items = Array.from({ length: 2500 }, (_, index) => object(`n${index}`, "1"));
  const list = new LiveList(server, {}, { clock, soon: (callback) => callback() });
  let shown = 0;
  list.start();
  await settle();
  clock.advance(1000);
  list.subscribe(() => shown++);
  for (let round = 2; round < 12; round++) {
    server.send({ type: "MODIFIED", object: object("n7", String(round)) });
    await settle();
    clock.advance(16);
  }
  assert.ok(shown >= 1 && shown <= 3, `${shown} times in 160 ms`);
  clock.advance(120);
  assert.equal(list.snapshot().items[7]?.metadata.resourceVersion, "11");
  list.stop();
});

test("a list that says it is complete has all its items, even before the next frame", async () => {
  const { server, clock } = setUp();
  server.items = ["a", "b", "c"].map((name) => object(name, "1"));
  const frames: (() => void)[] = [];
  const list = new LiveList(server, {}, { clock, soon: (callback) => void frames.push(callback), windowSize: 1 });
  list.start();
  await settle();
  assert.ok(list.snapshot().complete);
  assert.equal(list.snapshot().items.length, 3);
  assert.equal(frames.length, 1);
  list.stop();
});

test("a broken connection keeps the data, tells since when, and reconnects", async () => {
  const { server, clock, list, names } = setUp();
  server.items = [object("a", "1")];
  list.start();
  await settle();
  clock.advance(5000);
  server.items = [object("z", "9")];
  server.send(new ApiError("ServiceUnavailable", "gone"));
  await settle();
  assert.equal(list.snapshot().phase, "lost");
  assert.equal(list.snapshot().lostAt, 5000);
  assert.deepEqual(names(), ["a"]);
  clock.advance(250);
  await settle();
  assert.equal(list.snapshot().phase, "live");
  assert.deepEqual(names(), ["z"], "what was deleted meanwhile is gone");
  list.stop();
});

test("an expired revision reads the list anew, without a word", async () => {
  const { server, list, names } = setUp();
  list.start();
  await settle();
  server.items = [object("b", "7")];
  server.revision = 7;
  server.send(new ApiError("Expired", "too old"));
  await settle();
  assert.equal(list.snapshot().phase, "live");
  assert.deepEqual(names(), ["b"]);
  assert.deepEqual(server.watchedFrom, ["1", "7"]);
  list.stop();
});

test("a refusal is not asked again until somebody retries", async () => {
  const { server, clock, list } = setUp();
  server.failure = new ApiError("Forbidden", "no");
  list.start();
  await settle();
  assert.equal(list.snapshot().phase, "refused");
  clock.advance(60_000);
  await settle();
  assert.equal(server.watchedFrom.length, 0);
  server.failure = undefined;
  list.retry();
  await settle();
  assert.equal(list.snapshot().phase, "live");
  list.stop();
});

test("parts that ask the same share one watch, and the last to leave closes it", async () => {
  const { server, options } = setUp();
  const lists = new LiveLists(options);
  const first = lists.acquire("things", server, { namespace: "a" });
  const second = lists.acquire("things", server, { namespace: "a" });
  await settle();
  assert.equal(first.list, second.list);
  assert.equal(server.watching, 1);
  first.release();
  first.release();
  await settle();
  assert.equal(server.watching, 1, "a release counts once");
  second.release();
  await settle();
  assert.equal(server.watching, 0);
});

test("who comes back within a minute sees what was there at once, and the truth soon after", async () => {
  const { server, clock, options } = setUp();
  server.items = [object("old", "1")];
  const lists = new LiveLists(options);
  lists.acquire("things", server, {}).release();
  const before = lists.acquire("things", server, {});
  await settle();
  before.release();
  server.items = [object("new", "2")];
  const again = lists.acquire("things", server, {});
  assert.deepEqual(
    again.list.snapshot().items.map((item) => item.metadata.name),
    ["old"],
  );
  await settle();
  assert.deepEqual(
    again.list.snapshot().items.map((item) => item.metadata.name),
    ["new"],
  );
  again.release();
  clock.advance(61_000);
  const later = lists.acquire("things", server, {});
  assert.deepEqual(later.list.snapshot().items, []);
  later.release();
});

test("a hidden page holds no watch, and reads anew when it is seen again", async () => {
  const { server, options } = setUp();
  const lists = new LiveLists(options);
  const { list, release } = lists.acquire("things", server, {});
  await settle();
  lists.pause();
  await settle();
  assert.equal(server.watching, 0);
  assert.equal(list.snapshot().phase, "paused");
  server.items = [object("new", "5")];
  lists.resume();
  await settle();
  assert.deepEqual(
    list.snapshot().items.map((item) => item.metadata.name),
    ["new"],
  );
  release();
  lists.pause();
});
