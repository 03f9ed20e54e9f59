import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isApiError, systemClock, systemIds } from "@headrace/model";
import type { ArtifactStore } from "./artifacts.ts";
import { openFileStore } from "./file-store.ts";
import type { TreeLimits } from "./tree.ts";

async function newStore(
  t: TestContext,
  limits: Partial<TreeLimits> = {},
): Promise<{ store: ArtifactStore; root: string; outside: string }> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-artifacts-"));
  t.after(() => rm(folder, { recursive: true }));
  const root = join(folder, "root");
  const outside = join(folder, "outside");
  await mkdir(outside);
  await writeFile(join(outside, "secret"), "secret");
  return { store: await openFileStore({ root, clock: systemClock, ids: systemIds, limits }), root, outside };
}

async function text(store: ArtifactStore, uri: string, options?: { offset?: number; limit?: number }): Promise<string> {
  const chunks = [];
  for await (const chunk of store.read(uri, options)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const isBadRequest = (error: unknown): boolean => isApiError(error, "BadRequest");

test("what is written can be read, in part as well, and its size and sha256 are told", async (t) => {
  const { store } = await newStore(t);
  const written = await store.write("minio://mlpipeline/v2/artifacts/run/model", "weights");
  assert.deepEqual(written, { size: 7, digest: `sha256:${sha256("weights")}` });
  assert.equal(await text(store, "minio://mlpipeline/v2/artifacts/run/model"), "weights");
  assert.equal(await text(store, "minio://mlpipeline/v2/artifacts/run/model", { offset: 2, limit: 3 }), "igh");
  assert.deepEqual(await store.stat("minio://mlpipeline/v2/artifacts/run/model"), { kind: "file", size: 7 });
  assert.deepEqual(await store.measure("minio://mlpipeline/v2/artifacts/run/model"), {
    kind: "file",
    files: 1,
    ...written,
  });
});

test("what is not there is undefined, missing or NotFound, each where it belongs", async (t) => {
  const { store } = await newStore(t);
  assert.equal(await store.stat("minio://bucket/a/b"), undefined);
  assert.deepEqual(await store.measure("minio://bucket/a/b"), { kind: "missing" });
  await assert.rejects(text(store, "minio://bucket/a/b"), (error) => isApiError(error, "NotFound"));
  await store.remove("minio://bucket/a/b");
});

test("a tree's digest depends on names and contents, not on when they were written", async (t) => {
  const { store } = await newStore(t);
  for (const name of ["b", "a/c", "a/b"]) await store.write(`minio://bucket/one/${name}`, name);
  for (const name of ["a/b", "a/c", "b"]) await store.write(`minio://bucket/two/${name}`, name);
  const one = await store.measure("minio://bucket/one");
  assert.deepEqual(await store.measure("minio://bucket/two"), one);
  assert.equal(one.kind === "tree" && one.files, 3);
  assert.deepEqual(await store.list("minio://bucket/one"), [
    { path: "a/b", size: 3 },
    { path: "a/c", size: 3 },
    { path: "b", size: 1 },
  ]);
  await store.write("minio://bucket/two/b", "B");
  assert.notDeepEqual(await store.measure("minio://bucket/two"), one);
});

test("a write that fails leaves what was there, and nothing else", async (t) => {
  const { store, root } = await newStore(t);
  await store.write("minio://bucket/a", "old");
  const broken = async function* () {
    yield Buffer.from("ne");
    throw new RangeError("the source broke");
  };
  await assert.rejects(store.write("minio://bucket/a", broken()), RangeError);
  assert.equal(await text(store, "minio://bucket/a"), "old");
  assert.deepEqual(await readdir(join(root, "bucket")), ["a"]);
});

for (const uri of [
  "minio://bucket/../x",
  "minio://bucket/a/../../x",
  "minio://../x",
  "minio://bucket//x",
  "minio://bucket/./x",
  "minio://bucket",
  "minio://bucket/",
  "minio://bucket/a\0b",
  "minio://Bucket/x",
  `minio://bucket/${"x".repeat(256)}`,
  "minio://bucket/a?endpoint=evil",
  "file:///etc/passwd",
  "gs://bucket/x",
  "s3://bucket/x",
  "https://example.com/x",
  "/etc/passwd",
  "",
]) {
  test(`a URI that cannot be stored here is refused with a reason: ${JSON.stringify(uri.slice(0, 40))}`, async (t) => {
    const { store } = await newStore(t);
    const answer = store.supports(uri);
    assert.ok(!answer.ok && answer.reason.length > 10);
    await assert.rejects(store.write(uri, "x"), isBadRequest);
    await assert.rejects(text(store, uri), isBadRequest);
  });
}

test("links are not followed, wherever on the way they are", async (t) => {
  const { store, root, outside } = await newStore(t);
  await store.write("minio://bucket/tree/file", "x");
  await symlink(outside, join(root, "bucket", "door"));
  await symlink(join(outside, "secret"), join(root, "bucket", "tree", "secret"));
  await assert.rejects(text(store, "minio://bucket/door/secret"), isBadRequest);
  await assert.rejects(text(store, "minio://bucket/tree/secret"), isBadRequest);
  await assert.rejects(store.write("minio://bucket/door/new", "x"), isBadRequest);
  await assert.rejects(store.localPath("minio://bucket/door/new", { create: true }), isBadRequest);
  await assert.rejects(store.localPath("minio://bucket/door", { create: false }), isBadRequest);
  await assert.rejects(store.list("minio://bucket/tree"), isBadRequest);
  const measured = await store.measure("minio://bucket/tree");
  assert.ok(
    measured.kind === "refused" && measured.reason.includes("bucket/tree/secret") && !measured.reason.includes(root),
  );
  assert.deepEqual(await readdir(outside), ["secret"]);
});

test("writing onto a link replaces the link, not what it points at", async (t) => {
  const { store, root, outside } = await newStore(t);
  await store.write("minio://bucket/a", "x");
  await symlink(join(outside, "secret"), join(root, "bucket", "link"));
  await store.write("minio://bucket/link", "mine");
  assert.equal(await readFile(join(outside, "secret"), "utf8"), "secret");
  assert.equal(await text(store, "minio://bucket/link"), "mine");
});

test("removing a tree removes the links in it, not what they point at", async (t) => {
  const { store, root, outside } = await newStore(t);
  await store.write("minio://bucket/tree/deep/file", "x");
  await symlink(outside, join(root, "bucket", "tree", "deep", "door"));
  await store.remove("minio://bucket/tree");
  assert.equal(await store.stat("minio://bucket/tree"), undefined);
  assert.equal(await readFile(join(outside, "secret"), "utf8"), "secret");
});

test("a pipe in an output is refused, not waited for", async (t) => {
  const { store, root } = await newStore(t);
  await store.write("minio://bucket/tree/file", "x");
  execFileSync("mkfifo", [join(root, "bucket", "tree", "pipe")]);
  assert.equal((await store.measure("minio://bucket/tree")).kind, "refused");
  await assert.rejects(text(store, "minio://bucket/tree/pipe"), isBadRequest);
});

test("trees beyond the limits are refused with the limit", async (t) => {
  const { store } = await newStore(t, { files: 3, bytes: 100, depth: 3 });
  for (const name of ["a", "b", "c", "d"]) await store.write(`minio://bucket/many/${name}`, name);
  await store.write("minio://bucket/big", "x".repeat(101));
  await store.write("minio://bucket/deep/1/2/3/4", "x");
  for (const [uri, limit] of [
    ["many", "3 files"],
    ["big", "100 bytes"],
    ["deep", "3 levels"],
  ]) {
    const measured = await store.measure(`minio://bucket/${uri}`);
    assert.ok(measured.kind === "refused" && measured.reason.includes(limit ?? ""), JSON.stringify(measured));
  }
});

test("a local path is beneath the root, made as an empty folder for its owner alone", async (t) => {
  const { store, root } = await newStore(t);
  const path = await store.localPath("minio://bucket/run/task/0", { create: true });
  assert.equal(path, join(root, "bucket", "run", "task", "0"));
  assert.deepEqual(await readdir(path ?? ""), []);
  assert.equal((await stat(path ?? "")).mode & 0o077, 0);
  assert.equal(
    await store.localPath("minio://bucket/run/task/1", { create: false }),
    join(root, "bucket", "run", "task", "1"),
  );
});

test("a file cannot take the place of a tree", async (t) => {
  const { store } = await newStore(t);
  await store.write("minio://bucket/tree/file", "x");
  await assert.rejects(store.write("minio://bucket/tree", "x"), (error) => isApiError(error, "Conflict"));
  assert.deepEqual(await store.list("minio://bucket/tree"), [{ path: "file", size: 1 }]);
});

function sha256(content: string): string {
  return execFileSync("sha256sum", { input: content }).toString().slice(0, 64);
}

test("what a step left in its own directory is moved to its URI, in place of what was there", async (t) => {
  const { store, outside } = await newStore(t);
  await store.write("minio://mlpipeline/run/model", "older");
  await mkdir(join(outside, "work"));
  await writeFile(join(outside, "work", "model"), "weights");
  const taken = await store.take("minio://mlpipeline/run/model", { root: outside, path: "work/model" });
  assert.equal(taken.kind, "file");
  assert.equal(await text(store, "minio://mlpipeline/run/model"), "weights");
  assert.deepEqual(await readdir(join(outside, "work")), []);
  // Whoever asked may have been killed before they could write down what they were told.
  assert.deepEqual(await store.take("minio://mlpipeline/run/model", { root: outside, path: "work/model" }), taken);
});

test("nothing is taken through a link, from above the directory, or from where nothing is", async (t) => {
  const { store, outside } = await newStore(t);
  await symlink("/etc", join(outside, "etc"));
  const take = (path: string) => store.take("minio://mlpipeline/run/x", { root: outside, path });
  assert.equal((await take("etc/passwd")).kind, "refused");
  assert.equal((await take("../root/secret")).kind, "refused");
  assert.equal((await take("absent/file")).kind, "missing");
});
