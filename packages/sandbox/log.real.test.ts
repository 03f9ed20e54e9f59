import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";

import { printed, testSandbox, type TestSandbox } from "./testing/sandbox.ts";

describe("a container's log", () => {
  let host: TestSandbox;
  before(async () => {
    host = await testSandbox();
  });
  after(() => host[Symbol.asyncDispose]());

  test("is complete when the exit is told, however much was printed last", async () => {
    const { output } = await host.run({ command: ["seq", "1", "200000"] });
    assert.equal(output.trim().split("\n").length, 200_000);
    assert.ok(output.endsWith("\n200000\n"));
  });

  test("has lines of more than 16 KiB in parts, and loses none of their bytes", async () => {
    const program = "print('a' * 40000); print('b' * 16384); print('short'); print('c' * 100000, end='')";
    const { log, output } = await host.run({ command: ["/usr/bin/python3", "-c", program] });
    assert.equal(output, `${"a".repeat(40_000)}\n${"b".repeat(16_384)}\nshort\n${"c".repeat(100_000)}\n`);
    const longest = Math.max(...log.split("\n").map((line) => line.replace(/^\S+ \S+ [FP] /, "").length));
    assert.equal(longest, 16 * 1024);
    assert.match(log, / stdout P a+\n/);
  });

  test("is rotated by size, the newest lines last, in no more files than asked for", async () => {
    const path = join(host.directory, "logs", "rotated");
    const { log } = await host.run({ command: ["seq", "1", "20000"], log: { path, maxBytes: 100_000, maxFiles: 3 } });
    const files = (await readdir(dirname(path))).filter((name) => name.startsWith(basename(path)));
    assert.deepEqual(files.sort(), ["rotated", "rotated.1", "rotated.2"]);
    assert.ok(printed(log).endsWith("\n20000\n"));
    const older = printed(await readFile(`${path}.1`, "utf8"));
    const [first] = printed(log).split("\n");
    assert.ok(older.endsWith(`\n${Number(first) - 1}\n`));
  });

  test("can be written again by name, as any user", async () => {
    const { output } = await host.run({
      command: ["sh", "-c", "echo one > /dev/stdout; echo two > /dev/stderr; echo three > /proc/self/fd/1"],
      uid: process.getuid?.() === 0 ? 1000 : 0,
    });
    assert.deepEqual(output.trim().split("\n").sort(), ["one", "three", "two"]);
  });

  test("goes on in the same file when the pump is killed, and so does the container", async () => {
    const container = host.spec({
      command: ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; sleep 0.05; done"],
    });
    await host.sandbox.start(container);
    await host.logged(container, "line 2");
    process.kill(await host.pumpProcess(), "SIGKILL");
    assert.equal((await host.exitOf(container.id)).exitCode, 0);
    const output = printed(await host.logOf(container));
    assert.match(output, /^line 1\nline 2\n/);
    assert.match(output, /line 8\nline 9\n$/);
    assert.equal((await host.run({ command: ["echo", "later"] })).output, "later\n");
  });
});
