import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { ArtifactStore } from "@headrace/artifacts";
import { pack, type Pack } from "tar-stream";

export interface TreeToArchive {
  readonly uri: string;
  /** The folder's name in the archive. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** A tree of files as a tar.gz, made while it is read: no more of it is held than one chunk. */
export async function* treeArchive(artifacts: ArtifactStore, tree: TreeToArchive): AsyncGenerator<Uint8Array> {
  const files = await artifacts.list(tree.uri);
  const archive = pack();
  const zipped = createGzip();
  const sent = pipeline(archive, zipped, { signal: tree.signal });
  // Whoever reads `zipped` hears of the failure; this only keeps it from being reported twice.
  sent.catch(() => undefined);
  fill(artifacts, archive, files, tree).catch((error: unknown) =>
    archive.destroy(error instanceof Error ? error : undefined),
  );
  for await (const chunk of zipped) if (Buffer.isBuffer(chunk)) yield chunk;
}

async function fill(
  artifacts: ArtifactStore,
  archive: Pack,
  files: Awaited<ReturnType<ArtifactStore["list"]>>,
  { uri, name, signal }: TreeToArchive,
): Promise<void> {
  for (const { path, size } of files) {
    const entry = archive.entry({ name: `${name}/${path}`, size });
    await pipeline(artifacts.read(`${uri}/${path}`, { signal }), entry);
  }
  archive.finalize();
}
