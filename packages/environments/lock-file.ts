import { spawn } from "node:child_process";
import { once } from "node:events";
import { EnvironmentError } from "./errors.ts";

const holder = `
import fcntl, sys
held = open(sys.argv[1], "a")
fcntl.flock(held, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
`;

/**
 * Runs `work` while no other process on this host holds the lock at `path`. The lock is the kernel's, held by a child that
 * ends with us: a process that dies, however, leaves nothing to clean up, and waiting costs no polling.
 */
export async function withLock<T>(
  python: string,
  path: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const child = spawn(python, ["-I", "-S", "-c", holder, path], { stdio: ["pipe", "pipe", "ignore"] });
  const gone = once(child, "close");
  const abort = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", abort, { once: true });
  try {
    const held = await Promise.race([
      once(child.stdout, "data").then(
        () => true,
        () => false,
      ),
      gone.then(
        () => false,
        () => false,
      ),
    ]);
    signal.throwIfAborted();
    if (!held) {
      throw new EnvironmentError(
        "build-failed",
        `Cannot lock ${path}`,
        "Check that the cache directory can be written to",
      );
    }
    return await work();
  } finally {
    signal.removeEventListener("abort", abort);
    child.stdin.on("error", () => {});
    child.stdin.end();
    await gone.catch(() => {});
  }
}
