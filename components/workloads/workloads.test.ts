import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { testApi, type TestApi } from "@headrace/apiserver/testing";
import type { Client, DeleteOptions } from "@headrace/client";
import { builtIns, ConfigMap, Event, Namespace, Pod, Secret, ServiceAccount } from "@headrace/k8s";
import { isApiError, type KubeObject, type OwnerReference } from "@headrace/model";
import { eventually, testIds } from "@headrace/model/testing";
import { ifPresent } from "@headrace/runtime";
import { createWorkloads } from "./index.ts";
import { createNode, pod, setPhase } from "./testing/builders.ts";

interface Bench {
  readonly client: Client;
  readonly api: TestApi;
  readonly explain: (name: string) => Promise<readonly { summary: string; remedy?: string }[]>;
}

/** The whole component over the real server. */
async function withWorkloads(work: (bench: Bench) => Promise<void>, keepFinishedPods = 500): Promise<void> {
  await using api = testApi(builtIns);
  const directory = await mkdtemp(join(tmpdir(), "volumes-"));
  const stop = new AbortController();
  const errors: unknown[] = [];
  const { client, clock } = api;
  const workloads = createWorkloads({
    client,
    clock,
    ids: testIds(),
    definitions: builtIns,
    rootCa: "the authority",
    volumesDirectory: directory,
    keepFinishedPods,
    onError: (error) => errors.push(error),
  });
  try {
    for (const controller of workloads.controllers ?? []) await controller.start(stop.signal);
    await work({
      client,
      api,
      explain: async (name) => (await workloads.explain?.({ kind: "Pod", namespace: "default", name })) ?? [],
    });
  } finally {
    stop.abort();
    await clock.settle();
    await rm(directory, { recursive: true, force: true });
  }
  assert.deepEqual(errors, []);
  assert.equal(clock.pending, 0, "timers are left");
}

const data = { a: "1" };
const configMap = (name: string, metadata: Partial<KubeObject["metadata"]> = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default", ...metadata },
  data,
});

function ownedBy(owner: KubeObject, more: Partial<OwnerReference> = {}): Partial<KubeObject["metadata"]> {
  const { name = "", uid = "" } = owner.metadata;
  return { ownerReferences: [{ apiVersion: owner.apiVersion, kind: owner.kind, name, uid, ...more }] };
}

const key = (name: string) => ({ namespace: "default", name });

