import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type ApiResponse, type Handler, platformUser } from "@headrace/model";

export interface Listener extends AsyncDisposable {
  readonly url: string;
}

/** A socket before a handler, on a free port of the loopback: everybody is the platform's own user. */
export async function listen(handle: Handler): Promise<Listener> {
  const server = createServer((incoming, outgoing) => {
    answer(handle, incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(handle: Handler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://host");
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort());
  const response = await handle({
    method: incoming.method ?? "GET",
    path: pathname,
    query: searchParams,
    headers,
    user: platformUser,
    signal: gone.signal,
    body: incoming,
  });
  outgoing.writeHead(response.status, response.headers);
  for await (const chunk of chunksOf(response)) outgoing.write(chunk);
  outgoing.end();
}

async function* chunksOf({ body }: ApiResponse): AsyncGenerator<Uint8Array | string> {
  if (typeof body === "string" || body instanceof Uint8Array) yield body;
  else if (body) yield* body;
}
