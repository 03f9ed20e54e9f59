import { readFileSync, statfsSync } from "node:fs";
import { arch, cpus, hostname, networkInterfaces, release, totalmem, type } from "node:os";
import type { Machine } from "@headrace/kubelet";

const architectures: Readonly<Record<string, string>> = { x64: "amd64" };

/** What this machine is, as its Node object says it. `directory` is where pods' files lie. */
export function describeMachine(directory: string): Machine {
  const disk = statfsSync(directory);
  return {
    cpus: cpus().length,
    memoryBytes: totalmem(),
    ephemeralBytes: disk.bavail * disk.bsize,
    kernel: `${type()} ${release()}`,
    osImage: field("/etc/os-release", /^PRETTY_NAME="?([^"\n]*)"?$/m) ?? type(),
    architecture: architectures[arch()] ?? arch(),
    machineID: field("/etc/machine-id", /^(\S+)/) ?? "",
    bootID: field("/proc/sys/kernel/random/boot_id", /^(\S+)/) ?? "",
    address: ownAddress() ?? "127.0.0.1",
  };
}

/** A valid Node name: lower case, no underscores. */
export function nodeName(): string {
  const name = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, "-");
  return name.replaceAll(/^[-.]+|[-.]+$/g, "") || "localhost";
}

function field(path: string, pattern: RegExp): string | undefined {
  try {
    return pattern.exec(readFileSync(path, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

function ownAddress(): string | undefined {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find((address) => address.family === "IPv4" && !address.internal)?.address;
}
