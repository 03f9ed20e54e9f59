import { ApiError, badRequest } from "@headrace/model";
import type { ArtifactStore, Measured } from "../artifacts.ts";
import { ForbiddenAddressError, RemoteError } from "../errors.ts";
import type { Reply, Transport } from "./transport.ts";

const retries = 3;
const mostRedirects = 5;

/** What lies at a web address: to be read, and nothing else. */
export class WebStore implements ArtifactStore {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  in(): ArtifactStore {
    return this;
  }

  supports(uri: string): ReturnType<ArtifactStore["supports"]> {
    if (!URL.canParse(uri)) return { ok: false, reason: "it is no URL" };
    const { username, password } = new URL(uri);
    if (username === "" && password === "") return { ok: true };
    return { ok: false, reason: "it holds credentials, which would be shown to everybody who sees the artifact" };
  }

  async stat(uri: string): Promise<{ kind: "file"; size: number } | undefined> {
    const reply = await this.#get(uri, "HEAD", {});
    reply.dismiss();
    if (reply.status === 404 || reply.status === 410) return undefined;
    if (reply.status !== 200) throw unreadable(uri, `the server answered ${reply.status}`);
    return { kind: "file", size: Number(reply.headers["content-length"] ?? 0) };
  }

  async *read(
    uri: string,
    {
      offset = 0,
      limit = Number.POSITIVE_INFINITY,
      signal,
    }: { offset?: number; limit?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array> {
    const isPart = offset > 0 || Number.isFinite(limit);
    const last = Number.isFinite(limit) ? String(offset + limit - 1) : "";
    const reply = await this.#get(uri, "GET", isPart ? { range: `bytes=${offset}-${last}` } : {}, signal);
    if (reply.status !== 200 && reply.status !== 206) {
      reply.dismiss();
      if (reply.status === 416) return;
      if (reply.status === 404) throw new ApiError("NotFound", `Artifact "${uri}" not found`);
      throw unreadable(uri, `the server answered ${reply.status}`);
    }
    // A server that knows no ranges sends everything.
    let skip = reply.status === 206 ? 0 : offset;
    let left = limit;
    for await (const chunk of reply.body) {
      const bytes = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - bytes.length;
      if (bytes.length > 0) yield bytes.length > left ? bytes.subarray(0, left) : bytes;
      left -= bytes.length;
      if (left <= 0) return;
    }
  }

  async list(uri: string): Promise<readonly never[]> {
    if (await this.stat(uri)) return [];
    throw new ApiError("NotFound", `Artifact "${uri}" not found`);
  }

  async write(uri: string): Promise<never> {
    throw readOnly(uri);
  }

  async take(uri: string): Promise<Measured> {
    return { kind: "refused", reason: readOnly(uri).message };
  }

  async remove(uri: string): Promise<never> {
    throw readOnly(uri);
  }

  async localPath(): Promise<undefined> {
    return undefined;
  }

  async measure(uri: string): Promise<Measured> {
    return { kind: "refused", reason: `what lies at "${uri}" may be another thing at any time` };
  }

  async #get(uri: string, method: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Reply> {
    let url = new URL(uri);
    try {
      for (let redirects = 0; ; redirects += 1) {
        const at = url;
        const reply = await this.#transport.sendPatiently(
          async () => ({ method, url: at, headers, ...(signal && { signal }) }),
          retries,
        );
        const next = reply.headers["location"];
        if (reply.status < 301 || reply.status > 308 || reply.status === 304 || next === undefined) return reply;
        reply.dismiss();
        if (redirects >= mostRedirects) throw unreadable(uri, `it leads to more than ${mostRedirects} other places`);
        url = new URL(next, url);
      }
    } catch (error) {
      if (error instanceof ForbiddenAddressError) throw unreadable(uri, error.message);
      if (error instanceof RemoteError)
        throw new ApiError("ServiceUnavailable", `Cannot read artifact "${uri}": ${error.message}`);
      throw error;
    }
  }
}

function readOnly(uri: string): ApiError {
  return badRequest(`Cannot write artifact "${uri}": web addresses are only read`);
}

function unreadable(uri: string, why: string): ApiError {
  return badRequest(`Cannot read artifact "${uri}": ${why}`);
}
