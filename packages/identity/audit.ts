import { writeSync } from "node:fs";
import { mkdir, open, rename, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { AuditEvent, AuditSink } from "@headrace/model";

export interface AuditLogOptions {
  readonly path: string;
  /** Bytes of one file; 10 MiB unless told otherwise. */
  readonly maxBytes?: number;
  /** Files kept, the one being written included; 5. Older ones are `audit.log.1` and so on. */
  readonly maxFiles?: number;
}

export interface AuditLog extends AuditSink {
  /** Events that could not be kept: the disk was full, or too slow. */
  readonly dropped: number;
  /** Resolves when everything recorded so far is in the file. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const maxWaiting = 10_000;

/** Who did what: one line of JSON an event, in files that nobody else reads and that do not grow without bound. */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { path, maxBytes = 10 << 20, maxFiles = 5 } = options;
  let waiting: string[] = [];
  let writing: Promise<void> | undefined;
  let file: FileHandle | undefined;
  let size = 0;
  let dropped = 0;
  let closed = false;

  /** In one piece what a turn of the event loop brought, and in place: a few hundred bytes are not worth a turn through the thread pool. */
  async function write(): Promise<void> {
    await setImmediate();
    while (waiting.length > 0) {
      const lines = waiting;
      waiting = [];
      try {
        await append(lines.join(""));
      } catch {
        dropped += lines.length;
        await closeFile();
      }
    }
  }

  async function append(text: string): Promise<void> {
    if (!file) await openFile();
    if (size > 0 && size + Buffer.byteLength(text) > maxBytes) await rotate();
    if (file) writeWhole(file.fd, Buffer.from(text));
    size += Buffer.byteLength(text);
  }

  async function openFile(): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    file = await open(path, "a", 0o600);
    size = (await stat(path)).size;
  }

  async function rotate(): Promise<void> {
    await closeFile();
    for (let number = maxFiles - 1; number >= 1; number--) {
      const from = number === 1 ? path : `${path}.${number - 1}`;
      await rename(from, `${path}.${number}`).catch(() => {});
    }
    await openFile();
  }

  async function closeFile(): Promise<void> {
    await file?.close().catch(() => {});
    file = undefined;
  }

  async function flush(): Promise<void> {
    await writing;
  }

  return {
    record(event: AuditEvent) {
      if (closed || waiting.length >= maxWaiting) {
        dropped += 1;
        return;
      }
      waiting.push(`${JSON.stringify({ ...event, time: new Date(event.time).toISOString() })}\n`);
      writing ??= write().finally(() => (writing = undefined));
    },
    get dropped() {
      return dropped;
    },
    flush,
    async close() {
      closed = true;
      await flush();
      await closeFile();
    },
  };
}

function writeWhole(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
}
