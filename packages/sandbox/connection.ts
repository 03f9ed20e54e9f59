import { connect, type Socket } from "node:net";

import { SandboxError } from "./errors.ts";
import { readFailure, readMessage, type Message } from "./protocol.ts";

const maximumLine = 64 * 1024 * 1024;

interface Pending {
  readonly resolve: (result: Record<string, unknown>) => void;
  readonly reject: (error: SandboxError) => void;
}

/**
 * One connection to the launcher: requests and answers as lines of JSON, matched by number, and events in between. When it
 * ends, every request without an answer is rejected with `launcher-lost`.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #onEvent: (message: Message) => void;
  readonly #onEnd: () => void;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly ended: Promise<void>;
  #settleEnd: () => void = () => {};
  #chunks: Buffer[] = [];
  #length = 0;
  #number = 0;
  #ended = false;

  private constructor(socket: Socket, onEvent: (message: Message) => void, onEnd: () => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    this.#onEnd = onEnd;
    this.ended = new Promise((resolve) => (this.#settleEnd = resolve));
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
  }

  /** Rejects with the system's error (ENOENT, ECONNREFUSED …) if nobody listens at `path`. */
  static open(path: string, onEvent: (message: Message) => void, onEnd: () => void): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new Connection(socket, onEvent, onEnd));
      });
    });
  }

  request(verb: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Record<string, unknown>> {
    if (this.#ended) return Promise.reject(lost(verb));
    this.#number += 1;
    const n = this.#number;
    return new Promise((resolve, reject) => {
      this.#pending.set(n, { resolve, reject });
      // What is asked in the same turn goes in one piece, and wakes the launcher once.
      if (this.#socket.writableCorked === 0) {
        this.#socket.cork();
        process.nextTick(() => this.#socket.uncork());
      }
      this.#socket.write(`${JSON.stringify({ n, do: verb, ...fields })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
    this.#end();
  }

  #read(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#chunks, rest.subarray(0, end)]).toString();
      this.#chunks = [];
      this.#length = 0;
      rest = rest.subarray(end + 1);
      this.#take(line);
    }
    if (rest.length === 0) return;
    this.#chunks.push(rest);
    this.#length += rest.length;
    if (this.#length > maximumLine) this.close();
  }

  #take(line: string): void {
    const message = readMessage(line);
    if (message === undefined) return this.close();
    if (message.n === undefined) return this.#onEvent(message);
    const pending = this.#pending.get(message.n);
    this.#pending.delete(message.n);
    if (message.ok !== undefined) pending?.resolve(message.ok);
    else pending?.reject(readFailure(message));
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const pending of this.#pending.values()) pending.reject(lost("answer"));
    this.#pending.clear();
    this.#settleEnd();
    this.#onEnd();
  }
}

function lost(verb: string): SandboxError {
  return new SandboxError("launcher-lost", `Cannot ${verb}: the launcher's connection ended`);
}
