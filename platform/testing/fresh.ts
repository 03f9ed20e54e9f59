import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { createPlatform, type Platform } from "../platform.ts";

/** Where environments are kept between runs: the same cache as the command line's. */
export const cacheDirectory = process.env["HEADRACE_CACHE"] ?? join(homedir(), ".cache", "headrace");

/** PATH, HOME, and pip's, uv's and the proxies' variables of this process. */
export const packaging: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(process.env).filter((entry): entry is [string, string] =>
    /^(PATH$|HOME$|PIP_|UV_|SSL_CERT_|HTTPS?_PROXY|NO_PROXY)/i.test(entry[0]),
  ),
);

/** A Headrace on a directory and ports of its own. */
export interface Fresh extends AsyncDisposable {
  readonly platform: Platform;
  readonly directory: string;
  /** A folder that anyone may write, and that steps see at the same path. */
  readonly shared: string;
  /** What it complained of, one entry a line. */
  readonly complaints: readonly string[];
}

interface FreshOptions {
  /** `host:port` of stores on this machine. */
  readonly allowedStores?: readonly string[];
  readonly sandboxed?: boolean;
  /** As `PUBLISH_LOGS` says it. */
  readonly publishLogs?: string;
}

/** Starts a Headrace on a directory and ports of its own; disposing stops it and removes everything. */
export async function startFresh({
  allowedStores = [],
  sandboxed = true,
  publishLogs = "false",
}: FreshOptions = {}): Promise<Fresh> {
  const directory = await mkdtemp(join(tmpdir(), "headrace-"));
  const shared = join(directory, "shared");
  await chmod(directory, 0o755);
  await mkdir(shared);
  await chmod(shared, 0o777);
  const complaints: string[] = [];
  const platform = await createPlatform({
    dataDirectory: join(directory, "home"),
    cacheDirectory,
    runtimeDirectory: directory,
    host: "127.0.0.1",
    port: 0,
    kubePort: 0,
    s3Port: 0,
    auth: "local",
    shares: [shared],
    allowedStores,
    sandboxed,
    publishLogs,
    packaging,
    log: (line) => complaints.push(line),
  });
  return {
    platform,
    directory,
    shared,
    complaints,
    async [Symbol.asyncDispose]() {
      await platform.stop({ keepPods: false });
      await rm(directory, { recursive: true, force: true });
    },
  };
}
