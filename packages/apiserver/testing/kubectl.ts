import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Kubectl extends Disposable {
  /** Runs one command to its end. `input` is what `-f -` reads. */
  run(args: readonly string[], input?: string): Promise<Finished>;
  /** Runs until it has printed a line that `isEnough` likes, then stops it. */
  until(args: readonly string[], isEnough: (output: string) => boolean): Promise<string>;
}

/** The stock kubectl against `server`, with a cache of its own. undefined if there is none on this machine. */
export async function findKubectl(server: string): Promise<Kubectl | undefined> {
  const home = mkdtempSync(join(tmpdir(), "headrace-kubectl-"));
  const flags = ["--server", server, "--kubeconfig", "/dev/null", "--cache-dir", join(home, "cache")];
  const options = { env: { PATH: process.env["PATH"], HOME: home }, timeout: 300_000 };

  const run: Kubectl["run"] = (args, input = "") =>
    new Promise((resolve) => {
      const child = execFile("kubectl", [...args, ...flags], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr });
      });
      child.stdin?.end(input);
    });

  const until: Kubectl["until"] = (args, isEnough) =>
    new Promise((resolve, reject) => {
      const child = spawn("kubectl", [...args, ...flags], options);
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (isEnough(output)) child.kill();
      });
      child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child.on("error", reject);
      child.on("close", () => resolve(output));
    });

  const dispose = (): void => rmSync(home, { recursive: true, force: true });
  const probe = await run(["version", "--client"]);
  if (probe.code === 0) return { run, until, [Symbol.dispose]: dispose };
  dispose();
  return undefined;
}
