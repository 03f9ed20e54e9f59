export type {
  HistoryLimits,
  Store,
  Stored,
  StoreChange,
  StoreEvent,
  StoreKey,
  StoreList,
  StoreListQuery,
  StoreProgress,
  StoreWatchQuery,
  StoreWrite,
  TransientResource,
} from "./store.ts";
export { CompactedError, ObjectTooLarge, StoreConflict, StoreUnavailable } from "./errors.ts";
export { createMemoryStore, type MemoryStoreOptions } from "./memory.ts";
export type { SealedResources } from "./seal.ts";
export { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from "./sqlite.ts";
