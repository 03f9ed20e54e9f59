import { mkdirSync, renameSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Ids } from "@headrace/model";
import { TreeRemover } from "./tree-remover.ts";

export const scratchName = ".scratch";
export const spareDirectoryPrefix = ".spare-";

const spares = 4;
/** Late enough to be out of the way of the start that took the last one. */
const refillMs = 2;

/** Of the file, in the pod's directory, that a container's last words are written to. No container's name begins with a dot. */
export function messageName(container: string): string {
  return `.message-${container}`;
}

/** Makes one directory unless it is there. Synchronous, like all small steps before a start: a turn through the thread pool costs more. */
export function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

interface Spare {
  readonly path: string;
  readonly container: string;
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
  readonly #remover: TreeRemover;
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
    this.#remover = new TreeRemover(options.signal);
  }

  /** Resolves once a directory and all that is in it are gone. Rejects with the system's error. */
  remove(path: string): Promise<void> {
    return this.#remover.remove(path);
  }

  /** The pod's directory is there afterwards, with a scratch directory if the pod is a step of one container of this name. */
  take(directory: string, stepContainer: string | undefined): void {
    if (stepContainer === undefined || !this.#rename(directory, stepContainer)) makeDirectory(directory, 0o700);
    if (stepContainer === undefined) return;
    makeDirectory(join(directory, scratchName), 0o777);
    this.#refillSoon(stepContainer);
  }

  #rename(directory: string, container: string): boolean {
    const index = this.#spares.findIndex((spare) => spare.container === container);
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

  #refillSoon(container: string): void {
    if (this.#refilling || this.#signal.aborted) return;
    this.#refilling = true;
    this.#clock.after(refillMs, () => void this.#refill(container));
  }

  async #refill(container: string): Promise<void> {
    try {
      const outdated = this.#spares.filter((spare) => spare.container !== container);
      this.#spares = this.#spares.filter((spare) => spare.container === container);
      for (const { path } of outdated) await this.remove(path);
      while (this.#spares.length < spares && !this.#signal.aborted) this.#spares.push(await this.#make(container));
    } catch (error) {
      this.#onError(error);
    }
    this.#refilling = false;
  }

  async #make(container: string): Promise<Spare> {
    const path = join(this.#podsDirectory, `${spareDirectoryPrefix}${this.#ids.suffix(10)}`);
    await mkdir(path, { mode: 0o700 });
    await mkdir(join(path, scratchName), { mode: 0o777 });
    await mkdir(join(path, container), { mode: 0o700 });
    await writeFile(join(path, messageName(container)), "", { mode: 0o666 });
    return { path, container };
  }
}
