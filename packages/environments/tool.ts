import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import type { Clock } from "@headrace/model";

/** A program run to its end, with a limit on its time and on what is kept of its output. */
export interface ToolRun {
  readonly command: readonly [string, ...string[]];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface ToolResult {
  /** The exit status; 127 if the program is missing, 128 + signal if one ended it, 124 if it ran out of time. */
  readonly code: number;
  readonly stdout: string;
  /** The last lines of standard error, at most 4 KiB, without credentials. */
  readonly tail: string;
}

const stdoutLimit = 16 << 20;
const stderrLimit = 64 << 10;
const tailLimit = 4096;

/** Never rejects: a program that cannot be started is a result with code 127. Files it makes are readable by every user. */
export function runTool(clock: Clock, run: ToolRun): Promise<ToolResult> {
  // Environments are mounted into sandboxes of other users, so a private umask of whoever started us must not reach them.
  const child = spawn("/bin/sh", ["-c", 'umask 022; exec "$0" "$@"', ...run.command], {
    cwd: run.directory,
    env: run.environment,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  let timedOut = false;
  const end = (): void => killGroup(child.pid);
  const timer = clock.after(run.timeoutMs, () => {
    timedOut = true;
    end();
  });
  run.signal?.addEventListener("abort", end, { once: true });
  const stdout = keep(child.stdout, { limit: stdoutLimit, from: "start" });
  const stderr = keep(child.stderr, { limit: stderrLimit, from: "end" });
  child.stdin.on("error", () => {});
  child.stdin.end(run.input ?? "");
  if (run.signal?.aborted) end();

  return new Promise((resolve) => {
    const finish = (code: number, extra = ""): void => {
      timer[Symbol.dispose]();
      run.signal?.removeEventListener("abort", end);
      resolve({ code, stdout: stdout(), tail: withoutCredentials(lastLines(stderr() + extra)) });
    };
    child.once("error", (error) => finish(127, error.message));
    child.once("close", (code, signal) => {
      if (timedOut) finish(124, `\nended after ${Math.round(run.timeoutMs / 1000)} s`);
      else finish(code ?? 128 + (signal === "SIGKILL" ? 9 : 15));
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Already gone.
  }
}

function keep(stream: NodeJS.ReadableStream, options: { limit: number; from: "start" | "end" }): () => string {
  let kept: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    if (options.from === "start" && size >= options.limit) return;
    kept.push(chunk);
    size += chunk.length;
    if (options.from === "end" && size > 2 * options.limit) {
      const tail = Buffer.concat(kept).subarray(-options.limit);
      kept = [tail];
      size = tail.length;
    }
  });
  return () => {
    const all = Buffer.concat(kept);
    return (options.from === "start" ? all.subarray(0, options.limit) : all.subarray(-options.limit)).toString("utf8");
  };
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split("\n").slice(-25).join("\n");
  return lines.length > tailLimit ? lines.slice(-tailLimit) : lines;
}

/** Index URLs may carry a user and a password; neither belongs into an event or a log. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, "$1");
}

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
