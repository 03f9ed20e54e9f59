import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openSqliteStore } from "./sqlite.ts";

test("what was acknowledged is there after kill -9, and revisions go on from it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "headrace-store-"));
  const path = join(directory, "objects.db");
  let acknowledged = 0;
  for (let round = 0; round < 3; round += 1) {
    acknowledged = Math.max(acknowledged, await writeUntilKilled(path, 150));
    const store = await openSqliteStore({ path });
    const { items } = await store.list({ resource: "things", namespace: "" });
    assert.ok(store.revision >= acknowledged, `revision ${store.revision} is behind ${acknowledged}`);
    assert.equal(items.length, store.revision, "every revision created one object");
    assert.deepEqual(
      items.map(({ revision }) => revision).toSorted((a, b) => a - b),
      Array.from({ length: store.revision }, (_, index) => index + 1),
    );
    await store.close();
  }
  rmSync(directory, { recursive: true });
});

/** Runs a writer and kills it, without warning, once it has acknowledged `count` writes. Returns the last acknowledged revision. */
async function writeUntilKilled(path: string, count: number): Promise<number> {
  const writer = new URL("testing/writer.ts", import.meta.url);
  const child = spawn(process.execPath, [writer.pathname, path], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  let lines = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    lines += chunk.toString().split("\n").length - 1;
    if (lines >= count) child.kill("SIGKILL");
  });
  await new Promise((resolve) => child.on("close", resolve));
  const complete = output.slice(0, output.lastIndexOf("\n")).split("\n");
  return Math.max(...complete.map(Number));
}
