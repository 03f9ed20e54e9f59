import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import type { CellSpec } from "../sandbox.ts";

type Environment = NonNullable<CellSpec["environment"]>;

const execute = promisify(execFile);
const systemPython = "/usr/bin/python3";
const requirements = ["kfp==2.17.3", "numpy==2.3.5"];

/** An environment of one module of ours and nothing else. */
export async function moduleEnvironment(directory: string, name: string, source: string): Promise<Environment> {
  const path = join(directory, `environment-${name}`);
  const { stdout } = await execute(systemPython, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
  const modules = join(path, "lib", `python${stdout.trim()}`, "site-packages");
  await mkdir(modules, { recursive: true });
  await mkdir(join(path, "bin"));
  await symlink(systemPython, join(path, "bin", "python"));
  await writeFile(join(path, "pyvenv.cfg"), `home = ${dirname(systemPython)}\n`);
  await writeFile(join(modules, `${name}.py`), source);
  return { digest: name, path, python: join(path, "bin", "python"), preload: [name], trees: [] };
}

/** KFP's SDK, built once for each list of requirements and kept; a reason to skip where no package index is reachable. */
export async function kfpEnvironment(): Promise<Environment | { readonly skip: string }> {
  const key = createHash("sha256").update(requirements.join("\n")).digest("hex").slice(0, 16);
  const cache = join(tmpdir(), "headrace-test-environments");
  const path = join(cache, key);
  try {
    await access(join(path, "bin", "python"));
  } catch {
    try {
      await build(cache, path);
    } catch (error) {
      return {
        skip: `no environment with ${requirements.join(" ")} can be built here: ${String(error).slice(0, 200)}`,
      };
    }
  }
  return { digest: key, path, python: join(path, "bin", "python"), preload: ["kfp.dsl"], trees: [] };
}

async function build(cache: string, path: string): Promise<void> {
  await mkdir(cache, { recursive: true, mode: 0o755 });
  const work = await mkdtemp(join(cache, "build-"));
  try {
    await execute(systemPython, ["-m", "venv", join(work, "tools")]);
    await execute(join(work, "tools/bin/pip"), ["install", "--quiet", "uv"]);
    const uv = join(work, "tools/bin/uv");
    const options = { env: { ...process.env, UV_CACHE_DIR: join(work, "cache"), UV_LINK_MODE: "copy" } };
    await execute(
      uv,
      ["venv", "--quiet", "--relocatable", "--python", systemPython, join(work, "environment")],
      options,
    );
    await execute(
      uv,
      ["pip", "install", "--quiet", "--python", join(work, "environment/bin/python"), ...requirements],
      options,
    );
    await rename(join(work, "environment"), path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
