import { createHash } from "node:crypto";
import { S3Error } from "./errors.ts";
import type { ChunkSigner } from "./signature.ts";

/** The longest line between chunks: a size with its signature, or a trailing header. */
const lineLimit = 4096;
const trailerLimit = 16;

/** The body of `content-encoding: aws-chunked`. */
export interface ChunkedBody {
  /** The bytes themselves, in the pace of what comes. Throws S3Error at the first chunk that is not as it should be. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Headers that came after the bytes, once those have been read to their end. */
  readonly trailers: ReadonlyMap<string, string>;
}

/** Takes the chunks of a body apart: `<hex size>[;chunk-signature=<hex>]\r\n<bytes>\r\n … 0\r\n[trailers]\r\n`. */
export function readChunked(body: AsyncIterable<Uint8Array>, signer: ChunkSigner | undefined): ChunkedBody {
  const trailers = new Map<string, string>();
  return { bytes: chunksOf(new Reader(body), signer, trailers), trailers };
}

async function* chunksOf(
  reader: Reader,
  signer: ChunkSigner | undefined,
  trailers: Map<string, string>,
): AsyncGenerator<Uint8Array> {
  for (;;) {
    const [size = "", ...extensions] = (await reader.line()).split(";");
    if (!/^[0-9a-fA-F]{1,12}$/.test(size)) throw incomplete("a chunk does not begin with its size");
    const length = Number.parseInt(size, 16);
    const hash = signer && createHash("sha256");
    for await (const bytes of reader.take(length)) {
      hash?.update(bytes);
      yield bytes;
    }
    const signature = extensions.find((each) => each.startsWith("chunk-signature="))?.slice("chunk-signature=".length);
    if (signer && hash && !signer.isChunk(hash.digest("hex"), signature ?? "")) throw mismatch("a chunk");
    if (length === 0) break;
    if ((await reader.line()) !== "") throw incomplete("a chunk is longer than it said");
  }
  await readTrailers(reader, signer, trailers);
}

async function readTrailers(
  reader: Reader,
  signer: ChunkSigner | undefined,
  trailers: Map<string, string>,
): Promise<void> {
  let signature: string | undefined;
  let text = "";
  for (let line = await reader.lineOrEnd(); line !== undefined && line !== ""; line = await reader.lineOrEnd()) {
    const [name = "", ...value] = line.split(":");
    const header = name.trim().toLowerCase();
    if (header === "x-amz-trailer-signature") signature = value.join(":").trim();
    else {
      if (trailers.size >= trailerLimit) throw incomplete(`it has more than ${trailerLimit} trailing headers`);
      trailers.set(header, value.join(":").trim());
      text += `${header}:${value.join(":").trim()}\n`;
    }
  }
  if (signer && trailers.size > 0 && !signer.isTrailer(text, signature ?? "")) throw mismatch("the trailing headers");
}

function mismatch(what: string): S3Error {
  return new S3Error(
    "SignatureDoesNotMatch",
    `The signature of ${what} of the body does not match. Check your secret access key and signing method.`,
  );
}

function incomplete(why: string): S3Error {
  return new S3Error("IncompleteBody", `The body is not what aws-chunked says it is: ${why}`);
}

/** Lines and runs of bytes out of a stream, without holding more of it than has come in one piece. */
class Reader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#source = body[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const line = await this.lineOrEnd();
    if (line === undefined) throw incomplete("it ended in between");
    return line;
  }

  /** Undefined at the end of the stream. */
  async lineOrEnd(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf("\r\n");
      if (end >= 0) {
        const line = this.#rest.toString("latin1", 0, end);
        this.#rest = this.#rest.subarray(end + 2);
        return line;
      }
      if (this.#rest.length > lineLimit) throw incomplete(`a line is longer than ${lineLimit} bytes`);
      // The piece that it lies in may be gone when the next is asked for.
      const begun = Buffer.from(this.#rest);
      const next = await this.#source.next();
      if (next.done === true) {
        if (begun.length > 0) throw incomplete("it ended within a line");
        return undefined;
      }
      this.#rest = Buffer.concat([begun, next.value]);
    }
  }

  async *take(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0;) {
      if (this.#rest.length === 0) {
        const next = await this.#source.next();
        if (next.done === true) throw incomplete("it ended within a chunk");
        this.#rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      }
      const bytes = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(bytes.length);
      left -= bytes.length;
      yield bytes;
    }
  }
}
