import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Namespace, PersistentVolumeClaim, Pod } from "@headrace/k8s";
import { eventually } from "@headrace/model/testing";
import { ifPresent } from "@headrace/runtime";
import { findKubectl } from "./testing/kubectl.ts";
import { sharedPlatform } from "./testing/shared.ts";

const namespace = "storage-test";

test("what one pod leaves in a claim the next one finds, until the claim is deleted", async () => {
  const { platform, directory } = await sharedPlatform();
  const { client, running } = platform;
  await client
    .resource(Namespace)
    .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace }, spec: {} });
  const claims = client.resource(PersistentVolumeClaim);
  const key = (name: string) => ({ namespace, name });
  await claims.create({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: key("data"),
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  });

  /** Runs a script to its end, with the claim at /data and an emptyDir in memory at /memory, and gives its last words. */
  async function run(name: string, script: string, spec: Partial<Pod["spec"]>, mount: object = {}): Promise<string> {
    await client.resource(Pod).create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: key(name),
      spec: {
        restartPolicy: "Never",
        volumes: [
          { name: "data", persistentVolumeClaim: { claimName: "data" } },
          { name: "memory", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
        ],
        ...spec,
        containers: [
          {
            name: "main",
            image: "busybox",
            command: ["sh", "-c", `(${script}) > /dev/termination-log 2>&1`],
            volumeMounts: [
              { name: "data", mountPath: "/data", ...mount },
              { name: "memory", mountPath: "/memory" },
            ],
          },
        ],
      },
    });
    const pod = await eventually(`pod ${name} is over`, async () => {
      const found = await client.resource(Pod).get(key(name));
      return ["Succeeded", "Failed"].includes(found.status?.phase ?? "") && found;
    });
    return pod.status?.containerStatuses?.[0]?.state?.terminated?.message ?? "";
  }

  // As an ordinary user Headrace has one user to give, which is root inside.
  const shown = process.getuid?.() === 0 ? "1000\n" : "0\n";
  const asUser = { securityContext: { runAsUser: 1000, runAsGroup: 1000 } };
  assert.equal(await run("writer", "echo kept > /data/file; stat -c %u /data/file", asUser, { subPath: "a/b" }), shown);
  assert.equal(await run("reader", "cat /data/a/b/file; stat -c %u /data/a/b/file", {}), "kept\n0\n");
  assert.match(await run("guest", "touch /data/new", {}, { readOnly: true }), /Read-only file system/);
  assert.match(await run("glutton", "head -c 2000000 /dev/zero > /memory/big", {}), /No space left/);
  const template = { spec: { accessModes: ["ReadWriteOnce" as const], resources: { requests: { storage: "1Mi" } } } };
  const own = {
    volumes: [
      { name: "data", ephemeral: { volumeClaimTemplate: template } },
      { name: "memory", emptyDir: {} },
    ],
  };
  assert.equal(await run("own", "touch /data/x; ls /data", own), "x\n");

  await using kubectl = await findKubectl(running.kubeconfig);
  if (kubectl) {
    const table = await kubectl.ok(`get pvc data -n ${namespace}`);
    assert.match(table, /^NAME +STATUS +VOLUME +CAPACITY +ACCESS MODES +STORAGECLASS +VOLUMEATTRIBUTESCLASS +AGE\n/);
    assert.match(table, /\ndata +Bound +pvc-[0-9a-f-]+ +1Gi +RWO +standard +<unset> +\d+s\n$/);
    assert.match(await kubectl.ok("get pv"), /1Gi +RWO +Delete +Bound +storage-test\/data +standard/);
    assert.match(await kubectl.ok("get sc"), /standard \(default\) +local\.headrace\.io +Delete +Immediate +true/);
    assert.match(await kubectl.ok(`describe pvc data -n ${namespace}`), /Used By:[\s\S]*writer/);
  }

  const { spec } = await claims.get(key("data"));
  const volumes = join(directory, "home", "volumes");
  assert.equal(await readFile(join(volumes, spec.volumeName ?? "", "a/b/file"), "utf8"), "kept\n");
  await claims.delete(key("data"));
  await eventually("the claim is gone", async () => !(await ifPresent(claims.get(key("data")))));
  await client.resource(Namespace).delete({ namespace: "", name: namespace });
  await eventually("its folder is gone", async () => !(await readdir(volumes)).includes(spec.volumeName ?? ""));
});
