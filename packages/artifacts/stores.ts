import type { Clock } from "@headrace/model";
import type { ArtifactStore } from "./artifacts.ts";
import { defaultLimits } from "./file-store.ts";
import { BucketClient } from "./remote/bucket-client.ts";
import { type KeyPair, type Sign, signWithKey, signWithServiceAccount } from "./remote/credentials.ts";
import { parseRemote, type RemoteUri, RemoteStore } from "./remote/remote-store.ts";
import { createTransport } from "./remote/transport.ts";
import { WebStore } from "./remote/web-store.ts";

/** Where a namespace keeps what a URI names. */
export type Provider =
  | { readonly kind: "local" }
  | { readonly kind: "none"; readonly reason: string }
  | {
      readonly kind: "s3";
      readonly endpoint: URL;
      readonly region: string;
      readonly pathStyle: boolean;
      readonly retries: number;
      readonly key: () => Promise<KeyPair>;
    }
  | {
      readonly kind: "gcs";
      /** A service account's key file, JSON. */
      readonly keyFile: () => Promise<string>;
    };

export interface StoresOptions {
  /** For `minio://`, as long as a namespace does not say otherwise. */
  readonly local: ArtifactStore;
  /** Asked for each use, so that what changed counts at once. */
  readonly provider: (namespace: string, uri: RemoteUri) => Provider;
  readonly clock: Clock;
  /** `host:port` on this machine that may be fetched from. */
  readonly allowed: readonly string[];
}

export interface Stores extends ArtifactStore {
  close(): void;
}

const google = new URL("https://storage.googleapis.com");
const googleRetries = 5;

/** The local store, and with `in(namespace)` also those that the namespace has set up, and web addresses to be read. */
export function createStores({ local, provider, clock, allowed }: StoresOptions): Stores {
  const transport = createTransport({ clock, allowed: new Set(allowed) });
  const web = new WebStore(transport);
  const signers = new WeakMap<Provider, Sign>();

  /** A signer may keep a token, which is good as long as the settings are the same. */
  function signerOf(found: Exclude<Provider, { readonly kind: "local" | "none" }>): Sign {
    const made =
      signers.get(found) ??
      (found.kind === "gcs"
        ? signWithServiceAccount(found.keyFile, transport, clock)
        : signWithKey(found.key, found.region, clock));
    signers.set(found, made);
    return made;
  }

  function clientOf(namespace: string, uri: RemoteUri): BucketClient | { readonly reason: string } {
    const found = provider(namespace, uri);
    if (found.kind === "none") return found;
    if (found.kind === "local") return { reason: "it is kept here" };
    const address =
      found.kind === "gcs"
        ? { endpoint: google, bucket: uri.bucket, pathStyle: true, retries: googleRetries }
        : { endpoint: found.endpoint, bucket: uri.bucket, pathStyle: found.pathStyle, retries: found.retries };
    return new BucketClient(address, signerOf(found), transport);
  }

  function storesOf(namespace: string): ArtifactStore {
    const remote = new RemoteStore({ client: (uri) => clientOf(namespace, uri), clock, limits: defaultLimits });
    return routed((uri) => {
      if (/^https?:\/\//.test(uri)) return web;
      const location = parseRemote(uri);
      if ("reason" in location || !schemes.has(location.scheme)) return local;
      return provider(namespace, location).kind === "local" ? local : remote;
    });
  }

  return { ...routed(() => local), in: storesOf, close: () => transport.close() };
}

const schemes = new Set(["minio", "s3", "gs"]);

/** A store whose answers are those of others, by the URI. */
function routed(pick: (uri: string) => ArtifactStore): ArtifactStore {
  const store: ArtifactStore = {
    in: () => store,
    supports: (uri) => pick(uri).supports(uri),
    stat: (uri) => pick(uri).stat(uri),
    read: (uri, range) => pick(uri).read(uri, range),
    write: (uri, content) => pick(uri).write(uri, content),
    take: (uri, from) => pick(uri).take(uri, from),
    list: (uri) => pick(uri).list(uri),
    remove: (uri) => pick(uri).remove(uri),
    localPath: (uri, how) => pick(uri).localPath(uri, how),
    measure: (uri) => pick(uri).measure(uri),
  };
  return store;
}
