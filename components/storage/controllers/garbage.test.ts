import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { openFileStore, openObjectFiles } from "@headrace/artifacts";
import { systemClock, systemIds } from "@headrace/model";
import { openRecords } from "@headrace/records";
import { keepObject } from "../records/objects.ts";
import { storageMigrations } from "../records/migrations.ts";
import { createGarbage } from "./garbage.ts";

const ns = "kubeflow";
const runs = ["a", "b", "c"].map((letter) => `${letter.repeat(8)}-0000-4000-8000-000000000000`);
const [first = "", second = "", third = ""] = runs;

async function newStore(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), "headrace-garbage-"));
  t.after(() => rm(root, { recursive: true }));
  const records = await openRecords({ path: ":memory:", clock: systemClock, ids: systemIds });
  t.after(() => records.close());
  await records.migrate(storageMigrations);
  const artifacts = await openFileStore({ root, clock: systemClock, ids: systemIds });
  const objects = await openObjectFiles({ root, ids: systemIds });
  const errors: unknown[] = [];
  const looks: string[] = [];
  const list = artifacts.list.bind(artifacts);
  artifacts.list = (uri) => {
    looks.push(uri);
    return list(uri);
  };
  const garbage = createGarbage({
    artifacts,
    objects,
    records,
    homeNamespace: ns,
    onError: (error) => errors.push(error),
  });
  t.after(() => assert.deepEqual(errors, []));
  const folder = (run: string): string => `mlpipeline/v2/artifacts/p/${run}`;

  return {
    garbage,
    records,
    root,
    /** Trees that were gone through. */
    looks,
    /** A file of a run, and the artifact that it is if it is one. */
    async write(run: string, path: string, isArtifact: boolean): Promise<void> {
      const place = join(folder(run), path);
      await mkdir(dirname(join(root, place)), { recursive: true });
      await writeFile(join(root, place), "12345");
      if (!isArtifact) return;
      const row = {
        uid: systemIds.uuid(),
        ns,
        type: "system.Model",
        type_schema: null,
        name: null,
        digest: "sha256:x",
      };
      await records.all().transaction(({ db }) =>
        db
          .insertInto("artifact")
          .values({ ...row, uri: `minio://${place}`, metadata: "{}", size: 5, state: "LIVE", created_at: 0 })
          .execute(),
      );
    },
    /** As a deletion does it: rows go, places are noted. */
    async forget(...uris: readonly string[]): Promise<void> {
      await records.in(ns).transaction(async ({ db, changed }) => {
        for (const uri of uris) {
          await db.deleteFrom("artifact").where("ns", "=", ns).where("uri", "=", uri).execute();
          await db.insertInto("garbage").values({ ns, uri, created_at: 0 }).execute();
          changed({ ns, kind: "garbage", key: uri, op: "PUT" });
        }
      });
    },
    uri: (run: string, path = ""): string => `minio://${folder(run)}${path && `/${path}`}`,
    left: async (run: string): Promise<readonly string[]> =>
      (await readdir(join(root, folder(run)), { recursive: true, withFileTypes: true }).catch(() => []))
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .sort(),
    rows: async () => (await records.all().db.selectFrom("garbage").select("uri").execute()).map(({ uri }) => uri),
  };
}

test("a deleted run's bytes go, but for the artifact that another run uses, which goes with that one", async (t) => {
  const { garbage, write, forget, uri, left, rows } = await newStore(t);
  await write(first, "t/0/kept", true);
  await write(first, "t/0/lost", false);
  await write(first, "t/1/output_metadata.json", false);
  await write(second, "t/0/other", true);
  const freed = async () => {
    await garbage.collect();
    return { first: await left(first), second: await left(second), rows: await rows() };
  };

  await forget(uri(first));
  const surveyed = (await garbage.survey()).find((place) => place.uri === uri(first));
  assert.equal(surveyed?.bytes, 10);
  await garbage.collect();
  assert.deepEqual(await left(first), ["kept"]);
  assert.deepEqual(await rows(), [uri(first)]);

  await forget(uri(first, "t/0/kept"));
  assert.deepEqual(await freed(), { first: [], second: ["other"], rows: [] });
});

