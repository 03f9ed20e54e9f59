import type { Socket } from "node:net";

/**
 * Calls `take` at once and whenever more has come, until it answers what is to be done next; what it has not read by then is whoever's
 * turn it is. Who says nothing for `patienceMs`, or ends before, is cut.
 */
export function readBeginning(socket: Socket, patienceMs: number, take: () => (() => void) | undefined): void {
  const give = (): void => {
    socket.destroy();
  };
  const look = (): void => {
    const next = take();
    if (next === undefined) return;
    socket.removeListener("readable", look);
    for (const event of ["end", "error", "timeout"]) socket.removeListener(event, give);
    socket.setTimeout(0);
    next();
  };
  socket.setTimeout(patienceMs);
  for (const event of ["end", "error", "timeout"]) socket.on(event, give);
  socket.on("readable", look);
  look();
}
