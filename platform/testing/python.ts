import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createEnvironments } from "@headrace/environments";
import { systemClock, systemIds } from "@headrace/model";
import { cacheDirectory, packaging } from "./fresh.ts";

/** The interpreter of an environment with these packages, built once for each set. */
export async function pythonWith(...requirements: string[]): Promise<string> {
  return pythonOf("3", ...requirements);
}

/** The same for packages that want a certain Python, such as `3.11`. */
export async function pythonOf(version: string, ...requirements: string[]): Promise<string> {
  const environments = createEnvironments({
    cacheDirectory,
    indexEnvironment: packaging,
    clock: systemClock,
    ids: systemIds,
    allowSourceBuilds: true,
  });
  try {
    const environment = await environments.resolve({
      image: `python:${version}`,
      packages: { installs: [{ requirements }] },
      mappings: [{ image: `python:${version}`, python: version }],
    });
    if (environment.cell === undefined) throw new TypeError("The environment has no Python");
    return environment.cell.python;
  } finally {
    await environments.close();
  }
}

/** An interpreter that has the stock SDK, or the reason to skip what needs it. */
export type SdkPython = { readonly path: string; readonly skip: false } | { readonly path: ""; readonly skip: string };

/** The interpreter with the stock SDK that all tests share. */
export function sdkPython(): Promise<SdkPython> {
  sdk ??= pythonWith("kfp==2.17.3").then(
    (path) => ({ path, skip: false }),
    (error: unknown) => ({ path: "", skip: `the SDK cannot be installed here: ${String(error).slice(0, 300)}` }),
  );
  return sdk;
}

let sdk: Promise<SdkPython> | undefined;

/** A program of `testing/programs` at work: it says one JSON line for each thing that it did. */
export interface PythonProgram extends AsyncDisposable {
  /** What it said of `name`, in time; rejects with its last words if it ends without. */
  said(name: string): Promise<Said>;
}

export interface Said {
  readonly name: string;
  readonly [field: string]: unknown;
}

/** Starts `testing/programs/<file>` under an empty HOME. Disposing ends it. */
export async function startProgram(
  python: string,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<PythonProgram> {
  const home = await mkdtemp(join(tmpdir(), "headrace-client-"));
  const script = fileURLToPath(new URL(`programs/${file}`, import.meta.url));
  const child = spawn(python, ["-u", "-W", "ignore", script, ...args], {
    env: { PATH: packaging["PATH"] ?? "", HOME: home, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = new Map<string, PromiseWithResolvers<Said>>();
  const slot = (name: string): PromiseWithResolvers<Said> => {
    const known = said.get(name) ?? Promise.withResolvers<Said>();
    known.promise.catch(() => {});
    said.set(name, known);
    return known;
  };
  let lastWords = "";
  let ended = false;
  child.stderr.on("data", (chunk: Buffer) => (lastWords = `${lastWords}${chunk.toString()}`.slice(-8_000)));
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (!line.startsWith("{")) return;
    const words = JSON.parse(line) as Said;
    slot(words.name).resolve(words);
  });
  const silence = (name: string): RangeError => new RangeError(`${file} said nothing of "${name}":\n${lastWords}`);
  const closed = new Promise<void>((resolve) => {
    child.once("close", () => {
      ended = true;
      for (const [name, { reject }] of said) reject(silence(name));
      resolve();
    });
  });
  return {
    said(name) {
      const { promise, reject } = slot(name);
      if (ended) reject(silence(name));
      return promise;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await closed;
      await rm(home, { recursive: true, force: true });
    },
  };
}
