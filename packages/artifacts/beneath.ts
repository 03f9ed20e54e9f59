import { closeSync, constants, type Dirent, fsync, lstatSync, mkdirSync, openSync, type Stats } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { NotPlainError } from "./errors.ts";

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * An open folder. Names are looked up in it through the descriptor (`/proc/self/fd/N/name`, as openat does), so nobody who
 * moves or replaces a folder on the way can lead a look-up elsewhere. Where there is no /proc, every name is looked at with
 * lstat first: good against links that are there, not against one that is put there in between.
 *
 * Names are looked up in place, not on another thread: an artifact lies some eight folders deep, every step begins and ends with
 * one, and a turn through the thread pool costs many times what the look-up does.
 */
export class Folder implements AsyncDisposable {
  readonly #descriptor: number;
  /** For messages, and for systems without /proc. */
  readonly path: string;
  readonly #within: string;

  private constructor(descriptor: number, path: string) {
    this.#descriptor = descriptor;
    this.path = path;
    this.#within = process.platform === "linux" ? `/proc/self/fd/${descriptor}` : path;
  }

  /** Opens a folder that the operator named: links on the way to it are the operator's business. */
  static async open(path: string): Promise<Folder> {
    return new Folder(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY), path);
  }

  /** What a name in this folder is called by system calls. */
  at(name: string): string {
    return join(this.#within, name);
  }

  /** Undefined if there is no such folder. Throws NotPlainError if it is a link or no folder. */
  async folder(name: string): Promise<Folder | undefined> {
    const descriptor = await this.#openPlain(name, async () => openSync(this.at(name), folderFlags));
    return descriptor === undefined ? undefined : new Folder(descriptor, join(this.path, name));
  }

  /** The folder, made (for its owner alone) if it is not there. */
  async folderMade(name: string): Promise<Folder> {
    for (;;) {
      const found = await this.folder(name);
      if (found) return found;
      try {
        mkdirSync(this.at(name), { mode: 0o700 });
      } catch (error) {
        ignore("EEXIST")(error);
      }
    }
  }

  /** A regular file, open for reading; undefined if there is none. Never waits for the other end of a pipe. */
  async file(name: string): Promise<FileHandle | undefined> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await this.#openPlain(name, () => open(this.at(name), flags));
    if (!handle) return undefined;
    const stat = await handle.stat();
    if (stat.isFile()) return handle;
    await handle.close();
    throw new NotPlainError(join(this.path, name), stat.isDirectory() ? "a folder" : "neither a file nor a folder");
  }

  async kind(name: string): Promise<"file" | "folder" | "other" | undefined> {
    const stat = this.stat(name);
    if (!stat) return undefined;
    if (stat.isFile()) return "file";
    return stat.isDirectory() ? "folder" : "other";
  }

  /** What lies there, without looking through a link; undefined if nothing does. */
  stat(name: string): Stats | undefined {
    return lstatSync(this.at(name), { throwIfNoEntry: false });
  }

  async entries(): Promise<Dirent<Buffer>[]> {
    return readdir(this.#within, { withFileTypes: true, encoding: "buffer" });
  }

  /** Makes the names in this folder durable. */
  async sync(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    fsync(this.#descriptor, (error) => (error ? reject(error) : resolve()));
    await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#descriptor);
  }

  async #openPlain<T>(name: string, openIt: () => Promise<T>): Promise<T | undefined> {
    if (this.#within === this.path && (await this.kind(name)) === "other") throw this.#notPlain(name);
    try {
      return await openIt();
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENOENT") return undefined;
      // With O_NOFOLLOW a link is ELOOP, with O_DIRECTORY as well ENOTDIR; a socket is ENXIO.
      if (code === "ELOOP" || code === "ENOTDIR" || code === "ENXIO") throw this.#notPlain(name, { cause: error });
      throw error;
    }
  }

  #notPlain(name: string, options?: ErrorOptions): NotPlainError {
    return new NotPlainError(join(this.path, name), "a link or a special file", options);
  }
}

/** Turns the named system errors into undefined; others are thrown on. */
export function ignore(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(codeOf(error))) throw error;
  };
}

/** The system's name for a failure (`ENOENT`), or the empty string. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
