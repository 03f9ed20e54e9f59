import { watch } from "node:fs";
import { mkdtemp, readFile, rm, stat, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { totalmem } from "node:os";
import { dirname, join } from "node:path";
import { inspectTools } from "@headrace/environments";
import { systemClock, systemIds } from "@headrace/model";
import { type Capabilities, diagnose, type Finding, openSandbox, SandboxError, selfTest } from "@headrace/sandbox";
import { findRunning, networkFileSystem } from "./home.ts";
import { hostProxy } from "./proxy.ts";

export interface HostOptions {
  readonly dataDirectory: string;
  readonly cacheDirectory: string;
  readonly runtimeDirectory: string;
  readonly packaging: Readonly<Record<string, string>>;
  /** Whether to try from within containers what steps must not be able to do. */
  readonly selfTest: boolean;
}

export interface HostReport extends Capabilities {
  /** The security checklist, one finding a line; absent unless it was asked for. */
  readonly selfTest?: readonly Finding[];
}

const gib = 2 ** 30;
const leastDisk = 5 * gib;
const leastMemory = 2 * gib;
const leastFiles = 4096;
/** What `headrace up` listens on unless it is told otherwise. */
const standardPorts = [8080, 6443];

/**
 * What this host can do for Headrace and its steps: looks around, opens a sandbox of its own beside any that runs, asks it, and
 * takes it away again. A host that cannot run containers is reported as mode `process`, with the reasons.
 */
export async function inspectHost(options: HostOptions): Promise<HostReport> {
  const [system, containers, tools, ...surroundings] = await Promise.all([
    diagnose(),
    inspectContainers(options),
    inspectTools({
      cacheDirectory: options.cacheDirectory,
      indexEnvironment: options.packaging,
      clock: systemClock,
    }),
    diskFinding("data directory", options.dataDirectory),
    diskFinding("cache directory", options.cacheDirectory),
    watchFinding(options.runtimeDirectory),
    filesFinding(),
    portsFinding(options.dataDirectory),
  ]);
  const findings = [
    ...system,
    ...containers.findings,
    ...toolFindings(tools),
    proxyFinding(options.packaging),
    memoryFinding(),
    ...surroundings,
  ];
  return { ...containers, findings };
}

async function inspectContainers({ runtimeDirectory, selfTest: wanted }: HostOptions): Promise<HostReport> {
  const directory = await mkdtemp(join(runtimeDirectory, "headrace-doctor-"));
  const [stateDirectory, socketsDirectory] = [join(directory, "state"), join(directory, "run")];
  try {
    const sandbox = await openSandbox({ stateDirectory, runtimeDirectory: socketsDirectory, clock: systemClock });
    try {
      if (!wanted) return sandbox.capabilities;
      const tried = await selfTest(sandbox, {
        directory,
        privateDirectories: [stateDirectory, socketsDirectory],
        clock: systemClock,
        ids: systemIds,
      });
      return { ...sandbox.capabilities, selfTest: tried };
    } finally {
      await sandbox.shutdown();
    }
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    const finding = {
      name: "containers",
      ok: false,
      detail: error.message,
      remedy: "Mend what is said above or run Headrace on another host",
    };
    return { mode: "process", cgroups: "none", findings: [finding], ...(wanted && { selfTest: [finding] }) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function toolFindings({ pythons, uv, index, offline }: Awaited<ReturnType<typeof inspectTools>>): readonly Finding[] {
  const versions = pythons.map(({ version }) => version);
  const source = offline ? "only from find-links" : `from ${index ?? "the public index"}`;
  return [
    finding("python versions", versions.length > 0, {
      detail:
        versions.length === 0
          ? "No Python from 3.9 on was found"
          : `${versions.join(", ")}; others are installed by uv when a step asks for them`,
      remedy: "Install Python 3.9 or newer (apt install python3, dnf install python3)",
    }),
    {
      name: "uv",
      ok: true,
      detail: `${uv ?? "will be fetched once, when the first environment is built"}; packages come ${source}`,
    },
  ];
}

function proxyFinding(packaging: HostOptions["packaging"]): Finding {
  const { proxy } = hostProxy(packaging);
  const detail = proxy === undefined ? "none: the world is reached directly" : new URL(proxy.url).host;
  return { name: "proxy", ok: true, detail };
}

function memoryFinding(): Finding {
  return finding("memory", totalmem() >= leastMemory, {
    detail: `${inGib(totalmem())} in all`,
    remedy: `Steps that train models need more than ${inGib(leastMemory)}: give the machine more memory`,
  });
}

/** Of the directory, or of where it will be made. */
async function diskFinding(name: string, directory: string): Promise<Finding> {
  const there = await nearest(directory);
  const { bavail, bsize, ffree, files } = await statfs(there);
  const free = bavail * bsize;
  const network = networkFileSystem(there);
  if (network !== undefined && name === "data directory") {
    return finding(name, false, {
      detail: `${directory} lies on ${network}, where a database cannot be locked safely`,
      remedy: "Choose a directory on a local disk with --data-dir or HEADRACE_HOME",
    });
  }
  const isFull = free < leastDisk || (files > 0 && ffree < 10_000);
  return finding(name, !isFull, {
    detail: `${directory} has ${inGib(free)} free`,
    remedy: `Free space there, or choose a directory on another disk with ${name.startsWith("data") ? "HEADRACE_HOME" : "HEADRACE_CACHE"}`,
  });
}

async function nearest(directory: string): Promise<string> {
  const found = await stat(directory).catch(() => undefined);
  if (found !== undefined || directory === dirname(directory)) return directory;
  return nearest(dirname(directory));
}

/** Logs are followed by inotify; each user has only so many instances and watches of it. */
async function watchFinding(directory: string): Promise<Finding> {
  const limits = ["max_user_instances", "max_user_watches"];
  const settings = await Promise.all(limits.map((limit) => readNumber(`/proc/sys/fs/inotify/${limit}`)));
  const [instances = 0, watches = 0] = settings;
  const refusal = await tryToWatch(directory);
  return finding("inotify", refusal === undefined, {
    detail: refusal ?? `${instances} instances and ${watches} watches for each user`,
    remedy: "sudo sysctl --write fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288",
  });
}

async function tryToWatch(directory: string): Promise<string | undefined> {
  try {
    watch(directory).close();
    return undefined;
  } catch (error) {
    return `Files cannot be watched: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function filesFinding(): Promise<Finding> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const [, soft = ""] = /^Max open files\s+(\S+)/m.exec(limits) ?? [];
  return finding("open files", soft === "unlimited" || Number(soft) >= leastFiles, {
    detail: `${soft || "unknown"} for each process`,
    remedy: `ulimit -n ${leastFiles} before \`headrace up\`, or "* hard nofile 65536" in /etc/security/limits.conf`,
  });
}

async function portsFinding(dataDirectory: string): Promise<Finding> {
  const running = await findRunning(dataDirectory);
  if (running !== undefined) return { name: "ports", ok: true, detail: `Headrace runs at ${running.gateway}` };
  const free = await Promise.all(standardPorts.map(isFree));
  const taken = standardPorts.filter((_, index) => !free[index]);
  return finding("ports", taken.length === 0, {
    detail: taken.length === 0 ? `${standardPorts.join(" and ")} are free` : `${taken.join(" and ")} taken by others`,
    remedy: "headrace up --port 0 --kube-port 0 picks free ones",
  });
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function finding(name: string, ok: boolean, { detail, remedy }: { detail: string; remedy: string }): Finding {
  return ok ? { name, ok, detail } : { name, ok, detail, remedy };
}

async function readNumber(path: string): Promise<number> {
  return Number(await readFile(path, "utf8").catch(() => "0"));
}

function inGib(bytes: number): string {
  return `${(bytes / gib).toFixed(1)} GiB`;
}
