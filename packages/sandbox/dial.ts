import { connect } from "node:net";
import type { Duplex } from "node:stream";

import { SandboxError } from "./errors.ts";
import { isFields, parse, text } from "./protocol.ts";

const maximumAnswer = 4096;

/** Connects to a port of a pod through the relay that listens at `socketPath`. */
export function dialPod(socketPath: string, address: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const refuse = (why: string) => {
      socket.destroy();
      reject(new SandboxError("not-found", `Cannot connect to port ${port} of the pod at ${address}: ${why}`));
    };
    const socket = connect(socketPath, () => socket.write(`${JSON.stringify({ address, port })}\n`));
    let answer = Buffer.alloc(0);
    const read = (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      const end = answer.indexOf(10);
      if (end < 0) return answer.length > maximumAnswer ? refuse("the relay does not answer") : undefined;
      socket.removeAllListeners();
      const said = parse(answer.subarray(0, end).toString());
      if (!isFields(said) || said["connected"] !== true)
        return refuse(isFields(said) ? text(said["error"]) : "the relay does not answer");
      socket.pause();
      socket.unshift(answer.subarray(end + 1));
      resolve(socket);
    };
    socket.on("data", read);
    socket.once("error", (error) => refuse(error.message));
    socket.once("close", () => refuse("the relay ended the connection"));
  });
}
