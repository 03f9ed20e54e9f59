export { bring } from "./bring.ts";
export type { ArtifactStore, Measured } from "./artifacts.ts";
export { NotPlainError, ObjectInTheWayError, ObjectKeyError, TooMuchError } from "./errors.ts";
export { type FileStoreOptions, openFileStore } from "./file-store.ts";
export { openObjectFiles } from "./object-files.ts";
export type {
  BucketFacts,
  ObjectEntry,
  ObjectFacts,
  ObjectFiles,
  ObjectPlace,
  OpenObject,
  StagedObject,
} from "./objects.ts";
export type { RemoteUri } from "./remote/remote-store.ts";
export { createStores, type Provider, type Stores } from "./stores.ts";
export type { TreeLimits } from "./tree.ts";
