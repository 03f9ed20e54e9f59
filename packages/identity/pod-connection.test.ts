import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock, systemIds, type PodAccount, type User } from "@headrace/model";
import { createIdentity, type Identity } from "./identity.ts";
import { whyAnonymous } from "./nobody.ts";

const service = "metadata-grpc-service.kubeflow";
const pod = { name: "train", uid: "pod-1" };
const attributes = { group: "", resource: "pods", namespace: "team", name: "" };

describe("a pod that calls without a token", () => {
  let directory = "";
  let identity: Identity;
  const pods = new Map<string, PodAccount>([
    ["pod-1", { namespace: "team", serviceAccount: "trainer", pod }],
    ["pod-2", { namespace: "team", pod: { name: "open", uid: "pod-2" } }],
  ]);
  let accountUid: string | undefined = "sa-1";
  let podUid: string | undefined = "pod-1";

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "headrace-pod-connection-"));
    identity = await createIdentity({
      dataDirectory: directory,
      mode: "local",
      clock: systemClock,
      ids: systemIds,
      bound: { serviceAccountUid: async () => accountUid, podUid: async () => podUid },
      pods: { account: async (uid) => pods.get(uid), serviceNames: [service] },
      localUser: { name: "ana", uid: 1000 },
      peerOwner: async () => 1000,
    });
  });
  after(async () => {
    await identity.close();
    await rm(directory, { recursive: true });
  });

  function call(headers: Record<string, string>, uid = "pod-1"): Promise<User | undefined> {
    const remote = { address: "pods", port: 0, localPort: 0, pod: uid };
    return identity.gatewayAuthenticator.authenticate({ headers: { host: `${service}:8080`, ...headers }, remote });
  }

  const whyNot = async (headers: Record<string, string>, uid?: string): Promise<string | undefined> =>
    (await call(headers, uid))?.extra?.[whyAnonymous]?.[0];

  test("is the user that its token stands for, with the same rights", async () => {
    const { token } = await identity.serviceAccounts.issue({
      namespace: "team",
      name: "trainer",
      uid: "sa-1",
      audiences: [],
      expirationSeconds: 3600,
      pod,
    });
    const byToken = await call({ authorization: `Bearer ${token}` });
    const byConnection = await call({});
    const { "authentication.kubernetes.io/credential-id": _, ...extra } = byToken?.extra ?? {};
    assert.deepEqual(byConnection, { ...byToken, extra });
    assert.equal(byConnection?.name, "system:serviceaccount:team:trainer");
    for (const verb of ["list", "create"]) {
      for (const namespace of ["team", "other"]) {
        const ask = (user: User = assert.fail()) =>
          identity.authorizer.authorize({ ...attributes, verb, namespace, user });
        const decision = await ask(byConnection);
        assert.deepEqual(decision, await ask(byToken));
        assert.equal(decision.allowed, verb === "list" && namespace === "team");
      }
    }
  });

  test("is who it says to be if it says so, and nobody if that is a lie or in other words", async () => {
    const token = await identity.administratorToken();
    assert.equal((await call({ authorization: `Bearer ${token}` }))?.name, "ana");
    await assert.rejects(call({ authorization: "Bearer forged" }), { reason: "Unauthorized" });
    for (const authorization of ["", "Basic dHJhaW5lcjo=", "AWS4-HMAC-SHA256 Credential=a"]) {
      assert.equal((await call({ authorization }))?.name, "system:anonymous", authorization);
    }
  });

  test("is nobody without a service account of its own, and once it or the account is gone", async () => {
    assert.match((await whyNot({}, "pod-2")) ?? "", /automountServiceAccountToken: false/);
    assert.match((await whyNot({}, "pod-3")) ?? "", /does not run any more/);
    podUid = "pod-of-the-same-name";
    assert.match((await whyNot({})) ?? "", /pod team\/train no longer exists/);
    [podUid, accountUid] = ["pod-1", undefined];
    assert.match((await whyNot({})) ?? "", /service account team\/trainer no longer exists/);
    accountUid = "sa-1";
    assert.equal(await whyNot({}), undefined);
  });

  test("is not a page that a browser in it shows", async () => {
    for (const host of [service, `${service.toUpperCase()}.:8080`, "10.191.0.5:8080", "[::1]:80"]) {
      assert.equal(await whyNot({ host }), undefined, host);
    }
    for (const host of ["evil.example:8080", `${service}.evil.example`, "localhost:8080", ""]) {
      assert.match((await whyNot({ host })) ?? "", /is no name or address of a service/, host);
    }
    assert.match((await whyNot({ origin: "https://evil.example" })) ?? "", /page of another site/);
    assert.match((await whyNot({ "sec-fetch-site": "cross-site" })) ?? "", /page of another site/);
  });

  test("is nobody at the Kubernetes API's own listener", async () => {
    const remote = { address: "pods", port: 0, localPort: 0, pod: "pod-1" };
    const user = await identity.kubeAuthenticator.authenticate({ headers: { host: service }, remote });
    assert.equal(user?.name, "system:anonymous");
  });

  test("reads why it may do nothing", async () => {
    const user = (await call({}, "pod-2")) ?? assert.fail();
    const { reason } = await identity.authorizer.authorize({ ...attributes, verb: "list", user });
    assert.match(reason, /nobody's, because its pod has no service account/);
  });
});
