import { RequestError } from "./errors.ts";

/** The pages' way to everything that is not list and watch: same origin, JSON, failures as RequestError. */
export interface Requester {
  /** The answer's JSON, or undefined if it has no body. */
  json(path: string, options?: RequestOptions): Promise<unknown>;
  /** The answer's text, cut after `limit` bytes; `cut` says whether it was. */
  text(path: string, options: RequestOptions & { readonly limit: number }): Promise<RequestedText>;
  /** Bytes `from` to `to`, without `to`, and how many there are in all. Short at the end; empty beyond it. */
  bytes(
    path: string,
    options: RequestOptions & { readonly from: number; readonly to: number },
  ): Promise<RequestedBytes>;
  /** Pieces of text as they arrive; ends with the answer. */
  stream(path: string, options: RequestOptions): AsyncIterable<string>;
}

export interface RequestOptions {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as a form with its files, in place of `body`. */
  readonly form?: FormData;
  readonly signal?: AbortSignal;
}

export interface RequestedText {
  readonly text: string;
  readonly cut: boolean;
  /** Media type without parameters. */
  readonly type: string;
}

export interface RequestedBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly total: number;
}

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

export function createRequester(fetch: Fetch): Requester {
  const send = async (path: string, options: RequestOptions): Promise<Response> => {
    const response = await attempt(fetch, path, options);
    if (!response.ok) throw await failure(response);
    return response;
  };
  return {
    async json(path, options = {}) {
      const text = await (await send(path, options)).text();
      if (text === "") return undefined;
      try {
        return JSON.parse(text) as unknown;
      } catch (cause) {
        throw new RequestError(`Cannot read the answer of ${path}: it is not JSON`, { status: 200 }, { cause });
      }
    },
    async text(path, options) {
      const response = await send(path, options);
      const type = response.headers.get("content-type")?.split(";")[0]?.trim() ?? "";
      let text = "";
      for await (const piece of pieces(response)) {
        text += piece;
        if (text.length > options.limit) return { text: text.slice(0, options.limit), cut: true, type };
      }
      return { text, cut: false, type };
    },
    async bytes(path, { from, to, ...options }) {
      const response = await attempt(fetch, path, options, { range: `bytes=${from}-${to - 1}` });
      const total = Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1] ?? Number.NaN);
      if (response.status === 416) return { bytes: new Uint8Array(), total: Number.isNaN(total) ? 0 : total };
      if (!response.ok) throw await failure(response);
      const bytes = new Uint8Array(await response.arrayBuffer());
      // A server that knows no ranges sends everything.
      if (response.status === 200) return { bytes: bytes.slice(from, to), total: bytes.length };
      return { bytes, total: Number.isNaN(total) ? from + bytes.length : total };
    },
    async *stream(path, options) {
      yield* pieces(await send(path, options));
    },
  };
}

async function attempt(
  fetch: Fetch,
  path: string,
  options: RequestOptions,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { method = "GET", body, form, signal } = options;
  const sent = { ...headers, ...(body !== undefined && { "content-type": "application/json" }) };
  try {
    return await fetch(path, {
      method,
      ...(Object.keys(sent).length > 0 && { headers: sent }),
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // The browser writes the content type of a form, for it chooses the boundary.
      ...(form && { body: form }),
      ...(signal && { signal }),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new RequestError("Headrace does not answer", { status: 0 }, { cause });
  }
}

async function* pieces(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield decoder.decode(value, { stream: true });
    }
    const rest = decoder.decode();
    if (rest !== "") yield rest;
  } finally {
    // Leaving early (a limit, a closed panel) must end the answer at the server too.
    await reader.cancel().catch(() => undefined);
  }
}

async function failure(response: Response): Promise<RequestError> {
  const text = (await response.text().catch(() => "")).slice(0, 4096);
  const told = readFailure(text);
  const requestId = response.headers.get("x-request-id");
  return new RequestError(told.message ?? `The server answered ${response.status} ${response.statusText}`.trim(), {
    status: response.status,
    ...(told.reason !== undefined && { reason: told.reason }),
    ...(requestId !== null && { requestId }),
  });
}

/** Understands Kubernetes' Status, the pipelines API's error with its details, its upload error, and plain text. */
export function readFailure(text: string): { readonly message?: string; readonly reason?: string } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    const line = text.trim().split("\n")[0] ?? "";
    return line === "" || line.startsWith("<") ? {} : { message: line };
  }
  if (!isRecord(body)) return {};
  const details = Array.isArray(body["details"]) ? body["details"].find(isRecord) : undefined;
  const message = [details?.["message"], body["error_message"], body["message"], body["error"]].find(
    (it) => typeof it === "string" && it !== "",
  );
  const reason = body["reason"];
  return { ...(typeof message === "string" && { message }), ...(typeof reason === "string" && { reason }) };
}

/** Whether a JSON value is an object, so that its fields may be looked at. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
