/**
 * Bytes by URI. A URI such as `minio://mlpipeline/v2/artifacts/p/run/task/0/model` is a location; what an attempt wrote there
 * is read-only once the attempt ended. Everything below a store's root is opened without following links.
 */
export interface ArtifactStore {
  /** What a namespace can reach: its own stores elsewhere too, where it has set any up. Without it, only what is kept here. */
  in(namespace: string): ArtifactStore;
  /** Whether this store can hold or read the URI; the reason if not. */
  supports(uri: string): { readonly ok: true } | { readonly ok: false; readonly reason: string };
  stat(uri: string): Promise<{ readonly kind: "file" | "tree"; readonly size: number } | undefined>;
  /** At most `limit` bytes from `offset`. Throws ApiError NotFound. */
  read(uri: string, options?: { offset?: number; limit?: number; signal?: AbortSignal }): AsyncIterable<Uint8Array>;
  write(
    uri: string,
    content: AsyncIterable<Uint8Array> | Uint8Array | string,
  ): Promise<{ readonly size: number; readonly digest: string }>;
  /**
   * Moves what lies at `path` beneath `root`, a directory of this host that strangers wrote to, to the URI; whatever is there
   * already is replaced. Links on the way are refused. What is not there, and was not taken before, is `missing`.
   */
  take(uri: string, from: { readonly root: string; readonly path: string }): Promise<Measured>;
  list(uri: string): Promise<readonly { readonly path: string; readonly size: number }[]>;
  remove(uri: string): Promise<void>;
  /** A path for mounting, made (as an empty directory) when `create`; undefined if the bytes are kept elsewhere: `bring` them. */
  localPath(uri: string, options: { create: boolean }): Promise<string | undefined>;
  /** Size and digest of a file or tree, links refused, with limits on count and bytes. */
  measure(uri: string): Promise<Measured>;
}

export type Measured =
  | { readonly kind: "file" | "tree"; readonly size: number; readonly digest: string; readonly files: number }
  | { readonly kind: "missing" }
  | { readonly kind: "refused"; readonly reason: string };
