import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

/** What the command line takes from the process's surroundings: read here, once, and nowhere else. */
export interface Surroundings {
  /** `$HEADRACE_HOME`, else `~/.headrace`. */
  readonly home: string;
  /** `$HEADRACE_CACHE`, else `~/.cache/headrace`: environments and uv's cache, shared by all data directories. */
  readonly cache: string;
  /** For sockets, whose paths may have 107 bytes: `$XDG_RUNTIME_DIR`, else the system's temporary directory. */
  readonly runtime: string;
  readonly color: boolean;
  readonly interactive: boolean;
  readonly columns: number;
  /** `$CRON_SCHEDULE_TIMEZONE`, as upstream's: the time zone in which cron expressions are read. */
  readonly cronTimeZone?: string;
  /** `$RUNS_RETENTION_TIME` and `$ARCHIVED_RUNS_RETENTION_TIME`, as upstream's: how long runs are kept. */
  readonly retention?: { readonly runs?: string; readonly archivedRuns?: string };
  /** `$PUBLISH_LOGS`, as upstream's: `true` if what steps print is an artifact of theirs. */
  readonly publishLogs?: string;
  /** PATH, HOME, and pip's, uv's and the proxies' variables: for building environments. */
  readonly packaging: Readonly<Record<string, string>>;
}

const packagingPattern =
  /^(PATH$|HOME$|PIP_|UV_|SSL_CERT_|REQUESTS_CA_BUNDLE$|CURL_CA_BUNDLE$|(HTTPS?|NO|ALL)_PROXY$)/i;

export function readSurroundings(): Surroundings {
  const { stdout } = process;
  // A variable that is set to nothing is not set, as in any shell.
  const env: Readonly<Record<string, string | undefined>> = Object.fromEntries(
    Object.entries(process.env).filter(([, value]) => value !== ""),
  );
  // A dumb terminal shows what moves its cursor or colours its text as rubbish.
  const interactive = stdout.isTTY === true && env["TERM"] !== "dumb";
  return {
    home: env["HEADRACE_HOME"] ?? join(homedir(), ".headrace"),
    cache: env["HEADRACE_CACHE"] ?? join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "headrace"),
    runtime: env["XDG_RUNTIME_DIR"] ?? tmpdir(),
    color: interactive && !env["NO_COLOR"],
    interactive,
    columns: stdout.columns || 100,
    ...(env["CRON_SCHEDULE_TIMEZONE"] !== undefined && { cronTimeZone: env["CRON_SCHEDULE_TIMEZONE"] }),
    retention: {
      ...(env["RUNS_RETENTION_TIME"] !== undefined && { runs: env["RUNS_RETENTION_TIME"] }),
      ...(env["ARCHIVED_RUNS_RETENTION_TIME"] !== undefined && { archivedRuns: env["ARCHIVED_RUNS_RETENTION_TIME"] }),
    },
    ...(env["PUBLISH_LOGS"] !== undefined && { publishLogs: env["PUBLISH_LOGS"] }),
    packaging: Object.fromEntries(
      Object.entries(env).filter(
        (entry): entry is [string, string] => packagingPattern.test(entry[0]) && entry[1] !== undefined,
      ),
    ),
  };
}
