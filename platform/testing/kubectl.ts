import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@headrace/model/testing";
import { packaging } from "./fresh.ts";

/** The stock kubectl with the kubeconfig that Headrace writes. */
export interface Kubectl extends AsyncDisposable {
  /** Output of a command that must succeed; `input` is what `-f -` reads. Rejects with what it printed. */
  ok(command: string, input?: string): Promise<string>;
  /** What a command prints on standard error when it fails, as it must. */
  fails(command: string, input?: string): Promise<string>;
  /** Runs until it is disposed of. */
  watch(command: string): Watching;
}

export interface Watching extends AsyncDisposable {
  /** All that it has printed, once that matches; rejects if it ends without. */
  printed(wanted: RegExp): Promise<string>;
}

class KubectlError extends Error {
  override readonly name = "KubectlError";
}

/** undefined where there is no kubectl on the PATH. Arguments are split at blanks. */
export async function findKubectl(kubeconfig: string): Promise<Kubectl | undefined> {
  const home = await mkdtemp(join(tmpdir(), "headrace-kubectl-"));
  const options = { env: { PATH: packaging["PATH"], HOME: home, KUBECONFIG: kubeconfig }, timeout: 300_000 };
  const remove = (): Promise<void> => rm(home, { recursive: true, force: true });

  const run = (command: string, input = ""): Promise<{ ok: boolean; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const child = execFile("kubectl", command.split(" "), options, (error, stdout, stderr) =>
        resolve({ ok: error === null, stdout, stderr }),
      );
      child.stdin?.on("error", () => {});
      child.stdin?.end(input);
    });

  const probe = await run("version --client");
  if (!probe.ok) {
    await remove();
    return undefined;
  }
  return {
    async ok(command, input) {
      const { ok, stdout, stderr } = await run(command, input);
      if (!ok) throw new KubectlError(`kubectl ${command} failed: ${stdout}${stderr}`);
      return stdout;
    },
    async fails(command, input) {
      const { ok, stdout, stderr } = await run(command, input);
      if (ok) throw new KubectlError(`kubectl ${command} should have failed: ${stdout}`);
      return stderr;
    },
    watch(command) {
      const child = spawn("kubectl", command.split(" "), { ...options, stdio: ["ignore", "pipe", "pipe"] });
      const closed = once(child, "close");
      let output = "";
      let ended = false;
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child.once("close", () => (ended = true));
      return {
        printed: (wanted) =>
          eventually(`kubectl ${command} prints ${wanted}`, () => {
            if (wanted.test(output)) return output;
            if (ended) throw new KubectlError(`kubectl ${command} ended and had not printed ${wanted}: ${output}`);
            return undefined;
          }),
        async [Symbol.asyncDispose]() {
          child.kill();
          await closed;
        },
      };
    },
    [Symbol.asyncDispose]: remove,
  };
}
