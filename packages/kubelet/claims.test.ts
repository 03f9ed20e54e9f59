import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Event, PersistentVolume, PersistentVolumeClaim, type Pod } from "@headrace/k8s";
import { eventually } from "@headrace/model/testing";
import { testNode, type TestNode, type TestPod } from "./testing/index.ts";

const isOver = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";

/** A claim that is bound to a volume of its own, as the controllers of storage leave it. */
async function boundClaim(node: TestNode, name: string, source?: Partial<PersistentVolume["spec"]>): Promise<string> {
  const claims = node.api.client.resource(PersistentVolumeClaim);
  const access = { accessModes: ["ReadWriteOnce" as const] };
  const made = await claims.create({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { namespace: "default", name },
    spec: { ...access, resources: { requests: { storage: "1Gi" } }, volumeName: `volume-${name}` },
  });
  const handle = `pvc-${made.metadata.uid}`;
  const folder = join(node.volumesDirectory, handle);
  mkdirSync(folder, { recursive: true });
  await node.api.client.resource(PersistentVolume).create({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `volume-${name}` },
    spec: {
      ...access,
      capacity: { storage: "1Gi" },
      claimRef: { namespace: "default", name, uid: made.metadata.uid ?? "" },
      ...(source ?? { csi: { driver: "local.headrace.io", volumeHandle: handle } }),
    },
  });
  await claims.update({ ...made, status: { phase: "Bound" } }, { subresource: "status" });
  return folder;
}

const mounting = (name: string, claimName: string, more: object = {}, readOnly = false): TestPod => ({
  name,
  spec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName, readOnly } }] },
  container: { volumeMounts: [{ name: "data", mountPath: "/data", ...more }] },
});

const said = (node: TestNode, pod: string, pattern: RegExp) =>
  eventually(`${pod} is told ${pattern}`, async () => {
    const { items } = await node.api.client.resource(Event).list();
    return items.some(({ involvedObject, message = "" }) => involvedObject.name === pod && pattern.test(message));
  });

const mountOf = (node: TestNode) =>
  node.sandbox.started.at(-1)?.mounts.find(({ target }) => target === "/data") ?? assert.fail("no mount");

describe("claims", () => {
  test("are mounted from their folder, whole or in part, and read-only where asked", async () => {
    await using node = await testNode();
    const folder = await boundClaim(node, "work");
    await node.run(mounting("whole", "work"));
    await node.when("whole", "is over", isOver);
    assert.deepEqual(mountOf(node), { kind: "bind", source: folder, target: "/data", readOnly: false });
    await node.run(mounting("part", "work", { subPath: "a/b" }));
    await node.when("part", "is over", isOver);
    const part = { kind: "bind", source: join(folder, "a/b"), within: folder, target: "/data", readOnly: false };
    assert.deepEqual(mountOf(node), part);
    await node.run(mounting("reader", "work", { subPath: "a" }, true));
    await node.when("reader", "is over", isOver);
    assert.deepEqual(mountOf(node), { ...part, source: join(folder, "a"), readOnly: true });
  });

  test("lead nowhere by links that a container left in them", async () => {
    await using node = await testNode();
    const folder = await boundClaim(node, "work");
    symlinkSync("/etc", join(folder, "link"));
    for (const [name, subPath, readOnly] of [
      ["writer", "link", false],
      ["deeper", "link/new", false],
      ["reader", "link", true],
    ] as const) {
      await node.run(mounting(name, "work", { subPath }, readOnly));
      const pod = await node.when(name, "waits", ({ status }) => {
        return status?.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError";
      });
      assert.match(pod.status?.containerStatuses?.[0]?.state?.waiting?.message ?? "", /leads through a link/);
    }
    assert.equal(node.sandbox.started.length, 0);
  });

  test("that are not ready are waited for", async () => {
    await using node = await testNode();
    await node.run(mounting("one", "late"));
    await said(node, "one", /persistentvolumeclaim "late" not found/);
    await boundClaim(node, "late");
    await node.api.client.resource(PersistentVolumeClaim).delete({ namespace: "default", name: "late" });
    await node.api.clock.advance(2000);
    await said(node, "one", /persistentvolumeclaim "late" is being deleted/);
  });

  test("of a pod's own are mounted for that pod alone", async () => {
    await using node = await testNode();
    await boundClaim(node, "one-scratch");
    const template = { spec: { accessModes: ["ReadWriteOnce" as const], resources: { requests: { storage: "1" } } } };
    await node.run({
      spec: { volumes: [{ name: "scratch", ephemeral: { volumeClaimTemplate: template } }] },
      container: { volumeMounts: [{ name: "scratch", mountPath: "/data" }] },
    });
    await said(node, "one", /persistentvolumeclaim "one-scratch" was not made for this pod/);
  });

  test("of an administrator's folder are mounted if the folder is shared", async () => {
    await using node = await testNode({ shares: [{ path: "/usr/share", readOnly: true }] });
    await boundClaim(node, "shared", { hostPath: { path: "/usr/share" } });
    await boundClaim(node, "private", { hostPath: { path: "/etc" } });
    await node.run(mounting("one", "shared"));
    await node.when("one", "is over", isOver);
    assert.deepEqual(mountOf(node), { kind: "bind", source: "/usr/share", target: "/data", readOnly: true });
    await node.run(mounting("two", "private"));
    const refused = await node.when("two", "is over", isOver);
    assert.match(refused.status?.message ?? "", /persistentvolume "volume-private".*Start Headrace with --share \/etc/);
  });

  test("whose handle is no folder's name are not looked for", async () => {
    await using node = await testNode();
    await boundClaim(node, "odd", { csi: { driver: "local.headrace.io", volumeHandle: "../pods" } });
    await node.run(mounting("one", "odd"));
    await said(node, "one", /its folder \.\.\/pods is not there/);
  });
});
