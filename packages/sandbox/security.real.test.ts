import assert from "node:assert/strict";
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { systemClock, systemIds } from "@headrace/model";

import { judge, selfTest } from "./self-test.ts";
import type { ContainerSpec } from "./sandbox.ts";
import { moduleEnvironment } from "./testing/environment.ts";
import { testSandbox, type TestSandbox } from "./testing/sandbox.ts";

describe("a step", () => {
  let host: TestSandbox;
  before(async () => {
    host = await testSandbox();
  });
  after(() => host[Symbol.asyncDispose]());

  test("holds no rights, sees nothing of its host, and is refused every way out", async () => {
    const directory = join(host.directory, "self-test");
    await mkdir(directory);
    const findings = await selfTest(host.sandbox, {
      directory,
      privateDirectories: [join(host.directory, "state"), join(host.directory, "run")],
      clock: systemClock,
      ids: systemIds,
    });
    assert.deepEqual(
      findings.filter(({ ok }) => !ok),
      [],
    );
    assert.ok(findings.length > 40);
  });

  test("gets no mount through a link that it planted in a volume of its own", async () => {
    const source = join(host.directory, "planted");
    await mkdir(source);
    await symlink("/usr", join(source, "link"));
    await writeFile(join(host.directory, "secret"), "secret");
    const mounts: ContainerSpec["mounts"] = [
      { kind: "bind", source, target: "/data", readOnly: false },
      { kind: "tmpfs", target: "/data/link/local", sizeBytes: 4096 },
    ];
    const { output } = await host.run({ command: ["sh", "-c", "ls /usr/bin/sh; cat /data/../secret"], mounts });
    assert.match(output, /^\/usr\/bin\/sh\n/);
    assert.match(output, /No such file/);
  });

  test("gets nothing that a link in another one's volume leads to, however late it was planted", async () => {
    const within = join(host.directory, "shared");
    await mkdir(join(within, "mine"), { recursive: true });
    await writeFile(join(within, "mine", "file"), "value");
    await symlink("/usr", join(within, "usr"));
    const mount = (source: string): ContainerSpec["mounts"] => [
      { kind: "bind", within, source: `${within}/${source}`, target: "/data", readOnly: false },
    ];
    const { output } = await host.run({ command: ["cat", "/data/file"], mounts: mount("mine") });
    assert.equal(output, "value\n");
    await assert.rejects(host.run({ command: ["ls", "/data"], mounts: mount("usr") }), /Cannot mount .*shared\/usr/);
    await assert.rejects(host.run({ command: ["ls", "/data"], mounts: mount("../state") }), /Cannot mount|must/);
  });

  test("finds volumes beneath /etc without losing what is there", async () => {
    const source = join(host.directory, "configuration");
    await mkdir(source);
    await writeFile(join(source, "key"), "value");
    const mounts: ContainerSpec["mounts"] = [{ kind: "bind", source, target: "/etc/app/config", readOnly: true }];
    const { output } = await host.run({
      command: ["sh", "-c", "cat /etc/app/config/key; echo; cat /etc/hostname"],
      mounts,
    });
    assert.equal(output, "value\npod\n");
  });

  for (const path of ["/usr/share/headrace/new", "/opt/app/config", "/etc/ssl/own", "/usr/lib/headrace"]) {
    test(`finds a volume at ${path}, which the host does not have, beside all that is there`, async () => {
      const directory = path.slice(0, path.indexOf("/", 1));
      const source = join(host.directory, path.replaceAll("/", "_"));
      await mkdir(source);
      await writeFile(join(source, "key"), "value");
      const { output: before } = await host.run({ command: ["ls", directory] });
      const script = `cat ${path}/key; echo; touch ${path}/other 2>&1; touch /usr/bin/x 2>&1; ls ${directory}`;
      const mounts: ContainerSpec["mounts"] = [
        { kind: "bind", source, target: path, readOnly: true },
        { kind: "tmpfs", target: `${path}-and-memory`, sizeBytes: 4096 },
      ];
      const { output } = await host.run({ command: ["sh", "-c", script], mounts });
      const [value, refusal = "", other = "", ...names] = output.split("\n");
      assert.equal(value, "value");
      assert.match(refusal, /Read-only file system/);
      assert.match(other, /Read-only file system/);
      for (const name of before.split("\n")) assert.ok(names.includes(name), `${name} is still there`);
    });
  }

  test("is told which mount has no place where one cannot be made", async () => {
    const source = join(host.directory, "nowhere");
    await mkdir(source);
    const mounts: ContainerSpec["mounts"] = [{ kind: "bind", source, target: "/dev/own", readOnly: true }];
    await assert.rejects(host.sandbox.start(host.spec({ mounts })), {
      code: "start-failed",
      message: /Cannot mount at \/dev\/own: Read-only file system/,
    });
  });
});

