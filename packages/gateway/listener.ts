import type { EventEmitter } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http";
import {
  constants,
  createSecureServer,
  createServer as createHttp2Server,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  ApiError,
  anonymousUser,
  isApiError,
  type ApiRequest,
  type ApiResponse,
  type Authenticator,
  type Clock,
  type Handler,
} from "@headrace/model";
import { rpcFailure } from "@headrace/rpc";
import { ListenError, PortTakenError } from "./errors.ts";
import { bodyOf, headersOf, remoteOf, targetOf, type Callers, type Incoming } from "./incoming.ts";
import { takeIntroduction } from "./introduction.ts";
import { writeResponse, type Outgoing } from "./outgoing.ts";
import { findPortHolder } from "./port-holder.ts";
import { sortByPreface } from "./preface.ts";

/** Takes over a connection that asks to be upgraded (WebSocket, SPDY). False: nobody here knows that path. */
export type UpgradeHandler = (request: ApiRequest, socket: Duplex, head: Buffer) => Promise<boolean>;

export interface AccessEntry {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly method: string;
  /** Without the query, which may hold secrets. */
  readonly path: string;
  readonly status: number;
  readonly user: string;
  readonly durationMs: number;
}

/** A TCP address; port 0 picks a free one. Or a Unix socket (at most 107 bytes), in a directory that nobody else writes to. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

export type ListenerOptions = Address & ServingOptions;

interface ServingOptions {
  readonly handle: Handler;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  /** Serve TLS, with HTTP/1.1 and HTTP/2. PEM. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** `people` unless told otherwise. Pods are introduced by the relay before TLS could begin, so `pods` is for listeners without. */
  readonly callers?: Callers;
  readonly upgrade?: UpgradeHandler;
  /** The largest body, in bytes; 64 MiB. Handlers have smaller limits of their own. */
  readonly maxBodyBytes?: number;
  /** `handle` is done with each piece of a body when it asks for the next; the piece's memory is given back then. */
  readonly freesBodies?: boolean;
  /** How long a whole request may take to come in, in milliseconds; five minutes. */
  readonly requestTimeoutMs?: number;
  readonly onAccess?: (entry: AccessEntry) => void;
  /** Told of errors that are nobody's fault but ours. */
  readonly onError?: (error: unknown) => void;
}

export interface Listening {
  /** 0 for a Unix socket. */
  readonly port: number;
  /** `http://127.0.0.1:8080`, or `unix:/path`. */
  readonly url: string;
  /** Takes no more requests, aborts the signals of those that run, and cuts what has not ended after two seconds. */
  close(): Promise<void>;
}

/** Slow clients are cut: none holds a connection by sending its headers or its body drop by drop. */
const usualLimits = {
  maxHeaderSize: 32_768,
  headersTimeout: 15_000,
  requestTimeout: 300_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
};
const maxConnections = 10_000;
const http2Settings = { maxConcurrentStreams: 250, maxHeaderListSize: usualLimits.maxHeaderSize };
/** An HTTP/2 session without streams is closed after this long. */
const idleSessionMs = 300_000;
const closeMs = 2_000;

