import assert from "node:assert/strict";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { testSandbox, type TestSandbox } from "./testing/sandbox.ts";

describe("a container in a bare cell", () => {
  let host: TestSandbox;
  before(async () => {
    host = await testSandbox();
  });
  after(() => host[Symbol.asyncDispose]());

  test("runs its command and logs what it prints", async () => {
    const { exit, log } = await host.run({ command: ["sh", "-c", "echo hi; echo oh >&2; printf end"] });
    assert.equal(exit.exitCode, 0);
    assert.equal(exit.reason, "Completed");
    assert.match(log, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout F hi$/m);
    assert.match(log, /Z stderr F oh$/m);
    assert.match(log, /Z stdout F end$/m);
  });

  test("ends with the exit code or the signal of its first process", async () => {
    const failed = await host.run({ command: ["sh", "-c", "exit 7"] });
    assert.deepEqual([failed.exit.exitCode, failed.exit.reason, failed.exit.signal], [7, "Error", undefined]);
  });

  test("that names no program of its root says so", async () => {
    const container = host.spec({ command: ["no-such-program"] });
    await assert.rejects(host.sandbox.start(container), {
      code: "start-failed",
      message: /no such program in the container/,
    });
    const exit = await host.exitOf(container.id);
    assert.deepEqual([exit.exitCode, exit.reason], [127, "StartError"]);
  });

  test("that is told more than Linux hands to a program says so, and what to do", async () => {
    const container = host.spec({ command: ["true", "x".repeat(140_000)] });
    await assert.rejects(host.sandbox.start(container), {
      code: "start-failed",
      message: /its longest argument has 140000 bytes, and Linux takes 131071: hand large values on as artifacts/,
    });
    assert.equal((await host.exitOf(container.id)).exitCode, 126);
  });

  test("is refused under an id that was used before", async () => {
    const container = host.spec({ command: ["true"] });
    await host.sandbox.start(container);
    await host.exitOf(container.id);
    await host.sandbox.acknowledge(container.id);
    await assert.rejects(host.sandbox.start(container), { code: "already-started" });
  });

  test("is refused with the name of the field that is wrong", async () => {
    await assert.rejects(host.sandbox.start(host.spec({ workingDirectory: "relative" })), {
      code: "invalid",
      message: /workingDirectory must be an absolute path/,
    });
  });

  test("writes to a volume as the user that owns it on the host", async () => {
    const source = join(host.directory, "volume");
    await mkdir(source);
    const { exit, output } = await host.run({
      command: ["sh", "-c", "id -u; echo data > /data/out && stat -c %u /data/out"],
      uid: process.getuid?.() === 0 ? 1000 : 0,
      mounts: [{ kind: "bind", source, target: "/data", readOnly: false }],
    });
    assert.equal(exit.exitCode, 0, output);
    assert.equal(await readFile(join(source, "out"), "utf8"), "data\n");
    assert.equal((await stat(join(source, "out"))).uid, process.getuid?.());
  });
});
