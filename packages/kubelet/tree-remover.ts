import { Worker } from "node:worker_threads";

export interface Removal {
  readonly id: number;
  readonly path: string;
}

export interface Removed {
  readonly id: number;
  readonly error?: unknown;
}

/**
 * Removes directories in a thread that does nothing else. What a step leaves behind takes a hundred turns through the thread pool
 * to remove one by one, or, in place, as long as the file system's journal is busy with somebody else's commit.
 */
export class TreeRemover {
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();
  #worker: Worker | undefined;
  #last = 0;

  /** What is still to be removed when the signal aborts is left for the next process. */
  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => void this.#worker?.terminate(), { once: true });
  }

  /** Removes a directory with all that is in it; one that is not there is fine. Links are removed, never followed. Rejects with the system's error. */
  async remove(path: string): Promise<void> {
    const worker = (this.#worker ??= this.#start());
    this.#last += 1;
    const removed = Promise.withResolvers<void>();
    this.#waiting.set(this.#last, removed);
    worker.postMessage({ id: this.#last, path } satisfies Removal, []);
    await removed.promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL("./tree-remover-worker.ts", import.meta.url), {
      env: {},
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
    });
    worker.on("message", ({ id, error }: Removed) => {
      const removed = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) removed?.resolve();
      else removed?.reject(error);
    });
    worker.once("error", (error) => this.#ended(error));
    worker.once("exit", () => this.#ended(undefined));
    worker.unref();
    return worker;
  }

  /** The next removal begins with a new thread. */
  #ended(error: unknown): void {
    this.#worker = undefined;
    for (const { resolve, reject } of this.#waiting.values()) {
      if (error === undefined) resolve();
      else reject(error);
    }
    this.#waiting.clear();
  }
}
