import { Worker } from "node:worker_threads";

/** What is in a new directory, outer folders before what is in them. Modes are set as they are, whatever the umask. */
export interface DirectoryContent {
  readonly folders: readonly { readonly name: string; readonly mode: number }[];
  /** Empty ones, which anybody may write. */
  readonly files: readonly string[];
}

type Work =
  | { readonly do: "remove"; readonly paths: readonly string[] }
  | { readonly do: "make"; readonly path: string; readonly content: DirectoryContent };

export type Job = Work & { readonly id: number };

export interface JobDone {
  readonly id: number;
  readonly error?: unknown;
}

/**
 * Makes and removes directories in a thread that does nothing else: each of them takes dozens of calls, which would be as many
 * turns through the thread pool, or, in place, wait for the file system while others wait for this thread.
 */
export class DirectoryThread {
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();
  #worker: Worker | undefined;
  #last = 0;

  /** What is still to be done when the signal aborts is left for the next process. */
  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => void this.#worker?.terminate(), { once: true });
  }

  /**
   * Removes directories with all that is in them; one that is not there is fine. Links are removed, never followed. Rejects with the
   * system's first error, once it has tried them all. Several at a time cost one message each way.
   */
  remove(...paths: readonly string[]): Promise<void> {
    return this.#ask({ do: "remove", paths });
  }

  /** Makes a directory, for its owner alone, with what belongs in it. Rejects with the system's error, also if it is there. */
  make(path: string, content: DirectoryContent): Promise<void> {
    return this.#ask({ do: "make", path, content });
  }

  async #ask(work: Work): Promise<void> {
    const worker = (this.#worker ??= this.#start());
    this.#last += 1;
    const done = Promise.withResolvers<void>();
    this.#waiting.set(this.#last, done);
    worker.postMessage({ id: this.#last, ...work } satisfies Job, []);
    await done.promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL("./directory-worker.ts", import.meta.url), {
      env: {},
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
    });
    worker.on("message", ({ id, error }: JobDone) => {
      const done = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) done?.resolve();
      else done?.reject(error);
    });
    worker.once("error", (error) => this.#ended(error));
    worker.once("exit", () => this.#ended(undefined));
    worker.unref();
    return worker;
  }

  /** The next job begins with a new thread. */
  #ended(error: unknown): void {
    this.#worker = undefined;
    for (const { resolve, reject } of this.#waiting.values()) {
      if (error === undefined) resolve();
      else reject(error);
    }
    this.#waiting.clear();
  }
}
