import { connect, type Socket } from "node:net";
import { Readable, Writable } from "node:stream";

import { SandboxError } from "./errors.ts";
import { isFields, parse, readFailure, readMessage, text } from "./protocol.ts";
import { readLine } from "./read-line.ts";
import type { ExecOptions, ExecResult, ExecSession } from "./sandbox.ts";

const channels = { stdin: 0, stdout: 1, stderr: 2, exit: 3, resize: 4 } as const;
const headBytes = 5;
const maximumFrame = 1024 * 1024;

/** Runs a further program in a container, over a connection of its own to the launcher at `socketPath`. */
export async function openExec(socketPath: string, id: string, options: ExecOptions): Promise<ExecSession> {
  const socket = connect(socketPath, () => socket.write(`${JSON.stringify({ n: 1, do: "exec", id, ...options })}\n`));
  const line = await readLine(socket);
  const message = line === undefined ? undefined : readMessage(line);
  if (message?.ok !== undefined) return new FramedSession(socket);
  socket.destroy();
  if (message !== undefined) throw readFailure(message);
  throw new SandboxError("launcher-lost", `Cannot run a program in container "${id}": the launcher does not answer`);
}

class FramedSession implements ExecSession {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exit: Promise<ExecResult>;
  readonly #socket: Socket;
  #settle: (result: ExecResult) => void = () => {};
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.exit = new Promise((resolve) => (this.#settle = resolve));
    // A reader that asks for more lets the socket go on.
    const read = () => void socket.resume();
    this.stdout = new Readable({ read });
    this.stderr = new Readable({ read });
    this.stdin = new Writable({
      write: (chunk: Buffer, _, done) => this.#write(channels.stdin, chunk, done),
      final: (done) => this.#send(channels.stdin, Buffer.alloc(0), done),
    });
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", () => this.#end({ exitCode: 137, message: "The connection to the launcher ended" }));
    socket.on("close", () => this.#end({ exitCode: 137, message: "The connection to the launcher ended" }));
    socket.resume();
  }

  resize(columns: number, rows: number): void {
    this.#send(channels.resize, Buffer.from(JSON.stringify({ columns, rows })));
  }

  kill(): void {
    this.#socket.destroy();
  }

  #write(channel: number, content: Buffer, done: () => void): void {
    let offset = 0;
    for (; content.length - offset > maximumFrame; offset += maximumFrame)
      this.#send(channel, content.subarray(offset, offset + maximumFrame));
    this.#send(channel, content.subarray(offset), done);
  }

  #send(channel: number, content: Buffer, done?: () => void): void {
    const head = Buffer.alloc(headBytes);
    head.writeUInt8(channel, 0);
    head.writeUInt32BE(content.length, 1);
    this.#socket.write(Buffer.concat([head, content]), () => done?.());
  }

  #take(chunk: Buffer): void {
    if (this.#ended) return;
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (data.length >= headBytes) {
      const length = data.readUInt32BE(1);
      if (length > maximumFrame)
        return this.#end({ exitCode: 137, message: "The launcher sent what it must not send" });
      if (data.length < headBytes + length) break;
      this.#obey(data.readUInt8(0), data.subarray(headBytes, headBytes + length));
      data = data.subarray(headBytes + length);
    }
    this.#rest = data;
  }

  #obey(channel: number, content: Buffer): void {
    if (channel === channels.exit) {
      const said = parse(content.toString());
      const fields = isFields(said) ? said : {};
      const exitCode = typeof fields["exitCode"] === "number" ? fields["exitCode"] : 137;
      return this.#end({ exitCode, ...(fields["message"] !== undefined && { message: text(fields["message"]) }) });
    }
    const stream = channel === channels.stderr ? this.stderr : this.stdout;
    if (!stream.push(content)) this.#socket.pause();
  }

  #end(result: ExecResult): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#settle(result);
    this.stdout.push(null);
    this.stderr.push(null);
    this.#socket.destroy();
  }
}
