import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StartError } from "./errors.ts";

/** Layout number of the data directory. Newer is refused; older is migrated forward. */
const layout = 1;

/** What a running Headrace says of itself, for the commands that look for it. */
export interface Running {
  readonly gateway: string;
  readonly kube: string;
  /** The endpoint for S3 clients. */
  readonly s3: string;
  readonly kubeconfig: string;
  readonly dataDir: string;
  readonly pid: number;
  readonly version: string;
  /** Bearer token of the owner; the file is readable by no one else. */
  readonly token: string;
}

/** The data directory, held by this process alone until `release`. */
export interface Home {
  readonly directory: string;
  readonly paths: HomePaths;
  announce(running: Running): void;
  release(): void;
}

export interface HomePaths {
  readonly objects: string;
  readonly records: string;
  readonly artifacts: string;
  readonly pods: string;
  readonly volumes: string;
  readonly launcher: string;
  readonly logs: string;
  readonly pki: string;
  /** Copies of the databases, while they are on their way into a backup. */
  readonly backup: string;
  readonly kubeconfig: string;
}

/** Magic numbers of `statfs` for file systems on which SQLite's locks are not to be trusted. */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x517b, "SMB"],
  [0x01021997, "9p"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x5346414f, "AFS"],
]);

/**
 * Takes the data directory: creates it 0700, checks owner, file system and layout, and locks it. The lock is a SQLite database
 * held exclusively, so the kernel lets go of it however this process ends. Throws StartError.
 */
export function openHome(directory: string): Home {
  make(directory);
  refuseForeign(directory);
  refuseNetwork(directory);
  chmodSync(directory, 0o700);
  const release = lock(directory);
  try {
    checkLayout(directory);
    const path = (name: string): string => join(directory, name);
    // What a backup was copying when Headrace was killed.
    rmSync(path("backup"), { recursive: true, force: true });
    for (const name of ["artifacts", "pods", "volumes", "launcher", "logs", "pki"])
      mkdirSync(path(name), { recursive: true, mode: 0o700 });
    return {
      directory,
      paths: {
        objects: path("objects.db"),
        records: path("records.db"),
        artifacts: path("artifacts"),
        pods: path("pods"),
        volumes: path("volumes"),
        launcher: path("launcher"),
        logs: path("logs"),
        pki: path("pki"),
        backup: path("backup"),
        kubeconfig: path("kubeconfig"),
      },
      announce: (running) => writeWhole(path("running.json"), JSON.stringify(running)),
      release: () => {
        rmSync(path("running.json"), { force: true });
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** Who holds this directory, or undefined. A file left by a process that died does not count. */
export function findRunning(directory: string): Running | undefined {
  const file = join(directory, "running.json");
  if (!existsSync(file)) return undefined;
  const running = JSON.parse(readFileSync(file, "utf8")) as Running;
  return isLocked(directory) ? running : undefined;
}

/** Blocks until no process holds the directory, at most `timeoutMs`; says whether it is free. */
export function awaitRelease(directory: string, timeoutMs: number): boolean {
  return !isLocked(directory, timeoutMs);
}

function make(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (!/^(?:EACCES|EPERM|EROFS)$/.test(code)) throw cause;
    throw new StartError(
      `Cannot make ${directory}: the folder that it lies in may not be written`,
      "Choose another directory with --data-dir or HEADRACE_HOME",
      { cause },
    );
  }
}

/** The directory and what lies in it: whoever first started Headrace as root, and gave away the directory alone, is told of the rest. */
function refuseForeign(directory: string): void {
  refuseOwner(directory, statSync(directory).uid, directory);
  for (const path of readdirSync(directory).map((name) => join(directory, name))) {
    refuseOwner(path, lstatSync(path).uid, directory);
  }
}

function refuseOwner(path: string, owner: number, directory: string): void {
  const self = process.getuid?.() ?? owner;
  if (owner === self) return;
  throw new StartError(
    `Cannot use ${path}: it belongs to user ${owner}, and Headrace runs as user ${self}`,
    `Choose another directory with --data-dir, or run as its owner, or: sudo chown -R ${self} ${directory}`,
  );
}

/** The name of the network file system that a directory lies on; undefined on a local one. */
export function networkFileSystem(directory: string): string | undefined {
  return networkFileSystems.get(Number(statfsSync(directory).type) >>> 0);
}

function refuseNetwork(directory: string): void {
  const name = networkFileSystem(directory);
  if (name === undefined) return;
  throw new StartError(
    `Cannot use ${directory}: it lies on ${name}, where a database cannot be locked safely`,
    "Choose a directory on a local disk with --data-dir or HEADRACE_HOME",
  );
}

function checkLayout(directory: string): void {
  const file = join(directory, "VERSION");
  if (!existsSync(file)) return writeWhole(file, `${layout}\n`);
  const found = Number(readFileSync(file, "utf8").trim());
  if (found === layout) return;
  throw new StartError(
    `Cannot use ${directory}: its layout is ${found}, and this Headrace writes layout ${layout}`,
    "Start the version of Headrace that wrote it, or choose another directory with --data-dir",
  );
}

function lock(directory: string): () => void {
  const database = new DatabaseSync(join(directory, "lock"), { timeout: 0 });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (x); COMMIT");
  } catch (cause) {
    database.close();
    const holder = readHolder(directory);
    throw new StartError(
      `Cannot use ${directory}: another Headrace holds it${holder === undefined ? "" : ` (pid ${holder.pid}, ${holder.gateway})`}`,
      "Stop it with `headrace down`, or choose another directory with --data-dir",
      { cause },
    );
  }
  return () => database.close();
}

function readHolder(directory: string): Running | undefined {
  const file = join(directory, "running.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Running) : undefined;
}

function isLocked(directory: string, timeoutMs = 0): boolean {
  const database = new DatabaseSync(join(directory, "lock"), { timeout: timeoutMs });
  try {
    database.exec("BEGIN IMMEDIATE; ROLLBACK");
    return false;
  } catch {
    return true;
  } finally {
    database.close();
  }
}

/** Readers see the old content or the new, never half of one. */
function writeWhole(path: string, content: string): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
