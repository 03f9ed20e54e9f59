import type { Clock } from "@headrace/model";
import type { Sandbox } from "@headrace/sandbox";

export interface CommandResult {
  /** 124 if it ran out of time, 126 if it could not be run. */
  readonly exitCode: number;
  /** The beginning of what it printed, for a message. */
  readonly output: string;
}

const outputLimit = 1024;

/** Runs a command in a container that runs, for probes and hooks. Never rejects. */
export async function runInContainer(
  sandbox: Sandbox,
  clock: Clock,
  id: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<CommandResult> {
  try {
    const session = await sandbox.exec(id, { command, tty: false });
    session.stdin.on("error", () => {}).end();
    const [stdout, stderr] = [session.stdout, session.stderr].map(beginning);
    const output = (): string => `${stdout?.() ?? ""}${stderr?.() ?? ""}`.slice(0, outputLimit).trim();
    const timedOut = Promise.withResolvers<CommandResult>();
    const timer = clock.after(timeoutMs, () => {
      session.kill();
      timedOut.resolve({ exitCode: 124, output: `command timed out after ${timeoutMs / 1000}s` });
    });
    const ended = session.exit.then(({ exitCode, message }) => ({ exitCode, output: message ?? output() }));
    const result = await Promise.race([ended, timedOut.promise]);
    timer[Symbol.dispose]();
    return result;
  } catch (error) {
    return { exitCode: 126, output: error instanceof Error ? error.message : String(error) };
  }
}

/** Reads on to the end, so that the program never waits for a reader, and keeps what a message has room for. */
function beginning(stream: NodeJS.ReadableStream): () => string {
  const kept: Buffer[] = [];
  let size = 0;
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => {
    if (size < outputLimit) kept.push(chunk);
    size += chunk.length;
  });
  return () => Buffer.concat(kept).subarray(0, outputLimit).toString("utf8");
}
