import { chmodSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Ids } from "@headrace/model";
import { type DirectoryContent, DirectoryThread } from "./directory-thread.ts";

export const scratchName = ".scratch";
export const spareDirectoryPrefix = ".spare-";

/** As of any /tmp: everybody in the container may write there. */
const scratchMode = 0o1777;
const spares = 4;
/** Any pod may ask for folders, and nobody has looked yet at whether it is a step of the engine's. */
const mostFolders = 16;
/** Late enough to be out of the way of the start that took the last one. */
const refillMs = 2;

/** Of the file, in the pod's directory, that a container's last words are written to. No container's name begins with a dot. */
export function messageName(container: string): string {
  return `.message-${container}`;
}

/** Makes one directory unless it is there, and says whether it did. Synchronous, like all small steps before a start: a turn through the thread pool costs more. */
export function makeDirectory(path: string, mode: number): boolean {
  if (existsSync(path)) return false;
  mkdirSync(path);
  chmodSync(path, mode);
  return true;
}

/** What is made with a step pod's directory: the one container's, and folders of the scratch directory, outer ones first. */
export interface DirectoryShape {
  readonly container: string;
  readonly scratchFolders: readonly string[];
}

interface Spare {
  readonly path: string;
  readonly shape: string;
}

/**
 * Directories of step pods, made ahead: a new directory with what belongs in it costs a file system a millisecond, a rename
 * next to nothing. A few wait at any time, shaped like the last one that was taken.
 */
export class PodDirectories {
  readonly #podsDirectory: string;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #onError: (error: unknown) => void;
  readonly #signal: AbortSignal;
  readonly #thread: DirectoryThread;
  #spares: Spare[] = [];
  #refilling = false;

  /** Nothing is made ahead any more once the signal aborts; what is there is for the next process to remove. */
  constructor(options: {
    readonly podsDirectory: string;
    readonly clock: Clock;
    readonly ids: Ids;
    readonly onError: (error: unknown) => void;
    readonly signal: AbortSignal;
  }) {
    this.#podsDirectory = options.podsDirectory;
    this.#clock = options.clock;
    this.#ids = options.ids;
    this.#onError = options.onError;
    this.#signal = options.signal;
    this.#thread = new DirectoryThread(options.signal);
  }

  /** Resolves once directories and all that is in them are gone. Rejects with the system's first error. */
  remove(...paths: readonly string[]): Promise<void> {
    return this.#thread.remove(...paths);
  }

  /** The pod's directory is there afterwards, with the scratch directory and its folders if the pod is a step; what else a step's shape names may be missing. */
  take(directory: string, step: DirectoryShape | undefined): void {
    if (step === undefined || !this.#rename(directory, JSON.stringify(step))) makeDirectory(directory, 0o700);
    if (step === undefined) return;
    const scratch = join(directory, scratchName);
    // In a scratch directory that was there before, a step may have put links.
    if (makeDirectory(scratch, scratchMode))
      for (const folder of step.scratchFolders) makeDirectory(join(scratch, folder), 0o777);
    if (step.scratchFolders.length <= mostFolders) this.#refillSoon(step);
  }

  #rename(directory: string, shape: string): boolean {
    const index = this.#spares.findIndex((spare) => spare.shape === shape);
    const [spare] = index < 0 ? [] : this.#spares.splice(index, 1);
    if (spare === undefined) return false;
    try {
      renameSync(spare.path, directory);
      return true;
    } catch {
      // The pod was here before: its directory has something in it already.
      this.remove(spare.path).catch(this.#onError);
      return false;
    }
  }

  #refillSoon(step: DirectoryShape): void {
    if (this.#refilling || this.#signal.aborted) return;
    this.#refilling = true;
    this.#clock.after(refillMs, () => void this.#refill(step));
  }

  async #refill(step: DirectoryShape): Promise<void> {
    const shape = JSON.stringify(step);
    try {
      const outdated = this.#spares.filter((spare) => spare.shape !== shape);
      this.#spares = this.#spares.filter((spare) => spare.shape === shape);
      if (outdated.length > 0) await this.remove(...outdated.map(({ path }) => path));
      while (this.#spares.length < spares && !this.#signal.aborted) {
        const path = join(this.#podsDirectory, `${spareDirectoryPrefix}${this.#ids.suffix(10)}`);
        await this.#thread.make(path, contentOf(step));
        this.#spares.push({ path, shape });
      }
    } catch (error) {
      this.#onError(error);
    }
    this.#refilling = false;
  }
}

function contentOf({ container, scratchFolders }: DirectoryShape): DirectoryContent {
  return {
    folders: [
      { name: scratchName, mode: scratchMode },
      ...scratchFolders.map((folder) => ({ name: join(scratchName, folder), mode: 0o777 })),
      { name: container, mode: 0o700 },
    ],
    files: [messageName(container)],
  };
}
