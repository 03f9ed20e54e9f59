import { spawn } from "node:child_process";
import { access, mkdir, open, readFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { diagnose } from "./diagnose.ts";
import { SandboxError } from "./errors.ts";
import { isFields, parse, text } from "./protocol.ts";

export interface LauncherOptions {
  readonly python: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  /** Seconds that a launcher without Headrace and without containers goes on. */
  readonly lonelySeconds: number;
  readonly answerSeconds: number;
  readonly readySeconds: number;
  readonly zygoteStarts: number;
  readonly plain: boolean;
  readonly proxy?: { readonly url: string; readonly direct: string };
}

const launcherDirectory = fileURLToPath(new URL("launcher", import.meta.url));
const maximumAnswer = 64 * 1024;
/** Asks systemd for a group of our own in which limits may be set; the program stays the one that was started. */
const delegatedScope = ["--scope", "--quiet", "--collect", "--property=Delegate=yes", "--"];

/**
 * Starts the launcher in a session of its own and resolves when it listens, or when another one does already. Throws
 * SandboxError `no-launcher` with what the host lacks.
 */
export async function startLauncher(options: LauncherOptions): Promise<void> {
  await mkdir(options.stateDirectory, { recursive: true, mode: 0o700 });
  const logPath = join(options.stateDirectory, "launcher.log");
  const log = await open(logPath, "a", 0o600);
  try {
    const prefix = options.plain ? undefined : await delegation();
    if (prefix !== undefined && succeeded(await run(options, prefix, log))) return;
    const answer = await run(options, [], log);
    if (succeeded(answer)) return;
    const problem = isFields(answer) ? text(answer["error"]) : await lastLines(logPath);
    const remedies = (await diagnose(options.python))
      .filter((finding) => !finding.ok)
      .map((finding) => `${finding.detail}. ${finding.remedy ?? ""}`);
    throw new SandboxError(
      "no-launcher",
      [`Cannot start the launcher with ${options.python}: ${problem}`, ...remedies].join("\n"),
    );
  } finally {
    await log.close();
  }
}

/**
 * What to put before the launcher's command where systemd keeps unified cgroups: of root the system's, of others their own. Undefined
 * where it does not, and the launcher makes groups by itself.
 */
async function delegation(): Promise<readonly string[] | undefined> {
  const user = process.getuid?.() ?? 0;
  const needed = ["/sys/fs/cgroup/cgroup.controllers", user === 0 ? "/run/systemd/system" : `/run/user/${user}/bus`];
  try {
    await Promise.all(needed.map((path) => access(path)));
    return ["systemd-run", ...(user === 0 ? [] : ["--user"]), ...delegatedScope];
  } catch {
    return undefined;
  }
}

function succeeded(answer: unknown): boolean {
  return isFields(answer) && (answer["ready"] === true || answer["already"] === true);
}

/** The first line that the launcher prints, parsed. It lets go of its standard output then, and lives on. */
function run(options: LauncherOptions, prefix: readonly string[], log: FileHandle): Promise<unknown> {
  const { python, proxy, ...settings } = options;
  const [program = python, ...words] = [
    ...prefix,
    python,
    "-I",
    "-S",
    "-E",
    launcherDirectory,
    JSON.stringify({ ...settings, proxy: readProxy(proxy) }),
  ];
  return new Promise((resolve, reject) => {
    const launcher = spawn(program, words, {
      detached: true,
      cwd: "/",
      env: {
        PATH: "/usr/local/bin:/usr/bin:/bin",
        LANG: "C.UTF-8",
        XDG_RUNTIME_DIR: `/run/user/${process.getuid?.() ?? 0}`,
      },
      stdio: ["ignore", "pipe", log.fd],
    });
    let answer = "";
    launcher.stdout?.on("data", (chunk: Buffer) => {
      if (answer.length < maximumAnswer) answer += chunk.toString();
    });
    launcher.stdout?.once("close", () => {
      launcher.unref();
      resolve(parse(answer));
    });
    launcher.once("error", (error) => {
      if (prefix.length > 0) return resolve(undefined);
      reject(
        new SandboxError("no-launcher", `Cannot start the launcher: ${python} cannot be run (${error.message})`, {
          cause: error,
        }),
      );
    });
  });
}

function readProxy(proxy: LauncherOptions["proxy"]): Record<string, unknown> | null {
  if (proxy === undefined || !URL.canParse(proxy.url)) return null;
  const { hostname, port, username, password } = new URL(proxy.url);
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const direct = proxy.direct.split(",").map((name) =>
    name
      .trim()
      .toLowerCase()
      .replace(/^\.|:\d+$/g, ""),
  );
  return {
    host: hostname,
    port: Number(port || 80),
    authorization: username === "" ? "" : `Basic ${Buffer.from(credentials).toString("base64")}`,
    direct: direct.filter((name) => name !== ""),
  };
}

async function lastLines(path: string): Promise<string> {
  const content = await readFile(path, "utf8").catch(() => "");
  return content.slice(-2000).trim() || "it ended without a word";
}