/** Listens, and turns what comes over sockets into calls of `handle`. Throws PortTakenError and ListenError. */
export async function listen(options: ListenerOptions): Promise<Listening> {
  const { clock, tls, callers = "people", maxBodyBytes = 64 << 20, freesBodies = false } = options;
  const limits = { ...usualLimits, requestTimeout: options.requestTimeoutMs ?? usualLimits.requestTimeout };
  const running = new Set<AbortController>();
  const sessions = new Set<ServerHttp2Session>();
  /** Every connection, with how many requests it is serving. */
  const sockets = new Map<Duplex, number>();
  const upgraded = new Set<Duplex>();
  let isClosing = false;

  async function serve(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    const began = clock.monotonic();
    const abort = new AbortController();
    running.add(abort);
    const { socket } = incoming;
    count(socket, 1);
    const slow = "stream" in incoming ? clock.after(limits.requestTimeout, () => cutIfIncomplete(incoming)) : undefined;
    outgoing.once("close", () => {
      abort.abort();
      slow?.[Symbol.dispose]();
      count(socket, -1);
    });
    const { request, response } = await answer(incoming, abort.signal);
    try {
      await writeResponse(outgoing, response, {
        isHead: incoming.method === "HEAD",
        isHttp2: incoming.httpVersionMajor >= 2,
        closes: !incoming.complete && request?.body !== undefined,
        clock,
        signal: abort.signal,
      });
    } catch (error) {
      if (!abort.signal.aborted) options.onError?.(error);
    } finally {
      running.delete(abort);
      options.onAccess?.({
        time: clock.now(),
        method: incoming.method ?? "",
        path: request?.path ?? "",
        status: response.status,
        user: request?.user.name ?? anonymousUser.name,
        durationMs: clock.monotonic() - began,
      });
    }
  }

  function count(socket: Duplex, change: 1 | -1): void {
    const serving = sockets.get(socket);
    if (serving === undefined) return;
    sockets.set(socket, serving + change);
    if (isClosing && serving + change === 0) socket.destroy();
  }

  async function answer(
    incoming: Incoming,
    signal: AbortSignal,
  ): Promise<{ request: ApiRequest | undefined; response: ApiResponse }> {
    let request: ApiRequest | undefined;
    try {
      request = await requestOf(incoming, signal);
      return { request, response: await options.handle(request) };
    } catch (error) {
      if (!isApiError(error) && !signal.aborted) options.onError?.(error);
      return { request, response: failure(error, { headers: headersOf(incoming) }) };
    }
  }

  async function requestOf(incoming: Incoming, signal: AbortSignal): Promise<ApiRequest> {
    const headers = headersOf(incoming);
    const target = targetOf(incoming);
    const user = await options.authenticator.authenticate({ headers, remote: remoteOf(incoming, callers) });
    const body = bodyOf(incoming, { maxBytes: maxBodyBytes, frees: freesBodies });
    return {
      method: incoming.method ?? "GET",
      ...target,
      headers,
      user: user ?? anonymousUser,
      signal,
      ...(body && { body }),
    };
  }

  async function upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const abort = new AbortController();
    running.add(abort);
    upgraded.add(socket);
    socket.once("close", () => {
      abort.abort();
      running.delete(abort);
      upgraded.delete(socket);
    });
    socket.on("error", () => socket.destroy());
    try {
      const request = await requestOf(incoming, abort.signal);
      if (await options.upgrade?.(request, socket, head)) return;
      throw new ApiError("NotFound", `Cannot upgrade ${request.path}: nothing there speaks another protocol than HTTP`);
    } catch (error) {
      if (!isApiError(error)) options.onError?.(error);
      refuseUpgrade(socket, failure(error));
    }
  }

  const listener = (incoming: Incoming, outgoing: Outgoing) => void serve(incoming, outgoing);
  const server: Server | Http2SecureServer = tls
    ? createSecureServer(
        {
          settings: http2Settings,
          ...limits,
          key: tls.key,
          cert: tls.certificate,
          allowHTTP1: true,
          minVersion: "TLSv1.2",
        },
        listener,
      )
    : createHttpServer({ ...limits, shouldUpgradeCallback: asksForMore }, listener);
  server.on(
    "upgrade",
    (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void upgrade(incoming, socket, head),
  );
  const inSession = new Set<Duplex>();
  server.on(tls ? "secureConnection" : "connection", (socket: Socket) => {
    sockets.set(socket, 0);
    if ("alpnProtocol" in socket && socket.alpnProtocol === "h2") inSession.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      inSession.delete(socket);
    });
  });
  const withSessions = tls ? server : besideHttp1(server);
  withSessions.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    closeWhenIdle(session);
    session.on("error", () => session.destroy());
  });

  /** HTTP/2 without TLS, for those who know that it is spoken here: gRPC. */
  function besideHttp1(http1: EventEmitter): Http2Server {
    const http2 = createHttp2Server({ settings: http2Settings }, listener);
    sortByPreface(http1, {
      patienceMs: limits.headersTimeout,
      before: callers === "pods" ? takeIntroduction : undefined,
      http2(socket) {
        inSession.add(socket);
        http2.emit("connection", socket);
      },
    });
    return http2;
  }

  server.maxConnections = maxConnections;
  const port = await bind(server, options);

  return {
    port,
    url: urlOf(options, port),
    async close() {
      isClosing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const abort of running) abort.abort();
      for (const session of sessions) session.close();
      for (const socket of upgraded) socket.destroy();
      // HTTP/2 sessions close themselves when their last stream has ended.
      for (const [socket, serving] of sockets) if (serving === 0 && !inSession.has(socket)) socket.destroy();
      const cut = clock.after(closeMs, () => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets.keys()) socket.destroy();
      });
      await closed;
      cut[Symbol.dispose]();
    },
  };
}

