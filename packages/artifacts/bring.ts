import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ArtifactStore } from "./artifacts.ts";

/** Bytes that are fetched in one request, and requests at a time: 64 MiB are on their way at most. */
const rangeBytes = 16 << 20;
const rangesAtOnce = 4;

/**
 * Brings the file or tree at a URI to a path of this host where nothing is, for stores that have no path of their own. False if
 * there is nothing at the URI. Half of it is never seen under the path. Rejects with the store's ApiError.
 */
export async function bring(store: ArtifactStore, uri: string, path: string, signal?: AbortSignal): Promise<boolean> {
  const stat = await store.stat(uri);
  if (!stat) return false;
  const part = `${path}.part`;
  await rm(part, { recursive: true, force: true });
  if (stat.kind === "file") await bringFile(store, { uri, size: stat.size }, part, signal);
  else {
    await mkdir(part, { mode: 0o755 });
    for (const file of await store.list(uri)) {
      const place = join(part, file.path);
      await mkdir(dirname(place), { recursive: true, mode: 0o755 });
      await bringFile(store, { uri: `${uri.replace(/\/$/, "")}/${file.path}`, size: file.size }, place, signal);
    }
  }
  await rename(part, path);
  return true;
}

/** Several ranges at a time, each written where it belongs. */
async function bringFile(
  store: ArtifactStore,
  { uri, size }: { readonly uri: string; readonly size: number },
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  await using file = await open(path, "wx", 0o644);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < size) {
      let position = next;
      next += rangeBytes;
      const range = { offset: position, limit: Math.min(rangeBytes, size - position), ...(signal && { signal }) };
      for await (const chunk of store.read(uri, range)) {
        for (let written = 0; written < chunk.length;) {
          const { bytesWritten } = await file.write(chunk, written, chunk.length - written, position);
          written += bytesWritten;
          position += bytesWritten;
        }
      }
    }
  };
  const workers = Array.from({ length: Math.min(rangesAtOnce, Math.ceil(size / rangeBytes)) }, worker);
  const outcomes = await Promise.allSettled(workers);
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
}
