import { freeze, type KubeObject } from "@headrace/model";
import { ObjectTooLarge } from "./errors.ts";
import type { Stored, StoreKey } from "./store.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes of JSON, as upstream's etcd. */
const longestObject = 1_572_864;

/** A version whose object can be let go: its JSON stays, and the object is made of it again if somebody asks. */
export interface HeldVersion extends Stored {
  letGo(): void;
}

class Version implements HeldVersion {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly revision: number;
  readonly bytes: Uint8Array;
  #object: KubeObject | undefined;

  constructor(
    { resource, namespace, name }: StoreKey,
    facts: Pick<Stored, "uid" | "revision" | "bytes"> & { readonly object?: KubeObject },
  ) {
    this.resource = resource;
    this.namespace = namespace;
    this.name = name;
    this.uid = facts.uid;
    this.revision = facts.revision;
    this.bytes = facts.bytes;
    this.#object = facts.object;
  }

  get object(): KubeObject {
    return (this.#object ??= freeze(JSON.parse(decoder.decode(this.bytes)) as KubeObject));
  }

  letGo(): void {
    this.#object = undefined;
  }
}

/** The version of `object` that `revision` names: frozen, with its resourceVersion set and its JSON made once. Throws ObjectTooLarge. */
export function storedVersion(key: StoreKey, object: KubeObject, revision: number): HeldVersion {
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  const version = freeze({ ...object, metadata });
  const bytes = encoder.encode(JSON.stringify(version));
  if (bytes.length > longestObject) throw new ObjectTooLarge(key, bytes.length, longestObject);
  return new Version(key, { uid: metadata.uid ?? "", revision, bytes, object: version });
}

/** A version read back from disk. Its JSON is parsed when somebody first looks at the object: most are never looked at. */
export function storedFromBytes(key: StoreKey, uid: string, revision: number, bytes: Uint8Array): HeldVersion {
  return new Version(key, { uid, revision, bytes });
}
