import { open } from "node:fs/promises";
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { restoreBackup } from "@headrace/platform";
import { CommandError, type Terminal } from "../terminal.ts";

const gzipMagic = 0x1f8b;

/** Makes a data directory of a backup. Resolves to the exit status. */
export async function restore(
  name: string,
  flags: { readonly dataDir?: string },
  home: string,
  terminal: Terminal,
): Promise<number> {
  const directory = resolve(flags.dataDir ?? home);
  await using file = await open(name).catch((cause: unknown) => {
    throw new CommandError(
      `Cannot read ${name}`,
      { why: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  });
  const head = Buffer.alloc(2);
  await file.read(head, 0, head.length, 0);
  const content = file.createReadStream({ start: 0, autoClose: false });
  const isZipped = head.readUInt16BE() === gzipMagic;
  await restoreBackup(isZipped ? unzipped(content) : content, directory);
  if (terminal.json) terminal.value({ dataDir: directory });
  else terminal.print(`${directory} is as it was; start it with \`headrace up --data-dir ${directory}\``);
  return 0;
}

/** What cannot be read to its end cannot be unzipped either. */
function unzipped(content: Readable): Readable {
  const unzip = createGunzip();
  content.once("error", (error) => unzip.destroy(error));
  return content.pipe(unzip);
}
