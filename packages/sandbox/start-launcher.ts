import { spawn } from "node:child_process";
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { SandboxError } from "./errors.ts";
import { isFields, parse, text } from "./protocol.ts";

export interface LauncherOptions {
  readonly python: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  /** Seconds that a launcher without Headrace and without containers goes on. */
  readonly lonelySeconds: number;
  readonly answerSeconds: number;
}

const launcherDirectory = fileURLToPath(new URL("launcher", import.meta.url));
const maximumAnswer = 64 * 1024;

/**
 * Starts the launcher in a session of its own and resolves when it listens, or when another one does already. Throws
 * SandboxError `no-launcher` with what the host lacks.
 */
export async function startLauncher(options: LauncherOptions): Promise<void> {
  await mkdir(options.stateDirectory, { recursive: true, mode: 0o700 });
  const log = await open(join(options.stateDirectory, "launcher.log"), "a", 0o600);
  try {
    const answer = parse(await run(options, log.fd));
    if (isFields(answer) && (answer["ready"] === true || answer["already"] === true)) return;
    const problem = isFields(answer)
      ? text(answer["error"])
      : await lastLines(join(options.stateDirectory, "launcher.log"));
    throw new SandboxError("no-launcher", `Cannot start the launcher with ${options.python}: ${problem}`);
  } finally {
    await log.close();
  }
}

/** The first line that the launcher prints. It lets go of its standard output then, and lives on. */
function run(options: LauncherOptions, log: number): Promise<string> {
  const { python, ...settings } = options;
  return new Promise((resolve, reject) => {
    const launcher = spawn(python, ["-I", "-S", "-E", launcherDirectory, JSON.stringify(settings)], {
      detached: true,
      cwd: "/",
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8" },
      stdio: ["ignore", "pipe", log],
    });
    let answer = "";
    launcher.stdout?.on("data", (chunk: Buffer) => {
      if (answer.length < maximumAnswer) answer += chunk.toString();
    });
    launcher.stdout?.once("close", () => {
      launcher.unref();
      resolve(answer);
    });
    launcher.once("error", (error) =>
      reject(
        new SandboxError("no-launcher", `Cannot start the launcher: ${python} cannot be run (${error.message})`, {
          cause: error,
        }),
      ),
    );
  });
}

async function lastLines(path: string): Promise<string> {
  const content = await readFile(path, "utf8").catch(() => "");
  return content.slice(-2000).trim() || "it ended without a word";
}
