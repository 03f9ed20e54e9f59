import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

import type { Finding } from "./sandbox.ts";

const execute = promisify(execFile);
const oldestPython = [3, 9] as const;
/** Milliseconds for a program that ends at once, on a machine with much else to do. */
const patience = 60_000;

/**
 * What this host allows, found out without a launcher: for `headrace doctor`, and to say why a launcher does not start.
 * Never throws.
 */
export async function diagnose(python = "/usr/bin/python3"): Promise<readonly Finding[]> {
  return Promise.all([interpreter(python), system(), userNamespaces(python)]);
}

async function interpreter(python: string): Promise<Finding> {
  const program = "import ctypes, json, socket, sys; print(json.dumps(list(sys.version_info[:3])))";
  const remedy = "Install Python 3.9 or newer (apt install python3, dnf install python3)";
  try {
    const { stdout } = await execute(python, ["-I", "-S", "-E", "-c", program], { timeout: patience });
    const version = stdout
      .trim()
      .replaceAll(/[[\] ]/g, "")
      .split(",")
      .map(Number);
    const [major = 0, minor = 0] = version;
    // A program that ends in the moment that its time is up has succeeded, and what it said is gone.
    if (major === 0)
      return {
        name: "python",
        ok: false,
        detail: `${python} did not answer in time`,
        remedy: "Ask again when less is going on",
      };
    const ok = major > oldestPython[0] || (major === oldestPython[0] && minor >= oldestPython[1]);
    const detail = `${python} is Python ${version.join(".")}`;
    return ok ? { name: "python", ok, detail } : { name: "python", ok, detail, remedy };
  } catch (error) {
    return { name: "python", ok: false, detail: `${python} cannot be run: ${String(error).slice(0, 200)}`, remedy };
  }
}

async function system(): Promise<Finding> {
  const known = process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");
  if (!known) {
    return {
      name: "system",
      ok: false,
      detail: `Containers need Linux on x86-64 or arm64; this is ${process.platform} on ${process.arch}`,
      remedy: "Run Headrace in a Linux virtual machine, or against a cluster with --kubeconfig",
    };
  }
  const release = (await read("/proc/sys/kernel/osrelease")).trim();
  const [major = 0, minor = 0] = release.split(".").map(Number);
  const ok = major > 5 || (major === 5 && minor >= 12);
  const detail = `Linux ${release}`;
  return ok
    ? { name: "system", ok, detail }
    : { name: "system", ok, detail: `${detail} has no mount_setattr`, remedy: "Use Linux 5.12 or newer" };
}

/**
 * What the launcher and its cells do first. Some hosts refuse the namespace, others the rights within it; settings alone do not
 * tell, since they bind neither root nor programs that a security module lets through.
 */
const attempt = `
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)

def expect(answer, what):
    if answer != 0:
        raise SystemExit(f"{what} says {errno.errorcode.get(ctypes.get_errno(), 'no')}")

user, group = os.geteuid(), os.getegid()
expect(libc.unshare(0x10000000), "unshare")
try:
    for name, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open("/proc/self/" + name, "w") as file:
            file.write(line)
except OSError as error:
    raise SystemExit(f"{name} says {errno.errorcode.get(error.errno)}")
expect(libc.unshare(0x20000), "unshare")
expect(libc.mount(b"none", b"/", None, 0x84000, None), "mount")
`;

const settings = [
  { path: "/proc/sys/kernel/unprivileged_userns_clone", refused: "0", setting: "kernel.unprivileged_userns_clone=1" },
  {
    path: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    refused: "1",
    setting: "kernel.apparmor_restrict_unprivileged_userns=0",
  },
  { path: "/proc/sys/user/max_user_namespaces", refused: "0", setting: "user.max_user_namespaces=10000" },
];

async function userNamespaces(python: string): Promise<Finding> {
  const name = "user namespaces";
  const refusal = await tryNamespaces(python);
  if (refusal === "") return { name, ok: true, detail: "The host allows user namespaces" };
  for (const { path, refused, setting } of settings) {
    if ((await read(path)).trim() === refused) {
      return {
        name,
        ok: false,
        detail: `The host refuses user namespaces (${path} is ${refused})`,
        remedy: `sudo sysctl --write ${setting}, and the same line in /etc/sysctl.d/headrace.conf to keep it`,
      };
    }
  }
  if (refusal === undefined) return { name, ok: true, detail: "No setting of the host refuses user namespaces" };
  return {
    name,
    ok: false,
    detail: `The host refuses user namespaces (${refusal})`,
    remedy: "Let what confines this user or this container (AppArmor, SELinux, a filter of system calls) allow them",
  };
}

/** Empty if all went well, what went wrong, or undefined where it cannot be tried. */
async function tryNamespaces(python: string): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  return new Promise((resolve) => {
    execFile(python, ["-I", "-S", "-E", "-c", attempt], { timeout: patience }, (error, _, complaint) => {
      if (error === null) return resolve("");
      const [lastLine] = complaint.trim().split("\n").slice(-1);
      resolve(error.code === 1 && lastLine ? lastLine.slice(0, 200) : undefined);
    });
  });
}

async function read(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
