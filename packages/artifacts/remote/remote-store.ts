import { createHash } from "node:crypto";
import { ApiError, badRequest, type Clock } from "@headrace/model";
import type { ArtifactStore, Measured } from "../artifacts.ts";
import { Folder } from "../beneath.ts";
import { ForbiddenAddressError, NotPlainError, RemoteError, TooMuchError } from "../errors.ts";
import { segmentFault } from "../locations.ts";
import { descend } from "../place.ts";
import { type TreeLimits, walk } from "../tree.ts";
import type { BucketClient, RemoteObject } from "./bucket-client.ts";

/** The parts of `s3://bucket/key`. */
export interface RemoteUri {
  readonly scheme: string;
  readonly bucket: string;
  readonly key: string;
}

export interface RemoteStoreOptions {
  /** The client for a URI's bucket; or why there is none. */
  readonly client: (uri: RemoteUri) => BucketClient | { readonly reason: string };
  readonly clock: Clock;
  readonly limits: TreeLimits;
}

/** Artifacts in a bucket elsewhere. Nothing of it lies here: what a step is to see is brought here, and what it made is taken there. */
export class RemoteStore implements ArtifactStore {
  readonly #options: RemoteStoreOptions;

  constructor(options: RemoteStoreOptions) {
    this.#options = options;
  }

  in(): ArtifactStore {
    return this;
  }

  supports(uri: string): ReturnType<ArtifactStore["supports"]> {
    const location = parseRemote(uri);
    if ("reason" in location) return { ok: false, reason: location.reason };
    const client = this.#options.client(location);
    return "reason" in client ? { ok: false, reason: client.reason } : { ok: true };
  }

