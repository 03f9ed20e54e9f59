import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ApiError, badRequest, type Clock, type Ids } from "@headrace/model";
import type { ArtifactStore, Measured } from "./artifacts.ts";
import { codeOf, ignore } from "./beneath.ts";
import { NotPlainError, TooMuchError } from "./errors.ts";
import { locate, segmentFault, temporaryPrefix } from "./locations.ts";
import { descend, type Enter, type Place } from "./place.ts";
import { digestOf, removeWithin, type TreeLimits, walk } from "./tree.ts";

export interface FileStoreOptions {
  /** A folder of our own; made if it is not there. `minio://bucket/key` is `<root>/<bucket>/<key>`. */
  readonly root: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** What `stat`, `list` and `measure` read of one artifact at most. */
  readonly limits?: Partial<TreeLimits>;
}

export const defaultLimits: TreeLimits = { files: 100_000, bytes: 2 ** 40, depth: 64, milliseconds: 600_000 };
/** Bytes handed on at a time when reading. */
const chunkBytes = 1 << 18;

/** Artifacts in a directory. Steps write there too, so nothing beneath the root is trusted to be what it was a moment ago. */
export async function openFileStore(options: FileStoreOptions): Promise<ArtifactStore> {
  await mkdir(options.root, { recursive: true, mode: 0o700 });
  return new FileStore(options);
}

class FileStore implements ArtifactStore {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #limits: TreeLimits;

  constructor({ root, clock, ids, limits }: FileStoreOptions) {
    this.#root = root;
    this.#clock = clock;
    this.#ids = ids;
    this.#limits = { ...defaultLimits, ...limits };
  }

  in(): ArtifactStore {
    return this;
  }

  supports(uri: string): ReturnType<ArtifactStore["supports"]> {
    const location = locate(uri);
    return location.ok ? { ok: true } : location;
  }

