import { constants } from "node:fs";
import { chmod, type FileHandle, lstat, mkdir, open, readdir, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { backup as copyDatabase, DatabaseSync } from "node:sqlite";
import { pipeline } from "node:stream/promises";
import type { Route } from "@headrace/model";
import { pack, type Pack } from "tar-stream";
import type { SqliteStore } from "@headrace/store";
import type { Home } from "./home.ts";

export interface BackupOptions {
  readonly home: Pick<Home, "directory" | "paths">;
  readonly store: Pick<SqliteStore, "copyTo">;
  /** Runs while no bytes and no volumes are freed: what the databases name when they are copied must be there when the files are. */
  readonly hold: <R>(act: () => Promise<R>) => Promise<R>;
}

/** POSIX's record of a file's time, with what the older field cannot hold: parts of a second. */
export const timeRecord = "mtime";
const batchBytes = 1 << 20;
/** Half-written objects and uploads are nobody's yet. */
const passing = new Set([".headrace-staging", ".headrace-uploads"]);

/**
 * A consistent copy of a running Headrace, as a tar: first the objects, then the records that lead them, then the files that both name,
 * which do not change. Volumes are copied as they are, in use or not. It holds all keys: who has it, is administrator.
 */
export function backupRoute(options: BackupOptions): Route {
  return {
    method: "GET",
    pattern: "/apis/headrace.io/v1/backup",
    access: () => ({ verb: "get", group: "headrace.io", resource: "backups", namespace: "", name: "" }),
    handle: async () => ({
      status: 200,
      headers: { "content-type": "application/x-tar", "cache-control": "no-store" },
      body: archiveOf(options),
    }),
  };
}

async function* archiveOf(options: BackupOptions): AsyncGenerator<Uint8Array> {
  const archive = pack();
  const filled = options
    .hold(() => fill(archive, options))
    .catch((error: unknown) => {
      archive.destroy(error instanceof Error ? error : new TypeError(String(error)));
    });
  try {
    for await (const chunk of archive) if (Buffer.isBuffer(chunk)) yield chunk;
  } finally {
    archive.destroy();
    await filled;
  }
}

async function fill(archive: Pack, { home, store }: BackupOptions): Promise<void> {
  const { directory, paths } = home;
  const working = paths.backup;
  await rm(working, { recursive: true, force: true });
  await mkdir(working, { mode: 0o700 });
  try {
    await store.copyTo(join(working, "objects.db"));
    using records = new DatabaseSync(paths.records, { readOnly: true });
    // In one step, on another thread: no writer can come in between, and none waits.
    await copyDatabase(records, join(working, "records.db"), { rate: 2 ** 31 - 1 });
    for (const name of ["objects.db", "records.db"]) await chmod(join(working, name), 0o600);
    await addFile(archive, "VERSION", join(directory, "VERSION"));
    for (const name of ["objects.db", "records.db"]) await addFile(archive, name, join(working, name));
    for (const name of ["pki", "artifacts", "volumes"] as const) await addFolder(archive, name, paths[name]);
    archive.finalize();
  } finally {
    await rm(working, { recursive: true, force: true });
  }
}

async function addFolder(archive: Pack, name: string, path: string): Promise<void> {
  const { mode } = await lstat(path);
  await addEntry(archive, { name: `${name}/`, type: "directory", mode: mode & 0o7777 });
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inner = { name: `${name}/${entry.name}`, path: join(path, entry.name) };
    if (passing.has(entry.name)) continue;
    if (entry.isDirectory()) await addFolder(archive, inner.name, inner.path);
    else if (entry.isFile()) await addFile(archive, inner.name, inner.path);
    else if (entry.isSymbolicLink()) {
      await addEntry(archive, { name: inner.name, type: "symlink", linkname: await readlink(inner.path) });
    }
  }
}

/** As many bytes as it has now: one that grows is cut there, one that shrinks is filled up with zeros. */
async function addFile(archive: Pack, name: string, path: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // It went while the archive was being written, so nobody will miss it.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  await using opened = file;
  const { size, mode, mtimeMs } = await opened.stat();
  const header = {
    name,
    size,
    mode: mode & 0o7777,
    mtime: new Date(mtimeMs),
    pax: { [timeRecord]: (Math.round(mtimeMs) / 1000).toFixed(3) },
  };
  await pipeline(exactly(size, opened), archive.entry(header));
}

async function* exactly(size: number, file: FileHandle): AsyncGenerator<Uint8Array> {
  let left = size;
  if (size > 0) {
    for await (const chunk of file.createReadStream({ end: size - 1, autoClose: false, highWaterMark: batchBytes })) {
      const bytes: Uint8Array = chunk;
      left -= bytes.length;
      yield bytes;
    }
  }
  for (; left > 0; left -= batchBytes) yield Buffer.alloc(Math.min(left, batchBytes));
}

type Header = Parameters<Pack["entry"]>[0];

function addEntry(archive: Pack, header: Header): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  archive.entry(header, (error) => (error ? reject(error) : resolve()));
  return promise;
}
