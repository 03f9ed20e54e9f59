import { connect } from "node:net";
import type { Duplex } from "node:stream";

import { SandboxError } from "./errors.ts";
import { isFields, parse, text } from "./protocol.ts";
import { readLine } from "./read-line.ts";

/** Connects to a port of a pod through the relay that listens at `socketPath`. */
export async function dialPod(socketPath: string, address: string, port: number): Promise<Duplex> {
  const socket = connect(socketPath, () => socket.write(`${JSON.stringify({ address, port })}\n`));
  const line = await readLine(socket);
  const said = line === undefined ? undefined : parse(line);
  if (isFields(said) && said["connected"] === true) return socket;
  socket.destroy();
  const why = isFields(said) ? text(said["error"]) : "the relay does not answer";
  throw new SandboxError("not-found", `Cannot connect to port ${port} of the pod at ${address}: ${why}`);
}
