/** SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: no room for the index of the log. Of https://sqlite.org/rescode.html */
const sqliteCodes = new Set<unknown>([13, 4874]);
const systemCodes = new Set<unknown>(["ENOSPC", "EDQUOT"]);

/**
 * Whether SQLite or the system refused a write because the disk, or what this user may have of it, is full: it succeeds once there is
 * room. Errors that give such a one as their cause count too.
 */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("errcode" in error && sqliteCodes.has(error.errcode)) return true;
  if ("code" in error && systemCodes.has(error.code)) return true;
  return isDiskFull(error.cause);
}
