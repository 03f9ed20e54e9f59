import { readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@headrace/model";

/** An environment in the cache that no pod has started with for a while. */
export interface UnusedEnvironment {
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
  /** Of its files; those that the package cache has too take no more room than one of the two. */
  readonly bytes: number;
}

const environmentsFolder = "envs";
const temporaryFolder = ".tmp";

/** Notes that the environment is used now. Never rejects: another user's cache may be read-only. */
export async function noteUse(directory: string, clock: Clock): Promise<void> {
  const now = clock.now() / 1000;
  await utimes(directory, now, now).catch(() => {});
}

/** Environments of the cache that were used last before a time, the longest unused first. */
export async function listUnusedEnvironments(
  cacheDirectory: string,
  before: number,
): Promise<readonly UnusedEnvironment[]> {
  const root = join(cacheDirectory, environmentsFolder);
  const found: UnusedEnvironment[] = [];
  for (const digest of await readdir(root).catch(() => [])) {
    const { mtimeMs } = await stat(join(root, digest));
    if (mtimeMs < before) found.push({ digest, usedAt: mtimeMs, bytes: await sizeOf(join(root, digest)) });
  }
  return found.toSorted((a, b) => a.usedAt - b.usedAt);
}

/** Removes it from the cache: at once for those who look for it, whatever the files take. It is built anew when it is needed. */
export async function removeUnusedEnvironment(cacheDirectory: string, { digest }: UnusedEnvironment): Promise<void> {
  const aside = join(cacheDirectory, temporaryFolder, `${digest}.unused`);
  await rm(aside, { recursive: true, force: true });
  await rename(join(cacheDirectory, environmentsFolder, digest), aside);
  await rm(aside, { recursive: true, force: true });
}

async function sizeOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
