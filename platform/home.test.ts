import assert from "node:assert/strict";
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { StartError } from "./errors.ts";
import { findRunning, openHome } from "./home.ts";

function withDirectory(body: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "headrace-home-"));
  try {
    body(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const running = (dataDir: string) => ({
  gateway: "http://127.0.0.1:1",
  kube: "https://127.0.0.1:2",
  s3: "http://127.0.0.1:3",
  kubeconfig: "k",
  dataDir,
  pid: 3,
  version: "0",
  token: "t",
});

test("a data directory is private to its owner", () => {
  withDirectory((directory) => {
    const home = openHome(join(directory, "new"));
    assert.equal(statSync(home.directory).mode & 0o777, 0o700);
    home.release();
  });
});

test("a second Headrace on one data directory is refused and told who holds it", () => {
  withDirectory((directory) => {
    const home = openHome(directory);
    home.announce(running(directory));
    assert.throws(
      () => openHome(directory),
      (error) =>
        error instanceof StartError &&
        /another Headrace holds it \(pid 3, http:\/\/127\.0\.0\.1:1\)/.test(error.message),
    );
    assert.equal(findRunning(directory)?.pid, 3);
    home.release();
    assert.equal(findRunning(directory), undefined);
    openHome(directory).release();
  });
});

test("a data directory written by a newer Headrace is refused", () => {
  withDirectory((directory) => {
    openHome(directory).release();
    writeFileSync(join(directory, "VERSION"), "99\n");
    assert.throws(() => openHome(directory), /its layout is 99/);
  });
});

test("a data directory of another user is refused, and told apart from one that is one's own", () => {
  withDirectory((directory) => {
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(directory, 65534, 65534);
    const [foreign, owner] = isRoot ? [directory, 65534] : ["/usr", 0];
    assert.throws(
      () => openHome(foreign),
      (error) =>
        error instanceof StartError &&
        error.message.includes(`it belongs to user ${owner}`) &&
        error.remedy.includes("sudo chown -R"),
    );
  });
});

test(
  "so is one of whose files some are another user's",
  { skip: process.getuid?.() !== 0 && "only root gives files away" },
  () => {
    withDirectory((directory) => {
      const file = join(directory, "objects.db");
      writeFileSync(file, "");
      chownSync(file, 65534, 65534);
      assert.throws(() => openHome(directory), new RegExp(`Cannot use ${file}: it belongs to user 65534`));
    });
  },
);

test("a place that may not be written is said to be one", () => {
  assert.throws(
    () => openHome("/sys/headrace"),
    (error) => error instanceof StartError && /may not be written/.test(error.message),
  );
});

test("what a backup was copying when Headrace was killed is gone at the next start", () => {
  withDirectory((directory) => {
    openHome(directory).release();
    mkdirSync(join(directory, "backup"));
    writeFileSync(join(directory, "backup", "objects.db"), "half");
    openHome(directory).release();
    assert.ok(!existsSync(join(directory, "backup")));
  });
});