  async stat(uri: string): Promise<{ kind: "file" | "tree"; size: number } | undefined> {
    return this.#explained(uri, async () => {
      const { client, key } = this.#open(uri);
      const size = await client.size(key);
      if (size !== undefined) return { kind: "file", size };
      let total = 0;
      let count = 0;
      for await (const file of this.#files(client, key)) {
        total += file.size;
        count += 1;
      }
      return count === 0 ? undefined : { kind: "tree", size: total };
    });
  }

  async *read(
    uri: string,
    {
      offset = 0,
      limit = Number.POSITIVE_INFINITY,
      signal,
    }: { offset?: number; limit?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array> {
    const bytes = await this.#explained(uri, async () => {
      const { client, key } = this.#open(uri);
      return client.open(key, offset, offset + limit, signal);
    });
    if (!bytes) throw new ApiError("NotFound", `Artifact "${uri}" not found`);
    let left = limit;
    for await (const chunk of bytes) {
      yield chunk.length > left ? chunk.subarray(0, left) : chunk;
      left -= chunk.length;
      if (left <= 0) return;
    }
  }

  async write(
    uri: string,
    content: AsyncIterable<Uint8Array> | Uint8Array | string,
  ): Promise<{ size: number; digest: string }> {
    return this.#explained(uri, async () => {
      const { client, key } = this.#open(uri);
      const hashed = hashing(chunksOf(content));
      await client.write(key, hashed.bytes);
      return hashed.facts();
    });
  }

  /** Measures what lies there and copies it away, file by file; what is there stays until its folder goes. */
  async take(uri: string, { root, path }: { root: string; path: string }): Promise<Measured> {
    const segments = path.split("/");
    const fault = segments.map(segmentFault).find((found) => found !== undefined);
    if (fault !== undefined) return { kind: "refused", reason: `"${path}" has ${fault}` };
    try {
      const { client, key } = this.#open(uri);
      await using source = await descend(root, segments, (folder, name) => folder.folder(name));
      const kind = await source?.folder.kind(source.name);
      if (!source || !kind) return { kind: "missing" };
      if (kind === "folder") {
        await using tree = await source.folder.folder(source.name);
        return tree ? await this.#takeTree(client, key, tree) : { kind: "missing" };
      }
      await using file = await source.folder.file(source.name);
      if (!file) return { kind: "missing" };
      const { size } = await file.stat();
      const hashed = hashing(file.createReadStream({ autoClose: false, highWaterMark: 1 << 20 }));
      await client.write(key, hashed.bytes, size);
      return { kind: "file", ...hashed.facts(), files: 1 };
    } catch (error) {
      const reason = this.#fault(error) ?? (error instanceof ApiError ? error.message : undefined);
      if (reason === undefined) throw error;
      return { kind: "refused", reason: reason.replaceAll(`${root}/`, "") };
    }
  }

  async #takeTree(client: BucketClient, key: string, tree: Folder): Promise<Measured> {
    const { limits, clock } = this.#options;
    const listing = createHash("sha256");
    let size = 0;
    let files = 0;
    await walk(tree, limits, clock, async (file) => {
      const hashed = hashing(file.handle.createReadStream({ autoClose: false, highWaterMark: 1 << 20 }));
      await client.write(`${key}/${file.path}`, hashed.bytes, file.size);
      const facts = hashed.facts();
      listing.update(`${facts.digest} ${JSON.stringify(file.path)}\n`);
      size += facts.size;
      files += 1;
    });
    return { kind: "tree", size, digest: `sha256:${listing.digest("hex")}`, files };
  }

  async list(uri: string): Promise<readonly { path: string; size: number }[]> {
    return this.#explained(uri, async () => {
      const { client, key } = this.#open(uri);
      const found: { path: string; size: number }[] = [];
      for await (const file of this.#files(client, key)) {
        found.push({ path: file.key.slice(key.length + 1), size: file.size });
      }
      if (found.length > 0 || (await client.size(key)) !== undefined) return found;
      throw new ApiError("NotFound", `Artifact "${uri}" not found`);
    });
  }

  async remove(uri: string): Promise<void> {
    await this.#explained(uri, async () => {
      const { client, key } = this.#open(uri);
      const keys: string[] = [];
      for await (const file of this.#files(client, key)) keys.push(file.key);
      for (const each of [key, ...keys]) await client.remove(each);
    });
  }

  async localPath(): Promise<undefined> {
    return undefined;
  }

  async measure(uri: string): Promise<Measured> {
    try {
      const stat = await this.stat(uri);
      if (!stat) return { kind: "missing" };
      if (stat.kind === "file") return { kind: "file", ...(await this.#digest(uri)), files: 1 };
      const listing = createHash("sha256");
      const files = (await this.list(uri)).toSorted((a, b) => (a.path < b.path ? -1 : 1));
      for (const { path } of files) {
        const { digest } = await this.#digest(`${uri}/${path}`);
        listing.update(`${digest} ${JSON.stringify(path)}\n`);
      }
      return { kind: "tree", size: stat.size, digest: `sha256:${listing.digest("hex")}`, files: files.length };
    } catch (error) {
      const reason = this.#fault(error) ?? (error instanceof ApiError ? error.message : undefined);
      if (reason === undefined) throw error;
      return { kind: "refused", reason };
    }
  }

  async #digest(uri: string): Promise<{ size: number; digest: string }> {
    const hashed = hashing(this.read(uri));
    for await (const _ of hashed.bytes);
    return hashed.facts();
  }

  /** The objects beneath a key, within the limits on a tree. Markers of folders are none. */
  async *#files(client: BucketClient, key: string): AsyncGenerator<RemoteObject> {
    const { files: most } = this.#options.limits;
    let count = 0;
    for await (const entry of client.list(`${key}/`)) {
      if (entry.key.endsWith("/")) continue;
      const fault = entry.key
        .slice(key.length + 1)
        .split("/")
        .map(segmentFault)
        .find((found) => found !== undefined);
      if (fault !== undefined) throw new NotPlainError(entry.key, `a key with ${fault}`);
      if ((count += 1) > most) throw new TooMuchError(`${most} files`);
      yield entry;
    }
  }

  #open(uri: string): { client: BucketClient; key: string } {
    const location = parseRemote(uri);
    if ("reason" in location) throw badRequest(`Cannot use artifact "${uri}": ${location.reason}`);
    const client = this.#options.client(location);
    if ("reason" in client) throw badRequest(`Cannot use artifact "${uri}": ${client.reason}`);
    return { client, key: location.key };
  }

  async #explained<R>(uri: string, body: () => Promise<R>): Promise<R> {
    try {
      return await body();
    } catch (error) {
      const fault = this.#fault(error);
      if (fault === undefined) throw error;
      const isBusy = error instanceof RemoteError && (error.status === 0 || error.status >= 500);
      throw new ApiError(
        isBusy ? "ServiceUnavailable" : "BadRequest",
        `Cannot use artifact "${uri}": ${fault}`,
        undefined,
        {
          cause: error,
        },
      );
    }
  }

  #fault(error: unknown): string | undefined {
    const isKnown =
      error instanceof RemoteError ||
      error instanceof ForbiddenAddressError ||
      error instanceof NotPlainError ||
      error instanceof TooMuchError;
    return isKnown ? error.message : undefined;
  }
}

const bucketPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{1,221}$/;

/** Reads `<scheme>://bucket/key`, taken literally. */
export function parseRemote(uri: string): RemoteUri | { readonly reason: string } {
  const [, scheme = "", rest = ""] = /^([a-z0-9]+):\/\/(.*)$/s.exec(uri) ?? [];
  const [bucket = "", ...segments] = rest.replace(/\/$/, "").split("/");
  if (!bucketPattern.test(bucket) || bucket.includes(".."))
    return { reason: `"${bucket.slice(0, 100)}" is not a bucket's name` };
  const key = segments.join("/");
  if (key === "") return { reason: `"${uri.slice(0, 200)}" names a bucket, not an artifact in it` };
  const fault = segments.map(segmentFault).find((found) => found !== undefined);
  return fault === undefined ? { scheme, bucket, key } : { reason: `"${uri.slice(0, 200)}" has ${fault}` };
}

async function* chunksOf(content: AsyncIterable<Uint8Array> | Uint8Array | string): AsyncGenerator<Uint8Array> {
  if (typeof content === "string") yield Buffer.from(content);
  else if (content instanceof Uint8Array) yield content;
  else yield* content;
}

/** The bytes as they pass, and what they were once all have. */
function hashing(content: AsyncIterable<Uint8Array>): {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly facts: () => { size: number; digest: string };
} {
  const hash = createHash("sha256");
  let size = 0;
  async function* pass(): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  return { bytes: pass(), facts: () => ({ size, digest: `sha256:${hash.digest("hex")}` }) };
}
