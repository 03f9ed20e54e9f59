import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { EnvironmentError } from "./errors.ts";
import type { Lock } from "./resolution.ts";
import type { Interpreter } from "./pythons.ts";
import { projectName } from "./requirements.ts";
import type { Uv } from "./uv.ts";

/** What stands beside a finished environment; its presence says that the build is complete. */
export interface Manifest {
  readonly recipe: number;
  readonly python: string;
  readonly lines: readonly string[];
  /** Names of `.pth` files that run code at every start of the interpreter. */
  readonly startupCode: readonly string[];
}

/** Raised when the way of building changes, so that environments of the old way are not taken for new ones. */
export const recipe = 1;

/** Only what hangs is to be ended: a slow or busy machine takes minutes for what is done in a second elsewhere. */
const offlineMs = 300_000;
const onlineMs = 900_000;

const manifestName = "headrace.json";

/** setuptools ships one that only prepares an import hook: safe in a process that is forked later. */
const harmlessStartup = new Set(["distutils-precedence.pth"]);

export interface BuildOptions {
  readonly uv: Uv;
  readonly interpreter: Interpreter;
  readonly lock: Lock;
  readonly temporary: string;
  readonly target: string;
  readonly signal: AbortSignal;
}

/** Builds beside the target and renames into place, so that nobody sees half an environment. The caller holds the digest's lock. */
export async function buildEnvironment(options: BuildOptions): Promise<Manifest> {
  const { uv, interpreter, lock, temporary, target, signal } = options;
  await removeLeftovers(temporary);
  await rm(target, { recursive: true, force: true });
  try {
    await must(uv, "make the virtual environment", {
      arguments: [
        "venv",
        "--quiet",
        "--relocatable",
        "--no-project",
        "--no-python-downloads",
        "--python",
        interpreter.executable,
        temporary,
      ],
      timeoutMs: offlineMs,
      signal,
    });
    const python = join(temporary, "bin", "python");
    const seeds = seedWheels(interpreter, lock);
    if (seeds.length > 0) {
      await must(uv, "install pip", {
        arguments: ["pip", "install", "--quiet", "--offline", "--no-index", "--no-deps", "--python", python, ...seeds],
        timeoutMs: offlineMs,
        signal,
      });
    }
    if (lock.lines.length > 0) {
      const list = join(temporary, "headrace-lock.txt");
      await writeFile(list, `${lock.lines.join("\n")}\n`);
      const wheelsOnly = lock.built ? [] : ["--only-binary", ":all:"];
      await must(uv, "install the packages", {
        arguments: [
          "pip",
          "install",
          "--quiet",
          "--no-deps",
          ...wheelsOnly,
          ...uv.indexArguments,
          "--python",
          python,
          "-r",
          list,
        ],
        timeoutMs: onlineMs,
        signal,
      });
    }
    const manifest: Manifest = {
      recipe,
      python: interpreter.version,
      lines: lock.lines,
      startupCode: await findStartupCode(sitePackages(temporary, interpreter.minor)),
    };
    await writeFile(join(temporary, manifestName), JSON.stringify(manifest));
    await mkdir(dirname(target), { recursive: true });
    await rename(temporary, target);
    return manifest;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The manifest of a finished environment, undefined if there is none. */
export async function readManifest(directory: string): Promise<Manifest | undefined> {
  try {
    const manifest: Manifest = JSON.parse(await readFile(join(directory, manifestName), "utf8"));
    return manifest.recipe === recipe ? manifest : undefined;
  } catch {
    return undefined;
  }
}

export function sitePackages(environment: string, minor: string): string {
  return join(environment, "lib", `python${minor}`, "site-packages");
}

/** Wheels of pip and setuptools that came with Python, unless the lock brings its own. */
export function seedWheels(interpreter: Interpreter, lock: Lock): string[] {
  const locked = new Set(lock.lines.map(projectName));
  return interpreter.bundledWheels.filter((wheel) => !locked.has(basename(wheel).split("-")[0] ?? ""));
}

/** Leftovers of builders that were killed: only the holder of the digest's lock builds it, so they belong to nobody. */
async function removeLeftovers(temporary: string): Promise<void> {
  const digest = basename(temporary).split(".")[0] ?? "";
  const parent = dirname(temporary);
  const stale = (await readdir(parent)).filter((name) => name.startsWith(`${digest}.`));
  await Promise.all(stale.map((name) => rm(join(parent, name), { recursive: true, force: true })));
}

async function must(uv: Uv, what: string, run: Parameters<Uv["run"]>[0]): Promise<void> {
  const result = await uv.run(run);
  if (result.code === 0) return;
  throw new EnvironmentError(
    "build-failed",
    `Cannot ${what} (uv ended with ${result.code}):\n${result.tail}`,
    "See the lines above; the next try starts from scratch",
  );
}

async function findStartupCode(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".pth") && !harmlessStartup.has(name));
  const running = await Promise.all(
    names.map(async (name) => /^import[ \t]/m.test(await readFile(join(directory, name), "utf8"))),
  );
  return names.filter((_, index) => running[index]).sort();
}

/**
 * A virtual environment of a container's own on top of a shared one: what the container installs with pip lands in it and
 * comes first, while the shared one stays read-only. `directory` is empty. A container waits for it, so the few calls are
 * synchronous: turns through the thread pool would cost ten times as much.
 */
export function createLayer(directory: string, environment: string, interpreter: Interpreter): void {
  const bin = join(directory, "bin");
  const packages = sitePackages(directory, interpreter.minor);
  mkdirSync(bin);
  mkdirSync(packages, { recursive: true });
  symlinkSync(interpreter.executable, join(bin, `python${interpreter.minor}`));
  for (const name of ["python", "python3"]) symlinkSync(`python${interpreter.minor}`, join(bin, name));
  writeFileSync(join(bin, "pip"), '#!/bin/sh\nexec "$(dirname "$0")/python3" -m pip "$@"\n', { mode: 0o755 });
  symlinkSync("pip", join(bin, "pip3"));
  writeFileSync(
    join(directory, "pyvenv.cfg"),
    `home = ${dirname(interpreter.executable)}\nversion = ${interpreter.version}\ninclude-system-site-packages = false\n`,
  );
  // Through site, so that the shared environment's own .pth files count as well.
  const shared = JSON.stringify(sitePackages(environment, interpreter.minor));
  writeFileSync(join(packages, "shared.pth"), `import site; site.addsitedir(${shared})\n`);
}
