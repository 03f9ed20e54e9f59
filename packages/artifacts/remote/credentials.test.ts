import assert from "node:assert/strict";
import { createVerify, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { testClock } from "@headrace/model/testing";
import { signWithServiceAccount } from "./credentials.ts";
import type { Transport, TransportRequest } from "./transport.ts";

test("a Google service account's token is asked for once, signed with its key, and again when it ends", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const asked: TransportRequest[] = [];
  const transport: Transport = {
    async send(request) {
      asked.push(request);
      const text = JSON.stringify({ access_token: `token-${asked.length}`, expires_in: 3600 });
      return { status: 200, headers: {}, body: (async function* () {})(), text: async () => text, dismiss() {} };
    },
    sendPatiently: () => assert.fail("Tokens are asked for directly"),
    close() {},
  };
  const clock = testClock(Date.parse("2026-01-01T00:00:00Z"));
  const account = {
    client_email: "robot@project.iam.gserviceaccount.com",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    token_uri: "https://tokens.example/token",
  };
  const sign = signWithServiceAccount(async () => JSON.stringify(account), transport, clock);
  const request = { method: "GET", url: new URL("https://storage.googleapis.com/b/k"), headers: {}, bodyHash: "" };

  assert.equal((await sign(request)).headers["authorization"], "Bearer token-1");
  assert.equal((await sign(request)).headers["authorization"], "Bearer token-1");
  await clock.advance(3_600_000);
  assert.equal((await sign(request)).headers["authorization"], "Bearer token-2");

  const [first] = asked;
  assert.equal(first?.url.href, "https://tokens.example/token");
  const [header = "", claims = "", signature = ""] = (
    new URLSearchParams(String(Buffer.from(first?.body ?? ""))).get("assertion") ?? ""
  ).split(".");
  assert.ok(createVerify("RSA-SHA256").update(`${header}.${claims}`).verify(publicKey, signature, "base64url"));
  assert.deepEqual(JSON.parse(Buffer.from(claims, "base64url").toString()), {
    iss: account.client_email,
    scope: "https://www.googleapis.com/auth/devstorage.read_write",
    aud: "https://tokens.example/token",
    iat: 1_767_225_600,
    exp: 1_767_229_200,
  });
});
