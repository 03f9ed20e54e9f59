/** SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: no room for the index of the log. Of https://sqlite.org/rescode.html */
const sqliteCodes = new Set<unknown>([13, 4874]);
const systemCodes = new Set<unknown>(["ENOSPC", "EDQUOT"]);

/** Whether SQLite or the system refused a write because the disk, or what this user may have of it, is full: it succeeds once there is room. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("errcode" in error && sqliteCodes.has(error.errcode)) || ("code" in error && systemCodes.has(error.code));
}
