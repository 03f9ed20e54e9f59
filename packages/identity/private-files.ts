import { chmod, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Bytes that are read of a private file: what is written must fit. */
export const maxPrivateFile = 1 << 20;

/** The file's text, or undefined if there is none. Files that others may read are closed to them first. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    await chmod(path, 0o600);
    const text = await readFile(path, "utf8");
    return text.slice(0, maxPrivateFile);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Writes so that readers see the old file or the new one, never a part, and nobody but the owner reads it. Durable when it resolves. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const half = `${path}.new`;
  await rm(half, { force: true });
  const file = await open(half, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(half, path);
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
