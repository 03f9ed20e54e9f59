import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import type { Clock } from "@headrace/model";
import { ForbiddenAddressError, RemoteError } from "../errors.ts";
import { type AddressRules, checkHost, guardedLookup } from "./addresses.ts";

export interface TransportRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it comes; read it, or `dismiss` it. */
  readonly body: AsyncIterable<Uint8Array>;
  /** A small body as text. */
  text(): Promise<string>;
  dismiss(): void;
}

export interface Transport {
  /** One request, without another try. Throws RemoteError for what may go better the next time, and ForbiddenAddressError. */
  send(request: TransportRequest): Promise<Reply>;
  /** As `send`, again after a while if the server is busy or was not reached. */
  sendPatiently(make: () => Promise<TransportRequest>, retries: number): Promise<Reply>;
  close(): void;
}

export interface TransportOptions extends AddressRules {
  readonly clock: Clock;
}

/** A connection over which nothing comes for so long is given up. */
const idleMs = 60_000;
const firstPauseMs = 200;
const longestPauseMs = 10_000;
const mostConnections = 32;

/** HTTP to stores of others: names are looked up under guard, connections are kept, nothing waits for ever. */
export function createTransport({ clock, allowed }: TransportOptions): Transport {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true, maxSockets: mostConnections }),
    "https:": new HttpsAgent({ keepAlive: true, maxSockets: mostConnections }),
  };

  async function send({ method, url, headers, body, signal }: TransportRequest): Promise<Reply> {
    if (url.protocol !== "http:" && url.protocol !== "https:")
      throw new RemoteError(url.host, `"${url.protocol}" is not spoken`, 0);
    checkHost(url, { allowed });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
        method,
        agent: agents[url.protocol === "https:" ? "https:" : "http:"],
        lookup: guardedLookup(url, { allowed }),
        headers: { ...headers, "content-length": body?.length ?? 0 },
        ...(signal && { signal }),
      });
      outgoing.once("response", resolve);
      outgoing.once("error", reject);
      outgoing.setTimeout(idleMs, () =>
        outgoing.destroy(new RemoteError(url.host, `nothing came for ${idleMs / 1000} s`, 0)),
      );
      outgoing.end(body);
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (error instanceof ForbiddenAddressError || error instanceof RemoteError) throw error;
      throw new RemoteError(url.host, error instanceof Error ? error.message : String(error), 0, { cause: error });
    });
    const flat = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
    return {
      status: response.statusCode ?? 0,
      headers: Object.fromEntries(flat),
      body: response,
      text: () => text(response),
      dismiss: () => void response.resume(),
    };
  }

  async function sendPatiently(make: () => Promise<TransportRequest>, retries: number): Promise<Reply> {
    for (let tries = 0; ; tries += 1) {
      const request = await make();
      try {
        const reply = await send(request);
        if ((reply.status < 500 && reply.status !== 429) || tries >= retries) return reply;
        reply.dismiss();
      } catch (error) {
        if (!(error instanceof RemoteError) || tries >= retries) throw error;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      using timer = clock.after(Math.min(firstPauseMs * 2 ** tries, longestPauseMs), resolve);
      void timer;
      await promise;
      request.signal?.throwIfAborted();
    }
  }

  return {
    send,
    sendPatiently,
    close() {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}
