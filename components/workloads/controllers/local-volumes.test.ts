import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { settle } from "@headrace/model/testing";
import { createLocalVolumes } from "./local-volumes.ts";

test("while folders are held, as for a backup, none is removed; then it is", async () => {
  const directory = mkdtempSync(join(tmpdir(), "headrace-volumes-"));
  const volumes = createLocalVolumes(directory);
  const handle = "pvc-00000000-0000-4000-8000-000000000001";
  await volumes.make(handle);
  const { promise: copied, resolve: release } = Promise.withResolvers<void>();
  const held = volumes.hold(() => copied);
  const removed = volumes.remove(handle);
  await settle(50);
  assert.ok(existsSync(join(directory, handle)));
  release();
  await Promise.all([held, removed]);
  assert.ok(!existsSync(join(directory, handle)));
  rmSync(directory, { recursive: true });
});
