import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { testApi } from "@headrace/apiserver/testing";
import { builtIns, Event } from "@headrace/k8s";
import { testIds } from "@headrace/model/testing";
import { createEventRecorder } from "./events.ts";

const subject = (name: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", uid: name },
});
const warning = (message: string) => ({ type: "Warning", reason: "Failed", message }) as const;

function recording() {
  const api = testApi(builtIns.filter(({ kind }) => kind !== "Namespace"));
  const recorder = createEventRecorder({ client: api.client, clock: api.clock, ids: testIds(), component: "tester" });
  const list = async () => {
    await recorder.flush();
    const { items } = await api.client.resource(Event).list();
    return items;
  };
  return { api, recorder, list };
}

describe("an event recorder", () => {
  test("writes an event about an object, and counts its repetitions on it", async () => {
    const { api, recorder, list } = recording();
    for (let n = 0; n < 3; n++) recorder.record(subject("a"), warning("it broke"));
    const [event, ...others] = await list();
    assert.equal(others.length, 0);
    assert.equal(event?.count, 3);
    assert.equal(event?.involvedObject.uid, "a");
    assert.equal(event?.source?.component, "tester");
    await api[Symbol.asyncDispose]();
  });

  test("combines many that differ only in their message", async () => {
    const { api, recorder, list } = recording();
    for (let n = 0; n < 15; n++) recorder.record(subject("a"), warning(`try ${n}`));
    const events = await list();
    assert.equal(events.length, 11);
    const combined = events.find(({ message }) => message?.startsWith("(combined from similar events): "));
    assert.equal(combined?.count, 5);
    await api[Symbol.asyncDispose]();
  });

  test("throttles an object that talks without end, but not the others", async () => {
    const { api, recorder, list } = recording();
    for (let n = 0; n < 40; n++) recorder.record(subject("loud"), warning("again"));
    recorder.record(subject("quiet"), warning("once"));
    assert.equal(recorder.dropped, 15);
    assert.equal((await list()).length, 2);
    await api.clock.advance(300_000);
    recorder.record(subject("loud"), warning("again"));
    assert.equal(recorder.dropped, 15);
    await api[Symbol.asyncDispose]();
  });

  test("writes anew when the event it would count on has vanished", async () => {
    const { api, recorder, list } = recording();
    recorder.record(subject("a"), warning("it broke"));
    const [first] = await list();
    await api.client.resource(Event).delete({ namespace: "default", name: first?.metadata.name ?? "" });
    recorder.record(subject("a"), warning("it broke"));
    const [second] = await list();
    assert.equal(second?.count, 1);
    await api[Symbol.asyncDispose]();
  });

  test("counts what could not be written and goes on", async () => {
    const { api, recorder, list } = recording();
    recorder.record({ ...subject("a"), metadata: { name: "a", namespace: "NOT A NAMESPACE" } }, warning("lost"));
    recorder.record(subject("b"), warning("kept"));
    assert.equal((await list()).length, 1);
    assert.equal(recorder.dropped, 1);
    await api[Symbol.asyncDispose]();
  });
});
