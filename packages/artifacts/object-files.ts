import { constants } from "node:fs";
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { Ids } from "@headrace/model";
import { codeOf, Folder, ignore } from "./beneath.ts";
import { NotPlainError, ObjectInTheWayError, ObjectKeyError } from "./errors.ts";
import { bucketName, longestKey, segmentFault, temporaryPrefix } from "./locations.ts";
import type {
  BucketFacts,
  EntryQuery,
  ObjectEntry,
  ObjectFacts,
  ObjectFiles,
  ObjectPlace,
  OpenObject,
  See,
  StagedObject,
  UploadFiles,
} from "./objects.ts";
import { descend, type Place } from "./place.ts";
import { batchBytes, newBatch, readRange } from "./range.ts";

export interface ObjectFilesOptions {
  /** The file store's own folder. */
  readonly root: string;
  readonly ids: Ids;
}

/** Not buckets' names, so that nobody reaches them by one. */
const stagingFolder = ".headrace-staging";
const uploadsFolder = ".headrace-uploads";
const descriptionFile = "upload.json";

/** Batches of one object that are being written and looked at while the next is gathered; one, when many are in use. */
const batchesAhead = 4;
/** So many are kept for the next objects, too: no garbage collector of one thread knows when to look for what threads share. */
const manyBatches = 32;
/** A folder that another deletion takes away, just when it is needed, is made again so often. */
const triesToPlace = 10;

/** Opens the objects of a file store's folder. What an earlier process had not placed is forgotten; uploads in parts go on. */
export async function openObjectFiles({ root, ids }: ObjectFilesOptions): Promise<ObjectFiles> {
  await rm(join(root, stagingFolder), { recursive: true, force: true });
  for (const folder of [stagingFolder, uploadsFolder]) {
    await mkdir(join(root, folder), { recursive: true, mode: 0o700 });
  }
  return new Files(root, ids);
}

class Files implements ObjectFiles {
  readonly #root: string;
  readonly #ids: Ids;
  readonly #batches = new Batches();
  readonly uploads: UploadFiles;

  constructor(root: string, ids: Ids) {
    this.#root = root;
    this.#ids = ids;
    this.uploads = uploadsIn(join(root, uploadsFolder));
  }

