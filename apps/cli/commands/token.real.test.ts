import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createPlatform, type Platform } from "@headrace/platform";

const bin = join(import.meta.dirname, "..", "bin", "headrace.js");

interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

describe("headrace token", () => {
  let directory = "";
  let platform: Platform | undefined;
  let early: Said;
  let kept = "";
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "headrace-token-"));
    early = await token("early@example.com", "--admin");
    kept = await readFile(join(directory, "home", "pki", "tokens.json"), "utf8");
    platform = await createPlatform({
      dataDirectory: join(directory, "home"),
      cacheDirectory: join(directory, "cache"),
      runtimeDirectory: directory,
      host: "127.0.0.1",
      port: 0,
      kubePort: 0,
      auth: "token",
      shares: [],
      packaging: {},
      log: (line) => process.stderr.write(`${line}\n`),
    });
  });
  after(async () => {
    await platform?.stop({ keepPods: false });
    await rm(directory, { recursive: true, force: true });
  });

  function token(...words: readonly string[]): Promise<Said> {
    const env = { PATH: process.env["PATH"], HEADRACE_HOME: join(directory, "home") };
    return new Promise((resolve) =>
      execFile(process.execPath, [bin, "token", ...words], { env }, (error, out, err) =>
        resolve({ status: error === null ? 0 : Number(error.code ?? 1), out, err }),
      ),
    );
  }

  const list = async (bearer: string): Promise<number> => {
    const headers = { authorization: `Bearer ${bearer}` };
    return (await fetch(`${platform?.running.gateway}/apis/v2beta1/runs`, { headers })).status;
  };

  test("issues a token while no Headrace runs, alone on its line, and keeps only its digest", () => {
    assert.equal(early.status, 0, early.err);
    assert.match(early.out, /^headrace-[\w-]{43}\n$/);
    assert.match(early.err, /not shown again/);
    assert.equal(kept.includes(early.out.trim()), false);
  });

  test("lets its bearer in once Headrace runs, and issues more while it does", async () => {
    assert.equal(await list(early.out.trim()), 200);
    const { out } = await token("ana@example.com", "--admin", "--output", "json");
    const issued = JSON.parse(out) as { user: string; groups: string[]; token: string };
    assert.deepEqual([issued.user, issued.groups], ["ana@example.com", ["system:masters"]]);
    assert.equal(await list(issued.token), 200);
  });

  test("gives a user without a role nothing, least of all tokens", async () => {
    const { out, err } = await token("bo", "--group", "ml");
    assert.match(err, /No role grants bo anything yet/);
    assert.equal(await list(out.trim()), 403);
    const response = await fetch(`${platform?.running.gateway}/apis/headrace.io/v1/users/bo/tokens`, {
      method: "POST",
      headers: { authorization: `Bearer ${out.trim()}` },
      body: JSON.stringify({ groups: ["system:masters"] }),
    });
    assert.equal(response.status, 403);
  });

  test("makes all tokens of a user worthless at once", async () => {
    const bearer = (await token("lost@example.com", "--admin")).out.trim();
    assert.equal(await list(bearer), 200);
    const { out } = await token("lost@example.com", "--revoke");
    assert.equal(out, "1 tokens of lost@example.com are worthless now\n");
    assert.equal(await list(bearer), 401);
  });

  test("refuses names that are none, with what is wrong", async () => {
    const { status, err } = await token("system:admin");
    assert.equal(status, 1);
    assert.match(err, /names that begin with "system:" are Kubernetes' own/);
  });
});
