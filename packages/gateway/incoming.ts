import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { ApiError, badRequest, type AuthenticationRequest } from "@headrace/model";
import { introducedPod } from "./introduction.ts";

export type Incoming = IncomingMessage | Http2ServerRequest;

/** Headers by which proxies say who the user is. From outside they are lies: only the gateway sets them, for what stands behind it. */
const identityHeaders = new Set([
  "kubeflow-userid",
  "kubeflow-groups",
  "x-remote-user",
  "x-remote-uid",
  "x-remote-group",
  "x-forwarded-user",
  "x-forwarded-email",
  "x-forwarded-groups",
  "x-forwarded-preferred-username",
  "x-auth-request-user",
  "x-auth-request-email",
  "x-goog-authenticated-user-email",
  "x-goog-authenticated-user-id",
]);
const identityPrefix = "x-remote-extra-";

/** Callers inside the process ask for values in place of bytes with this; over a socket there are only bytes. */
const valueMediaType = "application/x-headrace-value";

/**
 * Lower case, repeated ones joined, without HTTP/2's pseudo headers (`:authority` becomes Host), without claims of identity, and
 * without what only callers inside the process may ask for.
 */
export function headersOf(incoming: Incoming): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value === undefined || name.startsWith(":")) continue;
    if (identityHeaders.has(name) || name.startsWith(identityPrefix)) continue;
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  const accept = headers["accept"];
  if (accept?.toLowerCase().includes(valueMediaType)) headers["accept"] = withoutValues(accept);
  const authority = incoming.headers[":authority"];
  if (typeof authority === "string") headers["host"] ??= authority;
  return headers;
}

function withoutValues(accept: string): string {
  const kept = accept.split(",").filter((range) => !range.toLowerCase().includes(valueMediaType));
  return kept.length > 0 ? kept.join(",") : "*/*";
}

/** Path and query of the request's target. Throws BadRequest for what is no path. */
export function targetOf(incoming: Incoming): { readonly path: string; readonly query: URLSearchParams } {
  const target = incoming.url ?? "";
  if (!target.startsWith("/")) {
    throw badRequest(
      `Cannot serve the request's target ${JSON.stringify(target.slice(0, 100))}: it must begin with a slash`,
    );
  }
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  return { path, query: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)) };
}

interface BodyLimits {
  readonly maxBytes: number;
  /** Whether the memory of each piece is given back when the next is asked for. */
  readonly frees: boolean;
}

/** The body as it arrives, at the pace at which it is read. Throws RequestEntityTooLarge beyond the limit. */
export function bodyOf(incoming: Incoming, limits: BodyLimits): AsyncIterable<Uint8Array> | undefined {
  const declared = Number(incoming.headers["content-length"] ?? Number.NaN);
  const isChunked = incoming.headers["transfer-encoding"] !== undefined || incoming.httpVersionMajor >= 2;
  if (declared === 0 || (Number.isNaN(declared) && !isChunked)) return undefined;
  return limited(incoming, declared, limits);
}

async function* limited(
  incoming: Incoming,
  declared: number,
  { maxBytes, frees }: BodyLimits,
): AsyncIterable<Uint8Array> {
  if (declared > maxBytes) throw tooLarge(maxBytes);
  let received = 0;
  // A reader that stops early must still be able to answer, so the connection outlives its reading.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    const bytes: Uint8Array = chunk;
    received += bytes.length;
    if (received > maxBytes) throw tooLarge(maxBytes);
    yield bytes;
    if (frees) free(bytes);
  }
}

/**
 * Gives memory back that nothing else lies in. Pieces come by the thousand a second, and what is left to the garbage collector makes
 * it go through all of the process every 32 MiB.
 */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError("RequestEntityTooLarge", `Cannot take the request's body: it is larger than ${maxBytes} bytes`);
}

/**
 * Where connections come from. `pods` come by the relay, which introduces each of them; they are never taken for this machine's own user,
 * whatever their address.
 */
export type Callers = "people" | "pods";

const remotes = new WeakMap<object, NonNullable<AuthenticationRequest["remote"]>>();

/** The same object for every request of a connection: what is found out about a connection is remembered by it. */
export function remoteOf(incoming: Incoming, callers: Callers): NonNullable<AuthenticationRequest["remote"]> {
  const { socket } = incoming;
  const connection: object = "stream" in incoming ? (incoming.stream.session ?? socket) : socket;
  const known = remotes.get(connection);
  if (known) return known;
  const pod = callers === "pods" ? introducedPod(socket) : undefined;
  const remote = {
    address: callers === "pods" ? "pods" : (socket.remoteAddress ?? "unix"),
    port: socket.remotePort ?? 0,
    localPort: socket.localPort ?? 0,
    ...(pod !== undefined && { pod }),
  };
  remotes.set(connection, remote);
  return remote;
}
