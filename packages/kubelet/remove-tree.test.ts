import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { removeTree } from "./remove-tree.ts";

async function within(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "headrace-remove-"));
  try {
    await body(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test("a tree goes with its folders, files and links, and nothing that a link leads to", () =>
  within(async (directory) => {
    mkdirSync(join(directory, "kept"));
    writeFileSync(join(directory, "kept", "file"), "");
    mkdirSync(join(directory, "gone", "inner"), { recursive: true });
    writeFileSync(join(directory, "gone", "inner", "file"), "");
    symlinkSync(join(directory, "kept"), join(directory, "gone", "folder"));
    symlinkSync("nowhere", join(directory, "gone", "inner", "dangling"));
    await removeTree(join(directory, "gone"));
    assert.deepEqual(readdirSync(directory), ["kept"]);
    assert.deepEqual(readdirSync(join(directory, "kept")), ["file"]);
  }));

test("a tree of many names or a large file goes as well, and one that is not there is fine", () =>
  within(async (directory) => {
    const path = join(directory, "gone");
    mkdirSync(path);
    for (let n = 0; n < 200; n += 1) writeFileSync(join(path, `file-${n}`), "");
    await removeTree(path);
    assert.ok(!existsSync(path));
    mkdirSync(path);
    writeFileSync(join(path, "large"), "");
    truncateSync(join(path, "large"), 8 << 20);
    await removeTree(path);
    assert.ok(!existsSync(path));
    await removeTree(path);
  }));
