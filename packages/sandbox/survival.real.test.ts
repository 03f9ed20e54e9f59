import { systemClock } from "@headrace/model";
import { eventually } from "@headrace/model/testing";
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { openSandbox } from "./open.ts";
import { moduleEnvironment } from "./testing/environment.ts";
import { testSandbox } from "./testing/sandbox.ts";

test("containers and their exits survive the end of the process that started them", async () => {
  await using host = await testSandbox();
  const codes = Array.from({ length: 12 }, (_, index) => index + 1);
  const containers = codes.map((code) => host.spec({ command: ["sh", "-c", `sleep 0.${code % 3}; exit ${code}`] }));
  await Promise.all(containers.map((container) => host.sandbox.start(container)));
  await host.sandbox.disconnect();
  await using later = await host.again();
  const exits = await Promise.all(containers.map((container) => later.exitOf(container.id)));
  assert.deepEqual(
    exits.map((exit) => exit.exitCode),
    codes,
  );
});

test("an exit is told again until it is acknowledged, and not after", async () => {
  await using host = await testSandbox();
  const container = host.spec({ command: ["sh", "-c", "exit 3"] });
  await host.sandbox.start(container);
  await host.exitOf(container.id);
  assert.deepEqual(
    (await host.sandbox.sync()).exits.map((exit) => [exit.id, exit.exitCode]),
    [[container.id, 3]],
  );
  await host.sandbox.acknowledge(container.id);
  assert.deepEqual((await host.sandbox.sync()).exits, []);
});

test("containers survive kill -9 of the launcher: the next one adopts them, logs, network, limits and all", async () => {
  await using host = await testSandbox();
  const source = join(host.directory, "shared");
  await mkdir(source);
  const long = host.spec({
    command: ["sh", "-c", "echo before; until [ -e /shared/adopted ]; do sleep 0.01; done; echo after; exit 4"],
    hostname: "kept",
    mounts: [{ kind: "bind", source, target: "/shared", readOnly: true }],
  });
  const short = host.spec({ command: ["sh", "-c", "sleep 0.2; exit 5"] });
  const started = await host.sandbox.start(long);
  await host.sandbox.start(short);
  const before = await host.launcherProcess();
  process.kill(before, "SIGKILL");
  const { running } = await host.syncAfter(before);
  const adopted = running.find((other) => other.id === long.id);
  assert.deepEqual(adopted, started);
  await writeFile(join(source, "adopted"), "");
  assert.equal((await host.exitOf(short.id)).exitCode, 5);
  const exit = await host.exitOf(long.id);
  assert.deepEqual([exit.exitCode, exit.startedAt], [4, started.startedAt]);
  const log = await readFile(long.log.path, "utf8");
  assert.match(log, /before\n.*after\n/);
  const later = await host.run({ command: ["echo", "works as before"] });
  assert.equal(later.output, "works as before\n");
});

test("a storm of starts through kill -9 of the launcher loses none, runs none twice, and mixes up no exit code", async () => {
  await using host = await testSandbox();
  const source = join(host.directory, "runs");
  await mkdir(source);
  await host.run({ command: ["true"] });
  const containers = Array.from({ length: 30 }, (_, index) =>
    host.spec({
      command: ["sh", "-c", `echo x >> /runs/${index}; sleep 0.${index % 3}; exit ${index + 1}`],
      mounts: [{ kind: "bind", source, target: "/runs", readOnly: false }],
    }),
  );
  const starts = containers.map((container) => host.sandbox.start(container));
  await host.pause(60);
  const first = await host.launcherProcess();
  process.kill(first, "SIGKILL");
  // The second blow must hit the successor, however long a busy machine takes to start one.
  await host.syncAfter(first);
  await host.pause(100);
  process.kill(await host.launcherProcess(), "SIGKILL");
  await Promise.all(starts);
  const exits = await Promise.all(containers.map((container) => host.exitOf(container.id)));
  assert.deepEqual(
    exits.map((exit) => exit.exitCode),
    containers.map((_, index) => index + 1),
  );
  const runs = await Promise.all(containers.map((_, index) => readFile(join(source, String(index)), "utf8")));
  assert.deepEqual(new Set(runs), new Set(["x\n"]));
});

