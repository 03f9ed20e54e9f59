import { lstatSync, opendirSync, rmdirSync, unlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

/** What is removed in place: more names, or larger files, could hold everything else up. */
const most = { names: 64, bytes: 1 << 20 };

/**
 * Removes a directory with all that is in it; one that is not there is fine. What a step leaves behind is a dozen small files,
 * gone in place in a fraction of the time that a hundred turns through the thread pool take. Larger trees go there.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    if (removeSmall(path, { names: most.names })) return;
  } catch {
    // Not there, or not ours to remove just so: the thorough way knows what to say.
  }
  await rm(path, { recursive: true, force: true });
}

/** False if there is too much; some of it may be gone by then. Links are removed, never followed. */
function removeSmall(path: string, left: { names: number }): boolean {
  using directory = opendirSync(path);
  for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
    left.names -= 1;
    if (left.names < 0) return false;
    const inner = join(path, entry.name);
    if (entry.isDirectory()) {
      if (!removeSmall(inner, left)) return false;
    } else {
      if (lstatSync(inner).size > most.bytes) return false;
      unlinkSync(inner);
    }
  }
  rmdirSync(path);
  return true;
}