  async stat(uri: string): Promise<{ kind: "file" | "tree"; size: number } | undefined> {
    return this.#explained(uri, async () => {
      await using place = await this.#find(uri);
      const kind = await place?.folder.kind(place.name);
      if (!place || !kind) return undefined;
      if (kind !== "folder") {
        await using file = await place.folder.file(place.name);
        return file && { kind: "file", size: (await file.stat()).size };
      }
      await using tree = await place.folder.folder(place.name);
      if (!tree) return undefined;
      let size = 0;
      await walk(tree, this.#limits, this.#clock, (file) => void (size += file.size));
      return { kind: "tree", size };
    });
  }

  async *read(
    uri: string,
    options: { offset?: number; limit?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array> {
    const { offset = 0, limit = Number.POSITIVE_INFINITY, signal } = options;
    await using file = await this.#explained(uri, async () => {
      await using place = await this.#find(uri);
      return place && (await place.folder.file(place.name));
    });
    if (!file) throw missing(uri);
    let position = offset;
    const end = offset + limit;
    while (position < end) {
      signal?.throwIfAborted();
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - position));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
  }

  async write(
    uri: string,
    content: AsyncIterable<Uint8Array> | Uint8Array | string,
  ): Promise<{ size: number; digest: string }> {
    return this.#explained(uri, async () => {
      await using place = await this.#make(uri);
      const part = place.folder.at(`${temporaryPrefix}${this.#ids.suffix(16)}`);
      try {
        const written = await writeDurably(part, content);
        await rename(part, place.folder.at(place.name));
        await place.folder.sync();
        return written;
      } catch (error) {
        await unlink(part).catch(ignore("ENOENT"));
        throw error;
      }
    });
  }

  async list(uri: string): Promise<readonly { path: string; size: number }[]> {
    return this.#explained(uri, async () => {
      await using place = await this.#find(uri);
      if ((await place?.folder.kind(place.name)) === "file") return [];
      await using tree = await place?.folder.folder(place.name);
      if (!tree) throw missing(uri);
      const files: { path: string; size: number }[] = [];
      await walk(tree, this.#limits, this.#clock, ({ path, size }) => void files.push({ path, size }));
      return files;
    });
  }

  async remove(uri: string): Promise<void> {
    await this.#explained(uri, async () => {
      await using place = await this.#find(uri);
      if (place) await removeWithin(place.folder, place.name);
    });
  }

  async localPath(uri: string, { create }: { create: boolean }): Promise<string | undefined> {
    return this.#explained(uri, async () => {
      if (create) {
        await using place = await this.#make(uri);
        const made = await place.folder.folderMade(place.name);
        await made[Symbol.asyncDispose]();
      } else {
        await using place = await this.#find(uri);
        const kind = await place?.folder.kind(place.name);
        if (kind === "other") throw new NotPlainError(uri, "a link or a special file");
      }
      return join(this.#root, ...segmentsOf(uri));
    });
  }

  async take(uri: string, from: { root: string; path: string }): Promise<Measured> {
    return this.#explained(uri, () => this.#take(uri, from));
  }

  async #take(uri: string, { root, path }: { root: string; path: string }): Promise<Measured> {
    try {
      const segments = path.split("/");
      const fault = segments.map(segmentFault).find((found) => found !== undefined);
      if (fault !== undefined) return { kind: "refused", reason: `"${path}" has ${fault}` };
      await using source = await descend(root, segments, (folder, name) => folder.folder(name));
      if (source && (await source.folder.kind(source.name))) await this.#move(source, uri);
    } catch (error) {
      const fault = faultOf(error);
      if (fault) return { kind: "refused", reason: this.#relative(fault) };
      throw error;
    }
    // What is not where it was left may have been taken before: whoever asked was killed, and asks again.
    return this.measure(uri);
  }

  async #move(source: Place, uri: string): Promise<void> {
    await using target = await this.#make(uri);
    await removeWithin(target.folder, target.name);
    await rename(source.folder.at(source.name), target.folder.at(target.name));
  }

  async measure(uri: string): Promise<Measured> {
    try {
      await using place = await this.#find(uri);
      const kind = await place?.folder.kind(place.name);
      if (!place || !kind) return { kind: "missing" };
      return kind === "folder" ? await this.#measureTree(place) : await this.#measureFile(place);
    } catch (error) {
      const fault = faultOf(error);
      if (fault) return { kind: "refused", reason: this.#relative(fault) };
      throw error;
    }
  }

  async #measureFile({ folder, name }: Place): Promise<Measured> {
    await using handle = await folder.file(name);
    if (!handle) return { kind: "missing" };
    const { size } = await handle.stat();
    if (size > this.#limits.bytes) throw new TooMuchError(`${this.#limits.bytes} bytes`);
    return { kind: "file", size, digest: await digestOf({ handle, size }), files: 1 };
  }

  async #measureTree({ folder, name }: Place): Promise<Measured> {
    await using tree = await folder.folder(name);
    if (!tree) return { kind: "missing" };
    const listing = createHash("sha256");
    let size = 0;
    let files = 0;
    await walk(tree, this.#limits, this.#clock, async (file) => {
      // JSON keeps a name with a line break from looking like two files.
      listing.update(`${await digestOf(file)} ${JSON.stringify(file.path)}\n`);
      size += file.size;
      files += 1;
    });
    return { kind: "tree", size, digest: `sha256:${listing.digest("hex")}`, files };
  }

  /** The folder that holds the artifact, open; undefined if there is none. */
  async #find(uri: string): Promise<Place | undefined> {
    return this.#descend(uri, (folder, name) => folder.folder(name));
  }

  /** As `#find`, making the folders on the way. */
  async #make(uri: string): Promise<Place> {
    const place = await this.#descend(uri, (folder, name) => folder.folderMade(name));
    if (!place) throw new TypeError("Folders that are made are there");
    return place;
  }

  #descend(uri: string, enter: Enter): Promise<Place | undefined> {
    return descend(this.#root, segmentsOf(uri), enter);
  }

  async #explained<R>(uri: string, body: () => Promise<R>): Promise<R> {
    try {
      return await body();
    } catch (error) {
      const fault = faultOf(error);
      if (fault) throw badRequest(`Cannot use artifact "${uri}": ${this.#relative(fault)}`, { cause: error });
      const code = codeOf(error);
      if (code === "ENOSPC" || code === "EDQUOT") {
        const why = `Cannot write artifact "${uri}": the disk of the artifacts is full; free some space, then try again`;
        throw new ApiError("ServiceUnavailable", why, undefined, { cause: error });
      }
      if (code === "EISDIR" || code === "ENOTEMPTY" || code === "EEXIST") {
        throw new ApiError("Conflict", `Cannot write artifact "${uri}": a tree is there already`, undefined, {
          cause: error,
        });
      }
      throw error;
    }
  }

  /** Messages name places within the store, not on the machine. */
  #relative(message: string): string {
    return message.replaceAll(`${this.#root}/`, "");
  }
}

/** What is wrong with what a step left there; undefined if the failure is not the step's. */
function faultOf(error: unknown): string | undefined {
  if (error instanceof NotPlainError || error instanceof TooMuchError) return error.message;
  if (codeOf(error) === "EACCES") return "Cannot read it: its permissions keep everybody but the step from it";
  return undefined;
}

async function writeDurably(
  path: string,
  content: AsyncIterable<Uint8Array> | Uint8Array | string,
): Promise<{ size: number; digest: string }> {
  await using file: FileHandle = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of chunksOf(content)) {
    hash.update(chunk);
    size += chunk.length;
    await file.writeFile(chunk);
  }
  await file.sync();
  return { size, digest: `sha256:${hash.digest("hex")}` };
}

async function* chunksOf(content: AsyncIterable<Uint8Array> | Uint8Array | string): AsyncGenerator<Uint8Array> {
  if (typeof content === "string") yield Buffer.from(content);
  else if (content instanceof Uint8Array) yield content;
  else yield* content;
}

function segmentsOf(uri: string): readonly string[] {
  const location = locate(uri);
  if (!location.ok) throw badRequest(`Cannot use artifact "${uri}": ${location.reason}`);
  return location.segments;
}

function missing(uri: string): ApiError {
  return new ApiError("NotFound", `Artifact "${uri}" not found`);
}
