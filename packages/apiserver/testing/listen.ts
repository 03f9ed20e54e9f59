import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { anonymousUser, type ApiResponse, type Handler, type User } from "@headrace/model";

export interface Listening extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
}

/** Serves a handler over plain HTTP on loopback, with everybody as `user`: for clients that need a socket. */
export async function listen(handler: Handler, user: User = anonymousUser): Promise<Listening> {
  const server = createServer((incoming, outgoing) => {
    void answer(handler, user, incoming, outgoing).catch((error: unknown) =>
      outgoing.destroy(error instanceof Error ? error : undefined),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  handler: Handler,
  user: User,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort());
  const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://localhost");
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]),
  );
  const response = await handler({
    method: incoming.method ?? "GET",
    path: pathname,
    query: searchParams,
    headers: { ...headers, accept: (headers["accept"] ?? "").replaceAll("application/x-headrace-value", "") },
    user,
    signal: gone.signal,
    body: incoming,
  });
  outgoing.writeHead(response.status, response.headers);
  outgoing.flushHeaders();
  await send(response.body, outgoing, gone.signal);
}

async function send(body: ApiResponse["body"], outgoing: ServerResponse, gone: AbortSignal): Promise<void> {
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) {
    outgoing.end(body);
    return;
  }
  for await (const chunk of body) {
    if (gone.aborted) return;
    if (!outgoing.write(chunk))
      await new Promise<void>((resolve) => outgoing.once("drain", resolve).once("close", resolve));
  }
  outgoing.end();
}
