import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { readBeginning } from "./beginning.ts";

/** How a client begins that speaks HTTP/2 without having asked. No request of HTTP/1.1 begins like this. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** What comes before the preface, if anything does: calls `next` once it has been read. */
export type Before = (socket: Socket, patienceMs: number, next: () => void) => void;

interface Sorting {
  /** Who says nothing for this long is cut. */
  readonly patienceMs: number;
  readonly before: Before | undefined;
  readonly http2: (socket: Socket) => void;
}

/**
 * Puts itself before what `server` does with new connections: those that begin with HTTP/2's preface go to `http2`, all others where
 * they went before, with nothing read from them.
 */
export function sortByPreface(server: EventEmitter, { patienceMs, before, http2 }: Sorting): void {
  const [http1] = server.listeners("connection");
  if (!http1) return;
  server.removeListener("connection", http1 as () => void);
  server.on("connection", (socket: Socket) => {
    const go = (): void =>
      sort(socket, patienceMs, (isPreface) => {
        if (isPreface) http2(socket);
        else Reflect.apply(http1, server, [socket]);
      });
    if (before) before(socket, patienceMs, go);
    else go();
  });
}

function sort(socket: Socket, patienceMs: number, decided: (isPreface: boolean) => void): void {
  let seen = Buffer.alloc(0);
  readBeginning(socket, patienceMs, () => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return undefined;
    seen = Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    const agrees = seen.compare(preface, 0, length, 0, length) === 0;
    // Too little to tell: the rest of the preface may be on its way.
    if (agrees && length < preface.length) return undefined;
    return () => {
      socket.unshift(seen);
      decided(agrees);
    };
  });
}