describe("the self-test", () => {
  const mount = { name: "mount", tries: "mount()", holds: /^EPERM$/ };

  test("fails a line that any container got past, and a line that none answered", () => {
    const chroot = { name: "chroot", tries: "chroot()", holds: /^EPERM$/ };
    const findings = judge([mount, chroot], ['["mount", "EPERM"]\n', '["mount", "done"]\n["mount", "EPERM"]\n']);
    assert.deepEqual(
      findings.map(({ ok, detail }) => [ok, detail]),
      [
        [false, 'A step got "done"'],
        [false, 'A step got "no answer"'],
      ],
    );
  });

  test("says what was seen where all is well", () => {
    assert.deepEqual(judge([mount], ['["mount", "EPERM"]\n']), [{ name: "mount", ok: true, detail: "EPERM" }]);
  });

  test("tells a directory that others may enter", async () => {
    await using host = await testSandbox();
    const directory = join(host.directory, "self-test");
    const open = join(host.directory, "open");
    await mkdir(directory);
    await mkdir(open);
    await chmod(open, 0o755);
    const findings = await selfTest(host.sandbox, {
      directory,
      privateDirectories: [open],
      clock: systemClock,
      ids: systemIds,
    });
    const bad = findings.filter(({ ok }) => !ok);
    assert.deepEqual(
      bad.map(({ remedy }) => remedy),
      [`chmod go-rwx ${open}`],
      JSON.stringify(bad),
    );
  });
});

describe("a zygote whose packages are hostile", () => {
  let host: TestSandbox;
  before(async () => {
    host = await testSandbox({ answerSeconds: 1.5, readySeconds: 3 });
    // The neighbour's interpreter is there: it has to answer in time, too.
    await host.run({ command: ["true"] });
  });
  after(() => host[Symbol.asyncDispose]());

  // What a stranger's module can find: our code is among its callers.
  const wire =
    "import sys\nframe = sys._getframe()\nwhile 'wire' not in frame.f_globals: frame = frame.f_back\nwire = frame.f_globals['wire']\n";
  const hostile: Readonly<Record<string, string>> = {
    hangs_at_import: "import time\ntime.sleep(1000)",
    hangs_at_fork: "import os, time\nos.fork = lambda: time.sleep(1000)",
    dies_at_import: "import os\nos._exit(3)",
    dies_at_fork: "import os\nos.fork = lambda: os._exit(3)",
    lies_about_a_start: `${wire}real = wire.send\nwire.send = lambda channel, message, *rest: real(channel, {'started': 'another', 'pid': 1} if 'started' in message else message)`,
    claims_the_first_process: `${wire}real = wire.send\nwire.send = lambda channel, message, *rest: real(channel, {**message, 'pid': 1} if 'started' in message else message)`,
    lies_about_exits: `${wire}real = wire.send\nwire.send = lambda channel, message, *rest: real(channel, {'exited': 99, 'status': 0, 'cpu': 0, 'resident': 0} if 'started' in message else message)`,
    sends_rubbish: `${wire}wire.send = lambda channel, *rest: channel.send(b'[' * 30000)`,
    sends_wrong_types: `${wire}real = wire.send\nwire.send = lambda channel, message, *rest: real(channel, {'started': [], 'pid': {}} if 'started' in message else message)`,
    floods: `${wire}real = wire.send\ndef flood(channel, *rest):\n    while True: real(channel, {'ready': True, 'threads': 1, 'problems': []})\nwire.send = flood`,
    keeps_silent_about_exits: `${wire}real = wire.send\nwire.send = lambda channel, message, *rest: None if 'exited' in message else real(channel, message)`,
  };

  for (const [name, source] of Object.entries(hostile)) {
    test(`harms nobody else when it ${name.replaceAll("_", " ")}`, async () => {
      const environment = await moduleEnvironment(host.directory, name, source);
      const container = host.spec({ command: ["sh", "-c", "exit 6"], cell: { tenant: "team-h/default", environment } });
      await Promise.allSettled([host.sandbox.start(container)]);
      const [exit, neighbour] = await Promise.all([
        host.exitOf(container.id),
        host.run({ command: ["echo", "unharmed"] }),
      ]);
      assert.equal(neighbour.output, "unharmed\n");
      assert.notEqual(exit.exitCode, 0);
    });
  }

  test("keeps its environment in sight when a volume covers the place that it lies in", async () => {
    const environment = await moduleEnvironment(host.directory, "covered", "");
    const volume = join(host.directory, "covers");
    await mkdir(volume);
    const { output } = await host.run({
      cell: { tenant: "team-a/default", environment },
      command: ["sh", "-c", `ls ${environment.path} | wc -l; touch /tmp/mine`],
      mounts: [{ kind: "bind", source: volume, target: "/tmp", readOnly: false }],
    });
    assert.notEqual(output.trim(), "0");
    assert.ok((await readdir(volume)).includes("mine"));
  });

  test("cannot look into the first process of its cell, nor reach what only that may do", async () => {
    const probe = `
import os
seen = []
for path in ("/proc/1/mem", "/proc/1/environ", "/proc/1/fd", "/proc/1/ns/net"):
    try:
        os.listdir(path) if path.endswith("fd") else open(path, "rb").read(1) if "ns" not in path else os.readlink(path)
        seen.append(path)
    except OSError:
        pass
assert not seen, seen
`;
    const environment = await moduleEnvironment(host.directory, "looks_around", probe);
    const cell = { tenant: "team-h/default", environment };
    assert.deepEqual(await host.sandbox.warm(cell), undefined);
    const { exit } = await host.run({ command: ["/usr/bin/python3", "-c", "print('fine')"], cell });
    assert.equal(exit.exitCode, 0);
  });
});
