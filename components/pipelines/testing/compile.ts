import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The SDK whose compiler writes the pipelines of the tests. */
export const kfpVersion = "2.17.3";

let compiler: Promise<string | undefined> | undefined;

/**
 * A Python that has the stock SDK, made once and kept between test runs in the temporary directory; undefined, with the reason
 * printed, where no package index is to be had.
 */
export function kfpPython(): Promise<string | undefined> {
  compiler ??= findPython();
  return compiler;
}

async function findPython(): Promise<string | undefined> {
  const home = join(tmpdir(), `headrace-kfp-${kfpVersion}-${process.getuid?.() ?? 0}`);
  const python = join(home, "bin", "python");
  if (existsSync(python)) return python;
  const draft = `${home}.${process.pid}`;
  try {
    await install(draft);
    await rename(draft, home).catch(() => rm(draft, { recursive: true, force: true }));
    return python;
  } catch (error) {
    process.stderr.write(`No compiler for test pipelines: ${error instanceof Error ? error.message : String(error)}\n`);
    await rm(draft, { recursive: true, force: true });
    return undefined;
  }
}

/** By uv where there is one, which takes a second; else by venv and pip, which take twenty. */
async function install(directory: string): Promise<void> {
  const python = join(directory, "bin", "python");
  const requirement = `kfp==${kfpVersion}`;
  try {
    await run("uv", ["venv", "-q", "--relocatable", directory]);
    await run("uv", ["pip", "install", "-q", "--python", python, requirement]);
  } catch {
    await run("python3", ["-m", "venv", "--clear", directory]);
    await run(python, ["-m", "pip", "install", "-q", "--disable-pip-version-check", requirement]);
  }
}

/** Runs one of `testing/pipelines/*.py` with the SDK's compiler, and gives each pipeline that it defines, by name. */
export async function compilePipelines(python: string, source: string): Promise<ReadonlyMap<string, string>> {
  const target = join(tmpdir(), `headrace-compiled-${process.pid}-${source}`);
  await mkdir(target, { recursive: true });
  try {
    const folder = join(import.meta.dirname, "pipelines");
    const { stdout } = await run(python, ["-W", "ignore", join(folder, "compile.py"), join(folder, source), target], {
      maxBuffer: 1 << 26,
    });
    const names = stdout
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("compiled "))
      .map((line) => line.slice(9));
    return new Map(
      await Promise.all(
        names.map(async (name): Promise<[string, string]> => [
          name,
          await readFile(join(target, `${name}.yaml`), "utf8"),
        ]),
      ),
    );
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}
