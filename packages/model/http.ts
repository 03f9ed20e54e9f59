import type { User } from "./identity.ts";
import { ApiError } from "./status.ts";

/**
 * A request as every face of Headrace sees it: the server is a plain function from this to an ApiResponse, and sockets are
 * adapters. Header names are lower case; repeated headers are joined with ", ".
 */
export interface ApiRequest {
  readonly method: string;
  /** Path as sent, still percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly user: User;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
  /** Bytes of the body as they arrive; read them through `readBody`, which has a limit. */
  readonly body?: AsyncIterable<Uint8Array>;
  /**
   * Callers inside the process pass a value instead of bytes and get `value` back: no parsing, no serialising, and the
   * server's own frozen objects. Never set from a socket.
   */
  readonly value?: unknown;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A complete body, or a stream that ends when the iterator does. */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array | string>;
  /** What is said after the body, once it has ended. Only a streamed body is followed by them, and only gRPC reads them. */
  readonly trailers?: () => Readonly<Record<string, string>>;
  /** For callers inside the process (request.value or `accept: application/x-headrace-value`): the object, list or watch itself. */
  readonly value?: unknown;
}

export type Handler = (request: ApiRequest) => Promise<ApiResponse>;

/** A route of a component's own HTTP face. `{name}` in the pattern matches one segment, `{name...}` the rest of the path. */
export interface Route {
  readonly method: string;
  readonly pattern: string;
  /**
   * What the caller must be allowed to do, asked at the one decision point before `handle` runs. `undefined` only for
   * routes that answer anybody (health checks) or that ask themselves, once they know the namespace.
   */
  readonly access:
    | "open"
    | "asks"
    | ((params: RouteParams) => { verb: string; group: string; resource: string; namespace: string; name: string });
  /** Changes nothing, though its method says otherwise: not audited. */
  readonly reads?: true;
  /** Only says, in the words of its face, that nothing is served there: no call of that face. */
  readonly refuses?: true;
  readonly handle: (request: ApiRequest, params: RouteParams) => Promise<ApiResponse>;
}

export type RouteParams = Readonly<Record<string, string>>;

/** The whole body. Empty if there is none. Throws RequestEntityTooLarge once more than `limit` bytes came, without reading on. */
export async function readBody(request: ApiRequest, limit: number): Promise<Uint8Array> {
  if (Number(request.headers["content-length"] ?? 0) > limit) throw bodyTooLarge(limit);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > limit) throw bodyTooLarge(limit);
    chunks.push(chunk);
  }
  const [only] = chunks;
  return only && chunks.length === 1 ? only : joined(chunks, size);
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

function bodyTooLarge(limit: number): ApiError {
  return new ApiError("RequestEntityTooLarge", `Request entity too large: limit is ${limit}`);
}
