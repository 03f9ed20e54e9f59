import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { anonymousUser } from "@headrace/model";
import { createStaticFiles, type StaticFiles } from "./static-files.ts";

describe("static files", () => {
  let root = "";
  let files: StaticFiles;
  const script = "console.log(1);\n".repeat(200);
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "headrace-static-"));
    files = createStaticFiles({ directory: join(root, "dist"), placeholder: "being built" });
  });
  after(() => rm(root, { recursive: true }));

  const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
    files({
      method,
      path,
      query: new URLSearchParams(),
      headers,
      user: anonymousUser,
      signal: new AbortController().signal,
    });

  test("show a placeholder until they are built, and the page from then on", async () => {
    assert.equal((await get("/"))?.body, "being built");
    await mkdir(join(root, "dist", "assets"), { recursive: true });
    await writeFile(join(root, "dist", "index.html"), "<!doctype html>");
    await writeFile(join(root, "dist", "assets", "app-1a2b.js"), script);
    const page = await get("/");
    assert.equal(String(page?.body), "<!doctype html>");
    assert.equal(page?.headers["cache-control"], "no-cache");
    assert.match(page?.headers["content-security-policy"] ?? "", /script-src 'self';/);
  });

  test("with a digest in their name are kept for ever, and compressed for who can read that", async () => {
    const plain = await get("/assets/app-1a2b.js");
    assert.match(plain?.headers["cache-control"] ?? "", /immutable/);
    assert.equal(plain?.headers["content-encoding"], undefined);
    const zipped = await get("/assets/app-1a2b.js", { "accept-encoding": "br, gzip;q=0.8" });
    assert.equal(zipped?.headers["content-encoding"], "gzip");
    assert.ok(zipped?.body instanceof Uint8Array && zipped.body.length < script.length);
    assert.equal(gunzipSync(zipped.body).toString(), script);
    assert.equal(
      (await get("/assets/app-1a2b.js", { "accept-encoding": "gzip;q=0" }))?.headers["content-encoding"],
      undefined,
    );
  });

  test("are not sent again to who has them, until they change", async () => {
    const first = await get("/");
    const etag = first?.headers["etag"] ?? "";
    assert.equal((await get("/", { "if-none-match": `W/${etag}` }))?.status, 304);
    await writeFile(join(root, "dist", "index.html"), "<!doctype html><title>new</title>");
    const changed = await get("/", { "if-none-match": etag });
    assert.equal(changed?.status, 200);
    assert.notEqual(changed?.headers["etag"], etag);
  });

  test("lie below their directory and nowhere else", async () => {
    await writeFile(join(root, "secret"), "secret");
    await symlink(join(root, "secret"), join(root, "dist", "link"));
    for (const path of [
      "/../secret",
      "/%2e%2e/secret",
      "/..%2fsecret",
      "/assets/../../secret",
      "/link",
      "/.hidden",
      "/a\\b",
      "/%00",
    ]) {
      assert.equal(await get(path), undefined, path);
    }
    assert.equal(await get("/index.html", {}, "POST"), undefined);
    assert.equal(await get("/assets"), undefined);
  });
});