describe("owner collection", () => {
  const find = ({ client }: Bench, name: string) => ifPresent(client.resource(ConfigMap).get(key(name)));
  const create = ({ client }: Bench, object: ConfigMap) => client.resource(ConfigMap).create(object);
  const remove = ({ client }: Bench, name: string, options?: DeleteOptions) =>
    client.resource(ConfigMap).delete(key(name), options);
  const gone = (bench: Bench, name: string) =>
    eventually(`${name} is gone`, async () => (await find(bench, name)) === undefined);

  test("deletes what its owner leaves behind, down to the last generation", () =>
    withWorkloads(async (bench) => {
      const owner = await create(bench, configMap("owner"));
      const child = await create(bench, configMap("child", ownedBy(owner)));
      await create(bench, configMap("grandchild", ownedBy(child)));
      await create(bench, configMap("bystander"));
      await remove(bench, "owner");
      await gone(bench, "child");
      await gone(bench, "grandchild");
      assert.ok(await find(bench, "bystander"));
    }));

  test("deletes what names an owner that never was, but not what names one that it has not seen yet", () =>
    withWorkloads(async (bench) => {
      const owner = await create(bench, configMap("owner"));
      await create(bench, configMap("child", ownedBy(owner)));
      await create(bench, configMap("stray", ownedBy({ ...owner, metadata: { ...owner.metadata, uid: "other" } })));
      await gone(bench, "stray");
      assert.ok(await find(bench, "child"));
    }));

  test("keeps what another owner holds, and strikes the owner that went", () =>
    withWorkloads(async (bench) => {
      const [one, two] = [await create(bench, configMap("one")), await create(bench, configMap("two"))];
      const references = [one, two].flatMap((owner) => ownedBy(owner).ownerReferences ?? []);
      await create(bench, configMap("child", { ownerReferences: references }));
      await remove(bench, "one");
      await eventually("the reference is struck", async () => {
        const owners = (await find(bench, "child"))?.metadata.ownerReferences ?? [];
        return owners.length === 1 && owners[0]?.name === "two";
      });
    }));

  test("in the foreground lets the owner go after its blocking dependents", () =>
    withWorkloads(async (bench) => {
      const owner = await create(bench, configMap("owner"));
      const blocking = { blockOwnerDeletion: true };
      await create(bench, configMap("held", { ...ownedBy(owner, blocking), finalizers: ["example.org/hold"] }));
      await create(bench, configMap("free", ownedBy(owner, blocking)));
      await remove(bench, "owner", { propagationPolicy: "Foreground" });
      await gone(bench, "free");
      await eventually("the held one is being deleted", async () =>
        Boolean((await find(bench, "held"))?.metadata.deletionTimestamp),
      );
      assert.ok(await find(bench, "owner"), "the owner waits");
      await bench.client
        .resource(ConfigMap)
        .patch(key("held"), { type: "merge", body: { metadata: { finalizers: null } } });
      await gone(bench, "held");
      await gone(bench, "owner");
    }));

  test("with Orphan leaves the dependents, without their reference", () =>
    withWorkloads(async (bench) => {
      const owner = await create(bench, configMap("owner"));
      await create(bench, configMap("child", ownedBy(owner)));
      await remove(bench, "owner", { propagationPolicy: "Orphan" });
      await gone(bench, "owner");
      const child = await find(bench, "child");
      assert.deepEqual(child?.metadata.ownerReferences ?? [], []);
    }));

  test("leaves alone what names an owner of a kind that is not served", () =>
    withWorkloads(async (bench) => {
      const foreign = { apiVersion: "example.org/v1", kind: "Thing", metadata: { name: "thing", uid: "u" } };
      await create(bench, configMap("child", ownedBy(foreign)));
      const owner = await create(bench, configMap("owner"));
      await create(bench, configMap("other", ownedBy(owner)));
      await remove(bench, "owner");
      await gone(bench, "other");
      assert.ok(await find(bench, "child"));
    }));
});

describe("namespaces", () => {
  test("that everybody counts on are there from the start, with what pods need", () =>
    withWorkloads(async ({ client }) => {
      const { items } = await client.resource(Namespace).list();
      assert.deepEqual(
        items.map(({ metadata }) => metadata.name),
        ["default", "kube-node-lease", "kube-public", "kube-system", "kubeflow"],
      );
      const accounts = await client.resource(ServiceAccount).list({ namespace: "kubeflow" });
      assert.deepEqual(
        accounts.items.map(({ metadata }) => metadata.name),
        ["default", "pipeline-runner"],
      );
      const published = await client.resource(ConfigMap).get({ namespace: "default", name: "kube-root-ca.crt" });
      assert.deepEqual(published.data, { "ca.crt": "the authority" });
    }));

  test("get their service account back when it is deleted, and the authority when it is changed", () =>
    withWorkloads(async ({ client }) => {
      await client
        .resource(Namespace)
        .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "team" }, spec: {} });
      const account = { namespace: "team", name: "default" };
      const accounts = client.resource(ServiceAccount);
      const first = await eventually("the account is there", () => ifPresent(accounts.get(account)));
      await accounts.delete(account);
      await eventually("it is there again", async () => {
        const again = await ifPresent(accounts.get(account));
        return again !== undefined && again.metadata.uid !== first.metadata.uid;
      });
      const maps = client.resource(ConfigMap);
      const ca = { namespace: "team", name: "kube-root-ca.crt" };
      await eventually("it is published", () => ifPresent(maps.get(ca)));
      await maps.patch(ca, { type: "merge", body: { data: { "ca.crt": "somebody else's" } } });
      await eventually("it is ours again", async () => (await maps.get(ca)).data?.["ca.crt"] === "the authority");
    }));

  test("that are deleted are emptied of every kind, wait for finalizers, and go", () =>
    withWorkloads(async ({ client }) => {
      const namespaces = client.resource(Namespace);
      await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "team" }, spec: {} });
      await client
        .resource(ConfigMap)
        .create(configMap("held", { namespace: "team", finalizers: ["example.org/hold"] }));
      const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "team" }, type: "Opaque" };
      await client.resource(Secret).create(secret);
      await namespaces.delete({ namespace: "", name: "team" });
      const secrets = () => client.resource(Secret).list({ namespace: "team" });
      await eventually("the secret is gone", async () => (await secrets()).items.length === 0);
      assert.equal((await namespaces.get({ namespace: "", name: "team" })).status?.phase, "Terminating");
      await client
        .resource(ConfigMap)
        .patch({ namespace: "team", name: "held" }, { type: "merge", body: { metadata: { finalizers: null } } });
      await eventually("the namespace is gone", async () => {
        try {
          await namespaces.get({ namespace: "", name: "team" });
          return false;
        } catch (error) {
          return isApiError(error, "NotFound");
        }
      });
    }));
});

