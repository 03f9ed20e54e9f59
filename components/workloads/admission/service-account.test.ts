import assert from "node:assert/strict";
import { test } from "node:test";
import { testApi } from "@headrace/apiserver/testing";
import { builtIns, Namespace, Pod, ServiceAccount } from "@headrace/k8s";
import { pod } from "../testing/builders.ts";
import { serviceAccountAdmission } from "./service-account.ts";

test("a pod runs as an account that is there, which says whether it gets a token unless the pod does", async () => {
  const admission: ReturnType<typeof serviceAccountAdmission>[] = [];
  await using api = testApi(builtIns, { admission });
  const { client } = api;
  admission.push(serviceAccountAdmission(client));
  await client
    .resource(Namespace)
    .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "default" }, spec: {} });
  const account = (name: string, more: object) =>
    client
      .resource(ServiceAccount)
      .create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace: "default", name }, ...more });
  await account("default", {});
  await account("quiet", { automountServiceAccountToken: false });
  const asked: readonly [Partial<Pod["spec"]>, string, boolean | undefined][] = [
    [{}, "default", undefined],
    [{ serviceAccountName: "quiet" }, "quiet", false],
    [{ serviceAccountName: "quiet", automountServiceAccountToken: true }, "quiet", true],
    [{ automountServiceAccountToken: false }, "default", false],
  ];
  for (const [index, [spec, name, mounts]] of asked.entries()) {
    const wanted = pod(`pod-${index}`);
    const made = await client.resource(Pod).create({ ...wanted, spec: { ...wanted.spec, ...spec } });
    assert.deepEqual([made.spec.serviceAccountName, made.spec.automountServiceAccountToken], [name, mounts]);
  }
  const stranger = pod("stranger");
  await assert.rejects(
    client.resource(Pod).create({ ...stranger, spec: { ...stranger.spec, serviceAccountName: "nobody" } }),
    { reason: "Forbidden", message: /serviceaccount "nobody" not found/ },
  );
});