test("a container that is lost with its cell while no launcher is there is told as lost", async () => {
  await using host = await testSandbox();
  const container = host.spec({ command: ["sleep", "1000"] });
  await host.sandbox.start(container);
  const [cell] = await host.cellProcesses();
  process.kill(await host.launcherProcess(), "SIGKILL");
  if (cell !== undefined) process.kill(cell, "SIGKILL");
  const exit = await host.exitOf(container.id);
  assert.deepEqual([exit.exitCode, exit.reason], [137, "Lost"]);
  assert.match(exit.message ?? "", /was lost/);
});

test("containers that are lost with their cell, running or about to, are told as lost", async () => {
  await using host = await testSandbox();
  const first = host.spec({ command: ["sleep", "1000"] });
  await host.sandbox.start(first);
  const [cell] = await host.cellProcesses();
  const environment = await moduleEnvironment(host.directory, "beside", "");
  const other = { tenant: "team-a/default", environment };
  await host.run({ command: ["true"], cell: other });
  process.kill(cell ?? 0, "SIGSTOP");
  // More of them than there are networks at hand: some wait for one, which the cell is to make.
  const more = Array.from({ length: 20 }, () => host.spec({ command: ["sleep", "1000"] }));
  const starting = more.map((container) => host.sandbox.start(container));
  // So do some of another cell of the same tenant, whose networks it was to make, too.
  const beside = Array.from({ length: 20 }, () => host.spec({ command: ["true"], cell: other }));
  starting.push(...beside.map((container) => host.sandbox.start(container)));
  // Answered in line: what was asked for before has reached the cell, or waits for it.
  await host.sandbox.sync();
  process.kill(cell ?? 0, "SIGKILL");
  await Promise.allSettled(starting);
  for (const { id } of [first, ...more]) {
    const exit = await host.exitOf(id);
    assert.deepEqual([exit.exitCode, exit.reason], [137, "Lost"], id);
  }
  for (const { id } of beside) assert.equal((await host.exitOf(id)).exitCode, 0, id);
  assert.equal((await host.run({ command: ["echo", "on"] })).output, "on\n");
});

test("what a launcher had begun to make when it was killed is ended by the next one", async () => {
  await using host = await testSandbox();
  await host.run({ command: ["true"] });
  const [cell] = await host.cellProcesses();
  for (const name of await readdir(join(host.directory, "run")))
    if (name.startsWith("cell-")) await rm(join(host.directory, "run", name));
  const launcher = await host.launcherProcess();
  process.kill(launcher, "SIGKILL");
  await host.syncAfter(launcher);
  await eventually("the cell has ended", () => !runs(cell ?? 0));
  assert.equal((await host.run({ command: ["echo", "on"] })).output, "on\n");
});

test("a container goes on, log and all, if the pump dies after the launcher did", async () => {
  await using host = await testSandbox();
  const container = host.spec({
    command: ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do echo line $i; echo error $i >&2; sleep 0.1; done; exit 6"],
  });
  await host.sandbox.start(container);
  const launcher = await host.launcherProcess();
  const pump = await host.pumpProcess();
  process.kill(launcher, "SIGKILL");
  await host.syncAfter(launcher);
  process.kill(pump, "SIGKILL");
  assert.equal((await host.exitOf(container.id)).exitCode, 6);
  const log = await host.logOf(container);
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8]) {
    assert.match(log, new RegExp(`stdout F line ${number}\\n`));
    assert.match(log, new RegExp(`stderr F error ${number}\\n`));
  }
});

test("a container goes on, log and all, if launcher and pump die together", async () => {
  await using host = await testSandbox();
  const source = join(host.directory, "shared");
  await mkdir(source);
  const waiting = "echo begun; until [ -e /shared/killed ]; do sleep 0.01; done";
  const mounts = [{ kind: "bind", source, target: "/shared", readOnly: true }] as const;
  const long = host.spec({
    command: ["sh", "-c", `${waiting}; for i in $(seq 0 299); do echo line $i; done; exit 6`],
    mounts,
  });
  const short = host.spec({ command: ["sh", "-c", `${waiting}; echo said while nobody listened; exit 7`], mounts });
  await Promise.all([host.sandbox.start(long), host.sandbox.start(short)]);
  for (const container of [long, short]) await host.logged(container, "begun");
  const doomed = [await host.launcherProcess(), await host.pumpProcess()];
  for (const pid of doomed) process.kill(pid, "SIGKILL");
  await writeFile(join(source, "killed"), "");
  assert.deepEqual([(await host.exitOf(long.id)).exitCode, (await host.exitOf(short.id)).exitCode], [6, 7]);
  const lines = Array.from({ length: 300 }, (_, number) => `line ${number}`);
  assert.deepEqual((await host.logOf(long)).match(/line \d+/g), lines);
  assert.match(await host.logOf(short), /stdout F said while nobody listened\n/);
});