describe("finished pods", () => {
  test("stay, but for the oldest beyond the number that is kept", () =>
    withWorkloads(async ({ client, api }) => {
      await createNode(client, "box");
      const pods = client.resource(Pod);
      for (const name of ["a", "b", "c", "d"]) {
        await pods.create(pod(name, name === "a" ? { metadata: { finalizers: ["example.org/hold"] } } : {}));
        await eventually("it is bound", async () => (await pods.get(key(name))).spec.nodeName);
        await setPhase(client, name, "Succeeded");
        await api.clock.advance(1_000);
      }
      const names = async () => (await pods.list()).items.map(({ metadata }) => metadata.name);
      await eventually("b is gone", async () => !(await names()).includes("b"));
      assert.ok((await names()).includes("a"), "what a finalizer holds stays");
      assert.ok((await names()).includes("d"), "the newest stays");
    }, 2));
});

describe("explaining a pod", () => {
  test("that its node cannot start says what the node said last", () =>
    withWorkloads(async ({ client, explain }) => {
      await createNode(client, "n");
      const { metadata } = await client.resource(Pod).create(pod("stuck"));
      await eventually("the pod is scheduled", async () => {
        const { spec } = await client.resource(Pod).get(key("stuck"));
        return spec.nodeName === "n";
      });
      for (const [name, message, lastTimestamp] of [
        ["stuck.1", 'volume "v": there is no claim', "2026-01-01T00:00:01Z"],
        ["stuck.2", 'volume "v": this node has no storage', "2026-01-01T00:00:02Z"],
      ] as const) {
        await client.resource(Event).create({
          apiVersion: "v1",
          kind: "Event",
          metadata: { name, namespace: "default" },
          involvedObject: { kind: "Pod", namespace: "default", name: "stuck", uid: metadata.uid ?? "" },
          type: "Warning",
          reason: "FailedMount",
          message,
          lastTimestamp,
          reportingComponent: "kubelet",
          reportingInstance: "n",
          source: {},
        });
      }
      const [reason] = await explain("stuck");
      assert.equal(reason?.summary, 'The pod waits: FailedMount: volume "v": this node has no storage');
    }));

  test("says why it waits for a node and what to do", () =>
    withWorkloads(async ({ api, client, explain }) => {
      await createNode(client, "box", { allocatable: { cpu: "1" } });
      await client.resource(Pod).create(pod("big", { cpu: "2" }));
      const reasons = await eventually("there is a reason", async () => {
        await api.clock.advance(1_000);
        const found = await explain("big");
        return found.length > 0 && found;
      });
      assert.equal(reasons[0]?.summary, "The pod waits for a node: 0/1 nodes are available: 1 Insufficient cpu.");
      assert.match(reasons[0]?.remedy ?? "", /resources\.requests/);
      assert.deepEqual(await explain("nothing"), []);
    }));
});
