import { InconsistentRun } from "../core/errors.ts";
import type { Pipeline } from "../core/ir.ts";
import { readPipelineDocument } from "../core/spec.ts";
import { readDocument } from "../records/documents.ts";
import type { PipelineDatabase } from "../records/tables.ts";

const maxPipelines = 64;

/** Pipelines by the digest of their spec, the most recently used ones: what many runs share is read and checked once. */
export class PipelineCache {
  readonly #known = new Map<string, Pipeline>();

  /** Throws InconsistentRun if the spec is not stored, ApiError BadRequest if it cannot be read. */
  async read(db: PipelineDatabase, ns: string, digest: string): Promise<Pipeline> {
    const key = `${ns}/${digest}`;
    const pipeline = this.#known.get(key) ?? (await load(db, ns, digest));
    this.#known.delete(key);
    this.#known.set(key, pipeline);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxPipelines) break;
      this.#known.delete(oldest);
    }
    return pipeline;
  }
}

async function load(db: PipelineDatabase, ns: string, digest: string): Promise<Pipeline> {
  const content = await readDocument(db, ns, digest);
  if (content === undefined) throw new InconsistentRun(`Cannot read the pipeline spec ${digest}: it is not stored`);
  return readPipelineDocument(JSON.parse(content));
}
