import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parentPort } from "node:worker_threads";
import type { DirectoryContent, Job, JobDone } from "./directory-thread.ts";

/** Runs in a thread of its own: does one job after the other, and says so. */
parentPort?.on("message", (job: Job) => parentPort?.postMessage(perform(job), []));

function perform(job: Job): JobDone {
  try {
    if (job.do === "make") make(job.path, job.content);
    else remove(job.paths);
    return { id: job.id };
  } catch (error) {
    return { id: job.id, error };
  }
}

function remove(paths: readonly string[]): void {
  const errors: unknown[] = [];
  for (const path of paths) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

function make(path: string, { folders, files }: DirectoryContent): void {
  mkdirSync(path, { mode: 0o700 });
  for (const { name, mode } of folders) {
    mkdirSync(join(path, name));
    chmodSync(join(path, name), mode);
  }
  for (const name of files) writeFileSync(join(path, name), "", { mode: 0o666 });
}
