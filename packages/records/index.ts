export { openRecords } from "./open.ts";
export { chunksOf, inChunks, rowChunks } from "./chunks.ts";
export { column, withCounter } from "./columns.ts";
export {
  DatabaseNewerError,
  DiskFullError,
  MigrationFailedError,
  MigrationOrderError,
  QueryBesideTransactionError,
  RecordsClosedError,
  RecordsError,
} from "./errors.ts";
export type { Change, Records, RecordsOptions, Scope, WriteScope } from "./records.ts";
export { activeRunStates, finalRunStates } from "./tables.ts";
export type {
  ArtifactTable,
  AttemptTable,
  ContextTable,
  DocumentTable,
  GarbageTable,
  LineageTables,
  RunState,
  RunTable,
  TaskArtifactTable,
  TaskState,
  TaskTable,
  TaskType,
} from "./tables.ts";
