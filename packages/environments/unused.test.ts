import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { testClock } from "@headrace/model/testing";
import { listUnusedEnvironments, noteUse, removeUnusedEnvironment } from "./unused.ts";

test("environments that nobody used since a time are found and removed; use counts", async (t) => {
  const cache = await mkdtemp(join(tmpdir(), "headrace-cache-"));
  t.after(() => rm(cache, { recursive: true }));
  await mkdir(join(cache, ".tmp"));
  for (const name of ["old", "older", "noted"]) {
    await mkdir(join(cache, "envs", name, "lib"), { recursive: true });
    await writeFile(join(cache, "envs", name, "lib", "module.py"), "12345");
  }
  await utimes(join(cache, "envs", "older"), 500, 500);
  for (const name of ["old", "noted"]) await utimes(join(cache, "envs", name), 1000, 1000);
  await noteUse(join(cache, "envs", "noted"), testClock(5_000_000));
  const unused = await listUnusedEnvironments(cache, 2_000_000);
  assert.deepEqual(unused, [
    { digest: "older", usedAt: 500_000, bytes: 5 },
    { digest: "old", usedAt: 1_000_000, bytes: 5 },
  ]);
  for (const environment of unused) await removeUnusedEnvironment(cache, environment);
  assert.deepEqual(await readdir(join(cache, "envs")), ["noted"]);
  assert.deepEqual(await readdir(join(cache, ".tmp")), []);
});
