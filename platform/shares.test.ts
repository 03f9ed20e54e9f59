import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { StartError } from "./errors.ts";
import { readShares } from "./shares.ts";

function withFolders(body: (folders: { data: string; home: string; link: string; top: string }) => void): void {
  const top = mkdtempSync(join(tmpdir(), "headrace-shares-"));
  const [data, home, link] = [join(top, "data"), join(top, "user/.headrace"), join(top, "link")];
  try {
    for (const folder of [data, join(home, "artifacts")]) mkdirSync(folder, { recursive: true });
    symlinkSync(home, link);
    body({ data, home, link, top });
  } finally {
    rmSync(top, { recursive: true });
  }
}

const refusal = (message: RegExp) => (error: unknown) => error instanceof StartError && message.test(error.message);

test("a folder is shared at its path, read-only if the user says so", () => {
  withFolders(({ data, home }) => {
    assert.deepEqual(readShares([data], [home]), [{ path: data, readOnly: false }]);
    assert.deepEqual(readShares([`${data}/:ro`], [home]), [{ path: data, readOnly: true }]);
  });
});

test("a folder in Headrace's own, around it, or that leads there is refused", () => {
  withFolders(({ home, link, top }) => {
    for (const path of [home, join(home, "artifacts"), link, top, "/"])
      assert.throws(() => readShares([path], [home]), refusal(/Headrace keeps its own files in/), path);
    const notYet = join(top, "data", "sockets");
    assert.throws(() => readShares([join(top, "data")], [notYet]), refusal(/keeps its own files/));
  });
});

test("what is no folder, no absolute path, named twice or a step's own is refused", () => {
  withFolders(({ data, home }) => {
    assert.throws(() => readShares(["data"], [home]), refusal(/is not absolute/));
    assert.throws(() => readShares([join(data, "no")], [home]), refusal(/there is no such folder/));
    assert.throws(() => readShares([data, `${data}:ro`], [home]), refusal(/twice/));
    assert.throws(() => readShares(["/usr/lib"], [home]), refusal(/a \/usr of their own/));
  });
});
