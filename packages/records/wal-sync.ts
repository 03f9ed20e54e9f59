import { closeSync, fdatasync, openSync } from "node:fs";

/**
 * Waits for the disk beside the event loop. SQLite's own `synchronous=FULL` stops the thread with fsync after each commit;
 * with NORMAL it leaves the log unsynced between checkpoints and keeps it consistent all the same. This is the missing half:
 * fdatasync of the log after each commit, on another thread, before anybody is told. (fdatasync leaves out the file's times,
 * and with them most of what fsync costs on journalling file systems.)
 */
export class WalSync implements Disposable {
  readonly #path: string;
  #file: number | undefined;
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
      this.#file ??= openSync(this.#path, "r");
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
