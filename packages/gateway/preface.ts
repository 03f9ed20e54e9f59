import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";

/** How a client begins that speaks HTTP/2 without having asked. No request of HTTP/1.1 begins like this. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/**
 * Puts itself before what `server` does with new connections: those that begin with HTTP/2's preface go to `http2`, all others where
 * they went before, with nothing read from them. Who says nothing for `patienceMs` is cut.
 */
export function sortByPreface(server: EventEmitter, patienceMs: number, http2: (socket: Socket) => void): void {
  const [http1] = server.listeners("connection");
  if (!http1) return;
  server.removeListener("connection", http1 as () => void);
  server.on("connection", (socket: Socket) => {
    sort(socket, patienceMs, (isPreface) => {
      if (isPreface) http2(socket);
      else Reflect.apply(http1, server, [socket]);
    });
  });
}

function sort(socket: Socket, patienceMs: number, decided: (isPreface: boolean) => void): void {
  let seen = Buffer.alloc(0);
  const give = (): void => {
    socket.destroy();
  };
  const look = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    const agrees = seen.compare(preface, 0, length, 0, length) === 0;
    // Too little to tell: the rest of the preface may be on its way.
    if (agrees && length < preface.length) return;
    socket.removeListener("readable", look);
    for (const event of ["end", "error", "timeout"]) socket.removeListener(event, give);
    socket.setTimeout(0);
    socket.unshift(seen);
    decided(agrees);
  };
  socket.setTimeout(patienceMs);
  for (const event of ["end", "error", "timeout"]) socket.on(event, give);
  socket.on("readable", look);
}
