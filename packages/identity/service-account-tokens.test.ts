import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { testClock, testIds } from "@headrace/model/testing";
import { apiAudience, openServiceAccountTokens } from "./service-account-tokens.ts";

const request = { namespace: "team", name: "default", uid: "sa-1", audiences: [], expirationSeconds: 3600 };

describe("tokens of service accounts", () => {
  let root = "";
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "headrace-tokens-"));
  });
  after(() => rm(root, { recursive: true }));

  async function open(file = "sa.key") {
    const clock = testClock();
    const uids = new Map([
      ["team/default", "sa-1"],
      ["team/step-1", "pod-1"],
    ]);
    const lookup = async (key: { namespace: string; name: string }) => uids.get(`${key.namespace}/${key.name}`);
    const tokens = await openServiceAccountTokens({
      keyPath: join(root, file),
      clock,
      ids: testIds(),
      bound: { serviceAccountUid: lookup, podUid: lookup },
    });
    return { clock, tokens, uids };
  }

  test("say who their bearer is, with the pod that they are bound to", async () => {
    const { tokens } = await open();
    const { token } = await tokens.issue({ ...request, pod: { name: "step-1", uid: "pod-1" } });
    const reviewed = await tokens.review(token, [apiAudience]);
    assert.deepEqual(reviewed?.audiences, [apiAudience]);
    assert.equal(reviewed?.user.name, "system:serviceaccount:team:default");
    assert.deepEqual(reviewed?.user.groups, [
      "system:serviceaccounts",
      "system:serviceaccounts:team",
      "system:authenticated",
    ]);
    assert.deepEqual(reviewed?.user.extra?.["authentication.kubernetes.io/pod-name"], ["step-1"]);
  });

  test("are good across restarts and until their time is over", async () => {
    const { tokens } = await open();
    const { token, expiresAt } = await tokens.issue(request);
    const { tokens: later, clock } = await open();
    assert.equal((await later.review(token, [apiAudience]))?.user.uid, "sa-1");
    await clock.advance(expiresAt - clock.now() + 1_000);
    await assert.rejects(later.review(token, [apiAudience]), { reason: "Unauthorized", message: /expired/ });
  });

  test("are refused for another audience", async () => {
    const { tokens } = await open();
    const { token } = await tokens.issue({ ...request, audiences: ["pipelines.kubeflow.org"] });
    await assert.rejects(tokens.review(token, [apiAudience]), { message: /another audience/ });
    const reviewed = await tokens.review(token, [apiAudience, "pipelines.kubeflow.org"]);
    assert.deepEqual(reviewed?.audiences, ["pipelines.kubeflow.org"]);
  });

  test("die with the pod or the service account they are bound to, even if one of that name comes back", async () => {
    const { tokens, uids } = await open();
    const { token } = await tokens.issue({ ...request, pod: { name: "step-1", uid: "pod-1" } });
    uids.set("team/step-1", "pod-2");
    await assert.rejects(tokens.review(token, [apiAudience]), { message: /pod team\/step-1 no longer exists/ });
    const { token: unbound } = await tokens.issue(request);
    uids.delete("team/default");
    await assert.rejects(tokens.review(unbound, [apiAudience]), { message: /service account .* no longer exists/ });
  });

  test("are refused when forged: another key, no signature, another algorithm", async () => {
    const { tokens } = await open();
    const { tokens: foreign } = await open("other.key");
    const { token } = await foreign.issue(request);
    await assert.rejects(tokens.review(token, [apiAudience]), { reason: "Unauthorized", message: /not valid/ });

    const { token: good } = await tokens.issue(request);
    const [, payload = ""] = good.split(".");
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const none = `${encode({ alg: "none" })}.${payload}.x`;
    await assert.rejects(tokens.review(none, [apiAudience]), { message: /not valid/ });
    const signed = `${encode({ alg: "HS256" })}.${payload}`;
    const hmac = createHmac("sha256", JSON.stringify(tokens.jwks)).update(signed).digest("base64url");
    await assert.rejects(tokens.review(`${signed}.${hmac}`, [apiAudience]), { message: /not valid/ });
  });

  test("cannot be asked for a shorter or longer time than Kubernetes gives", async () => {
    const { tokens } = await open();
    for (const expirationSeconds of [599, 1.5, 1e9]) {
      await assert.rejects(tokens.issue({ ...request, expirationSeconds }), { field: "spec.expirationSeconds" });
    }
    await assert.rejects(tokens.issue({ ...request, audiences: [""] }), { field: "spec.audiences" });
  });

  test("text that is no token of ours is left to others", async () => {
    const { tokens } = await open();
    assert.equal(await tokens.review("opaque", [apiAudience]), undefined);
  });
});
