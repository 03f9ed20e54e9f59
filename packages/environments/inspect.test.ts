import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "@headrace/model";
import { inspectTools } from "./inspect.ts";

test("what this host has for environments is found without writing anything", async () => {
  const tools = await inspectTools({
    cacheDirectory: "/nowhere",
    indexEnvironment: { PATH: "/usr/local/bin:/usr/bin:/bin", PIP_INDEX_URL: "https://me:secret@index.example/simple" },
    clock: systemClock,
  });
  assert.ok(tools.pythons.length > 0);
  for (const { minor, version, executable } of tools.pythons) {
    assert.ok(version.startsWith(`${minor}.`));
    assert.match(executable, /^\/.*python/);
  }
  assert.equal(new Set(tools.pythons.map(({ minor }) => minor)).size, tools.pythons.length);
  assert.equal(tools.index, "https://index.example/simple");
});

test("a uv that is too old, and one that is no program, do not count", async () => {
  const directory = await mkdtemp(join(tmpdir(), "headrace-"));
  await writeFile(join(directory, "uv"), "#!/bin/sh\necho uv 0.7.1\n");
  await chmod(join(directory, "uv"), 0o755);
  const options = { cacheDirectory: directory, clock: systemClock };
  const old = await inspectTools({ ...options, indexEnvironment: { PATH: directory, PIP_CONFIG_FILE: "/dev/null" } });
  assert.deepEqual([old.uv, old.index, old.offline], [undefined, undefined, false]);
  await writeFile(join(directory, "uv"), "#!/bin/sh\necho uv 0.9.1\n");
  const recent = await inspectTools({ ...options, indexEnvironment: { PATH: directory } });
  assert.equal(recent.uv, join(directory, "uv"));
  await rm(directory, { recursive: true });
});
