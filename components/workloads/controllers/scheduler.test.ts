import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Admission } from "@headrace/apiserver";
import { fetchFrom, testApi, type TestApi } from "@headrace/apiserver/testing";
import type { Client } from "@headrace/client";
import { builtIns, Event, Node, Pod } from "@headrace/k8s";
import { ApiError, findCondition } from "@headrace/model";
import { eventually, testIds } from "@headrace/model/testing";
import { createEventRecorder, createInformer } from "@headrace/runtime";
import { createNode, pod, setPhase } from "../testing/builders.ts";
import { createScheduler } from "./scheduler.ts";
import { claimKeysOf, createStorageView } from "./storage-view.ts";

const definitions = builtIns.filter(({ kind }) => kind !== "Namespace");

async function scheduling(work: (bench: Bench) => Promise<void>): Promise<void> {
  const admission: Admission[] = [];
  await using api = testApi(definitions, { admission });
  const stop = new AbortController();
  const errors: unknown[] = [];
  const start = async (client: Client = api.client) => {
    const { clock } = api;
    const onError = (error: unknown) => errors.push(error);
    const pods = createInformer({ client: client.resource(Pod), clock, indices: { claim: claimKeysOf } });
    const scheduler = createScheduler({
      client,
      clock,
      pods,
      storage: createStorageView({ client, clock, pods, onError }),
      nodes: createInformer({ client: client.resource(Node), clock }),
      events: createEventRecorder({ client, clock, ids: testIds(), component: "default-scheduler" }),
      onError,
    });
    await scheduler.start(stop.signal);
    return scheduler;
  };
  const startPlacing = async (client?: Client) => void admission.push((await start(client)).placement);
  const create = (object: Pod) => api.client.resource(Pod).create(object);
  const get = (name: string) => api.client.resource(Pod).get({ namespace: "default", name });
  try {
    await work({ ...api, api, start: async (client) => void (await start(client)), startPlacing, create, get, errors });
  } finally {
    stop.abort();
    await api.clock.settle();
  }
  assert.equal(api.clock.pending, 0, "timers are left");
}

interface Bench {
  readonly api: TestApi;
  readonly client: Client;
  /** The scheduler that learns of pods once they are there. */
  readonly start: (client?: Client) => Promise<void>;
  /** The one that is asked while they are being made, too. */
  readonly startPlacing: (client?: Client) => Promise<void>;
  readonly create: (object: Pod) => Promise<Pod>;
  readonly get: (name: string) => Promise<Pod>;
  readonly errors: readonly unknown[];
}

const nodeOf = async (get: Bench["get"], name: string) => (await get(name)).spec.nodeName;
const bound = (get: Bench["get"], name: string) => eventually(`${name} is bound`, () => nodeOf(get, name));
/** What its status says once it has waited for a moment. */
const refusal = ({ api, get }: Pick<Bench, "api" | "get">, name: string) =>
  eventually(`${name} is said to be unschedulable`, async () => {
    await api.clock.advance(1_000);
    const condition = findCondition((await get(name)).status?.conditions, "PodScheduled");
    return condition?.status === "False" && condition.message;
  });

