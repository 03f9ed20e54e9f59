import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { testApi } from "@headrace/apiserver/testing";
import { createClient, type Client } from "@headrace/client";
import { builtIns, Pod, ServiceAccount } from "@headrace/k8s";
import { platformUser, systemClock, systemIds, type User } from "@headrace/model";
import { ifPresent } from "@headrace/runtime";
import { createIdentity, type Identity } from "./identity.ts";
import { createTokenReview, createTokenSubresource } from "./token-answers.ts";
import { TokenReview } from "./token-review.ts";

const key = { namespace: "team", name: "default" };
const v1 = { apiVersion: "authentication.k8s.io/v1" };

/** The real server with its answers and tokens over a real identity. */
async function withServer(
  work: (bench: { identity: Identity; as: (user: User) => Client }) => Promise<void>,
): Promise<void> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "headrace-reviews-"));
  let admin: Client | undefined;
  const uidOf = async (definition: typeof ServiceAccount | typeof Pod, at: { namespace: string; name: string }) =>
    admin && (await ifPresent(admin.resource<Pod | ServiceAccount>(definition).get(at)))?.metadata.uid;
  const identity = await createIdentity({
    dataDirectory,
    mode: "token",
    clock: systemClock,
    ids: systemIds,
    bound: { serviceAccountUid: (at) => uidOf(ServiceAccount, at), podUid: (at) => uidOf(Pod, at) },
  });
  await using api = testApi(
    builtIns.filter(({ kind }) => kind !== "Namespace"),
    {
      authorizer: identity.authorizer,
      answers: [createTokenReview(identity)],
      subresources: { "serviceaccounts/token": createTokenSubresource(identity.serviceAccounts) },
    },
  );
  const as = (user: User) => createClient({ transport: api.server.handle, user });
  admin = as(platformUser);
  await admin.resource(ServiceAccount).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: key });
  try {
    await work({ identity, as });
  } finally {
    await identity.close();
    await rm(dataDirectory, { recursive: true });
  }
}

const requestToken = (client: Client, spec: object) =>
  client.resource(ServiceAccount).post(key, "token", { ...v1, kind: "TokenRequest", spec }) as Promise<{
    status: { token: string; expirationTimestamp: string };
  }>;

describe("a token review", () => {
  test("tells whose a token is", () =>
    withServer(async ({ as }) => {
      const admin = as(platformUser);
      const { status } = await requestToken(admin, { expirationSeconds: 600 });
      const review = await admin
        .resource(TokenReview)
        .create({ ...v1, kind: "TokenReview", metadata: {}, spec: { token: status.token } });
      assert.equal(review.status?.authenticated, true);
      assert.equal(review.status?.user?.username, "system:serviceaccount:team:default");
    }));

  test("says that a bad token is one, and why", () =>
    withServer(async ({ as }) => {
      const admin = as(platformUser);
      const { status } = await requestToken(admin, { audiences: ["elsewhere"] });
      const review = await admin
        .resource(TokenReview)
        .create({ ...v1, kind: "TokenReview", metadata: {}, spec: { token: status.token } });
      assert.deepEqual(review.status, { authenticated: false, error: "The token is for another audience" });
    }));
});

describe("tokens of a service account", () => {
  test("are not given for pods that are not named, for other kinds, or for too short a time", () =>
    withServer(async ({ as }) => {
      const admin = as(platformUser);
      const bound = (boundObjectRef: object) => requestToken(admin, { boundObjectRef });
      await assert.rejects(bound({ kind: "Secret", name: "s", uid: "1" }), {
        reason: "Invalid",
        message: /boundObjectRef.kind/,
      });
      await assert.rejects(bound({ kind: "Pod", name: "p" }), { reason: "Invalid" });
      await assert.rejects(requestToken(admin, { expirationSeconds: 60 }), {
        reason: "Invalid",
        message: /expirationSeconds/,
      });
    }));

  test("are refused to those who may not ask for them", () =>
    withServer(async ({ as }) => {
      const step: User = {
        name: "system:serviceaccount:team:default",
        groups: ["system:serviceaccounts", "system:authenticated"],
      };
      await assert.rejects(requestToken(as(step), {}), { reason: "Forbidden" });
    }));
});
