import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { testSandbox, type TestSandbox } from "./testing/sandbox.ts";

describe("limits", () => {
  let host: TestSandbox;
  before(async () => {
    host = await testSandbox();
  });
  after(() => host[Symbol.asyncDispose]());
  const limited = { processes: 50, sharedMemoryBytes: 1024 ** 2, ephemeralBytes: 8 * 1024 ** 2 };
  const unless = (missing: boolean) => (missing ? "this host has no cgroups for us" : false);

  test("end a container that takes more memory than it may as OOMKilled", async (context) => {
    if (unless(host.sandbox.capabilities.cgroups === "none")) return context.skip("this host has no cgroups for us");
    const { exit } = await host.run({
      command: ["/usr/bin/python3", "-c", "x = bytearray(200 << 20)"],
      limits: { ...limited, memoryBytes: 64 * 1024 ** 2 },
    });
    assert.deepEqual([exit.reason, exit.exitCode, exit.signal], ["OOMKilled", 137, 9]);
  });

  test("do not outlive the container that they were set for", async (context) => {
    if (unless(host.sandbox.capabilities.cgroups === "none")) return context.skip("this host has no cgroups for us");
    const { exit } = await host.run({
      command: ["/usr/bin/python3", "-c", "x = bytearray(200 << 20)"],
      limits: limited,
    });
    assert.equal(exit.reason, "Completed");
  });

  test("contain a fork bomb, which SIGKILL then ends whole", async () => {
    const bomb = host.spec({ command: ["sh", "-c", "b() { b | b & }; b 2>/dev/null; sleep 1000"], limits: limited });
    await host.sandbox.start(bomb);
    const neighbour = await host.run({ command: ["echo", "unharmed"] });
    assert.equal(neighbour.output, "unharmed\n");
    await host.sandbox.signal(bomb.id, "SIGKILL");
    assert.equal((await host.exitOf(bomb.id)).signal, 9);
  });

  test("bound what a container writes to its root and to shared memory", async () => {
    const { output } = await host.run({
      command: [
        "sh",
        "-c",
        "for place in /tmp /dev/shm; do head -c 20m /dev/zero > $place/big 2>/dev/null || echo $place is full; done",
      ],
      limits: limited,
    });
    assert.equal(output, "/tmp is full\n/dev/shm is full\n");
  });

  test("give a first process that does not heed SIGTERM no grace", async () => {
    const deaf = host.spec({ command: ["sleep", "1000"] });
    await host.sandbox.start(deaf);
    await host.sandbox.signal(deaf.id, "SIGTERM");
    assert.equal((await host.exitOf(deaf.id)).exitCode, 137);
  });

  test("leave a first process that heeds SIGTERM the choice of its end", async () => {
    const polite = host.spec({ command: ["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"] });
    await host.sandbox.start(polite);
    await host.logged(polite, "ready");
    await host.sandbox.signal(polite.id, "SIGTERM");
    assert.equal((await host.exitOf(polite.id)).exitCode, 5);
  });
});
