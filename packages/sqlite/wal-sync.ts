import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { isDiskFull } from "./disk-full.ts";

/**
 * A log that has seen this many commits is made as long as it will become, with zeros, which SQLite takes for its end: then a
 * commit changes no size, and fdatasync has no more to do than to write the bytes.
 */
const commitsBeforeReserve = 20;
/** Pages of the log beyond which SQLite copies it into the database. */
export const checkpointPages = 2000;
/** Bytes of a page in the log, its header included; and a large transaction's worth more. */
const frameBytes = 4096 + 24;
const reserveBytes = (checkpointPages + 100) * frameBytes;

/**
 * Waits for the disk beside the event loop. SQLite's own `synchronous=FULL` stops the thread with fsync after each commit;
 * with NORMAL it leaves the log unsynced between checkpoints and keeps it consistent all the same. This is the missing half:
 * fdatasync of the log after each commit, on another thread, before anybody is told. (fdatasync leaves out the file's times,
 * and with them most of what fsync costs on journalling file systems.)
 */
export class WalSync implements Disposable {
  readonly #path: string;
  #file: number | undefined;
  #commits = 0;
  #failure: Error | undefined;

  /** @param database path of the database whose `-wal` is meant; it is there once something was committed. */
  constructor(database: string) {
    this.#path = `${database}-wal`;
  }

  /** After a failed sync nobody knows what the disk holds, and trying again would not say: only starting anew does. */
  refuseAfterFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves once everything committed so far is on the disk. Rejects with the system's error. */
  async sync(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    try {
      this.#file ??= openSync(this.#path, "r+");
      this.#commits += 1;
      if (this.#commits === commitsBeforeReserve && !extend(this.#file, reserveBytes)) this.#commits = 0;
      fdatasync(this.#file, (error) => (error ? reject(error) : resolve()));
      await promise;
    } catch (error) {
      this.#failure = error instanceof Error ? error : new TypeError(String(error));
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/**
 * Whether there was room for it; otherwise the log is as it was. In place: between two commits, nobody else writes there. Page by page,
 * since file systems keep what was written at once in one piece of memory, and would write all of it again for each commit that touches it.
 */
function extend(file: number, length: number): boolean {
  const zeros = Buffer.alloc(4096);
  const { size } = fstatSync(file);
  try {
    for (let end = size; end < length; end += zeros.length) {
      writeSync(file, zeros, 0, Math.min(zeros.length, length - end), end);
    }
    return true;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    ftruncateSync(file, size);
    return false;
  }
}
