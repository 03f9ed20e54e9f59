import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { BlockList, isIP } from "node:net";
import { type ApiError, badRequest, type Clock } from "@headrace/model";
import { maxDocumentBytes } from "../core/document.ts";

/** From the first question to the last byte, redirects included. */
const maxMilliseconds = 30_000;
const maxRedirects = 5;
const maxUrlLength = 2048;

/** What a caller of ours must not reach through us: this machine, its networks, and the clouds' metadata services. */
const forbidden = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const) {
  forbidden.addSubnet(network, prefix, "ipv4");
}
/** Of IPv6 only global unicast is the world, and within that not what carries other addresses in it. */
const world = new BlockList();
world.addSubnet("2000::", 3, "ipv6");
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const) {
  forbidden.addSubnet(network, prefix, "ipv6");
}

/** Whether an IP address is one of the public internet's. */
export function isPublicAddress(address: string): boolean {
  return isIP(address) === 6
    ? world.check(address, "ipv6") && !forbidden.check(address, "ipv6")
    : isIP(address) === 4 && !forbidden.check(address, "ipv4");
}

export interface PackageFetcher {
  /**
   * Reads a package from a URL that a client named. Throws ApiError BadRequest that names `place` for whatever is wrong: with the
   * URL, with where it leads, or with what comes.
   */
  fetch(url: string, place: string, signal: AbortSignal): Promise<{ filename: string; content: Buffer }>;
}

/**
 * `hosts` are names or addresses, with their port or without, that may be fetched from though they are not on the public internet:
 * the administrator's choice. Every other name is resolved once, and only addresses that were looked at are connected to.
 */
export function packageFetcher(clock: Clock, hosts: readonly string[]): PackageFetcher {
  const trusted = new Set(hosts.map((host) => host.toLowerCase()));
  return {
    async fetch(given, place, signal) {
      const limit = new AbortController();
      const deadline = clock.after(maxMilliseconds, () =>
        limit.abort(refused(place, given, `it took more than ${maxMilliseconds / 1000} seconds`)),
      );
      const ended = AbortSignal.any([signal, limit.signal]);
      try {
        return await follow(given, { place, trusted, signal: ended });
      } catch (cause) {
        if (limit.signal.aborted) throw limit.signal.reason;
        if (cause instanceof Error && cause.name === "ApiError") throw cause;
        throw refused(place, given, cause instanceof Error ? cause.message : "the connection failed", cause);
      } finally {
        deadline[Symbol.dispose]();
      }
    },
  };
}

interface Journey {
  readonly place: string;
  readonly trusted: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

async function follow(given: string, journey: Journey): Promise<{ filename: string; content: Buffer }> {
  let url = parseUrl(given, journey.place);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const response = await open(url, journey);
    const { statusCode = 0, headers } = response;
    if ([301, 302, 303, 307, 308].includes(statusCode) && headers.location !== undefined) {
      response.destroy();
      url = parseUrl(headers.location, journey.place, url);
      continue;
    }
    if (statusCode !== 200) {
      response.destroy();
      throw refused(journey.place, url.href, `the server answered ${statusCode}`);
    }
    const filename = decodeName(url.pathname.split("/").at(-1) ?? "");
    return { filename, content: await readAll(response, journey.place, url) };
  }
  throw refused(journey.place, given, `it leads through more than ${maxRedirects} redirects`);
}

function parseUrl(text: string, place: string, from?: URL): URL {
  const url = text.length <= maxUrlLength ? URL.parse(text, from?.href) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw badRequest(`${place}: Invalid value: "${text.slice(0, 200)}": must be an http:// or https:// URL`);
  }
  if (url.username !== "" || url.password !== "")
    throw badRequest(`${place}: Invalid value: must not carry a password: upload the file instead`);
  return url;
}

async function open(url: URL, { place, trusted, signal }: Journey): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const allowed = trusted.has(host) || trusted.has(url.host);
  const addresses = await addressesOf(host, url, place);
  const unfit = allowed ? undefined : addresses.find(({ address }) => !isPublicAddress(address));
  if (unfit !== undefined) {
    throw refused(
      place,
      url.href,
      `${host} is not on the public internet (${unfit.address}); upload the file, or have the administrator allow the host`,
    );
  }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  // The name is not asked for again: what was looked at is what is connected to.
  const outgoing = send(url, {
    signal,
    agent: false,
    headers: { accept: "*/*", "user-agent": "headrace" },
    lookup: (_, { all }, found) => {
      const [first] = addresses;
      if (all) found(null, addresses);
      else found(null, first?.address ?? "", first?.family ?? 4);
    },
  });
  outgoing.once("response", resolve);
  outgoing.once("error", reject);
  outgoing.end();
  return promise;
}

async function addressesOf(host: string, url: URL, place: string): Promise<LookupAddress[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  try {
    return await lookup(host, { all: true });
  } catch (cause) {
    throw refused(place, url.href, `its host ${host} cannot be found`, cause);
  }
}

async function readAll(response: IncomingMessage, place: string, url: URL): Promise<Buffer> {
  const tooLarge = () => refused(place, url.href, `it is larger than ${maxDocumentBytes / 2 ** 20} MiB`);
  if (Number(response.headers["content-length"] ?? 0) > maxDocumentBytes) {
    response.destroy();
    throw tooLarge();
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxDocumentBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function decodeName(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function refused(place: string, url: string, why: string, cause?: unknown): ApiError {
  return badRequest(`${place}: Cannot fetch "${url.slice(0, 200)}": ${why}`, { cause });
}
