import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { digests, type DigestName } from "../core/checksums.ts";

/** What is asked of a thread: to take bytes in, to say what they come to, or to forget that they were. All but the last is answered, in order. */
export type DigestJob = { readonly id: number } & (
  | { readonly do: "update"; readonly name: DigestName; readonly bytes: Uint8Array }
  | { readonly do: "digest"; readonly name: DigestName }
  | { readonly do: "forget" }
);

/** What a thread answers: the digest; nothing after an update. */
export type DigestDone = Uint8Array;

/** A digest that is computed as bytes come. Calls are heeded in their order; who is patient waits for some before the next. */
export interface Digest extends Disposable {
  /** Bytes in shared memory are looked at where they are, others are copied. */
  update(bytes: Uint8Array): void | Promise<void>;
  digest(): Promise<Buffer>;
}

/** Bodies below this many bytes are looked at in place: that is over before another thread has been told. */
const smallBody = 1 << 20;
const mostThreads = Math.min(4, availableParallelism());

/** Computes digests beside the thread that serves: several of one body at once, while it takes in what comes next. */
export class DigestThreads {
  readonly #threads = new Set<DigestThread>();
  #last = 0;

  /** Of a body of so many bytes, if that is known. The caller disposes of it. */
  open(name: DigestName, size: number | undefined): Digest {
    if (size !== undefined && size < smallBody) return digestInPlace(name);
    this.#last += 1;
    return this.#thread().open(this.#last, name);
  }

  /** The one that has least to do; a new one rather than one that has something to do, up to the limit. */
  #thread(): DigestThread {
    const [least] = [...this.#threads].toSorted((a, b) => a.load - b.load);
    if (least && (least.load === 0 || this.#threads.size >= mostThreads)) return least;
    const thread = new DigestThread(() => this.#threads.delete(thread));
    this.#threads.add(thread);
    return thread;
  }
}

function digestInPlace(name: DigestName): Digest {
  const digest = digests[name]();
  return { update: (bytes) => digest.update(bytes), digest: async () => digest.digest(), [Symbol.dispose]() {} };
}

class DigestThread {
  readonly #worker: Worker;
  readonly #open = new Set<number>();
  /** Those who wait for answers, which come in the order of what was asked. */
  readonly #waiting: PromiseWithResolvers<DigestDone>[] = [];
  /** Why it is gone, with all that it knew. */
  #end: Error | undefined;

  constructor(ended: () => void) {
    this.#worker = new Worker(new URL("./digest-worker.ts", import.meta.url), {
      env: {},
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
    });
    this.#worker.unref();
    this.#worker.on("message", (done: DigestDone) => this.#waiting.shift()?.resolve(done));
    const end = (error: Error): void => {
      this.#end ??= error;
      for (const { reject } of this.#waiting.splice(0)) reject(this.#end);
      ended();
    };
    this.#worker.once("error", (error) => end(error instanceof Error ? error : new TypeError(String(error))));
    this.#worker.once("exit", () => end(new TypeError("The thread that computes digests has ended")));
  }

  /** Digests that are being computed. */
  get load(): number {
    return this.#open.size;
  }

  open(id: number, name: DigestName): Digest {
    this.#open.add(id);
    // While somebody waits for an answer, the process waits too.
    this.#worker.ref();
    return {
      update: async (bytes) => void (await this.#ask({ id, do: "update", name, bytes })),
      digest: async () => Buffer.from(await this.#ask({ id, do: "digest", name })),
      [Symbol.dispose]: () => {
        if (!this.#open.delete(id)) return;
        this.#worker.postMessage({ id, do: "forget" } satisfies DigestJob, []);
        if (this.#open.size === 0) this.#worker.unref();
      },
    };
  }

  async #ask(job: DigestJob): Promise<DigestDone> {
    if (this.#end) throw this.#end;
    const done = Promise.withResolvers<DigestDone>();
    this.#waiting.push(done);
    this.#worker.postMessage(job, []);
    return done.promise;
  }
}
