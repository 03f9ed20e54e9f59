import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { buildDashboard } from "./build.ts";

test("a build is kept until its sources change, and the first page stays below 300 kB of script", async () => {
  const { folder } = await buildDashboard();
  assert.equal((await buildDashboard()).built, false);
  const assets = join(folder, "assets");
  const scripts = (await readdir(assets)).filter((name) => name.endsWith(".js"));
  // Everything but what arrives on demand: readers of files and of YAML, and the page of a run.
  const first = scripts.filter(
    (name) => !/^(markdown|parquet-rows|csv-rows|spec-yaml|run-page|graph-layout-worker)-/.test(name),
  );
  const sizes = await Promise.all(first.map(async (name) => gzipSync(await readFile(join(assets, name))).length));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(total > 0 && total < 300_000, `${total} bytes`);
});
