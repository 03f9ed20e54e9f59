import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isApiError, systemClock, systemIds } from "@headrace/model";
import { startS3Server, type S3Server } from "@headrace/platform/testing";
import { AwsV4Signer } from "aws4fetch";
import { bring } from "./bring.ts";
import { type ArtifactStore, createStores, openFileStore, type Provider, type Stores } from "./index.ts";

const started = await startS3Server().then(
  (server) => ({ server, skip: false as const }),
  (error: unknown) => ({ server: undefined, skip: `moto cannot be installed here: ${String(error).slice(0, 300)}` }),
);
const key = { accessKey: "key", secretKey: "secret" };

describe("artifacts in an S3 server of somebody else", { skip: started.skip }, () => {
  let server: S3Server;
  let folder: string;
  let stores: Stores;
  let store: ArtifactStore;
  let local: ArtifactStore;

  const s3 = (host: string): Provider => ({
    kind: "s3",
    endpoint: new URL(`http://${host}`),
    region: "us-east-1",
    pathStyle: true,
    retries: 1,
    key: async () => key,
  });

  before(async () => {
    server = started.server ?? assert.fail("There is a server, or the tests are skipped");
    folder = await mkdtemp(join(tmpdir(), "headrace-stores-"));
    local = await openFileStore({ root: join(folder, "local"), clock: systemClock, ids: systemIds });
    stores = createStores({
      local,
      clock: systemClock,
      allowed: [server.host],
      provider: (namespace) => (namespace === "team-a" ? s3(server.host) : s3("169.254.169.254")),
    });
    store = stores.in("team-a");
    await call("PUT", "/bucket");
  });
  after(async () => {
    stores.close();
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  /** As a client that knows nothing of ours. */
  async function call(method: string, path: string, body?: Uint8Array): Promise<Response> {
    const signer = new AwsV4Signer({
      method,
      url: `http://${server.host}${path}`,
      accessKeyId: key.accessKey,
      secretAccessKey: key.secretKey,
      service: "s3",
      region: "us-east-1",
    });
    const { url, headers } = await signer.sign();
    const response = await fetch(url, { method, headers, ...(body && { body: Buffer.from(body) }) });
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    return response;
  }

  async function bytesOf(uri: string, range?: { offset?: number; limit?: number }): Promise<Buffer> {
    const chunks = [];
    for await (const chunk of store.read(uri, range)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  test("a small artifact goes there and comes back, whole and in part, under odd names too", async () => {
    const uri = "s3://bucket/odd names/ä+b (1)'*.txt";
    const written = await store.write(uri, "0123456789");
    assert.deepEqual(await store.stat(uri), { kind: "file", size: 10 });
    assert.equal(String(await bytesOf(uri)), "0123456789");
    assert.equal(String(await bytesOf(uri, { offset: 3, limit: 4 })), "3456");
    assert.equal(String(await bytesOf(uri, { offset: 10 })), "");
    assert.deepEqual(await store.measure(uri), { kind: "file", files: 1, ...written });
    assert.deepEqual(await store.list("s3://bucket/odd names"), [{ path: "ä+b (1)'*.txt", size: 10 }]);
    await store.remove(uri);
    assert.equal(await store.stat(uri), undefined);
    await assert.rejects(bytesOf(uri), (error) => isApiError(error, "NotFound"));
  });

  test("a large artifact goes in parts and comes in ranges", async () => {
    const bytes = randomBytes(20 << 20);
    const source = join(folder, "large");
    await writeFile(source, bytes);
    const taken = await store.take("s3://bucket/large", { root: folder, path: "large" });
    assert.equal(taken.kind, "file");
    assert.match((await call("HEAD", "/bucket/large")).headers.get("etag") ?? "", /-2"$/);
    assert.ok(await bring(store, "s3://bucket/large", join(folder, "brought")));
    assert.deepEqual(await readFile(join(folder, "brought")), bytes);
  });

  test("an upload that broke off goes on with the parts that are there", async () => {
    const bytes = randomBytes(20 << 20);
    const part = 16 << 20;
    const begun = await (await call("POST", "/bucket/resumed?uploads")).text();
    const id = /<UploadId>(.*?)<\/UploadId>/.exec(begun)?.[1] ?? "";
    await call("PUT", `/bucket/resumed?partNumber=1&uploadId=${id}`, bytes.subarray(0, part));
    await call("PUT", `/bucket/resumed?partNumber=2&uploadId=${id}`, Buffer.from("other"));
    await store.write("s3://bucket/resumed", bytes);
    assert.deepEqual(await bytesOf("s3://bucket/resumed"), bytes);
    assert.doesNotMatch(await (await call("GET", "/bucket?uploads")).text(), /resumed/);
  });

  test("a tree has the digest that it would have here, and comes back as it was", async () => {
    for (const name of ["one", "sub/two"]) {
      await mkdir(join(folder, "made/tree/sub"), { recursive: true });
      await writeFile(join(folder, "made/tree", name), name);
      await local.write(`minio://bucket/tree/${name}`, name);
    }
    const taken = await store.take("s3://bucket/tree", { root: folder, path: "made/tree" });
    assert.deepEqual(taken, await local.measure("minio://bucket/tree"));
    assert.deepEqual(await store.measure("s3://bucket/tree"), taken);
    assert.deepEqual(await store.stat("s3://bucket/tree"), { kind: "tree", size: 10 });
    assert.ok(await bring(store, "s3://bucket/tree", join(folder, "back")));
    assert.equal(await readFile(join(folder, "back/sub/two"), "utf8"), "sub/two");
    await symlink("/etc/passwd", join(folder, "made/tree/link"));
    const linked = await store.take("s3://bucket/linked", { root: folder, path: "made/tree" });
    assert.equal(linked.kind, "refused");
    await store.remove("s3://bucket/tree");
    assert.equal(await store.stat("s3://bucket/tree"), undefined);
  });

  test("what the store refuses is told with its own words", async () => {
    await assert.rejects(store.write("s3://no-such-bucket/x", "x"), (error) => {
      return isApiError(error, "BadRequest") && /answered 404: NoSuchBucket/.test(error.message);
    });
    assert.deepEqual(await store.take("s3://no-such-bucket/x", { root: folder, path: "absent" }), { kind: "missing" });
  });

  test("a web address is read, also in part, and never written", async () => {
    const web = createServer((request, response) => {
      if (request.url === "/moved") response.writeHead(302, { location: "/rows" }).end();
      else response.writeHead(200, { "content-length": 10 }).end(request.method === "HEAD" ? undefined : "0123456789");
    });
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    const address = web.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const reader = createStores({
      local,
      clock: systemClock,
      allowed: [`127.0.0.1:${port}`],
      provider: () => ({ kind: "local" }),
    });
    try {
      const uri = `http://127.0.0.1:${port}/moved`;
      const chunks = [];
      for await (const chunk of reader.in("any").read(uri, { offset: 2, limit: 3 })) chunks.push(chunk);
      assert.equal(Buffer.concat(chunks).toString(), "234");
      assert.deepEqual(await reader.in("any").stat(uri), { kind: "file", size: 10 });
      await assert.rejects(reader.in("any").write(uri, "x"), (error) => isApiError(error, "BadRequest"));
    } finally {
      reader.close();
      web.close();
    }
  });

  test("nobody is led to this machine's own addresses, or to a cloud's credentials", async () => {
    const other = stores.in("team-b");
    await assert.rejects(other.stat("s3://bucket/x"), /169\.254\.169\.254 is an address of this machine or of a cloud/);
    for (const host of ["127.0.0.1:1", "localhost:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "0.0.0.0:1"]) {
      await assert.rejects(stores.in("team-a").stat(`http://${host}/`), /is an address of this machine/, host);
    }
  });
});
