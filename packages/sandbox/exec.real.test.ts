import assert from "node:assert/strict";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";

import type { ContainerSpec } from "./sandbox.ts";
import { testSandbox, type TestSandbox } from "./testing/sandbox.ts";

describe("a further program in a container", () => {
  let host: TestSandbox;
  let container: ContainerSpec;
  before(async () => {
    host = await testSandbox();
    container = host.spec({
      command: ["sh", "-c", "echo mine > /tmp/file; echo ready; sleep 1000"],
      environment: { PATH: "/usr/bin:/bin", HOME: "/root", GREETING: "hello" },
      uid: process.getuid?.() === 0 ? 1000 : 0,
      hostname: "entered",
    });
    await host.sandbox.start(container);
    await host.logged(container, "ready");
  });
  after(() => host[Symbol.asyncDispose]());

  const run = async (command: readonly string[], input = "", tty = false) => {
    const session = await host.sandbox.exec(container.id, { command, tty });
    session.stdin.end(input);
    const [stdout, stderr, exit] = await Promise.all([text(session.stdout), text(session.stderr), session.exit]);
    return { stdout, stderr, ...exit };
  };

  test("sees the container's files, processes, name and environment", async () => {
    const { stdout, exitCode } = await run([
      "sh",
      "-c",
      "cat /tmp/file; hostname; echo $GREETING; cat /proc/1/cmdline | tr '\\0' ' '; id -u",
    ]);
    assert.equal(exitCode, 0);
    assert.equal(
      stdout,
      `mine\nentered\nhello\nsh -c echo mine > /tmp/file; echo ready; sleep 1000 ${container.uid}\n`,
    );
  });

  test("reads its input and writes both outputs, and its exit code comes back", async () => {
    const big = "line of input\n".repeat(50_000);
    const { stdout, stderr, exitCode } = await run(["sh", "-c", "wc -c; echo oh >&2; exit 3"], big);
    assert.deepEqual([stdout.trim(), stderr, exitCode], [String(big.length), "oh\n", 3]);
  });

  test("holds no more rights than the container", async () => {
    const { stdout } = await run(["grep", "-E", "CapEff|CapBnd|NoNewPrivs|Seccomp:", "/proc/self/status"]);
    assert.match(stdout, /CapEff:\t0{16}\nCapBnd:\t0{16}\nNoNewPrivs:\t1\nSeccomp:\t2\n/);
    const descriptors = await run(["ls", "/proc/self/fd"]);
    assert.equal(descriptors.stdout, "0\n1\n2\n3\n");
  });

  test("has a terminal when it asks for one", async () => {
    const session = await host.sandbox.exec(container.id, {
      command: ["sh", "-c", "read go; tty; stty size; read line; echo got $line"],
      tty: true,
    });
    session.resize(100, 30);
    session.stdin.write("go\n");
    session.stdin.write("input\n");
    const output = await text(session.stdout);
    assert.match(output, /\/dev\/pts\/\d+\r\n30 100\r\n/);
    assert.match(output, /got input\r\n/);
    assert.equal((await session.exit).exitCode, 0);
  });

  test("that is not there says so as shells do", async () => {
    const { exitCode, stderr } = await run(["no-such-program"]);
    assert.equal(exitCode, 127);
    assert.match(stderr, /no such program in the container/);
  });

  test("is refused where no container runs", async () => {
    await assert.rejects(host.sandbox.exec("nobody", { command: ["true"], tty: false }), { code: "not-found" });
  });

  test("ends with its container", async () => {
    const other = host.spec({ command: ["sleep", "1000"] });
    await host.sandbox.start(other);
    const session = await host.sandbox.exec(other.id, { command: ["sh", "-c", "echo up; sleep 1000"], tty: false });
    await once(session.stdout, "data");
    await host.sandbox.signal(other.id, "SIGKILL");
    assert.equal((await session.exit).exitCode, 137);
  });
});
