import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/**
 * A disk of a few megabytes that can be filled and freed: a tmpfs in a mount namespace of its own, which whoever is started `within`
 * sees. It works as root and as an ordinary user, who is the same user within.
 */
export class SmallDisk implements AsyncDisposable {
  /** Where it is mounted, within; a folder that is not there yet. */
  readonly path: string;
  /** A command that runs the rest of its words where the disk is. */
  readonly within: readonly string[];
  readonly #holder: ChildProcess;

  private constructor(path: string, holder: ChildProcess) {
    const [user, group] = identity();
    this.path = path;
    this.#holder = holder;
    const enter = ["nsenter", `--target=${holder.pid}`, "--mount"];
    this.within =
      user === 0
        ? [...enter, "--"]
        : [
            ...enter,
            "--user",
            "--preserve-credentials",
            "--",
            "unshare",
            "--user",
            `--map-user=${user}`,
            `--map-group=${group}`,
          ];
  }

  /** Why there can be no such disk here, for a test to say; undefined if there can. */
  static refusal(): string | undefined {
    try {
      execFileSync("unshare", [
        ...namespaces(),
        "--",
        "sh",
        "-c",
        "mount -t tmpfs none /mnt && unshare --user --map-user=1 true",
      ]);
      return undefined;
    } catch (error) {
      return `unshare and mount make no tmpfs here: ${String(error)}`;
    }
  }

  static async mount(path: string, megabytes: number): Promise<SmallDisk> {
    mkdirSync(path);
    const script = 'mount -t tmpfs -o "size=$2m,mode=755" none "$1" && echo mounted && exec cat';
    const holder = spawn("unshare", [...namespaces(), "--", "sh", "-c", script, "sh", path, String(megabytes)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(createInterface({ input: holder.stdout }), "line");
    return new SmallDisk(path, holder);
  }

  /** Leaves no byte free. */
  fill(): void {
    const file = openSync(this.#ballast, "a");
    try {
      for (const size of [1 << 20, 4096]) fillBy(file, size);
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  get #ballast(): string {
    return join(`/proc/${this.#holder.pid}/root`, this.path, "ballast");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#holder, "close");
    this.#holder.kill("SIGKILL");
    await closed;
  }
}

const identity = (): readonly [user: number, group: number] => [process.getuid?.() ?? 0, process.getgid?.() ?? 0];

const namespaces = (): readonly string[] =>
  identity()[0] === 0 ? ["--mount"] : ["--user", "--map-root-user", "--mount"];

function fillBy(file: number, size: number): void {
  const bytes = Buffer.alloc(size, 1);
  for (;;) {
    try {
      writeSync(file, bytes);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOSPC") return;
      throw error;
    }
  }
}
