import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../apps/cli/bin/headrace.js", import.meta.url));

export interface HeadraceOptions {
  readonly home: string;
  readonly runtime: string;
  readonly shared: string;
  /** 0 for the first one, then the same again, so that clients go on. */
  readonly port: number;
}

/** `headrace up` as a process of its own, which can be killed. */
export class Headrace {
  readonly #child: ChildProcess;
  /** The gateway's URL; rejects if the process ends before it has one. */
  readonly ready: Promise<string>;
  readonly ended: Promise<unknown>;

  constructor({ home, runtime, shared, port }: HeadraceOptions) {
    const words = ["--data-dir", home, "--port", String(port), "--kube-port", "0", "--share", shared];
    this.#child = spawn(process.execPath, [bin, "up", ...words, "--output", "json"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, XDG_RUNTIME_DIR: runtime },
    });
    this.ended = once(this.#child, "exit");
    this.ready = this.#announcement();
    this.ready.catch(() => {});
  }

  async #announcement(): Promise<string> {
    const { stdout } = this.#child;
    if (stdout === null) throw new TypeError("The child has no output");
    for await (const line of createInterface({ input: stdout })) {
      if (line.startsWith("{")) return (JSON.parse(line) as { gateway: string }).gateway;
    }
    throw new RangeError("Headrace ended before it was ready");
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  /** Ctrl-C: everything ends in order. Resolves to the exit status. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    await this.ended;
    return this.#child.exitCode;
  }
}
