import { readdirSync, watch } from "node:fs";
import { type FileHandle, open, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseLogLine, splitLines } from "./log-files.ts";

export interface LogOptions {
  /** Goes on with what the container writes until it ends or the signal aborts. */
  readonly follow?: boolean;
  readonly tailLines?: number;
  /** Only lines from this time on, in milliseconds since the epoch. */
  readonly since?: number;
  /** Each line begins with its time, RFC 3339 with nanoseconds. */
  readonly timestamps?: boolean;
  readonly limitBytes?: number;
  readonly signal?: AbortSignal;
}

/** A container's log: the file that is written now, and the event that nothing more will come. */
export interface LogSource {
  readonly path: string;
  /** Resolves when the container has ended and its log is complete; at once for one that has. */
  readonly ended: Promise<void>;
}

const chunkBytes = 64 << 10;

/** The log of one container instance as text, across rotated files, oldest first. A log that does not exist yet is empty. */
export async function* readLog(source: LogSource, options: LogOptions = {}): AsyncGenerator<Uint8Array> {
  let room = options.limitBytes ?? Infinity;
  if (room <= 0) return;
  const format = formatter(options);
  for await (const bytes of rawLog(source, options)) {
    const text = format(bytes);
    if (text.length === 0) continue;
    yield text.subarray(0, room);
    room -= text.length;
    if (room <= 0) return;
  }
}

/**
 * What the last instance of a container of a pod that is over printed, read as it is asked for; undefined if there is no log.
 * Without a container's name it is that of a pod that has only one.
 */
export function lastLog(podDirectory: string, container?: string): AsyncIterable<Uint8Array> | undefined {
  const name = container ?? onlyContainer(podDirectory);
  if (name === undefined) return undefined;
  const instances = namesIn(join(podDirectory, name)).flatMap((file) => /^(\d+)\.log$/.exec(file)?.[1] ?? []);
  const latest = instances.toSorted((one, other) => Number(other) - Number(one))[0];
  if (latest === undefined) return undefined;
  return readLog({ path: join(podDirectory, name, `${latest}.log`), ended: Promise.resolve() });
}

