import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { testClock } from "@headrace/model/testing";
import { openUserTokens } from "./user-tokens.ts";

describe("tokens of users", () => {
  let root = "";
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "headrace-users-"));
  });
  after(() => rm(root, { recursive: true }));

  test("are kept as digests only, and are good after a restart", async () => {
    const path = join(root, "tokens.json");
    const tokens = await openUserTokens(path, testClock());
    const token = await tokens.issue("ana@example.com", ["ml"]);
    assert.equal((await readFile(path, "utf8")).includes(token), false);
    const again = await openUserTokens(path, testClock());
    assert.deepEqual(again.find(token), { name: "ana@example.com", groups: ["ml", "system:authenticated"] });
    assert.equal(again.find(`${token}x`), undefined);
    assert.equal(again.find("opaque"), undefined);
  });

  test("of one user are revoked together, those of others stay", async () => {
    const tokens = await openUserTokens(join(root, "revoked.json"), testClock());
    const issued = await Promise.all(["ana", "ana", "bo"].map((user) => tokens.issue(user)));
    assert.equal(await tokens.revoke("ana"), 2);
    assert.deepEqual(
      issued.map((token) => tokens.find(token)?.name),
      [undefined, undefined, "bo"],
    );
  });

  test("are not given to names that Kubernetes keeps for itself, or that are none", async () => {
    const tokens = await openUserTokens(join(root, "names.json"), testClock());
    for (const user of ["system:admin", "", "a b", "x".repeat(300)]) {
      await assert.rejects(tokens.issue(user), { code: "TOKEN_REQUEST_INVALID", field: "user" });
    }
    await assert.rejects(tokens.issue("ana", ["no group"]), { field: "groups" });
  });

  test("are refused when no more of them can be read again", async () => {
    const path = join(root, "full.json");
    const tokens = await openUserTokens(path, testClock());
    const groups = Array.from({ length: 3000 }, (_, index) => `${index}`.padEnd(250, "x"));
    await tokens.issue("ana", groups);
    await assert.rejects(tokens.issue("bo", groups), { code: "TOKEN_REQUEST_INVALID" });
    const bo = await tokens.issue("bo");
    assert.equal((await openUserTokens(path, testClock())).find(bo)?.name, "bo");
  });

  test("a file that holds something else is not overwritten", async () => {
    const path = join(root, "broken.json");
    await writeFile(path, '{"tokens": [1]}');
    await assert.rejects(openUserTokens(path, testClock()), { code: "KEY_FILE_UNUSABLE" });
    assert.equal(await readFile(path, "utf8"), '{"tokens": [1]}');
  });
});