describe("the scheduler", () => {
  test("binds pods that were there and pods that come, and says so", () =>
    scheduling(async ({ api, client, start, create, get }) => {
      await createNode(client, "box");
      await create(pod("early"));
      await start();
      await create(pod("late"));
      assert.equal(await bound(get, "early"), "box");
      assert.equal(await bound(get, "late"), "box");
      const condition = findCondition((await get("late")).status?.conditions, "PodScheduled");
      assert.equal(condition?.status, "True");
      const said = await eventually("events are written", async () => {
        const { items } = await api.client.resource(Event).list();
        return items.length === 2 && items;
      });
      assert.match(said[0]?.message ?? "", /^Successfully assigned default\/(early|late) to box$/);
    }));

  test("binds in the turn in which the pod is seen, without a timer", () =>
    scheduling(async ({ api, client, start, create, get }) => {
      await createNode(client, "box");
      await start();
      const before = api.clock.now();
      await create(pod("a"));
      await bound(get, "a");
      assert.equal(api.clock.now(), before);
    }));

  test("says what a node lacks, in the condition and in an event", () =>
    scheduling(async ({ api, client, start, create, get }) => {
      await createNode(client, "box", { allocatable: { cpu: "1" } });
      await start();
      await create(pod("big", { cpu: "2" }));
      assert.equal(await refusal({ api, get }, "big"), "0/1 nodes are available: 1 Insufficient cpu.");
      await create(pod("elsewhere", { spec: { nodeSelector: { gpu: "yes" } } }));
      assert.equal(
        await refusal({ api, get }, "elsewhere"),
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
      );
      assert.deepEqual((await client.resource(Event).list()).items, []);
      const failed = await eventually("the event is written", async () => {
        await api.clock.advance(9_000);
        const { items } = await client.resource(Event).list();
        return items.find(
          ({ reason, involvedObject }) => reason === "FailedScheduling" && involvedObject.name === "big",
        );
      });
      assert.equal(failed.type, "Warning");
    }));

  test("says nothing of pods that wait for a moment only", () =>
    scheduling(async ({ api, client, start, create, get }) => {
      await createNode(client, "box", { allocatable: { cpu: "1" } });
      await start();
      for (const name of ["a", "b"]) await create(pod(name, { cpu: "1" }));
      await bound(get, "a");
      const { resourceVersion } = (await get("b")).metadata;
      await api.clock.advance(900);
      assert.equal((await get("b")).metadata.resourceVersion, resourceVersion);
      await setPhase(client, "a", "Succeeded");
      await bound(get, "b");
      await api.clock.advance(20_000);
      const { items } = await client.resource(Event).list();
      assert.deepEqual(
        items.filter(({ reason }) => reason === "FailedScheduling"),
        [],
      );
    }));

  test("weighs what a pod prefers, and shuns what it would rather not have there", () =>
    scheduling(async ({ client, start, create, get }) => {
      await createNode(client, "large", { allocatable: { pods: "100" } });
      await createNode(client, "fast", { labels: { disk: "ssd", zone: "a" } });
      await createNode(client, "shunned", {
        labels: { disk: "ssd", zone: "a", extra: "yes" },
        spec: { taints: [{ key: "old", effect: "PreferNoSchedule" }] },
      });
      await start();
      const wish = (key: string, weight: number) => ({
        weight,
        preference: { matchExpressions: [{ key, operator: "Exists" as const }] },
      });
      const prefers = (...wishes: readonly ReturnType<typeof wish>[]) => ({
        affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: wishes } },
      });
      await create(pod("indifferent"));
      await create(pod("choosy", { spec: prefers(wish("disk", 10), wish("zone", 5)) }));
      await create(pod("bold", { spec: { ...prefers(wish("extra", 50)), tolerations: [{ operator: "Exists" }] } }));
      assert.equal(await bound(get, "indifferent"), "large");
      assert.equal(await bound(get, "choosy"), "fast");
      assert.equal(await bound(get, "bold"), "shunned");
    }));

  test("places waiting pods when one ends, when one is deleted, and when a node grows", () =>
    scheduling(async ({ api, client, start, create, get }) => {
      await createNode(client, "box", { allocatable: { cpu: "1" } });
      await start();
      for (const name of ["a", "b", "c", "d"]) await create(pod(name, { cpu: "1" }));
      assert.equal(await bound(get, "a"), "box");
      await refusal({ api, get }, "d");
      await setPhase(client, "a", "Succeeded");
      assert.equal(await bound(get, "b"), "box");
      assert.equal(await nodeOf(get, "c"), undefined);
      await client.resource(Pod).delete({ namespace: "default", name: "b" }, { gracePeriodSeconds: 0 });
      assert.equal(await bound(get, "c"), "box");
      const node = await client.resource(Node).get({ namespace: "", name: "box" });
      await client
        .resource(Node)
        .update(
          { ...node, status: { ...node.status, allocatable: { cpu: "2", memory: "8Gi", pods: "32" } } },
          { subresource: "status" },
        );
      assert.equal(await bound(get, "d"), "box");
    }));

  test("keeps to the node's number of pods, and small pods pass big ones that wait", () =>
    scheduling(async ({ api, client, start, create, get }) => {
      await createNode(client, "box", { allocatable: { cpu: "1", pods: "2" } });
      await start();
      await create(pod("big", { cpu: "3" }));
      await refusal({ api, get }, "big");
      await create(pod("a"));
      await create(pod("b"));
      await create(pod("c"));
      await bound(get, "b");
      assert.equal(await refusal({ api, get }, "c"), "0/1 nodes are available: 1 Too many pods.");
    }));

  test("chooses the pod of the highest priority when room is freed", () =>
    scheduling(async ({ api, client, start, create, get }) => {
      await createNode(client, "box", { allocatable: { cpu: "1" } });
      await start();
      await create(pod("first", { cpu: "1" }));
      await bound(get, "first");
      await create(pod("low", { cpu: "1", spec: { priority: 0 } }));
      await create(pod("high", { cpu: "1", spec: { priority: 10 } }));
      await refusal({ api, get }, "high");
      await setPhase(client, "first", "Failed");
      assert.equal(await bound(get, "high"), "box");
      assert.equal(await nodeOf(get, "low"), undefined);
    }));

  test("leaves gated pods, pods of other schedulers and nodes that are not ready alone", () =>
    scheduling(async ({ api, client, start, create, get }) => {
      await createNode(client, "broken", { ready: false });
      await start();
      await create(pod("gated", { spec: { schedulingGates: [{ name: "wait" }] } }));
      await create(pod("foreign", { spec: { schedulerName: "other" } }));
      await create(pod("plain"));
      assert.match(
        await refusal({ api, get }, "plain"),
        /1 node\(s\) had untolerated taint {node.kubernetes.io\/not-ready: }/,
      );
      await createNode(client, "box");
      await bound(get, "plain");
      await api.clock.settle();
      assert.equal(await nodeOf(get, "gated"), undefined);
      assert.equal(await nodeOf(get, "foreign"), undefined);
    }));

  test("tries again when a binding could not be written, and gives the room back meanwhile", () =>
    scheduling(async ({ api, client, start, create, get, errors }) => {
      await createNode(client, "box", { allocatable: { cpu: "1" } });
      let failures = 1;
      await start({
        resource(definition) {
          const real = client.resource(definition);
          return {
            ...real,
            async post(key, subresource, body) {
              if (failures-- > 0) throw new ApiError("ServiceUnavailable", "the disk is full");
              return real.post(key, subresource, body);
            },
          };
        },
      });
      await create(pod("a", { cpu: "1" }));
      await eventually("it failed", () => errors.length > 0);
      await api.clock.advance(10);
      assert.equal(await bound(get, "a"), "box");
    }));

  test("gives a thousand equal pods their turn with one look at each", () =>
    scheduling(async ({ client, start, create, get }) => {
      await createNode(client, "box", { allocatable: { cpu: "1", pods: "4" } });
      await start();
      const names = Array.from({ length: 1_000 }, (_, number) => `p${number}`);
      for (const name of names) await create(pod(name));
      for (const name of names.slice(0, 20)) {
        await bound(get, name);
        await setPhase(client, name, "Succeeded");
      }
      assert.equal(await bound(get, "p23"), "box");
      assert.equal(await nodeOf(get, "p24"), undefined);
    }));
});

