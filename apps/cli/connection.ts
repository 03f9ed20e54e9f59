import { spawn } from "node:child_process";
import { mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, createHttpTransport, type Client } from "@headrace/client";
import { findRunning, type Running } from "@headrace/platform";
import type { Surroundings } from "./environment.ts";
import { CommandError } from "./terminal.ts";

/** A running Headrace, as the commands reach it: over its own front door, as its owner. */
export interface Connection {
  readonly running: Running;
  readonly client: Client;
  /** JSON in, JSON out. Throws CommandError with the server's message. */
  call(method: string, path: string, body?: unknown): Promise<unknown>;
  /** A file in the form that browsers send; JSON out. */
  upload(path: string, file: UploadedFile): Promise<unknown>;
  /** A text stream, such as a log. */
  stream(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface UploadedFile {
  /** The form's field. */
  readonly field: string;
  readonly name: string;
  readonly content: string;
}

/** The Headrace that holds the data directory. Throws CommandError if none runs. */
export function connect(home: string): Connection {
  const running = findRunning(home);
  if (running === undefined) {
    throw new CommandError(`No Headrace runs on ${home}`, { remedy: "Start one with `headrace up --detach`" });
  }
  return connectTo(running);
}

/** As `connect`, but starts one in the background if need be; `onStart` hears of it. */
export async function connectOrStart(surroundings: Surroundings, onStart: () => void): Promise<Connection> {
  const running = findRunning(surroundings.home);
  if (running !== undefined) return connectTo(running);
  onStart();
  return connectTo(await startDetached(surroundings.home, []));
}

function connectTo(running: Running): Connection {
  const headers = { authorization: `Bearer ${running.token}` };
  const fetchFrom = async (path: string, init: RequestInit): Promise<Response> => {
    const response = await fetch(`${running.gateway}${path}`, {
      ...init,
      headers: { ...headers, ...(!(init.body instanceof FormData) && { "content-type": "application/json" }) },
    });
    if (response.ok) return response;
    throw new CommandError(`Refused (${response.status}): ${messageOf(await response.text())}`);
  };
  return {
    running,
    client: createClient({
      transport: createHttpTransport({ server: `${running.gateway}/kube`, headers: () => headers }),
    }),
    async call(method, path, body) {
      const response = await fetchFrom(path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
      return response.json();
    },
    async upload(path, { field, name, content }) {
      const body = new FormData();
      body.set(field, new Blob([content]), name);
      return (await fetchFrom(path, { method: "POST", body })).json();
    },
    async *stream(path, signal) {
      const response = await fetchFrom(path, { signal });
      if (response.body !== null) yield* response.body;
    },
  };
}

/** The message in any of the error bodies that our faces speak. */
function messageOf(text: string): string {
  try {
    const body = JSON.parse(text) as { message?: string; error_message?: string };
    return body.message ?? body.error_message ?? text;
  } catch {
    return text;
  }
}

/**
 * Starts `headrace up` in a session of its own and waits until it says that it is ready, or what stopped it. The child speaks
 * over its IPC channel: no file is watched and no port is tried.
 */
export async function startDetached(home: string, flags: readonly string[]): Promise<Running> {
  mkdirSync(join(home, "logs"), { recursive: true, mode: 0o700 });
  const log = openSync(join(home, "logs", "headrace.log"), "a", 0o600);
  const bin = fileURLToPath(new URL("bin/headrace.js", import.meta.url));
  const child = spawn(process.execPath, [bin, "up", "--data-dir", home, ...flags], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
  });
  const answer = await new Promise<StartAnswer>((resolve) => {
    child.once("message", (message) => resolve(message as StartAnswer));
    child.once("exit", (code, signal) =>
      resolve({
        error: `Headrace ended ${signal === null ? `with status ${code}` : `by ${signal}`} before it was ready`,
        remedy: `Read ${join(home, "logs", "headrace.log")}`,
      }),
    );
  });
  if ("error" in answer)
    throw new CommandError(answer.error, { ...(answer.remedy !== undefined && { remedy: answer.remedy }) });
  child.disconnect();
  child.unref();
  return answer.running;
}

/** What a detached `up` tells the process that started it. */
export type StartAnswer = { readonly running: Running } | { readonly error: string; readonly remedy?: string };
