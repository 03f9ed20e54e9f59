import { ApiError, type ApiRequest, type Handler } from "@headrace/model";

export interface HttpTransportOptions {
  /** Where the API is: `https://127.0.0.1:6443`, or a path such as `/kube` on the page's own origin. */
  readonly server: string;
  /** Added to every request: `() => ({ authorization: "Bearer …" })`. Asked each time, so that tokens can be renewed. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  /** The platform's own by default. */
  readonly fetch?: typeof fetch;
}

/** A transport over HTTP, for browsers and Node alike. Who calls is what the headers prove; the request's user is not sent. */
export function createHttpTransport({ server, headers, fetch: send = fetch }: HttpTransportOptions): Handler {
  const root = server.replace(/\/+$/, "");
  return async (request) => {
    const query = request.query.toString();
    const url = `${root}${request.path}${query === "" ? "" : `?${query}`}`;
    let response: Response;
    try {
      response = await send(url, {
        method: request.method,
        headers: { ...request.headers, accept: "application/json", ...(await headers?.()) },
        signal: request.signal,
        ...(request.value !== undefined && { body: JSON.stringify(request.value) }),
      });
    } catch (cause) {
      request.signal.throwIfAborted();
      throw unreachable(url, cause);
    }
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      ...(response.body && { body: chunksOf(response.body, request, url) }),
    };
  };
}

/** Not every browser can iterate over a stream, so this reads it by hand. Leaving the loop cancels the request. */
async function* chunksOf(
  stream: ReadableStream<Uint8Array>,
  { signal }: ApiRequest,
  url: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw unreachable(url, cause);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function unreachable(url: string, cause: unknown): ApiError {
  const why =
    cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause);
  return new ApiError("ServiceUnavailable", `Cannot reach the Kubernetes API at ${url}: ${why}`, undefined, { cause });
}