test("a directory that many kept artifacts lie in is looked through once, not for each that goes", async (t) => {
  const { garbage, write, forget, uri, left, rows, looks } = await newStore(t);
  const parts = Array.from({ length: 40 }, (_, index) => `t-${index}/0/kept`);
  for (const part of parts) await write(first, part, true);
  await write(first, "t-0/0/lost", false);
  await forget(uri(first));
  await garbage.collect();
  assert.equal((await left(first)).length, parts.length);
  const before = looks.length;
  await forget(...parts.slice(1).map((part) => uri(first, part)));
  await garbage.collect();
  assert.deepEqual([await left(first), await rows()], [["kept"], [uri(first)]]);
  // Once to measure it, once as one of those that are noted, and once for all that went.
  assert.ok(looks.length - before <= 3, `${looks.length - before} looks`);
});

test("what was noted before a start, or while it runs, is freed without being asked for", async (t) => {
  const { garbage, write, forget, uri, left, rows, records } = await newStore(t);
  await write(first, "t/0/a", false);
  await write(second, "t/0/b", false);
  await forget(uri(first));
  const stop = new AbortController();
  t.after(() => stop.abort());
  await garbage.controller.start(stop.signal);
  const since = await records.sequence();
  await forget(uri(second));
  for await (const _ of records.changes({ kind: "garbage", since, signal: stop.signal })) break;
  // A collection waits in line for what was heard of before.
  await garbage.collect();
  assert.deepEqual([await left(first), await left(second), await rows()], [[], [], []]);
});

test("directories of runs that no record knows are found, and those of known runs are left alone", async (t) => {
  const { garbage, write, uri, left, records } = await newStore(t);
  for (const run of runs) await write(run, "t/0/x", false);
  await write(third, "t/0/imported", true);
  const known = {
    id: second,
    ns,
    state: "SUCCEEDED",
    error: null,
    created_at: 0,
    started_at: 0,
    finished_at: 0,
  } as const;
  await records.all().transaction(({ db }) => db.insertInto("run").values(known).execute());
  const found = (await garbage.survey()).map(({ why, uri: place, bytes }) => [why, place, bytes]);
  assert.deepEqual(found, [
    ["unknown", uri(first), 5],
    ["unknown", uri(third), 5],
  ]);
  await garbage.collect();
  assert.deepEqual([await left(first), await left(second), await left(third)], [[], ["x"], ["imported"]]);
});

test("what an S3 client put where a cluster's run would have written is left alone", async (t) => {
  const { garbage, write, uri, left, records } = await newStore(t);
  for (const run of runs) await write(run, "t/0/x", false);
  const description = { etag: "e", headers: {}, checksums: {} };
  const facts = { size: 5, modifiedAt: 0, isFolder: false };
  const key = `v2/artifacts/p/${second}/t/0/x`;
  await keepObject(records, ns, { bucket: "mlpipeline", key }, facts, description);
  assert.deepEqual(
    (await garbage.survey()).map((place) => place.uri),
    [uri(first), uri(third)],
  );
  await garbage.collect();
  assert.deepEqual([await left(first), await left(second), await left(third)], [[], ["x"], []]);
});

test("what cannot be freed now is said, keeps nobody else, and is tried again", async (t) => {
  const { garbage, write, forget, uri, left, rows } = await newStore(t);
  await write(first, "t/0/x", false);
  await forget("s3://elsewhere/a", uri(first));
  await assert.rejects(garbage.collect(), /Cannot free "s3:\/\/elsewhere\/a" of namespace "kubeflow": no provider/);
  assert.deepEqual([await left(first), await rows()], [[], ["s3://elsewhere/a"]]);
});
