import { freeze, type KubeObject } from "@headrace/model";
import { ObjectTooLarge } from "./errors.ts";
import type { Stored, StoreKey } from "./store.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes of JSON, as upstream's etcd. */
const longestObject = 1_572_864;

/** The version of `object` that `revision` names: frozen, with its resourceVersion set and its JSON made once. Throws ObjectTooLarge. */
export function storedVersion(key: StoreKey, object: KubeObject, revision: number): Stored {
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  const version = freeze({ ...object, metadata });
  const bytes = encoder.encode(JSON.stringify(version));
  if (bytes.length > longestObject) throw new ObjectTooLarge(key, bytes.length, longestObject);
  return {
    resource: key.resource,
    namespace: key.namespace,
    name: key.name,
    uid: metadata.uid ?? "",
    revision,
    object: version,
    bytes,
  };
}

/** A version read back from disk. Its JSON is parsed when somebody first looks at the object: most are never looked at. */
export function storedFromBytes(key: StoreKey, uid: string, revision: number, bytes: Uint8Array): Stored {
  let parsed: KubeObject | undefined;
  return {
    resource: key.resource,
    namespace: key.namespace,
    name: key.name,
    uid,
    revision,
    bytes,
    get object(): KubeObject {
      return (parsed ??= freeze(JSON.parse(decoder.decode(bytes)) as KubeObject));
    },
  };
}
