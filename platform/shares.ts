import { realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import type { Share } from "@headrace/kubelet";
import { StartError } from "./errors.ts";

/** What a step's root is made of: a folder mounted over it would take the step's programs away. */
const systemFolders = ["/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin", "/sys", "/usr"];
const remedy = "Write --share /path/to/folder[:ro], a folder that holds nothing of Headrace's own";

/**
 * Reads `DIR` or `DIR:ro`. Throws StartError for what is no folder, and for what lies in or contains a place that is Headrace's
 * alone: a step that sees it could read everybody's secrets.
 */
export function readShares(texts: readonly string[], reserved: readonly string[]): readonly Share[] {
  const shares = texts.map(readShare);
  for (const { path } of shares) {
    const real = realpathSync(path);
    for (const place of reserved.map(realPlace)) {
      if (!isWithin(real, place) && !isWithin(place, real)) continue;
      throw new StartError(`Cannot share "${path}": Headrace keeps its own files in ${place}`, remedy);
    }
    const system = systemFolders.find((folder) => isWithin(path, folder));
    if (system !== undefined)
      throw new StartError(`Cannot share "${path}": steps have a ${system} of their own`, remedy);
  }
  const twice = shares.find(({ path }, index) => shares.findIndex((other) => other.path === path) < index);
  if (twice !== undefined) throw new StartError(`Cannot share "${twice.path}" twice`, "Name each folder once");
  return shares;
}

function readShare(text: string): Share {
  const readOnly = text.endsWith(":ro");
  const path = readOnly ? text.slice(0, -3) : text;
  if (!isAbsolute(path)) throw new StartError(`Cannot share "${text}": the folder's path is not absolute`, remedy);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new StartError(`Cannot share "${path}": there is no such folder`, `Make it first: mkdir -p ${path}`);
  return { path: resolve(path), readOnly };
}

/** With links resolved; the last part may not be there yet. */
function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPlace(parent), basename(path));
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
