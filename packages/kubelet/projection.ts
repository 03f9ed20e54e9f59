import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Ids } from "@headrace/model";
import { ContainerConfigError } from "./errors.ts";

/** A file of a volume that is made from objects. */
export interface ProjectedFile {
  /** Relative to the volume, with slashes. */
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number;
}

const current = "..data";

/**
 * Makes the directory show exactly these files, all at once: they are written beside the present ones, and a link is swapped.
 * Readers see the old set or the new one, as on any kubelet. Answers whether anything changed. The files are small and few, so
 * the calls are synchronous: a turn through the thread pool for each would cost more than the work.
 */
export function writeProjection(directory: string, files: readonly ProjectedFile[], ids: Ids): boolean {
  for (const { path } of files) checkPath(path);
  const previous = currentDirectory(directory);
  if (previous !== undefined && holds(join(directory, previous), files)) return false;
  const next = `..${ids.suffix(12)}`;
  mkdirSync(join(directory, next), { recursive: true, mode: 0o755 });
  for (const file of files) {
    const target = join(directory, next, file.path);
    if (file.path.includes("/")) mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    writeFileSync(target, file.content, { flag: "wx" });
    chmodSync(target, file.mode);
  }
  symlinkSync(next, join(directory, `${current}_tmp`));
  renameSync(join(directory, `${current}_tmp`), join(directory, current));
  linkNames(directory, files);
  if (previous !== undefined) rmSync(join(directory, previous), { recursive: true, force: true });
  return true;
}

/** The names that users see lead through the link, so that they change with it. */
function linkNames(directory: string, files: readonly ProjectedFile[]): void {
  const wanted = new Set(files.map(({ path }) => path.split("/")[0] ?? ""));
  for (const name of readdirSync(directory)) {
    if (!name.startsWith("..") && !wanted.delete(name)) rmSync(join(directory, name));
  }
  for (const name of wanted) symlinkSync(`${current}/${name}`, join(directory, name));
}

function currentDirectory(directory: string): string | undefined {
  try {
    return readlinkSync(join(directory, current));
  } catch {
    return undefined;
  }
}

function holds(directory: string, files: readonly ProjectedFile[]): boolean {
  const present = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  if (present.length !== files.length) return false;
  return files.every(({ path, content }) => {
    try {
      return readFileSync(join(directory, path)).equals(content);
    } catch {
      return false;
    }
  });
}

function checkPath(path: string): void {
  const segments = path.split("/");
  if (path === "" || path.startsWith("/") || segments.includes("..") || path.startsWith("..")) {
    throw new ContainerConfigError(
      "FailedMount",
      `the path "${path}" of a volume's item must be relative and without ".."`,
    );
  }
}
