import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ExecutorInput, metadataFolder, parameterFile } from "../core/executor-input.ts";
import { recognise } from "../core/recognise.ts";
import type { Program, SimulatedEnd } from "./simulated-node.ts";

/**
 * Runs lightweight Python components for real, by the stock SDK's own executor: what a warm interpreter does, without one. Runs
 * whose pipeline root is an absolute path find their artifacts there. Steps write below `directory`, which the caller removes.
 */
export function pythonProgram(python: string, directory: string): Program {
  return async ({ pod, words }) => {
    const [container] = pod.spec.containers;
    const known = recognise(container?.command ?? [], container?.args ?? []);
    if (!known) return { exitCode: 127, tail: "not a lightweight component" };
    const own = await mkdtemp(join(directory, "step-"));
    try {
      const source = join(own, "component.py");
      await writeFile(source, words[known.entry.sourceIndex] ?? "");
      const led = (text: string): string =>
        text.replaceAll(parameterFile(""), `${own}/`).replaceAll(`${metadataFolder}/`, `${own}/`);
      const asked = words.slice(known.entry.argumentsIndex);
      const { outputs } = JSON.parse(asked[1] ?? "{}") as ExecutorInput;
      await Promise.all(artifactPaths(outputs).map((path) => mkdir(dirname(path), { recursive: true })));
      const end = await execute(python, [
        "-m",
        "kfp.dsl.executor_main",
        "--component_module_path",
        source,
        ...asked.map(led),
      ]);
      const metadata = await readFile(led(outputs.outputFile), "utf8").catch(() => "{}");
      return { ...end, files: { [outputs.outputFile]: metadata } };
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  };
}

function artifactPaths({ artifacts }: ExecutorInput["outputs"]): readonly string[] {
  return Object.values(artifacts).flatMap((list) => list.artifacts.map(({ uri }) => uri));
}

function execute(command: string, args: readonly string[]): Promise<SimulatedEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { _KFP_RUNTIME: "true" }, stdio: ["ignore", "ignore", "pipe"] });
    let tail = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      tail = (tail + text).slice(-4096);
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ exitCode: code ?? 137, tail }));
  });
}
