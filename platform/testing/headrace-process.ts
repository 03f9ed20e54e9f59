import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { endWithTests } from "./end-with-tests.ts";

const bin = fileURLToPath(new URL("../../apps/cli/bin/headrace.js", import.meta.url));

export interface ProcessOptions {
  readonly home: string;
  /** Where it makes the directory of its sockets. */
  readonly runtime: string;
  readonly shares?: readonly string[];
  /** 0 for the first one, then the same again, so that clients go on. */
  readonly port?: number;
  /** A command that runs the rest of its words somewhere else. */
  readonly within?: readonly string[];
}

/** `headrace up` as a process of its own, which can be killed. */
export class HeadraceProcess {
  readonly #child: ChildProcess;
  /** The gateway's URL; rejects with its last words if the process ends before it has one. */
  readonly ready: Promise<string>;
  readonly ended: Promise<unknown>;
  #words = "";

  constructor({ home, runtime, shares = [], port = 0, within = [] }: ProcessOptions) {
    const words = ["--data-dir", home, "--port", String(port), "--kube-port", "0"];
    const shared = shares.flatMap((share) => ["--share", share]);
    const [command, ...rest] = [...within, process.execPath, bin, "up", ...words, ...shared, "--output", "json"];
    const child = spawn(command ?? process.execPath, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, XDG_RUNTIME_DIR: runtime },
    });
    this.#child = child;
    child.stderr.on("data", (chunk: Buffer) => (this.#words = `${this.#words}${chunk.toString()}`.slice(-20_000)));
    const bond = child.pid === undefined ? undefined : endWithTests(child.pid);
    this.ended = once(child, "close").finally(() => bond?.[Symbol.dispose]());
    this.ready = this.#announcement();
    this.ready.catch(() => {});
  }

  /** What it complained of, the latest 20,000 characters. */
  get words(): string {
    return this.#words;
  }

  async #announcement(): Promise<string> {
    const { stdout } = this.#child;
    if (stdout === null) throw new TypeError("The child has no output");
    for await (const line of createInterface({ input: stdout })) {
      if (line.startsWith("{")) return (JSON.parse(line) as { gateway: string }).gateway;
    }
    await this.ended;
    throw new RangeError(`Headrace ended before it was ready: ${this.#words}`);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  /** As Ctrl-C does: everything ends in order, but for its pods if they are kept. Resolves to the exit status. */
  async stop({ keepPods = false }: { readonly keepPods?: boolean } = {}): Promise<number | null> {
    this.#child.kill(keepPods ? "SIGUSR2" : "SIGTERM");
    await this.ended;
    return this.#child.exitCode;
  }
}
