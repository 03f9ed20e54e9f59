import { Worker } from "node:worker_threads";
import { ApiError, badRequest, type Clock } from "@headrace/model";
import type { Pipeline } from "../core/ir.ts";
import type { JsonObject } from "../core/json.ts";
import { parsePipelineDocuments, readPipelineDocument } from "../core/spec.ts";

/** Texts up to this many characters are read at once: a tenth of a second at worst, if nothing in them is slow. */
const smallText = 64 * 1024;
/** Lists within lists without end take longer than their length says. No compiler writes them. */
const deepNesting = /(?:[-?:[{][ \t\r\n]*){100}/;

export interface ReadingLimits {
  readonly heapMiB: number;
  readonly milliseconds: number;
  /** Uploads that wait for their turn. */
  readonly waiting: number;
}

const defaultLimits: ReadingLimits = { heapMiB: 1024, milliseconds: 30_000, waiting: 16 };
/** Threads at a time. */
const maxThreads = 2;

/** What the thread answers: the document in the form in which it is stored, or why it is no pipeline. */
export type ReadingResult = { readonly value: JsonObject } | { readonly refusal: string };

/**
 * Reads uploaded pipelines. YAML can be built to take minutes and gigabytes per megabyte, so larger texts are read in a thread
 * with limits on both, while the server goes on answering others.
 */
export class PipelineReader {
  readonly #clock: Clock;
  readonly #limits: ReadingLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(clock: Clock, limits: Partial<ReadingLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** Throws ApiError BadRequest that says what is wrong, or ServiceUnavailable when too many are being read. */
  async read(text: string): Promise<Pipeline> {
    const isJson = text.trimStart().startsWith("{");
    if (isJson || isQuick(text)) return parsePipelineDocuments(text);
    await this.#enter();
    try {
      return readPipelineDocument(await this.#readApart(text));
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < maxThreads) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= this.#limits.waiting) {
      throw new ApiError(
        "ServiceUnavailable",
        "Cannot read the pipeline: too many large ones are being read; try again later",
      );
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Hands the place on to the next, if somebody waits. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }

  async #readApart(text: string): Promise<JsonObject> {
    const { heapMiB, milliseconds } = this.#limits;
    const { promise, resolve, reject } = Promise.withResolvers<ReadingResult>();
    const tooMuch = (limit: string) =>
      badRequest(`Cannot read the pipeline: reading it takes more than ${limit}; make it smaller, or send it as JSON`);
    const thread = new Worker(workerUrl(), {
      workerData: text,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    });
    thread.once("message", resolve);
    thread.once("error", (error) => reject(isOutOfMemory(error) ? tooMuch(`${heapMiB} MiB of memory`) : error));
    const deadline = this.#clock.after(milliseconds, () => reject(tooMuch(`${milliseconds / 1000} seconds`)));
    try {
      const result = await promise;
      if ("refusal" in result) throw badRequest(result.refusal);
      return result.value;
    } finally {
      deadline[Symbol.dispose]();
      await thread.terminate();
    }
  }
}

function isQuick(text: string): boolean {
  return text.length <= smallText && !deepNesting.test(text);
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
}

/** The worker's file beside this one, whether the sources run as they are or were compiled. */
function workerUrl(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./pipeline-text-worker.${extension}`, import.meta.url);
}
