import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { testClock } from "@headrace/model/testing";
import { removeAbandoned } from "./abandoned.ts";

test("what was left half-made is removed after a day, and nothing before", async () => {
  const directory = await mkdtemp(join(tmpdir(), "headrace-abandoned-"));
  try {
    const clock = testClock();
    const seconds = clock.now() / 1000;
    for (const [name, age] of Object.entries({ old: 90_000, young: 80_000 })) {
      await mkdir(join(directory, name));
      await writeFile(join(directory, name, "part"), "x");
      await utimes(join(directory, name), seconds - age, seconds - age);
    }
    await removeAbandoned(directory, clock);
    assert.deepEqual(await readdir(directory), ["young"]);
    await removeAbandoned(join(directory, "nowhere"), clock);
  } finally {
    await rm(directory, { recursive: true });
  }
});
