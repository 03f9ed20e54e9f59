import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DirectoryThread } from "./directory-thread.ts";

async function within(body: (directory: string, thread: DirectoryThread) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "headrace-thread-"));
  const life = new AbortController();
  try {
    await body(directory, new DirectoryThread(life.signal));
  } finally {
    life.abort();
    rmSync(directory, { recursive: true, force: true });
  }
}

test("a tree goes with its folders, files and links, and nothing that a link leads to", () =>
  within(async (directory, thread) => {
    mkdirSync(join(directory, "kept"));
    writeFileSync(join(directory, "kept", "file"), "");
    mkdirSync(join(directory, "gone", "inner"), { recursive: true });
    writeFileSync(join(directory, "gone", "inner", "file"), "");
    symlinkSync(join(directory, "kept"), join(directory, "gone", "folder"));
    symlinkSync("nowhere", join(directory, "gone", "inner", "dangling"));
    await thread.remove(join(directory, "gone"));
    assert.deepEqual(readdirSync(directory), ["kept"]);
    assert.deepEqual(readdirSync(join(directory, "kept")), ["file"]);
  }));

test("many trees at a time go, and one that is not there is fine", () =>
  within(async (directory, thread) => {
    const paths = Array.from({ length: 20 }, (_, n) => join(directory, `gone-${n}`));
    for (const path of paths) mkdirSync(path);
    const [first = "", ...others] = paths;
    await Promise.all([thread.remove(first), thread.remove(...others, join(directory, "never-there"))]);
    assert.ok(!paths.some((path) => existsSync(path)));
  }));

test("a directory is made with what belongs in it, and with the modes that were asked for", () =>
  within(async (directory, thread) => {
    const path = join(directory, "pod");
    const folders = [
      { name: "open", mode: 0o1777 },
      { name: "open/inner", mode: 0o777 },
    ];
    await thread.make(path, { folders, files: ["message"] });
    const mode = (name: string): number => statSync(join(path, name)).mode & 0o7777;
    assert.deepEqual([mode("."), mode("open"), mode("open/inner")], [0o700, 0o1777, 0o777]);
    assert.deepEqual(readdirSync(path), ["message", "open"]);
    await assert.rejects(thread.make(path, { folders: [], files: [] }), /EEXIST/);
  }));
