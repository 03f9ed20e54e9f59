import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TreeRemover } from "./tree-remover.ts";

async function within(body: (directory: string, remover: TreeRemover) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "headrace-remove-"));
  const life = new AbortController();
  try {
    await body(directory, new TreeRemover(life.signal));
  } finally {
    life.abort();
    rmSync(directory, { recursive: true, force: true });
  }
}

test("a tree goes with its folders, files and links, and nothing that a link leads to", () =>
  within(async (directory, remover) => {
    mkdirSync(join(directory, "kept"));
    writeFileSync(join(directory, "kept", "file"), "");
    mkdirSync(join(directory, "gone", "inner"), { recursive: true });
    writeFileSync(join(directory, "gone", "inner", "file"), "");
    symlinkSync(join(directory, "kept"), join(directory, "gone", "folder"));
    symlinkSync("nowhere", join(directory, "gone", "inner", "dangling"));
    await remover.remove(join(directory, "gone"));
    assert.deepEqual(readdirSync(directory), ["kept"]);
    assert.deepEqual(readdirSync(join(directory, "kept")), ["file"]);
  }));

test("many trees at a time go, and one that is not there is fine", () =>
  within(async (directory, remover) => {
    const paths = Array.from({ length: 20 }, (_, n) => join(directory, `gone-${n}`));
    for (const path of paths) mkdirSync(path);
    await Promise.all([...paths, join(directory, "never-there")].map((path) => remover.remove(path)));
    assert.ok(!paths.some((path) => existsSync(path)));
  }));
