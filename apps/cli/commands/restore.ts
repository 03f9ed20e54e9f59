import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { createGunzip } from "node:zlib";
import { restoreBackup } from "@headrace/platform";
import type { Terminal } from "../terminal.ts";

const gzipMagic = 0x1f8b;

/** Makes a data directory of a backup. Resolves to the exit status. */
export async function restore(
  name: string,
  flags: { readonly dataDir?: string },
  home: string,
  terminal: Terminal,
): Promise<number> {
  const directory = resolve(flags.dataDir ?? home);
  await using file = await open(name);
  const head = Buffer.alloc(2);
  await file.read(head, 0, head.length, 0);
  const content = file.createReadStream({ start: 0, autoClose: false });
  const isZipped = head.readUInt16BE() === gzipMagic;
  const unzip = createGunzip();
  content.once("error", (error) => unzip.destroy(error));
  await restoreBackup(isZipped ? content.pipe(unzip) : content, directory);
  if (terminal.json) terminal.value({ dataDir: directory });
  else terminal.print(`${directory} is as it was; start it with \`headrace up --data-dir ${directory}\``);
  return 0;
}
