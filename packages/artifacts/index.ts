export type { ArtifactStore, Measured } from "./artifacts.ts";
export { NotPlainError, TooMuchError } from "./errors.ts";
export { type FileStoreOptions, openFileStore } from "./file-store.ts";
export type { TreeLimits } from "./tree.ts";
