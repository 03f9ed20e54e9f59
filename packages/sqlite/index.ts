export { checkpointPages, WalSync } from "./wal-sync.ts";
