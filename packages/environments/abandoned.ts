import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@headrace/model";

/** Longer than anything is built, so that what another process works on is left alone. In milliseconds. */
const abandonedAfterMs = 24 * 3600 * 1000;

/** Removes what processes that were killed have left half-made in this directory. Never rejects: it is tried again next time. */
export async function removeAbandoned(directory: string, clock: Clock): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  await Promise.all(names.map((name) => removeIfOld(join(directory, name), clock).catch(() => {})));
}

async function removeIfOld(path: string, clock: Clock): Promise<void> {
  const { mtimeMs } = await stat(path);
  if (mtimeMs < clock.now() - abandonedAfterMs) await rm(path, { recursive: true, force: true });
}
