import { constants, type Dirent } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { NotPlainError } from "./errors.ts";

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * An open folder. Names are looked up in it through the descriptor (`/proc/self/fd/N/name`, as openat does), so nobody who
 * moves or replaces a folder on the way can lead a look-up elsewhere. Where there is no /proc, every name is looked at with
 * lstat first: good against links that are there, not against one that is put there in between.
 */
export class Folder implements AsyncDisposable {
  readonly #handle: FileHandle;
  /** For messages, and for systems without /proc. */
  readonly path: string;
  readonly #within: string;

  private constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.path = path;
    this.#within = process.platform === "linux" ? `/proc/self/fd/${handle.fd}` : path;
  }

  /** Opens a folder that the operator named: links on the way to it are the operator's business. */
  static async open(path: string): Promise<Folder> {
    return new Folder(await open(path, constants.O_RDONLY | constants.O_DIRECTORY), path);
  }

  /** What a name in this folder is called by system calls. */
  at(name: string): string {
    return join(this.#within, name);
  }

  /** Undefined if there is no such folder. Throws NotPlainError if it is a link or no folder. */
  async folder(name: string): Promise<Folder | undefined> {
    const handle = await this.#openPlain(name, folderFlags);
    return handle && new Folder(handle, join(this.path, name));
  }

  /** The folder, made (for its owner alone) if it is not there. */
  async folderMade(name: string): Promise<Folder> {
    for (;;) {
      const found = await this.folder(name);
      if (found) return found;
      await mkdir(this.at(name), { mode: 0o700 }).catch(ignore("EEXIST"));
    }
  }

  /** A regular file, open for reading; undefined if there is none. Never waits for the other end of a pipe. */
  async file(name: string): Promise<FileHandle | undefined> {
    const handle = await this.#openPlain(name, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!handle) return undefined;
    const stat = await handle.stat();
    if (stat.isFile()) return handle;
    await handle.close();
    throw new NotPlainError(join(this.path, name), stat.isDirectory() ? "a folder" : "neither a file nor a folder");
  }

  async kind(name: string): Promise<"file" | "folder" | "other" | undefined> {
    const stat = await lstat(this.at(name)).catch(ignore("ENOENT", "ENOTDIR"));
    if (!stat) return undefined;
    if (stat.isFile()) return "file";
    return stat.isDirectory() ? "folder" : "other";
  }

  async entries(): Promise<Dirent<Buffer>[]> {
    return readdir(this.#within, { withFileTypes: true, encoding: "buffer" });
  }

  /** Makes the names in this folder durable. */
  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #openPlain(name: string, flags: number): Promise<FileHandle | undefined> {
    if (this.#within === this.path && (await this.kind(name)) === "other") throw this.#notPlain(name);
    try {
      return await open(this.at(name), flags);
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
