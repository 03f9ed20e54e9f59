import type { ServerResponse } from "node:http";
import { constants, type Http2ServerResponse } from "node:http2";
import type { ApiResponse, Clock } from "@headrace/model";

export type Outgoing = ServerResponse | Http2ServerResponse;

/** A client that takes nothing for so long is let go. */
const stalledMs = 60_000;

/** Connection-specific headers have no place in HTTP/2. */
const connectionHeaders = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"]);

export interface WriteOptions {
  readonly isHead: boolean;
  readonly isHttp2: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Tell the client to close: its body was not read to the end. */
  readonly closes: boolean;
}

/** Larger bodies go piece by piece, so that a slow but living client has its time for each. */
const pieceBytes = 256 << 10;

/**
 * Writes the response at the pace at which the client reads it. A response that fails half-way breaks the connection, so that nobody
 * takes a part for the whole.
 */
export async function writeResponse(outgoing: Outgoing, response: ApiResponse, options: WriteOptions): Promise<void> {
  try {
    writeHead(outgoing, response, options);
    await writeBody(outgoing, response, options);
  } catch (error) {
    breakOff(outgoing);
    throw error;
  }
}

function writeHead(outgoing: Outgoing, { status, headers }: ApiResponse, options: WriteOptions): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!options.isHttp2 || !connectionHeaders.has(name)) outgoing.setHeader(name, value);
  }
  if (!outgoing.hasHeader("x-content-type-options")) outgoing.setHeader("x-content-type-options", "nosniff");
  if (options.closes && !options.isHttp2) outgoing.setHeader("connection", "close");
  outgoing.statusCode = status;
}

async function writeBody(
  outgoing: Outgoing,
  { status, body, trailers }: ApiResponse,
  options: WriteOptions,
): Promise<void> {
  const hasBody = !options.isHead && status !== 204 && status !== 304;
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) {
    const bytes = typeof body === "string" ? Buffer.from(body) : (body ?? new Uint8Array());
    if (status !== 204 && status !== 304) outgoing.setHeader("content-length", bytes.length);
    if (hasBody && bytes.length > pieceBytes) await stream(outgoing, pieces(bytes), options);
    else await end(outgoing, hasBody ? bytes : undefined, options);
  } else if (hasBody) {
    await stream(outgoing, body, options, trailers);
  } else {
    await body[Symbol.asyncIterator]().return?.();
    await end(outgoing, undefined, options);
  }
}

async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let start = 0; start < bytes.length; start += pieceBytes) yield bytes.subarray(start, start + pieceBytes);
}

async function stream(
  outgoing: Outgoing,
  body: AsyncIterable<Uint8Array | string>,
  options: WriteOptions,
  trailers?: ApiResponse["trailers"],
): Promise<void> {
  // Headers go at once: a watch may have nothing to say for a long time.
  if ("flushHeaders" in outgoing) outgoing.flushHeaders();
  for await (const chunk of body) {
    if (!options.signal.aborted && !write(outgoing, chunk)) await untilDrained(outgoing, options);
    if (options.signal.aborted) {
      breakOff(outgoing);
      return;
    }
  }
  if (trailers) outgoing.addTrailers(trailers());
  await end(outgoing, undefined, options);
}

function write(outgoing: Outgoing, chunk: Uint8Array | string): boolean {
  const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  return "stream" in outgoing ? outgoing.write(bytes) : outgoing.write(bytes);
}

function end(outgoing: Outgoing, bytes: Uint8Array | undefined, { signal, clock }: WriteOptions): Promise<void> {
  return new Promise((resolve) => {
    const stalled = clock.after(stalledMs, () => breakOff(outgoing));
    const finish = () => {
      stalled[Symbol.dispose]();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    signal.addEventListener("abort", finish, { once: true });
    if (bytes === undefined) outgoing.end(finish);
    else outgoing.end(bytes, finish);
    if (signal.aborted) finish();
  });
}

/** Resolves when the client has read, or is gone. */
function untilDrained(outgoing: Outgoing, { signal, clock }: WriteOptions): Promise<void> {
  return new Promise((resolve) => {
    const stalled = clock.after(stalledMs, () => breakOff(outgoing));
    const finish = () => {
      stalled[Symbol.dispose]();
      outgoing.removeListener("drain", finish);
      outgoing.removeListener("close", finish);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    outgoing.once("drain", finish);
    outgoing.once("close", finish);
    signal.addEventListener("abort", finish, { once: true });
    if (signal.aborted) finish();
  });
}

function breakOff(outgoing: Outgoing): void {
  if ("stream" in outgoing) {
    // Without a code the client could take the end for the end of the answer.
    outgoing.stream.close(constants.NGHTTP2_CANCEL);
    outgoing.stream.destroy();
  } else outgoing.destroy();
}