  async buckets(): Promise<readonly BucketFacts[]> {
    await using root = await Folder.open(this.#root);
    const names = (await root.entries()).map(({ name }) => name.toString("utf8")).sort();
    return names.flatMap((name) => bucketIn(root, name) ?? []);
  }

  async bucket(name: string): Promise<BucketFacts | undefined> {
    await using root = await Folder.open(this.#root);
    return bucketIn(root, name);
  }

  async createBucket(name: string): Promise<boolean> {
    if (!bucketName.test(name)) {
      throw new ObjectKeyError(name, "a bucket's name that is not 3 to 63 lower-case letters, digits, dots and dashes");
    }
    await using root = await Folder.open(this.#root);
    if (root.stat(name)) return false;
    await using made = await root.folderMade(name);
    await made.sync();
    await root.sync();
    return true;
  }

  async removeBucket(name: string): Promise<"removed" | "missing" | "not-empty"> {
    await using root = await Folder.open(this.#root);
    if (!bucketIn(root, name)) return "missing";
    try {
      await rmdir(root.at(name));
      return "removed";
    } catch (error) {
      if (codeOf(error) === "ENOTEMPTY") return "not-empty";
      throw error;
    }
  }

  async find(at: ObjectPlace): Promise<ObjectFacts | undefined> {
    await using place = await this.#find(at);
    const stat = place?.folder.stat(place.name);
    if (!stat || (!stat.isFile() && !stat.isDirectory())) return undefined;
    if (stat.isDirectory() !== at.key.endsWith("/")) return undefined;
    return factsOf(stat);
  }

  async open(at: ObjectPlace): Promise<OpenObject | undefined> {
    if (at.key.endsWith("/")) {
      const facts = await this.find(at);
      return facts && { facts, read: nothing, stream: nothing, async [Symbol.asyncDispose]() {} };
    }
    await using place = await this.#find(at);
    if (place?.folder.stat(place.name)?.isFile() !== true) return undefined;
    const handle = await place.folder.file(place.name);
    if (!handle) return undefined;
    return {
      facts: factsOf(await handle.stat()),
      read: (start, end, signal) => readRange(handle, start, end, signal),
      stream: (start, end, signal) => readRange(handle, start, end, signal, [newBatch(), newBatch()]),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  }

  async stage(content: AsyncIterable<Uint8Array>, see?: See): Promise<StagedObject> {
    const path = join(this.#root, stagingFolder, this.#ids.uuid());
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      await using file = await open(path, flags, 0o600);
      const size = await writeAll(file, content, this.#batches, see);
      await file.sync();
      return { path, size, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  join(parts: readonly string[], see?: See, signal?: AbortSignal): Promise<StagedObject> {
    return this.stage(wholeOf(parts, signal), see);
  }

  async place(staged: StagedObject, at: ObjectPlace): Promise<ObjectFacts> {
    return this.#placing(at, async (place) => {
      await rename(staged.path, place.folder.at(place.name));
      await place.folder.sync();
      const stat = place.folder.stat(place.name);
      // Deleted in between: it was there for a moment.
      return stat ? factsOf(stat) : { size: staged.size, modifiedAt: 0, isFolder: false };
    });
  }

  async createFolder(at: ObjectPlace): Promise<ObjectFacts> {
    return this.#placing(at, async (place) => {
      await using made = await place.folder.folderMade(place.name);
      await made.sync();
      await place.folder.sync();
      const stat = place.folder.stat(place.name);
      return stat ? factsOf(stat) : { size: 0, modifiedAt: 0, isFolder: true };
    });
  }

  async remove(at: ObjectPlace): Promise<boolean> {
    const facts = await this.find(at);
    if (!facts) return false;
    const segments = segmentsOf(at);
    if (!facts.isFolder) {
      await using place = await this.#find(at);
      if (place) await unlink(place.folder.at(place.name)).catch(ignore("ENOENT", "EISDIR", "EPERM"));
      segments.pop();
    }
    await this.#prune(segments);
    return true;
  }

  async *entries(bucket: string, query: EntryQuery): AsyncGenerator<ObjectEntry> {
    await using root = await Folder.open(this.#root);
    if (!bucketIn(root, bucket)) return;
    await using folder = await root.folder(bucket);
    if (folder) yield* entriesOf(folder, "", query);
  }

  /** Takes away the folder, and those around it, as long as they hold nothing; the bucket stays. */
  async #prune(segments: readonly string[]): Promise<void> {
    for (let length = segments.length; length > 1; length -= 1) {
      await using place = await descend(this.#root, segments.slice(0, length), (folder, name) => folder.folder(name));
      if (!place) continue;
      try {
        await rmdir(place.folder.at(place.name));
      } catch (error) {
        if (codeOf(error) === "ENOENT") continue;
        return;
      }
    }
  }

  async #find(at: ObjectPlace): Promise<Place | undefined> {
    try {
      return await descend(this.#root, segmentsOf(at), (folder, name) => folder.folder(name));
    } catch (error) {
      // A file on the way: nothing lies beneath an object.
      if (error instanceof NotPlainError) return undefined;
      throw error;
    }
  }

  async #placing(at: ObjectPlace, act: (place: Place) => Promise<ObjectFacts>): Promise<ObjectFacts> {
    const segments = segmentsOf(at);
    for (let tries = 1; ; tries += 1) {
      try {
        await using place = await descend(this.#root, segments, (folder, name) =>
          folder.path === this.#root ? folder.folder(name) : folder.folderMade(name),
        );
        if (!place) throw new ObjectKeyError(at.key, `no bucket "${at.bucket}" to lie in`);
        return await act(place);
      } catch (error) {
        const isInTheWay =
          error instanceof NotPlainError || ["EISDIR", "ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(codeOf(error));
        if (isInTheWay) throw new ObjectInTheWayError(at.key, { cause: error });
        if (codeOf(error) !== "ENOENT" || tries >= triesToPlace) throw error;
      }
    }
  }
}

function uploadsIn(root: string): UploadFiles {
  const folderOf = (id: string): string => {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw new ObjectKeyError(id, "an upload's id of another form");
    return join(root, id);
  };
  return {
    async create(id, description) {
      await mkdir(folderOf(id), { mode: 0o700 });
      const path = join(folderOf(id), descriptionFile);
      await writeFile(`${path}.new`, description, { mode: 0o600, flush: true });
      await rename(`${path}.new`, path);
      await syncFolder(folderOf(id));
    },
    list: async () => (await readdir(root)).sort(),
    describe: (id) => readFile(join(folderOf(id), descriptionFile), "utf8").catch(ignore("ENOENT")),
    async keep(id, name, staged) {
      await rename(staged.path, join(folderOf(id), name));
      await syncFolder(folderOf(id));
    },
    async parts(id) {
      await using folder = await Folder.open(folderOf(id));
      const names = (await folder.entries()).map(({ name }) => name.toString("utf8")).sort();
      return names.flatMap((name) => {
        const stat = name.startsWith(descriptionFile) ? undefined : folder.stat(name);
        return stat
          ? [{ name, path: join(folderOf(id), name), size: stat.size, modifiedAt: Math.round(stat.mtimeMs) }]
          : [];
      });
    },
    async drop(id, names) {
      for (const name of names) await rm(join(folderOf(id), name), { force: true });
    },
    // The description goes first: without it there is no upload, whatever else is still there.
    async remove(id) {
      await rm(join(folderOf(id), descriptionFile), { force: true });
      await rm(folderOf(id), { recursive: true, force: true });
    },
  };
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await Folder.open(path);
  await folder.sync();
}

function bucketIn(root: Folder, name: string): BucketFacts | undefined {
  const stat = bucketName.test(name) ? root.stat(name) : undefined;
  return stat?.isDirectory() ? { name, createdAt: Math.round(stat.birthtimeMs) } : undefined;
}

function segmentsOf({ bucket, key }: ObjectPlace): string[] {
  if (!bucketName.test(bucket)) throw new ObjectKeyError(bucket, "a bucket's name that is none");
  if (Buffer.byteLength(key) > longestKey) throw new ObjectKeyError(key, `more than ${longestKey} bytes`);
  const segments = key.replace(/\/$/, "").split("/");
  const fault = segments.map(segmentFault).find((found) => found !== undefined);
  if (fault !== undefined) throw new ObjectKeyError(key, fault);
  return [bucket, ...segments];
}

/** Times in whole milliseconds, so that a copy that keeps them to the millisecond looks the same. */
function factsOf(stat: { size: number; mtimeMs: number; isDirectory(): boolean }): ObjectFacts {
  const isFolder = stat.isDirectory();
  return { size: isFolder ? 0 : stat.size, modifiedAt: Math.round(stat.mtimeMs), isFolder };
}

interface Name {
  readonly text: string;
  readonly bytes: Buffer;
  readonly isFolder: boolean;
}

async function* entriesOf(folder: Folder, path: string, query: EntryQuery): AsyncGenerator<ObjectEntry> {
  const { prefix, after, shallow, mayEnter } = query;
  const names = await namesIn(folder);
  if (names.length === 0 && path !== "" && path.startsWith(prefix) && isAfter(path, after)) {
    yield { key: path, size: 0, modifiedAt: 0, isFolder: true };
  }
  for (const { text, isFolder } of names) {
    const key = path + text;
    const leadsToPrefix = isFolder && prefix.startsWith(key);
    if (!key.startsWith(prefix) && !leadsToPrefix) continue;
    const holdsAfter = isFolder && after.startsWith(key) && (after.length > key.length || !shallow);
    if (!isAfter(key, after) && !holdsAfter) continue;
    if (!isFolder) {
      const stat = folder.stat(text);
      if (stat?.isFile()) yield { key, ...factsOf(stat) };
      continue;
    }
    if (mayEnter && !(await mayEnter(key))) continue;
    if (shallow && !leadsToPrefix) {
      yield { key, size: 0, modifiedAt: 0, isFolder: true };
      continue;
    }
    await using inner = await folder.folder(text.slice(0, -1));
    if (inner) yield* entriesOf(inner, key, query);
  }
}

/** Files and folders, in the order that their keys have: a folder's name counts with its slash. Others are no objects. */
async function namesIn(folder: Folder): Promise<readonly Name[]> {
  const names = (await folder.entries()).flatMap((entry): Name[] => {
    const isFolder = entry.isDirectory();
    const name = entry.name.toString("utf8");
    if ((!isFolder && !entry.isFile()) || name.startsWith(temporaryPrefix)) return [];
    if (!Buffer.from(name, "utf8").equals(entry.name)) return [];
    const text = isFolder ? `${name}/` : name;
    return [{ text, bytes: Buffer.from(text, "utf8"), isFolder }];
  });
  return names.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
}

const isAfter = (key: string, after: string): boolean =>
  after === "" || Buffer.compare(Buffer.from(key, "utf8"), Buffer.from(after, "utf8")) > 0;

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* wholeOf(paths: readonly string[], signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const reused = [newBatch(), newBatch()] as const;
  for (const path of paths) {
    await using part = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    yield* readRange(part, 0, (await part.stat()).size, signal, reused);
  }
}

/** Shared memory that bytes are gathered in, used again by one object after the other. */
class Batches {
  readonly #spare: Buffer[] = [];
  #taken = 0;

  /** How many an object may have on their way to the disk. */
  get ahead(): number {
    return this.#taken < manyBatches ? batchesAhead : 1;
  }

  take(): Buffer {
    this.#taken += 1;
    return this.#spare.pop() ?? Buffer.from(new SharedArrayBuffer(batchBytes));
  }

  give(batch: Buffer): void {
    this.#taken -= 1;
    if (this.#spare.length < manyBatches) this.#spare.push(batch);
  }
}

/** Writes batches and shows them while the next comes in. Answers the number of bytes. */
async function writeAll(
  file: FileHandle,
  content: AsyncIterable<Uint8Array>,
  batches: Batches,
  see?: See,
): Promise<number> {
  let batch = batches.take();
  let filled = 0;
  let size = 0;
  let writing: Promise<void> = Promise.resolve();
  const onTheirWay: Promise<void>[] = [];
  const settle = async (full: Buffer, bytes: Buffer): Promise<void> => {
    writing = writing.then(() => writeBatch(file, bytes));
    // Both are waited for, whatever becomes of one: until then the memory is in use.
    const outcomes = await Promise.allSettled([writing, (async () => see?.(bytes))()]);
    batches.give(full);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  };
  const flush = async (): Promise<void> => {
    while (onTheirWay.length >= batches.ahead) await onTheirWay.shift();
    const settling = settle(batch, batch.subarray(0, filled));
    // It is looked at with a later batch; until then it is nobody's unhandled failure.
    settling.catch(() => {});
    onTheirWay.push(settling);
    batch = batches.take();
    filled = 0;
  };
  try {
    for await (const chunk of content) {
      size += chunk.length;
      for (let taken = 0; taken < chunk.length;) {
        const part = chunk.subarray(taken, taken + batchBytes - filled);
        batch.set(part, filled);
        taken += part.length;
        filled += part.length;
        if (filled === batchBytes) await flush();
      }
    }
    if (filled > 0) await flush();
    await Promise.all(onTheirWay);
    return size;
  } finally {
    batches.give(batch);
    await Promise.allSettled(onTheirWay);
  }
}

async function writeBatch(file: FileHandle, bytes: Buffer): Promise<void> {
  // Half of it may be written; what is left says why, if it does not fit.
  for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done)).bytesWritten;
}
