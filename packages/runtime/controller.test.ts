import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiError, conflict, type ObjectKey } from "@headrace/model";
import { testClock } from "@headrace/model/testing";
import { controlledBy, createController, fromInformer, type Reconcile, type ReconcileFailure } from "./controller.ts";
import { TerminalError } from "./errors.ts";
import { createInformer } from "./informer.ts";
import { createWidgets, Widget, widget } from "./testing/widgets.ts";

function reconciling(reconcile: Reconcile, workers = 1) {
  const clock = testClock();
  const widgets = createWidgets();
  const informer = createInformer({ client: widgets.client, clock });
  const failures: ReconcileFailure[] = [];
  const controller = createController({
    name: "widgets",
    clock,
    sources: [fromInformer(informer)],
    workers,
    reconcile,
    onFailure: (failure) => failures.push(failure),
  });
  const stop = new AbortController();
  return { clock, widgets, informer, controller, failures, stop };
}

describe("a controller", () => {
  test("reconciles what exists and what changes, by key", async () => {
    const keys: ObjectKey[] = [];
    const { clock, widgets, controller, stop } = reconciling(async (key) => void keys.push(key));
    widgets.put(widget("a"));
    await controller.start(stop.signal);
    await clock.settle();
    widgets.put(widget("b", {}, "other"));
    await clock.settle();
    assert.deepEqual(keys, [
      { namespace: "default", name: "a" },
      { namespace: "other", name: "b" },
    ]);
    stop.abort();
  });

  test("works on one key never twice at a time, and on different ones side by side", async () => {
    let running = 0;
    let most = 0;
    const gates: (() => void)[] = [];
    const { clock, widgets, controller, stop } = reconciling(async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => gates.push(resolve));
      running -= 1;
    }, 3);
    widgets.put(widget("a"));
    widgets.put(widget("b"));
    await controller.start(stop.signal);
    await clock.settle();
    for (let n = 0; n < 5; n++) widgets.put(widget("a", { spec: { size: n } }));
    await clock.settle();
    assert.equal(running, 2);
    gates.splice(0).forEach((open) => open());
    await clock.settle();
    assert.equal(running, 1);
    assert.equal(most, 2);
    gates.splice(0).forEach((open) => open());
    await clock.settle();
    assert.equal(running, 0);
    stop.abort();
  });

  test("tries a failed key again after a growing wait, and reports it", async () => {
    let tries = 0;
    const { clock, widgets, controller, failures, stop } = reconciling(async () => {
      tries += 1;
      if (tries < 3) throw new ApiError("ServiceUnavailable", "not yet");
    });
    widgets.put(widget("a"));
    await controller.start(stop.signal);
    await clock.settle();
    assert.equal(tries, 1);
    await clock.advance(5);
    assert.equal(tries, 2);
    await clock.advance(10);
    assert.equal(tries, 3);
    assert.deepEqual(
      failures.map((failure) => failure.retryAfterMs),
      [5, 10],
    );
    await clock.advance(600_000);
    assert.equal(tries, 3);
    stop.abort();
  });

  test("takes conflicts for everyday and does not report them", async () => {
    let tries = 0;
    const { clock, widgets, controller, failures, stop } = reconciling(async () => {
      if (tries++ === 0) throw conflict(Widget, "a");
    });
    widgets.put(widget("a"));
    await controller.start(stop.signal);
    await clock.advance(5);
    assert.equal(tries, 2);
    assert.deepEqual(failures, []);
    stop.abort();
  });

  test("gives up on a terminal error until the object changes", async () => {
    let tries = 0;
    const { clock, widgets, controller, failures, stop } = reconciling(async () => {
      tries += 1;
      throw new TerminalError("Cannot size widget: its size is negative");
    });
    widgets.put(widget("a"));
    await controller.start(stop.signal);
    await clock.advance(600_000);
    assert.equal(tries, 1);
    assert.equal(failures[0]?.retryAfterMs, undefined);
    widgets.put(widget("a", { spec: { size: 1 } }));
    await clock.settle();
    assert.equal(tries, 2);
    stop.abort();
  });

  test("looks again when the reconcile asked for it", async () => {
    let looks = 0;
    const { clock, widgets, controller, stop } = reconciling(async () => {
      looks += 1;
      return looks === 1 ? { requeueAfterMs: 60_000 } : undefined;
    });
    widgets.put(widget("a"));
    await controller.start(stop.signal);
    await clock.advance(59_999);
    assert.equal(looks, 1);
    await clock.advance(1);
    assert.equal(looks, 2);
    stop.abort();
  });

  test("stops its reconciles, timers and watches with its signal", async () => {
    let aborted = false;
    const { clock, widgets, controller, failures, stop } = reconciling(async (_key, signal) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      aborted = true;
      throw new ApiError("Timeout", "stopped");
    });
    widgets.put(widget("a"));
    await controller.start(stop.signal);
    await clock.settle();
    stop.abort();
    await clock.settle();
    assert.equal(aborted, true);
    assert.deepEqual(failures, []);
    assert.equal(clock.pending, 0);
  });
});

test("an object's controlling owner of a kind is found by kind and group", () => {
  const owned = widget("child", {
    metadata: {
      name: "child",
      namespace: "ns",
      ownerReferences: [
        { apiVersion: "v1", kind: "ConfigMap", name: "config", uid: "1" },
        { apiVersion: "batch/v1", kind: "Job", name: "job", uid: "2", controller: true },
      ],
    },
  });
  assert.deepEqual(controlledBy("Job", "batch")(owned), [{ namespace: "ns", name: "job" }]);
  assert.deepEqual(controlledBy("Job", "other")(owned), []);
  assert.deepEqual(controlledBy("ConfigMap", "")(owned), []);
});