describe("the scheduler, asked while a pod is being made", () => {
  test("has it bound by the commit that creates it, and says so", () =>
    scheduling(async ({ api, client, startPlacing, create, get }) => {
      await createNode(client, "box");
      await startPlacing();
      const before = api.store.revision;
      const made = await create(pod("a"));
      assert.equal(api.store.revision, before + 1);
      assert.equal(made.spec.nodeName, "box");
      assert.equal(findCondition(made.status?.conditions, "PodScheduled")?.status, "True");
      const [event] = await eventually("the event is written", async () => {
        const { items } = await client.resource(Event).list();
        return items.length > 0 && items;
      });
      assert.equal(event?.message, "Successfully assigned default/a to box");
      assert.equal((await get("a")).metadata.resourceVersion, made.metadata.resourceVersion);
    }));

  test("promises room once, also to pods that come at the same moment", () =>
    scheduling(async ({ client, startPlacing, create, get }) => {
      await createNode(client, "box", { allocatable: { cpu: "2" } });
      await startPlacing();
      const made = await Promise.all(["a", "b", "c"].map((name) => create(pod(name, { cpu: "1" }))));
      assert.deepEqual(
        made.map(({ spec }) => spec.nodeName),
        ["box", "box", undefined],
      );
      await setPhase(client, "a", "Succeeded");
      assert.equal(await bound(get, "c"), "box");
    }));

  test("lets no pod overtake an equal one that waits, not even one that was made in the same turn", () =>
    scheduling(async ({ client, startPlacing, create, get }) => {
      await createNode(client, "box", { allocatable: { cpu: "1" } });
      await startPlacing();
      await create(pod("a", { cpu: "1" }));
      await Promise.all([create(pod("b", { cpu: "1" })), setPhase(client, "a", "Succeeded")]);
      const last = await create(pod("c", { cpu: "1" }));
      assert.equal(last.spec.nodeName, undefined);
      assert.equal(await bound(get, "b"), "box");
      assert.equal(await nodeOf(get, "c"), undefined);
      await setPhase(client, "b", "Succeeded");
      assert.equal(await bound(get, "c"), "box");
    }));

  test("takes no room for pods that are not made: refused ones, and rehearsals", () =>
    scheduling(async ({ api, client, startPlacing, create }) => {
      await createNode(client, "box", { allocatable: { cpu: "2" } });
      await startPlacing();
      await create(pod("a", { cpu: "1" }));
      await assert.rejects(create(pod("a", { cpu: "1" })), { reason: "AlreadyExists" });
      const rehearsed = await fetchFrom(api)(
        "/api/v1/namespaces/default/pods?dryRun=All",
        { "content-type": "application/json" },
        { method: "POST", body: JSON.stringify(pod("b", { cpu: "1" })) },
      );
      assert.equal(rehearsed.status, 201);
      assert.equal(rehearsed.json<Pod>().spec.nodeName, undefined);
      assert.equal((await create(pod("c", { cpu: "1" }))).spec.nodeName, "box");
    }));

  test("leaves alone what is gated, another scheduler's, or waits for claims", () =>
    scheduling(async ({ client, startPlacing, create, get }) => {
      await createNode(client, "box");
      await startPlacing();
      const claimed = { name: "data", persistentVolumeClaim: { claimName: "data" } };
      const gated = await create(pod("gated", { spec: { schedulingGates: [{ name: "wait" }] } }));
      const foreign = await create(pod("foreign", { spec: { schedulerName: "other" } }));
      const waiting = await create(pod("waiting", { spec: { volumes: [claimed] } }));
      for (const { spec, status } of [gated, foreign, waiting]) {
        assert.equal(spec.nodeName, undefined);
        assert.equal(status?.conditions, undefined);
      }
      assert.equal((await create(pod("plain"))).spec.nodeName, "box");
      assert.equal(await nodeOf(get, "waiting"), undefined);
    }));

  test("gives back the room of a pod that was gone before it was seen", () =>
    scheduling(async ({ api, client, startPlacing, create, get }) => {
      await createNode(client, "box", { allocatable: { cpu: "1" } });
      await startPlacing(blindTo("ghost", client));
      assert.equal((await create(pod("ghost", { cpu: "1" }))).spec.nodeName, "box");
      await client.resource(Pod).delete({ namespace: "default", name: "ghost" }, { gracePeriodSeconds: 0 });
      await create(pod("next", { cpu: "1" }));
      assert.equal(await refusal({ api, get }, "next"), "0/1 nodes are available: 1 Insufficient cpu.");
      await api.clock.advance(30_000);
      assert.equal(await bound(get, "next"), "box");
    }));
});

/** What a watch that has to begin anew may never show: an object that came and went meanwhile. */
function blindTo(name: string, client: Client): Client {
  return {
    resource(definition) {
      const real = client.resource(definition);
      return {
        ...real,
        async *watch(query) {
          for await (const event of real.watch(query)) if (event.object.metadata.name !== name) yield event;
        },
      };
    },
  };
}
