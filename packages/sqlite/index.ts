export { isDiskFull } from "./disk-full.ts";
export { checkpointPages, WalSync } from "./wal-sync.ts";
