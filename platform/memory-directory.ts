import { lstatSync, mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";

/** What `statfs` says of a file system in memory. */
const tmpfs = 0x01021994;
/** A container's `/dev/shm` may have as little as 64 MiB: no place for the secrets of many pods. */
const leastBytes = 256 << 20;

/**
 * A directory of ours in memory, made if need be beneath the first of the candidates that is in memory and has room; undefined
 * where there is none. What is made of Secrets and tokens belongs there, as on any node: it never reaches a disk, and costs no
 * wait for one. Somebody else's directory of that name is not taken.
 */
export function openMemoryDirectory(name: string, candidates: readonly string[]): string | undefined {
  for (const candidate of candidates) {
    try {
      const { type, bavail, bsize } = statfsSync(candidate);
      if (type !== tmpfs || bavail * bsize < leastBytes) continue;
      const path = join(candidate, name);
      mkdirSync(path, { recursive: true, mode: 0o700 });
      const { mode, uid } = lstatSync(path);
      if ((mode & 0o170777) === 0o040700 && uid === process.getuid?.()) return path;
    } catch {
      // Not there, or not for us: the next one.
    }
  }
  return undefined;
}
