import { platformUser, type ApiResponse, type User } from "@headrace/model";
import type { TestApi } from "./test-api.ts";

export interface Fetched {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body, parsed, and trusted to have the shape that the test says. */
  json<T>(): T;
}

export interface FetchOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly user?: User;
}

/** Sends requests as they come from a socket, as bytes, and reads the whole answer. */
export function fetchFrom({ server }: TestApi) {
  return async (
    url: string,
    headers: Readonly<Record<string, string>> = {},
    options: FetchOptions = {},
  ): Promise<Fetched> => {
    const { pathname, searchParams } = new URL(url, "http://localhost");
    const { method = "GET", body, user = platformUser } = options;
    const response = await server.handle({
      method,
      path: pathname,
      query: searchParams,
      headers,
      user,
      signal: new AbortController().signal,
      ...(body !== undefined && { body: once(body) }),
    });
    const text = await textOf(response.body);
    return { status: response.status, headers: response.headers, text, json: <T>() => JSON.parse(text) as T };
  };
}

async function* once(body: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield typeof body === "string" ? new TextEncoder().encode(body) : body;
}

async function textOf(body: ApiResponse["body"]): Promise<string> {
  if (body === undefined || typeof body === "string") return body ?? "";
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  let text = "";
  for await (const chunk of body) text += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
  return text;
}