/** Who offers to go on in HTTP/2 is served in HTTP/1.1: those who want it begin with its preface. */
function asksForMore({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && headers.upgrade.toLowerCase() !== "h2c";
}

/** HTTP/1.1 has such a limit built in. */
function cutIfIncomplete(incoming: Http2ServerRequest): void {
  if (!incoming.complete) incoming.stream.close(constants.NGHTTP2_CANCEL);
}

function closeWhenIdle(session: ServerHttp2Session): void {
  let open = 0;
  session.on("stream", (stream: ServerHttp2Stream) => {
    open += 1;
    stream.once("close", () => (open -= 1));
  });
  session.setTimeout(idleSessionMs, () => {
    if (open === 0) session.close();
  });
}

async function bind(server: Server | Http2SecureServer, address: Address): Promise<number> {
  // Whoever owns the directory has its lock: a socket that is still there was left by a process that was killed.
  if ("path" in address) await rm(address.path, { force: true });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen("path" in address ? { path: address.path } : { host: address.host, port: address.port }, () => {
        server.removeListener("error", reject);
        resolve();
      });
    });
  } catch (error) {
    if ("path" in address) throw new ListenError(address.path, { cause: error });
    const { host, port } = address;
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      throw new PortTakenError(host, port, await findPortHolder(port), { cause: error });
    }
    throw new ListenError(`${host}:${port}`, { cause: error });
  }
  if ("path" in address) await chmod(address.path, 0o600);
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : 0;
}

function urlOf(options: ListenerOptions, port: number): string {
  if ("path" in options) return `unix:${options.path}`;
  const { host, tls } = options;
  return `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The response to a failure: a Status, or gRPC's form of one for who speaks that. What is no ApiError is a bug, whose details stay here. */
export function failure(error: unknown, request?: Pick<ApiRequest, "headers">): ApiResponse {
  const asRpc = request && rpcFailure(request, error);
  if (asRpc) return asRpc;
  const known = isApiError(error) ? error : new ApiError("InternalError", "Internal error occurred");
  const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };
  if (known.reason === "Unauthorized") headers["www-authenticate"] = 'Bearer realm="headrace"';
  if (known.details?.retryAfterSeconds !== undefined) headers["retry-after"] = String(known.details.retryAfterSeconds);
  return { status: known.code, headers, body: JSON.stringify(known.toStatus()) };
}

function refuseUpgrade(socket: Duplex, response: ApiResponse): void {
  const body = typeof response.body === "string" ? response.body : "";
  const headers = { ...response.headers, "content-length": String(Buffer.byteLength(body)), connection: "close" };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${response.status} Refused\r\n${lines.join("")}\r\n${body}`);
}
