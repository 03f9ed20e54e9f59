import { once } from "node:events";
import { open, rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { connect } from "../connection.ts";
import { cannotWrite, type Terminal } from "../terminal.ts";

/** Writes all of the running Headrace to a file, which is there whole or not at all. Resolves to the exit status. */
export async function backup(name: string, home: string, terminal: Terminal): Promise<number> {
  const connection = connect(home);
  const path = resolve(name);
  const part = `${path}.part`;
  const stop = new AbortController();
  void once(process, "SIGINT", { signal: stop.signal }).then(
    () => stop.abort(),
    () => {},
  );
  try {
    await rm(part, { force: true });
    // It holds every key: nobody else may read it.
    await using file = await open(part, "wx", 0o600).catch((error: unknown) => {
      throw cannotWrite(path, error);
    });
    const content = Readable.from(connection.stream("/apis/headrace.io/v1/backup", stop.signal));
    const write = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of chunks) await file.writeFile(chunk);
    };
    await (path.endsWith("gz") ? pipeline(content, createGzip({ level: 1 }), write) : pipeline(content, write));
    await file.sync();
    const { size } = await file.stat();
    await rename(part, path);
    if (terminal.json) terminal.value({ backup: path, bytes: size });
    else terminal.print(`${path} has ${size} bytes; it holds all keys, so keep it as safe as ${home}`);
    return 0;
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    stop.abort();
  }
}
