import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiError } from "@headrace/model";
import { testClock } from "@headrace/model/testing";
import { createInformer, type Change } from "./informer.ts";
import { createWidgets, widget, type Widget } from "./testing/widgets.ts";

function watching(options: { indices?: boolean } = {}) {
  const clock = testClock();
  const widgets = createWidgets();
  const errors: unknown[] = [];
  const informer = createInformer<Widget, "size">({
    client: widgets.client,
    clock,
    onError: (error) => errors.push(error),
    indices: { size: (object) => (options.indices === false ? [] : [`${object.spec?.size ?? 0}`]) },
  });
  const changes: string[] = [];
  informer.subscribe((change) => changes.push(describeChange(change)));
  const stop = new AbortController();
  return { clock, widgets, informer, changes, errors, stop };
}

const describeChange = (change: Change<Widget>): string => `${change.type} ${change.object.metadata.name}`;

describe("an informer", () => {
  test("knows what was there once it has synced, and follows what comes after", async () => {
    const { clock, widgets, informer, changes, stop } = watching();
    widgets.put(widget("a"));
    await informer.start(stop.signal);
    assert.equal(informer.get({ namespace: "default", name: "a" })?.metadata.name, "a");
    widgets.put(widget("b"));
    widgets.put(widget("a", { spec: { size: 3 } }));
    widgets.remove({ namespace: "default", name: "b" });
    await clock.settle();
    assert.deepEqual(changes, ["added a", "added b", "updated a", "deleted b"]);
    assert.equal(informer.size, 1);
    stop.abort();
    await clock.settle();
    assert.equal(clock.pending, 0);
  });

  test("tells a late listener everything that is known", async () => {
    const { widgets, informer, stop } = watching();
    widgets.put(widget("a"));
    await informer.start(stop.signal);
    const seen: string[] = [];
    informer.subscribe((change) => seen.push(describeChange(change)));
    assert.deepEqual(seen, ["added a"]);
    stop.abort();
  });

  test("finds objects by namespace and by index as they change", async () => {
    const { clock, widgets, informer, stop } = watching();
    widgets.put(widget("a", { spec: { size: 1 } }));
    widgets.put(widget("b", { spec: { size: 2 } }, "other"));
    await informer.start(stop.signal);
    const names = (objects: readonly Widget[]) => objects.map((object) => object.metadata.name);
    assert.deepEqual(names(informer.list("other")), ["b"]);
    assert.deepEqual(names(informer.byIndex("size", "1")), ["a"]);
    widgets.put(widget("a", { spec: { size: 2 } }));
    await clock.settle();
    assert.deepEqual(names(informer.byIndex("size", "1")), []);
    assert.deepEqual(names(informer.byIndex("size", "2")), ["b", "a"]);
    stop.abort();
  });

  test("goes on from where it was after a lost connection, with a growing wait", async () => {
    const { clock, widgets, informer, changes, errors, stop } = watching();
    await informer.start(stop.signal);
    widgets.put(widget("a"));
    await clock.settle();
    const cut = new ApiError("ServiceUnavailable", "cut");
    widgets.hangUp(cut);
    await clock.settle();
    widgets.put(widget("b"));
    widgets.failNext("watch", cut);
    await clock.advance(800);
    assert.deepEqual(changes, ["added a"]);
    await clock.advance(1_599);
    assert.deepEqual(changes, ["added a"]);
    await clock.advance(1);
    assert.deepEqual(changes, ["added a", "added b"]);
    assert.deepEqual(errors, [cut, cut]);
    stop.abort();
  });

  test("reconnects at once when the server ends a watch, but does not spin", async () => {
    const { clock, widgets, informer, stop } = watching();
    await informer.start(stop.signal);
    widgets.hangUp();
    await clock.settle();
    assert.equal(widgets.calls.length, 2);
    widgets.hangUp();
    await clock.settle();
    assert.equal(widgets.calls.length, 2);
    await clock.advance(800);
    assert.equal(widgets.calls.length, 3);
    stop.abort();
  });

  test("reads the whole state again when its revision has expired, and tells what vanished meanwhile", async () => {
    const { clock, widgets, informer, changes, stop } = watching();
    widgets.put(widget("stays"));
    widgets.put(widget("goes"));
    await informer.start(stop.signal);
    widgets.put(widget("late"));
    await clock.settle();
    widgets.hangUp(new ApiError("Expired", "too old resource version"));
    widgets.remove({ namespace: "default", name: "goes" });
    widgets.put(widget("new"));
    widgets.compact();
    await clock.advance(1_000);
    assert.deepEqual(changes, ["added stays", "added goes", "added late", "added new", "deleted goes"]);
    stop.abort();
  });

  test("tells a replaced object as deleted and added, for it is another one", async () => {
    const { clock, widgets, informer, changes, stop } = watching();
    widgets.put(widget("a", { metadata: { name: "a", namespace: "default", uid: "first" } }));
    await informer.start(stop.signal);
    widgets.hangUp(new ApiError("Expired", "too old resource version"));
    widgets.put(widget("a", { metadata: { name: "a", namespace: "default", uid: "second" } }));
    widgets.compact();
    await clock.advance(1_000);
    assert.deepEqual(changes, ["added a", "deleted a", "added a"]);
    stop.abort();
  });

  test("lists first where the server does not stream the state", async () => {
    const { clock, widgets, informer, changes, errors, stop } = watching();
    widgets.put(widget("a"));
    widgets.failNext("watch", new ApiError("Invalid", "sendInitialEvents is forbidden for watch"));
    await informer.start(stop.signal);
    widgets.put(widget("b"));
    await clock.settle();
    assert.deepEqual(changes, ["added a", "added b"]);
    assert.deepEqual(widgets.calls, ["watch", "list", "watch"]);
    assert.deepEqual(errors, []);
    stop.abort();
  });

  test("survives a listener that throws", async () => {
    const { clock, widgets, informer, changes, errors, stop } = watching();
    informer.subscribe(() => {
      throw new TypeError("broken listener");
    });
    await informer.start(stop.signal);
    widgets.put(widget("a"));
    widgets.put(widget("b"));
    await clock.settle();
    assert.deepEqual(changes, ["added a", "added b"]);
    assert.equal(errors.length, 2);
    stop.abort();
  });

  test("does not keep a caller waiting when it is stopped before it has synced", async () => {
    const { widgets, informer, stop } = watching();
    widgets.failNext("watch", new ApiError("ServiceUnavailable", "not yet"));
    const started = informer.start(stop.signal);
    stop.abort();
    await started;
    assert.equal(informer.hasSynced, false);
  });
});
