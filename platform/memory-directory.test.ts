import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openMemoryDirectory } from "./memory-directory.ts";

const shared = "/dev/shm";

test(
  "a directory in memory is its owner's alone, and neither a link nor an open one is taken for it",
  { skip: !existsSync(shared) },
  (context) => {
    const parent = mkdtempSync(join(shared, "headrace-test-"));
    context.after(() => rmSync(parent, { recursive: true }));
    const path = openMemoryDirectory("ours", [join(parent, "missing"), parent]);
    if (path === undefined) return context.skip("too little room in memory");
    assert.equal(path, join(parent, "ours"));
    assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.equal(openMemoryDirectory("ours", [parent]), path);
    symlinkSync(path, join(parent, "link"));
    assert.equal(openMemoryDirectory("link", [parent]), undefined);
    mkdirSync(join(parent, "open"), { mode: 0o755 });
    assert.equal(openMemoryDirectory("open", [parent]), undefined);
  },
);

test("what is no file system in memory is not taken for one", () => {
  assert.equal(openMemoryDirectory("ours", ["/proc/self", "/nowhere"]), undefined);
});
