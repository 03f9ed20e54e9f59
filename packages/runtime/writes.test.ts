import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiError, conflict } from "@headrace/model";
import { createWidgets, Widget, widget } from "./testing/widgets.ts";
import { addFinalizer, createOrGet, ifPresent, removeFinalizer, retryOnConflict, updateLatest } from "./writes.ts";

const a = { namespace: "default", name: "a" };

describe("updating the latest state", () => {
  test("reads again and changes again when somebody else was faster", async () => {
    const { client, put, failNext, calls } = createWidgets();
    put(widget("a", { spec: { size: 1 } }));
    failNext("update", conflict(Widget, "a"));
    const updated = await updateLatest(client, a, (object) => ({ ...object, spec: { size: 2 } }));
    assert.equal(updated?.spec?.size, 2);
    assert.deepEqual(calls, ["get", "update", "get", "update"]);
  });

  test("writes nothing when there is nothing to change, and says so when the object is gone", async () => {
    const { client, put, calls } = createWidgets();
    assert.equal(await updateLatest(client, a, (object) => object), undefined);
    put(widget("a"));
    assert.equal((await updateLatest(client, a, () => undefined))?.metadata.name, "a");
    assert.deepEqual(calls, ["get", "get"]);
  });

  test("throws the conflict when it loses five times", async () => {
    const { client, put, failNext } = createWidgets();
    put(widget("a"));
    for (let n = 0; n < 5; n++) failNext("update", conflict(Widget, "a"));
    await assert.rejects(
      updateLatest(client, a, (object) => ({ ...object })),
      { reason: "Conflict" },
    );
  });
});

test("a call is tried again on conflicts only", async () => {
  let tries = 0;
  const answer = await retryOnConflict(async () => {
    if (tries++ < 2) throw conflict(Widget, "a");
    return tries;
  });
  assert.equal(answer, 3);
  await assert.rejects(
    retryOnConflict(() => Promise.reject(new ApiError("Forbidden", "no"))),
    { reason: "Forbidden" },
  );
});

test("absence is undefined, other failures are thrown", async () => {
  const { client, failNext } = createWidgets();
  assert.equal(await ifPresent(client.get(a)), undefined);
  failNext("get", new ApiError("Forbidden", "no"));
  await assert.rejects(ifPresent(client.get(a)), { reason: "Forbidden" });
});

test("creating a child that is there already answers the one that is there", async () => {
  const { client } = createWidgets();
  const first = await createOrGet(client, widget("a"));
  assert.equal((await createOrGet(client, widget("a"))).metadata.uid, first.metadata.uid);
});

describe("finalizers", () => {
  test("are added once and removed without touching the others", async () => {
    const { client, put, calls } = createWidgets();
    put(widget("a", { metadata: { ...a, finalizers: ["other"] } }));
    await addFinalizer(client, a, "ours");
    const twice = await addFinalizer(client, a, "ours");
    assert.deepEqual(twice?.metadata.finalizers, ["other", "ours"]);
    assert.equal(calls.filter((verb) => verb === "update").length, 1);
    const removed = await removeFinalizer(client, a, "ours");
    assert.deepEqual(removed?.metadata.finalizers, ["other"]);
  });

  test("are not added to an object that is being deleted", async () => {
    const { client, put } = createWidgets();
    put(widget("a", { metadata: { ...a, deletionTimestamp: "2026-01-01T00:00:00Z" } }));
    assert.equal((await addFinalizer(client, a, "ours"))?.metadata.finalizers, undefined);
  });
});
