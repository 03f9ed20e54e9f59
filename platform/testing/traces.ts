import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

export interface Place {
  /** The data directory. */
  readonly home: string;
  /** Where Headrace makes the directory of its sockets. */
  readonly runtime: string;
}

/** Where the sockets of this data directory are. */
function socketsOf({ home, runtime }: Place): string {
  return join(runtime, `headrace-${createHash("sha256").update(home).digest("hex").slice(0, 12)}`);
}

/** What a Headrace that was stopped in order has left of this data directory: processes, control groups, sockets, secrets in memory. */
export function traces(place: Place): readonly string[] {
  const sockets = socketsOf(place);
  const files = list(sockets).filter((name) => name !== "launcher.lock");
  return [
    ...processesOf(place).map(({ pid, name }) => `process ${pid} (${name})`),
    ...groupsOf(place).map((path) => `cgroup ${path}`),
    ...files.map((name) => `${sockets}/${name}`),
    ...[place.runtime, "/dev/shm"].map((folder) => join(folder, `${basename(sockets)}-volumes`)).filter(existsSync),
  ];
}

/** The launcher that serves now; undefined if none does. */
export function findLauncher(place: Place): number | undefined {
  return findProcess(place, "launcher");
}

const processNames = {
  launcher: "headrace-node",
  pump: "headrace-pump",
  relay: "headrace-relay",
  cell: "headrace-cell",
} as const;

/** One of the processes that work for Headrace; undefined if there is none now. */
export function findProcess(place: Place, kind: keyof typeof processNames): number | undefined {
  return processesOf(place).find(({ name }) => name === processNames[kind])?.pid;
}

/** How much of each kind a running Headrace and its launcher hold: what grows without end is a leak. */
export function holdings(place: Place): Readonly<Record<string, number>> {
  const processes = processesOf(place);
  const launcher = processes.find(({ name }) => name === "headrace-node")?.pid;
  const descriptors = processes.flatMap(({ pid }) => list(`/proc/${pid}/fd`));
  const links = launcher === undefined ? [] : read(`/proc/${launcher}/net/dev`).split("\n").slice(2);
  return {
    processes: processes.length,
    descriptors: descriptors.length,
    links: links.filter((line) => line !== "").length,
    cgroups: groupsOf(place).flatMap((path) => list(path).filter((name) => /^c\d+$/.test(name))).length,
    cells: list(socketsOf(place)).filter((name) => /^cell-\d+\.json$/.test(name)).length,
  };
}

/** All that runs for this data directory, by what it was started with: forks of the launcher keep its words. */
function processesOf({ home }: Place): readonly { readonly pid: number; readonly name: string }[] {
  return list("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const words = read(`/proc/${pid}/cmdline`);
      // Who has ended and was not yet waited for has no words.
      return words.includes(home) ? [{ pid: Number(pid), name: read(`/proc/${pid}/comm`).trim() }] : [];
    });
}

function groupsOf({ home }: Place): readonly string[] {
  const name = `headrace-${createHash("sha256").update(join(home, "launcher")).digest("hex").slice(0, 12)}`;
  const root = "/sys/fs/cgroup";
  return ["", ...list(root)].map((hierarchy) => join(root, hierarchy, name)).filter((path) => existsSync(path));
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