/** No container's name begins with a dot; everything else in a pod's directory has one that does. */
function onlyContainer(podDirectory: string): string | undefined {
  const names = namesIn(podDirectory).filter((name) => !name.startsWith("."));
  return names.length === 1 ? names[0] : undefined;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Turns runtime lines into what the container printed. A line cut into parts gets one time, at its beginning. */
function formatter(options: LogOptions): (bytes: Buffer) => Buffer {
  let inLine = false;
  return (bytes) => {
    const pieces: Buffer[] = [];
    for (const line of splitLines(bytes)) {
      const parsed = parseLogLine(line);
      if (parsed === undefined || (options.since !== undefined && Date.parse(parsed.time) < options.since)) continue;
      if (options.timestamps === true && !inLine) pieces.push(Buffer.from(`${parsed.time} `));
      pieces.push(parsed.text);
      if (!parsed.partial) pieces.push(lineFeed);
      inLine = parsed.partial;
    }
    return Buffer.concat(pieces);
  };
}

const lineFeed = Buffer.from("\n");

/** Bytes of the log's files in order, always in whole lines. */
async function* rawLog(source: LogSource, options: LogOptions): AsyncGenerator<Buffer> {
  const changes = options.follow === true ? watchFile(source, options.signal) : undefined;
  try {
    const rotated = await rotatedFiles(source.path);
    const start =
      options.tailLines === undefined
        ? { file: 0, offset: 0 }
        : await findTail([...rotated, source.path], options.tailLines);
    for (const [index, path] of rotated.entries()) {
      if (index >= start.file) yield* wholeFile(path, index === start.file ? start.offset : 0, options.signal);
    }
    yield* currentFile(source, start.file === rotated.length ? start.offset : 0, changes, options.signal);
  } finally {
    changes?.close();
  }
}

/** `0.log.3`, `0.log.2`, `0.log.1`: the higher the number, the older. */
async function rotatedFiles(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .sort((one, other) => Number(other.slice(prefix.length)) - Number(one.slice(prefix.length)))
    .map((name) => join(dirname(path), name));
}

/** Where the last lines begin; lines in parts count once. Files are at most some MiB each, so they are read whole. */
async function findTail(files: readonly string[], lines: number): Promise<{ file: number; offset: number }> {
  let left = lines;
  for (let file = files.length - 1; file >= 0; file--) {
    const bytes = await readFile(files[file] ?? "").catch(() => Buffer.alloc(0));
    let end = bytes.lastIndexOf(10);
    if (lines === 0) return { file, offset: end + 1 };
    while (end >= 0) {
      const begin = end === 0 ? 0 : bytes.lastIndexOf(10, end - 1) + 1;
      const parsed = parseLogLine(bytes.subarray(begin, end));
      if (parsed?.partial === false && left-- === 0) return { file, offset: end + 1 };
      end = begin - 1;
    }
  }
  return { file: 0, offset: 0 };
}

async function* wholeFile(path: string, offset: number, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch {
    return;
  }
  try {
    yield* readOn(handle, { offset, rest: Buffer.alloc(0) }, signal);
  } finally {
    await handle.close();
  }
}

interface Position {
  offset: number;
  rest: Buffer;
}

/** From the position to the end that the file has now, in whole lines; the position moves along. */
async function* readOn(
  handle: FileHandle,
  position: Position,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  for (;;) {
    if (signal?.aborted) return;
    const buffer = Buffer.allocUnsafe(chunkBytes);
    const { bytesRead } = await handle.read(buffer, 0, chunkBytes, position.offset);
    if (bytesRead === 0) return;
    position.offset += bytesRead;
    const bytes = Buffer.concat([position.rest, buffer.subarray(0, bytesRead)]);
    const end = bytes.lastIndexOf(10) + 1;
    position.rest = bytes.subarray(end);
    if (end > 0) yield bytes.subarray(0, end);
  }
}

async function* currentFile(
  source: LogSource,
  offset: number,
  changes: Changes | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const position: Position = { offset, rest: Buffer.alloc(0) };
  let handle: FileHandle | undefined;
  try {
    for (;;) {
      const over = changes === undefined || changes.over;
      handle ??= await open(source.path, "r").catch(() => undefined);
      if (handle !== undefined) {
        yield* readOn(handle, position, signal);
        if (await wasReplaced(handle, source.path)) {
          yield* readOn(handle, position, signal);
          await handle.close();
          handle = undefined;
          position.offset = 0;
          continue;
        }
      }
      if (over || signal?.aborted) return;
      await changes.next();
    }
  } finally {
    await handle?.close();
  }
}

async function wasReplaced(handle: FileHandle, path: string): Promise<boolean> {
  const [now, then] = await Promise.all([stat(path).catch(() => undefined), handle.stat()]);
  return now !== undefined && now.ino !== then.ino;
}

interface Changes {
  readonly over: boolean;
  /** Resolves when something has happened since the last call. */
  next(): Promise<void>;
  close(): void;
}

function watchFile(source: LogSource, signal: AbortSignal | undefined): Changes {
  let happened = true;
  let over = false;
  let wake = (): void => {};
  const tell = (): void => {
    happened = true;
    wake();
  };
  const watcher = openWatcher(dirname(source.path), tell);
  void noteEnd();
  async function noteEnd(): Promise<void> {
    await source.ended;
    over = true;
    tell();
  }
  signal?.addEventListener("abort", tell, { once: true });
  return {
    get over() {
      return over;
    },
    next() {
      return new Promise((resolve) => {
        const go = (): void => {
          happened = false;
          wake = () => {};
          resolve();
        };
        if (happened) go();
        else wake = go;
      });
    },
    close() {
      watcher?.close();
      signal?.removeEventListener("abort", tell);
    },
  };
}

/** The directory is made before the container starts; one that is gone has nothing more to tell. */
function openWatcher(directory: string, tell: () => void): { close(): void } | undefined {
  try {
    const watcher = watch(directory, tell);
    watcher.on("error", tell);
    return watcher;
  } catch {
    return undefined;
  }
}
