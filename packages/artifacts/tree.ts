import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { rmdir, unlink } from "node:fs/promises";
import type { Clock } from "@headrace/model";
import { codeOf, type Folder } from "./beneath.ts";
import { NotPlainError, TooMuchError } from "./errors.ts";
import { batchBytes, newBatch, readRange } from "./range.ts";

/** How much of a tree is read at most. */
export interface TreeLimits {
  readonly files: number;
  readonly bytes: number;
  readonly depth: number;
  readonly milliseconds: number;
}

export interface TreeFile {
  /** Relative to the tree, with slashes. */
  readonly path: string;
  readonly size: number;
  readonly handle: FileHandle;
}

/**
 * Calls `visit` for every file of a tree in the order of their paths; the handle is open during the call. Throws NotPlainError
 * at the first link, pipe, socket, device or name that is not UTF-8, and TooMuchError beyond the limits.
 */
export async function walk(
  folder: Folder,
  limits: TreeLimits,
  clock: Clock,
  visit: (file: TreeFile) => Promise<void> | void,
): Promise<void> {
  const deadline = clock.monotonic() + limits.milliseconds;
  let files = 0;
  let bytes = 0;

  const enter = async (at: Folder, prefix: string, depth: number): Promise<void> => {
    if (depth > limits.depth) throw new TooMuchError(`${limits.depth} levels of folders`);
    for (const name of await sortedNames(at)) {
      if (clock.monotonic() > deadline) throw new TooMuchError(`can be read in ${limits.milliseconds} ms`);
      if (++files > limits.files) throw new TooMuchError(`${limits.files} files and folders`);
      const path = prefix + name;
      if ((await at.kind(name)) === "folder") {
        await using inner = await at.folder(name);
        if (inner) await enter(inner, `${path}/`, depth + 1);
        continue;
      }
      await using handle = await at.file(name);
      if (!handle) continue;
      const { size } = await handle.stat();
      bytes += size;
      if (bytes > limits.bytes) throw new TooMuchError(`${limits.bytes} bytes`);
      await visit({ path, size, handle });
    }
  };
  await enter(folder, "", 1);
}

async function sortedNames(folder: Folder): Promise<string[]> {
  const names = (await folder.entries()).map(({ name }) => {
    const text = name.toString("utf8");
    if (!Buffer.from(text, "utf8").equals(name))
      throw new NotPlainError(folder.path, "the parent of a name that is not UTF-8");
    return text;
  });
  return names.sort((a, b) => (a < b ? -1 : 1));
}

/** `sha256:<hex>` of a file's bytes, up to the size that it had when it was opened: it may not grow under the reader for ever. */
export async function digestOf(file: { readonly handle: FileHandle; readonly size: number }): Promise<string> {
  const hash = createHash("sha256");
  const reused = file.size > batchBytes ? ([newBatch(), newBatch()] as const) : undefined;
  for await (const batch of readRange(file.handle, 0, file.size, undefined, reused)) hash.update(batch);
  return `sha256:${hash.digest("hex")}`;
}

/** Removes a file or a tree, links themselves included, without ever looking through one. Nothing there is fine. */
export async function removeWithin(folder: Folder, name: string): Promise<void> {
  try {
    await unlink(folder.at(name));
    return;
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return;
    // Linux says EISDIR of a folder, others EPERM.
    if (code !== "EISDIR" && code !== "EPERM") throw error;
  }
  {
    await using inner = await folder.folder(name);
    if (!inner) return;
    for (const entry of await sortedNames(inner)) await removeWithin(inner, entry);
  }
  await rmdir(folder.at(name));
}
