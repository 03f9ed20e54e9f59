import { once } from "node:events";
import { lstat, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, join } from "node:path";

import type { Clock, Ids } from "@headrace/model";

import type { ContainerExit, ContainerSpec, Finding, PodNetwork, Sandbox } from "./sandbox.ts";

export interface SelfTestOptions {
  /** An empty directory for what the test needs: containers are shown one folder of it. */
  readonly directory: string;
  /** The launcher's own directories, of which containers and other users of the host must see nothing. */
  readonly privateDirectories: readonly string[];
  /** The host's interpreter. Default `/usr/bin/python3`. */
  readonly python?: string;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Something that a container tries, and what must come of it. */
export interface Check {
  readonly name: string;
  /** A Python expression: the outcome is the name of its error, else what it returns, and `done` for None. */
  readonly tries: string;
  readonly holds: RegExp;
}

interface Surroundings {
  /** Paths that a container must not find, and a process and a port of the host that it must not reach. */
  readonly hidden: readonly string[];
  readonly process: number;
  readonly port: number;
  readonly network: PodNetwork | undefined;
}

const patience = 60_000;
const refused = /^(?:EPERM|EACCES|EROFS|ENOENT|ESRCH|ENOSPC|ENOSYS)$/;
const unreachable = /^(?:ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|EACCES|EPERM|timed out)$/;

/** Harmless if it succeeds: nothing is written over, no process is hurt, and what could be made is removed at once. */
const prelude = `
import os
held = len(os.listdir("/proc/self/fd"))  # before libraries open files of their own, as libffi does
import ctypes, errno, fcntl, json, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
arm = os.uname().machine == "aarch64"
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)

def call(x86, arm64, *arguments):
    answer = libc.syscall(arm64 if arm else x86, *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), "")

def clone(flags):
    answer = libc.syscall(220 if arm else 56, flags | 17, 0, 0, 0, 0)
    if answer == 0:
        os._exit(0)
    if answer < 0:
        raise OSError(ctypes.get_errno(), "")

def change(path):
    os.close(os.open(path, os.O_WRONLY))

def create(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.unlink(path)

def connect(host, port):
    socket.create_connection((host, port), timeout=2).close()

def connect_from(address, host, port):
    with socket.socket() as caller:
        caller.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND: anybody may set it
        caller.bind((address, 0))
        caller.settimeout(2)
        caller.connect((host, port))

def take_address(address):
    request = struct.pack("16sHH4s8x", b"eth0", socket.AF_INET, 0, socket.inet_aton(address))
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8916, request)

def ask_proxy(host, port, place):
    with socket.create_connection((host, port), timeout=30) as proxy:
        proxy.sendall(f"CONNECT {place} HTTP/1.1\\r\\nhost: {place}\\r\\n\\r\\n".encode())
        return proxy.recv(100).split(b" ")[1].decode()

def become(user):
    os.setuid(user)
    if os.getuid() == user and open("/proc/self/status").read().count("CapEff:\\t0000000000000000") == 0:
        return "with capabilities"
    raise OSError(errno.EPERM, "")

def attempt(name, action):
    try:
        result = action()
        outcome = "done" if result is None else str(result)
    except socket.timeout:
        outcome = "timed out"
    except OSError as error:
        outcome = errno.errorcode.get(error.errno, str(error))
    print(json.dumps([name, outcome]), flush=True)
`;

const check = (name: string, tries: string, holds: RegExp = refused): Check => ({ name, tries, holds });

function checklist({ hidden, process: stranger, port, network }: Surroundings): readonly Check[] {
  const writing = ["/usr", "/etc", "/dev", "/read-only"].map((path) =>
    check(`create a file in ${path}`, `create("${path}/headrace-self-test")`),
  );
  const settings = ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"].map((path) =>
    check(`change ${path}`, `change("${path}")`),
  );
  return [
    check(
      "have no capabilities",
      '",".join(sorted({status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}))',
      /^0+$/,
    ),
    check("gain no privileges by programs", 'status["NoNewPrivs"]', /^1$/),
    check("have a system-call filter", 'status["Seccomp"]', /^2$/),
    check("see no process but its own", '" ".join(name for name in os.listdir("/proc") if name.isdigit())', /^1$/),
    // The fourth is the listing's own.
    check("hold no descriptor of another", "held", /^4$/),
    check("write to /tmp", 'create("/tmp/headrace-self-test")', /^done$/),
    check("signal all processes", "os.kill(-1, 0)"),
    check("signal a process of the host", `os.kill(${stranger}, 0)`),
    ...writing,
    ...settings,
    ...hidden.map((path) => check(`see "${basename(path)}" of the host`, `os.stat(${JSON.stringify(path)})`)),
    check("see the code that started it", 'os.listdir("/.headrace")'),
    check("see cgroups", 'os.listdir("/sys/fs/cgroup")'),
    check("read the host's passwords", 'open("/etc/shadow").read()'),
    check("mount", 'call(165, 40, b"none", b"/mnt", b"tmpfs", 0, None)'),
    check("mount again for writing", 'call(165, 40, None, b"/read-only", None, 0x1020, None)'),
    check("unmount", 'call(166, 39, b"/read-only", 0)'),
    check("pivot_root", 'call(155, 41, b"/", b"/mnt")'),
    check("chroot", 'os.chroot("/tmp")'),
    check("setns", 'call(308, 268, os.open("/proc/self/ns/net", os.O_RDONLY), 0)'),
    check("unshare", "call(272, 97, 0x10000000)"),
    check("clone a user namespace", "clone(0x10000000)"),
    check("clone3", 'call(435, 435, b"\\0" * 88, 88)'),
    check("become root with rights", "become(0)"),
    check("make a device", 'os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0))'),
    check("sethostname", 'socket.sethostname("other")'),
    check("ptrace", "call(101, 117, 0, 0, 0, 0)"),
    check("bpf", "call(321, 280, 0, 0, 0)"),
    check("keyctl", "call(250, 219, 0, 0, 0)"),
    check("io_uring", "call(425, 425, 1, 0)"),
    check("userfaultfd", "call(323, 282, 0)"),
    check("perf_event_open", "call(298, 241, 0, 0, 0, 0, 0)"),
    check("open_by_handle_at", "call(304, 265, 0, 0, 0)"),
    check("open a raw socket", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()"),
    check("open a packet socket", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()"),
    check("see no abstract sockets", 'len([line for line in open("/proc/net/unix") if "@" in line])', /^0$/),
    check("read the kernel's memory", 'len(open("/proc/kcore", "rb").read(8))', /^(?:0|ENOENT|EACCES|EPERM)$/),
    check("read the kernel's keys", 'len(open("/proc/keys").read())', /^(?:0|ENOENT)$/),
    check("call from any address", "socket.socket().setsockopt(socket.SOL_IP, 19, 1)"),
    check("reach a port of the host", `connect("127.0.0.1", ${port})`, unreachable),
    check("reach the cloud's metadata", 'connect("169.254.169.254", 80)', unreachable),
    ...(network === undefined ? [] : checklistOfNetwork(network, port)),
  ];
}

/** Who calls a service is known by the address: a container must have no other than its own. */
function checklistOfNetwork({ proxy, pods }: PodNetwork, port: number): readonly Check[] {
  const { hostname, port: proxyPort } = new URL(proxy);
  // The bridge's: no pod is given it.
  const another = pods.replace(/\.0\/.*/, ".1");
  return [
    check("take another address", `take_address("${another}")`),
    check(
      "call from another address",
      `connect_from("${another}", "${hostname}", ${proxyPort})`,
      /^(?:EINVAL|ENETUNREACH|EADDRNOTAVAIL|EPERM)$/,
    ),
    ...[`127.0.0.1:${port}`, "169.254.169.254:80"].map((place) =>
      check(
        `reach ${place.startsWith("127") ? "a port of the host" : "the cloud's metadata"} by the proxy`,
        `ask_proxy("${hostname}", ${proxyPort}, "${place}")`,
        /^403$/,
      ),
    ),
  ];
}

/**
 * Tries on this host what a step must not be able to do, from within containers: one line for each thing, the same lines that the
 * package's own tests insist on. As root the containers are tried both as the image's root and as an ordinary user. Never throws
 * for what a container does; rejects with SandboxError if none can be started.
 */
export async function selfTest(sandbox: Sandbox, options: SelfTestOptions): Promise<readonly Finding[]> {
  const hidden = join(options.directory, "secret");
  await writeFile(hidden, "secret", { mode: 0o644 });
  await mkdir(join(options.directory, "read-only"), { mode: 0o755 });
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const checks = checklist({
      hidden: [hidden, ...options.privateDirectories],
      process: process.pid,
      port,
      network: sandbox.network,
    });
    const users = sandbox.capabilities.mode === "root" ? [0, 1000] : [0];
    const outputs = await Promise.all(users.map((uid) => tryAll(sandbox, checks, uid, options)));
    return [...judge(checks, outputs), ...(await Promise.all(options.privateDirectories.map(closedToOthers)))];
  } finally {
    server.close();
  }
}

/** What the containers' words mean: a check holds if every container came to an outcome that holds. */
export function judge(checks: readonly Check[], outputs: readonly string[]): readonly Finding[] {
  const outcomes = outputs.map(readOutcomes);
  return checks.map(({ name, holds }) => {
    const seen = outcomes.map((outcome) => outcome.get(name) ?? "no answer");
    const bad = seen.find((outcome) => !holds.test(outcome));
    if (bad === undefined) return { name, ok: true, detail: [...new Set(seen)].join(", ") };
    return { name, ok: false, detail: `A step got "${bad.slice(0, 200)}"`, remedy };
  });
}

const remedy =
  "Run only pipelines that you trust on this host, and report this with the output of `headrace doctor --self-test --output json`";

function readOutcomes(output: string): ReadonlyMap<string, string> {
  const outcomes = new Map<string, string>();
  for (const [line] of output.matchAll(/^\["[^\n]*"\]$/gm)) {
    const [name, outcome] = JSON.parse(line) as [string, string];
    // Whatever a confused child says afterwards does not make it better.
    if (!outcomes.has(name)) outcomes.set(name, outcome);
  }
  return outcomes;
}

async function tryAll(
  sandbox: Sandbox,
  checks: readonly Check[],
  uid: number,
  { directory, python = "/usr/bin/python3", clock, ids }: SelfTestOptions,
): Promise<string> {
  const id = `self-test/${ids.uuid()}`;
  const path = join(directory, `${uid}.log`);
  const attempts = checks.map(({ name, tries }) => `attempt(${JSON.stringify(name)}, lambda: ${tries})`);
  const spec: ContainerSpec = {
    id,
    group: id,
    cell: { tenant: "headrace-self-test/default" },
    hostname: "self-test",
    uid,
    gid: uid,
    command: [python, "-c", [prelude, ...attempts].join("\n")],
    environment: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    workingDirectory: "/",
    mounts: [{ kind: "bind", source: join(directory, "read-only"), target: "/read-only", readOnly: true }],
    limits: { processes: 50, sharedMemoryBytes: 1 << 20, ephemeralBytes: 16 << 20 },
    log: { path, maxBytes: 1 << 20, maxFiles: 2 },
  };
  const ended = Promise.withResolvers<ContainerExit>();
  const subscription = sandbox.onExit((exit) => exit.id === id && ended.resolve(exit));
  const alarm = clock.after(patience, () => void sandbox.signal(id, "SIGKILL").catch(ended.reject));
  try {
    await sandbox.start(spec);
    await ended.promise;
    await sandbox.acknowledge(id);
    await sandbox.removeGroup(id);
  } finally {
    subscription[Symbol.dispose]();
    alarm[Symbol.dispose]();
  }
  return printedLines(await readFile(path, "utf8"));
}

/** Parts of long lines put together, without the runtime's stamps. */
function printedLines(log: string): string {
  return log.replaceAll(/^\S+ (?:stdout|stderr) ([FP]) (.*)\n/gm, (_, tag: string, text: string) =>
    tag === "F" ? `${text}\n` : text,
  );
}

/** The directory is its owner's alone, and so is every socket in it. */
async function closedToOthers(directory: string): Promise<Finding> {
  const name = `keep "${basename(directory)}" from other users`;
  const names = await readdir(directory);
  const sockets = names.filter((entry) => entry.endsWith(".sock"));
  const modes = await Promise.all(
    ["", ...sockets].map(async (entry) => [entry, (await lstat(join(directory, entry))).mode & 0o077] as const),
  );
  const open = modes.find(([, others]) => others !== 0);
  if (open === undefined) return { name, ok: true, detail: "closed" };
  const path = join(directory, open[0]);
  return { name, ok: false, detail: `${path} is open to other users`, remedy: `chmod go-rwx ${path}` };
}
