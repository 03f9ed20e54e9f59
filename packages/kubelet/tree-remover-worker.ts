import { rmSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { Removal, Removed } from "./tree-remover.ts";

/** Runs in a thread of its own: removes one tree after the other, and says so. */
parentPort?.on("message", ({ id, path }: Removal) => parentPort?.postMessage(remove(id, path), []));

function remove(id: number, path: string): Removed {
  try {
    rmSync(path, { recursive: true, force: true });
    return { id };
  } catch (error) {
    return { id, error };
  }
}
