import type { Socket } from "node:net";

const maximumLine = 64 * 1024;

/**
 * The first line that a connection brings, without its line feed; undefined if it ends before. What follows the line stays
 * in the socket, paused, for the next reader.
 */
export function readLine(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const settle = (line: string | undefined) => {
      socket.off("data", take);
      socket.off("error", fail);
      socket.off("close", fail);
      // Whoever reads on handles errors; until then they must not end the process.
      socket.on("error", () => {});
      resolve(line);
    };
    const fail = () => settle(undefined);
    const take = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf(10);
      if (end < 0) return received.length > maximumLine ? fail() : undefined;
      socket.pause();
      if (end + 1 < received.length) socket.unshift(received.subarray(end + 1));
      settle(received.subarray(0, end).toString());
    };
    socket.on("data", take);
    socket.on("error", fail);
    socket.on("close", fail);
  });
}
