import { chmod, mkdir, open, readdir, rename, rm, rmdir, symlink, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type Header } from "tar-stream";
import { timeRecord } from "./backup.ts";
import { StartError } from "./errors.ts";

/** What a backup may hold, at its top. */
const expected = new Set(["VERSION", "objects.db", "records.db", "pki", "artifacts", "volumes"]);

/**
 * Makes a data directory of a backup's tar. The directory must not be there, or be empty; it appears whole or not at all. Throws
 * StartError.
 */
export async function restoreBackup(archive: Readable, directory: string): Promise<void> {
  const there = await readdir(directory).catch(() => []);
  if (there.length > 0) {
    throw new StartError(
      `Cannot restore into ${directory}: it is not empty`,
      "Choose another directory with --data-dir, or move this one away first",
    );
  }
  const part = `${directory}.restoring`;
  await rm(part, { recursive: true, force: true });
  await mkdir(part, { recursive: true, mode: 0o700 });
  try {
    await unpack(archive, part);
    const found = new Set(await readdir(part));
    const missing = ["VERSION", "objects.db", "records.db"].filter((name) => !found.has(name));
    if (missing.length > 0) throw damaged(`it has no ${missing.join(" and no ")}`);
    await rmdir(directory).catch(() => {});
    await rename(part, directory);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

async function unpack(archive: Readable, root: string): Promise<void> {
  const entries = extract();
  // Only at the end may folders be closed to writers, this one among them.
  const folders: (readonly [place: string, mode: number])[] = [];
  // Links come last, so that nothing is ever written through one.
  const links: (readonly [place: string, target: string])[] = [];
  const fed = pipeline(archive, entries).catch((cause: unknown) => {
    throw damaged(cause instanceof Error ? cause.message : String(cause), { cause });
  });
  // It is waited for below; until then it is nobody's unhandled failure.
  fed.catch(() => {});
  try {
    for await (const entry of entries) {
      const { header } = entry;
      const place = join(root, safeName(header));
      const mode = header.mode & 0o7777;
      if (header.type === "directory") {
        await mkdir(place, { recursive: true, mode: 0o700 });
        folders.push([place, mode]);
        entry.resume();
      } else if (header.type === "symlink" && header.name.startsWith("volumes/")) {
        links.push([place, header.linkname]);
        entry.resume();
      } else if (header.type === "file") {
        await mkdir(dirname(place), { recursive: true, mode: 0o700 });
        await writeWhole(entry, place, mode);
        const time = timeOf(header) / 1000;
        await utimes(place, time, time);
      } else entry.resume();
    }
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw damaged(error instanceof Error ? error.message : String(error), { cause: error });
  }
  await fed;
  for (const [place, target] of links) await symlink(target, place);
  for (const [place, mode] of folders.toReversed()) await chmod(place, mode);
}

async function writeWhole(content: AsyncIterable<unknown>, path: string, mode: number): Promise<void> {
  await using file = await open(path, "wx", mode);
  for await (const chunk of content) if (chunk instanceof Uint8Array) await file.writeFile(chunk);
  await file.chmod(mode);
  await file.sync();
}

/** Milliseconds since the epoch. */
function timeOf({ pax, mtime }: Header): number {
  const recorded: unknown = typeof pax === "object" && pax !== null ? Reflect.get(pax, timeRecord) : undefined;
  return typeof recorded === "string" ? Math.round(Number(recorded) * 1000) : mtime.getTime();
}

/** Throws StartError for a name that leads out of the directory, or to what no backup holds. */
function safeName({ name }: Header): string {
  const segments = name.replace(/\/$/, "").split("/");
  const isBad = segments.some(
    (segment) => segment === "" || segment === "." || segment === ".." || segment.includes("\0"),
  );
  if (isBad || !expected.has(segments[0] ?? "")) throw damaged(`"${name.slice(0, 100)}" does not belong in one`);
  return segments.join("/");
}

function damaged(why: string, options?: ErrorOptions): StartError {
  return new StartError(
    `Cannot restore: this is no whole backup of Headrace: ${why}`,
    "Use a file that `headrace backup` has written to its end",
    options,
  );
}
