import assert from "node:assert/strict";
import { mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import type { ContainerSpec } from "./sandbox.ts";
import { moduleEnvironment } from "./testing/environment.ts";
import { testSandbox, type TestSandbox } from "./testing/sandbox.ts";

/** Prints `name: outcome` for each thing that a container tries: the error's name, or what it got. */
const attempts = `
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
arm = os.uname().machine == "aarch64"

def call(x86, arm64, *arguments):
    if libc.syscall(arm64 if arm else x86, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

def attempt(name, action):
    try:
        result = action()
        print(f"{name}: {'done' if result is None else result}")
    except OSError as error:
        print(f"{name}: {errno.errorcode[error.errno]}")

def write(path):
    with open(path, "w") as file:
        file.write("x")

status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print("capabilities:", {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")})
print("no new privileges:", status["NoNewPrivs"], "filter:", status["Seccomp"])
print("processes:", sorted(name for name in os.listdir("/proc") if name.isdigit()))
print("descriptors:", sorted(os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/fd")))
attempt("kill all", lambda: os.kill(-1, 9))
attempt("kill host process", lambda: os.kill(PROCESS, 9))
for path in ("/usr/x", "/etc/x", "/dev/x", "/read-only/x", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"):
    attempt("write " + path, lambda: write(path))
attempt("write /tmp/x", lambda: write("/tmp/x"))
attempt("see launcher's files", lambda: os.listdir("DIRECTORY/state"))
attempt("see the cell's code", lambda: os.listdir("/.headrace"))
attempt("see cgroups", lambda: os.listdir("/sys/fs/cgroup"))
attempt("read shadow", lambda: open("/etc/shadow").read())
attempt("mount", lambda: call(165, 40, b"none", b"/mnt", b"tmpfs", 0, None))
attempt("umount", lambda: call(166, 39, b"/read-only", 0))
attempt("pivot_root", lambda: call(155, 41, b"/", b"/mnt"))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("setns", lambda: call(308, 268, os.open("/proc/self/ns/net", os.O_RDONLY), 0))
attempt("unshare", lambda: call(272, 97, 0x10000000))
attempt("clone a user namespace", lambda: call(56, 220, 0x10000000 | 17, 0, 0, 0, 0))
attempt("clone3", lambda: call(435, 435, b"\\0" * 88, 88))
attempt("mknod", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)))
attempt("sethostname", lambda: socket.sethostname("other"))
attempt("ptrace", lambda: call(101, 117, 0, 0, 0, 0))
attempt("bpf", lambda: call(321, 280, 0, 0, 0))
attempt("keyctl", lambda: call(250, 219, 0, 0, 0))
attempt("io_uring", lambda: call(425, 425, 1, 0))
attempt("userfaultfd", lambda: call(323, 282, 0))
attempt("perf_event_open", lambda: call(298, 241, 0, 0, 0, 0, 0))
attempt("open_by_handle_at", lambda: call(304, 265, 0, 0, 0))
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close())
attempt("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close())
attempt("abstract sockets", lambda: len([line for line in open("/proc/net/unix") if "@" in line]))
attempt("kcore", lambda: len(open("/proc/kcore", "rb").read(8)))
attempt("keys", lambda: len(open("/proc/keys").read()))
`;

describe("a step", () => {
  let host: TestSandbox;
  before(async () => {
    host = await testSandbox();
  });
  after(() => host[Symbol.asyncDispose]());

  test("holds no rights, sees nothing of its host, and is refused every way out", async () => {
    const source = join(host.directory, "read-only");
    await mkdir(source);
    const program = attempts.replace("PROCESS", String(process.pid)).replace("DIRECTORY", host.directory);
    const { output } = await host.run({
      command: ["/usr/bin/python3", "-c", program],
      uid: process.getuid?.() === 0 ? 1000 : 0,
      mounts: [{ kind: "bind", source, target: "/read-only", readOnly: true }],
    });
    const seen = Object.fromEntries(
      output
        .trim()
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
    );
    const noAccess = /^(EPERM|EACCES|EROFS|ENOENT|ESRCH|ENOSPC)$/;
    assert.equal(seen["capabilities"], "{'0000000000000000'}");
    assert.equal(seen["no new privileges"], "1 filter: 2");
    assert.equal(seen["processes"], "['1']");
    assert.equal(seen["descriptors"], "['0', '1', '2'] 4");
    assert.equal(seen["write /tmp/x"], "done");
    assert.equal(seen["clone3"], "ENOSYS");
    assert.equal(seen["abstract sockets"], "0");
    assert.match(String(seen["kcore"]), /^(0|ENOENT|EACCES|EPERM)$/);
    assert.match(String(seen["keys"]), /^(0|ENOENT)$/);
    const told = new Set([
      "capabilities",
      "no new privileges",
      "processes",
      "descriptors",
      "write /tmp/x",
      "clone3",
      "abstract sockets",
      "kcore",
      "keys",
    ]);
    for (const [name, outcome] of Object.entries(seen))
      if (!told.has(name)) assert.match(outcome, noAccess, `${name}: ${outcome}`);
  });

  test("and every other user of the host find the launcher's sockets closed", async () => {
    const directory = join(host.directory, "run");
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    for (const name of await readdir(directory)) {
      if (name.endsWith(".sock")) assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
    }
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
});

describe("a zygote whose packages are hostile", () => {
  let host: TestSandbox;
  before(async () => {
    host = await testSandbox({ answerSeconds: 0.4 });
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
    test(`harms nobody else when it ${name.replaceAll("_", " ")}`, { timeout: 30_000 }, async () => {
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
