import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock, systemIds, type AuditEvent } from "@headrace/model";
import { createAuditLog } from "./audit.ts";
import { createIdentity, pipelinesAudience, requireSafeAddress, type AuthMode } from "./identity.ts";

let root = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "headrace-identity-"));
});
after(() => rm(root, { recursive: true }));

function open(mode: AuthMode, directory: string = mode) {
  return createIdentity({
    dataDirectory: join(root, directory),
    mode,
    clock: systemClock,
    ids: systemIds,
    bound: { serviceAccountUid: async () => "sa-1", podUid: async () => undefined },
    localUser: { name: "ana", uid: 1000 },
    peerOwner: async () => 1000,
  });
}

const fromLoopback = { address: "127.0.0.1", port: 1, localPort: 8080 };

describe("identity", () => {
  test("takes the local user for the administrator in local mode only, and never at the Kubernetes API's listener", async () => {
    const local = await open("local");
    const request = { headers: { host: "localhost:8080" }, remote: fromLoopback };
    const user = await local.gatewayAuthenticator.authenticate(request);
    assert.equal(user?.name, "ana");
    assert.ok(user?.groups.includes("system:masters"));
    assert.equal((await local.kubeAuthenticator.authenticate(request))?.name, "system:anonymous");
    await local.close();
    const byToken = await open("token");
    assert.equal((await byToken.gatewayAuthenticator.authenticate(request))?.name, "system:anonymous");
    await byToken.close();
  });

  test("in local mode is for addresses of this machine only", () => {
    for (const host of ["127.0.0.1", "::1", "localhost"]) requireSafeAddress("local", host);
    for (const host of ["0.0.0.0", "::", "192.168.1.2", "box.example"]) {
      assert.throws(() => requireSafeAddress("local", host), { code: "ADDRESS_UNSAFE", message: /--auth token/ });
      requireSafeAddress("token", host);
    }
  });

  test("writes a private kubeconfig whose token goes on working after a restart", async () => {
    const first = await open("token", "kubeconfig");
    const path = await first.writeKubeconfig({ url: "https://127.0.0.1:6443", namespace: "kubeflow" });
    const text = await readFile(path, "utf8");
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.match(text, /server: "https:\/\/127\.0\.0\.1:6443"/);
    await first.close();

    const second = await open("token", "kubeconfig");
    await second.writeKubeconfig({ url: "https://127.0.0.1:6443", namespace: "kubeflow" });
    assert.equal(await readFile(path, "utf8"), text);
    const [, token = ""] = /token: "([^"]+)"/.exec(text) ?? [];
    const user = await second.kubeAuthenticator.authenticate({ headers: { authorization: `Bearer ${token}` } });
    assert.ok(user?.groups.includes("system:masters"));
    await second.close();
  });

  test("refuses bad credentials rather than overlooking them, from the local user too", async () => {
    const identity = await open("local");
    const headers = { host: "localhost:8080", authorization: "Bearer headrace-wrong" };
    await assert.rejects(identity.gatewayAuthenticator.authenticate({ headers, remote: fromLoopback }), {
      reason: "Unauthorized",
    });
    await identity.close();
  });

  test("takes the pipelines client's token at the gateway and not at the Kubernetes API", async () => {
    const identity = await open("token");
    const { token } = await identity.serviceAccounts.issue({
      namespace: "team",
      name: "default",
      uid: "sa-1",
      audiences: [pipelinesAudience],
      expirationSeconds: 3600,
    });
    const headers = { authorization: `bearer ${token}` };
    const user = await identity.gatewayAuthenticator.authenticate({ headers });
    assert.equal(user?.name, "system:serviceaccount:team:default");
    await assert.rejects(identity.kubeAuthenticator.authenticate({ headers }), { reason: "Unauthorized" });
    await identity.close();
  });
});

describe("the audit log", () => {
  const event = (name: string): AuditEvent => ({
    time: 0,
    user: "ana",
    verb: "create",
    resource: "pods",
    namespace: "team",
    name,
    status: 201,
  });

  test("keeps one line an event, in order, for its owner only", async () => {
    const path = join(root, "audit", "audit.log");
    const log = createAuditLog({ path });
    for (const name of ["a", "b"]) log.record(event(name));
    await log.flush();
    log.record(event("c"));
    await log.close();
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    const names = lines.map((line) => (JSON.parse(line) as AuditEvent).name);
    assert.deepEqual(names, ["a", "b", "c"]);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  test("does not grow beyond its files", async () => {
    const directory = join(root, "rotated");
    const log = createAuditLog({ path: join(directory, "audit.log"), maxBytes: 400, maxFiles: 3 });
    for (let n = 0; n < 30; n++) {
      log.record(event(`pod-${n}`));
      await log.flush();
    }
    await log.close();
    assert.deepEqual((await readdir(directory)).toSorted(), ["audit.log", "audit.log.1", "audit.log.2"]);
    assert.match(await readFile(join(directory, "audit.log"), "utf8"), /pod-29/);
  });

  test("counts what it cannot keep and raises nothing", async () => {
    await writeFile(join(root, "file"), "");
    const log = createAuditLog({ path: join(root, "file", "audit.log") });
    log.record(event("a"));
    await log.close();
    assert.equal(log.dropped, 1);
  });
});
