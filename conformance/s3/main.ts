/**
 * `npm run conformance -- s3 --checkout FILE`: artifacts in a store of somebody else, against MinIO's own server, whose binary the
 * caller names (`go install github.com/minio/minio@latest` builds one). Writes a pass table.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type ArtifactStore, bring, createStores, openFileStore } from "@headrace/artifacts";
import { systemClock, systemIds } from "@headrace/model";
import { AwsV4Signer } from "aws4fetch";
import { writeTable, type Row } from "../table.ts";

const user = "conformance";
const password = "conformance-secret";

interface Bench {
  readonly store: ArtifactStore;
  readonly local: ArtifactStore;
  readonly folder: string;
  /** A request as a client that knows nothing of ours makes it. */
  call(method: string, path: string, body?: Uint8Array): Promise<Response>;
}

async function bytesOf(
  store: ArtifactStore,
  uri: string,
  range?: { offset?: number; limit?: number },
): Promise<Buffer> {
  const chunks = [];
  for await (const chunk of store.read(uri, range)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const cases: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  async "write, look, read, read a range, remove"({ store }) {
    const uri = "s3://bucket/odd names/ä+b (1)'*.txt";
    const written = await store.write(uri, "0123456789");
    assert.deepEqual(await store.stat(uri), { kind: "file", size: 10 });
    assert.equal(String(await bytesOf(store, uri, { offset: 3, limit: 4 })), "3456");
    assert.deepEqual(await store.measure(uri), { kind: "file", files: 1, ...written });
    await store.remove(uri);
    assert.equal(await store.stat(uri), undefined);
  },
  async "a large file in parts, and back in ranges"({ store, folder }) {
    const bytes = randomBytes(40 << 20);
    await writeFile(join(folder, "large"), bytes);
    await store.take("s3://bucket/large", { root: folder, path: "large" });
    await bring(store, "s3://bucket/large", join(folder, "back"));
    assert.deepEqual(await readFile(join(folder, "back")), bytes);
  },
  async "an upload that broke off goes on"({ store, call }) {
    const bytes = randomBytes(40 << 20);
    const begun = await (await call("POST", "/bucket/resumed?uploads")).text();
    const id = /<UploadId>(.*?)<\/UploadId>/.exec(begun)?.[1] ?? "";
    await call("PUT", `/bucket/resumed?partNumber=1&uploadId=${encodeURIComponent(id)}`, bytes.subarray(0, 16 << 20));
    await store.write("s3://bucket/resumed", bytes);
    assert.deepEqual(await bytesOf(store, "s3://bucket/resumed"), bytes);
    assert.doesNotMatch(await (await call("GET", "/bucket?uploads&prefix=resumed")).text(), /<UploadId>/);
  },
  async "a tree of more files than a page has, with the digest that it would have here"({ store, local, folder }) {
    const names = Array.from({ length: 1100 }, (_, n) => `f${String(n).padStart(4, "0")}`);
    await mkdir(join(folder, "made/tree"), { recursive: true });
    for (const name of names) {
      await writeFile(join(folder, "made/tree", name), name);
      await local.write(`minio://bucket/tree/${name}`, name);
    }
    const taken = await store.take("s3://bucket/tree", { root: folder, path: "made/tree" });
    assert.deepEqual(taken, await local.measure("minio://bucket/tree"));
    assert.equal((await store.list("s3://bucket/tree")).length, names.length);
    await store.remove("s3://bucket/tree");
    assert.equal(await store.stat("s3://bucket/tree"), undefined);
  },
  async "what the store refuses is told in its words"({ store }) {
    await assert.rejects(store.write("s3://absent-bucket/x", "x"), /404: NoSuchBucket/);
  },
};

/** Resolves to the exit status: 1 if a case misses. */
export async function main(binary: string, filter: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-s3-"));
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const args = ["server", join(folder, "minio"), "--address", host, "--console-address", "127.0.0.1:0"];
  const server = spawn(binary, args, {
    stdio: "ignore",
    env: { ...process.env, MINIO_ROOT_USER: user, MINIO_ROOT_PASSWORD: password, MINIO_BROWSER: "off" },
  });
  const local = await openFileStore({ root: join(folder, "local"), clock: systemClock, ids: systemIds });
  const key = { accessKey: user, secretKey: password };
  const stores = createStores({
    local,
    clock: systemClock,
    allowed: [host],
    provider: () => ({
      kind: "s3",
      endpoint: new URL(`http://${host}`),
      region: "us-east-1",
      pathStyle: true,
      retries: 3,
      key: async () => key,
    }),
  });
  const call = async (method: string, path: string, body?: Uint8Array): Promise<Response> => {
    const signer = new AwsV4Signer({
      method,
      url: `http://${host}${path}`,
      accessKeyId: user,
      secretAccessKey: password,
      service: "s3",
      region: "us-east-1",
    });
    const { url, headers } = await signer.sign();
    const response = await fetch(url, { method, headers, ...(body && { body: Buffer.from(body) }) });
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    return response;
  };
  try {
    await untilReady(host);
    await call("PUT", "/bucket");
    const rows: Row[] = [];
    for (const [name, act] of Object.entries(cases).filter(([each]) => each.includes(filter))) {
      const note = await act({ store: stores.in("team"), local, folder, call }).then(
        () => "",
        (error: unknown) => (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "",
      );
      rows.push({ name, outcome: note === "" ? "pass" : "miss", note });
      console.log(`${note === "" ? "pass" : "miss"}  ${name}  ${note}`);
    }
    if (filter === "") {
      await writeTable("docs/compatibility.md", "s3-minio", "npm run conformance -- s3 --checkout FILE", rows);
    }
    return rows.every(({ outcome }) => outcome === "pass") ? 0 : 1;
  } finally {
    stores.close();
    server.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** The server says by no other way when it listens. */
async function untilReady(host: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    const ready = await fetch(`http://${host}/minio/health/ready`).catch(() => undefined);
    if (ready?.ok) return;
    await pause(100);
  }
  throw new RangeError("The server did not become ready");
}