test("an interpreter that has started many containers is replaced, and no container notices", async () => {
  await using host = await testSandbox({ zygoteStarts: 8 });
  const long = host.spec({ command: ["sh", "-c", "sleep 0.5; echo still here; exit 3"] });
  await host.sandbox.start(long);
  const first = await host.zygoteProcesses();
  const codes = Array.from({ length: 40 }, (_, index) => index + 1);
  const exits = await Promise.all(codes.map((code) => host.run({ command: ["sh", "-c", `exit ${code}`] })));
  assert.deepEqual(
    exits.map(({ exit }) => exit.exitCode),
    codes,
  );
  assert.equal((await host.exitOf(long.id)).exitCode, 3);
  assert.match(await host.logOf(long), /still here/);
  assert.notDeepEqual(await host.zygoteProcesses(), first);
  await eventually("the first interpreter has ended", () => !first.some(runs));
});

test("a request that a launcher leaves unanswered is put to the next one", async () => {
  await using host = await testSandbox();
  const container = host.spec({ command: ["sleep", "1000"] });
  await host.sandbox.start(container);
  process.kill(await host.launcherProcess(), "SIGKILL");
  await host.sandbox.signal(container.id, "SIGKILL");
  assert.equal((await host.exitOf(container.id)).exitCode, 137);
});

test("two that open the same directories share one launcher", async () => {
  await using host = await testSandbox();
  const options = {
    stateDirectory: join(host.directory, "state"),
    runtimeDirectory: join(host.directory, "run"),
    clock: systemClock,
  };
  const other = await openSandbox(options);
  const container = host.spec({ command: ["true"] });
  await other.start(container);
  assert.equal((await host.exitOf(container.id)).exitCode, 0);
  await other.disconnect();
});

test("a runtime directory that is too long for a socket is refused by name", async () => {
  const options = { stateDirectory: "/tmp/state", runtimeDirectory: `/tmp/${"long".repeat(40)}`, clock: systemClock };
  await assert.rejects(openSandbox(options), { code: "no-launcher", message: /choose a shorter one/ });
});

test("shutting down leaves no process, socket or cgroup behind", async () => {
  const host = await testSandbox();
  const container = host.spec({ command: ["sh", "-c", "sleep 1000 & sleep 1000"] });
  await host.sandbox.start(container);
  const processes = [await host.launcherProcess(), await host.pumpProcess(), ...(await host.cellProcesses())];
  await host.sandbox.shutdown();
  await eventually("all of them have ended", () => !processes.some(runs));
  assert.deepEqual(await readdir(join(host.directory, "run")), ["launcher.lock"]);
  await rm(host.directory, { recursive: true });
});

test("a launcher ends with its containers when its data directory is removed", async () => {
  const host = await testSandbox();
  await host.sandbox.start(host.spec({ command: ["sleep", "1000"] }));
  const processes = [await host.launcherProcess(), await host.pumpProcess(), ...(await host.cellProcesses())];
  await host.sandbox.disconnect();
  await rm(join(host.directory, "state"), { recursive: true });
  await eventually("all of them have ended", () => !processes.some(runs));
  await rm(host.directory, { recursive: true, force: true });
});

test("a launcher that nobody needs ends by itself", async () => {
  const host = await testSandbox({ lonelySeconds: 0.1 });
  await host.run({ command: ["true"] });
  const launcher = await host.launcherProcess();
  await host.sandbox.disconnect();
  await eventually("it has ended", () => !runs(launcher));
  await rm(host.directory, { recursive: true, force: true });
});

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
