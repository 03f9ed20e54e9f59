import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Ids, PipInstall } from "@headrace/model";
import { EnvironmentError } from "./errors.ts";
import type { IndexSettings, Variables } from "./index-settings.ts";
import { withLock } from "./lock-file.ts";
import { isExecutable, runTool, type ToolResult } from "./tool.ts";

/** The version that is fetched when the host has none, with the digests of its wheels for Linux and macOS on both machines. */
const pinned = {
  version: "0.13.9",
  wheels: [
    "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
    "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
  ],
};

/** The oldest uv on PATH that understands everything we say. */
const oldest = [0, 8] as const;

const passedOn =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_\w+|XDG_CONFIG_HOME|XDG_DATA_HOME|NETRC|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSH_AUTH_SOCK|GIT_\w+|PIP_\w+|UV_\w+|(?:ALL|NO|HTTPS?)_PROXY)$/i;

/** What the tools see of our own surroundings: how to reach an index, and nothing else. */
export function toolVariables(variables: Variables): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) {
    if (value !== undefined && passedOn.test(name)) kept[name] = value;
  }
  return kept;
}

export interface UvOptions {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly cacheDirectory: string;
  readonly variables: Variables;
  readonly settings: IndexSettings;
}

export interface UvRun {
  readonly arguments: readonly string[];
  readonly input?: string;
  /** Where this install looks besides, or in place of, the host's configuration. */
  readonly install?: PipInstall;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** uv with our own cache, configured like the host's pip. */
export class Uv {
  readonly #options: UvOptions;
  readonly #path: string;

  constructor(options: UvOptions, path: string) {
    this.#options = options;
    this.#path = path;
  }

  /** What cannot be said by a variable. */
  get indexArguments(): readonly string[] {
    return this.#options.settings.noIndex ? ["--no-index"] : [];
  }

  run(run: UvRun): Promise<ToolResult> {
    return runTool(this.#options.clock, {
      command: [this.#path, ...run.arguments],
      directory: join(this.#options.cacheDirectory, ".tmp"),
      environment: this.#environment(run.install),
      timeoutMs: run.timeoutMs,
      signal: run.signal,
      ...(run.input !== undefined && { input: run.input }),
    });
  }

  /** URLs travel in variables, not as arguments: they may hold a password, and every user can read a command line. */
  #environment(install: PipInstall | undefined): Record<string, string> {
    const { settings, cacheDirectory } = this.#options;
    const variables = toolVariables(this.#options.variables);
    const own = (name: string, value: string | undefined): void => {
      if (value !== undefined && value !== "") variables[name] ??= value;
    };
    if (install?.indexUrl !== undefined) {
      delete variables["UV_INDEX_URL"];
      delete variables["UV_INDEX"];
      variables["UV_DEFAULT_INDEX"] = install.indexUrl;
    } else if (variables["UV_INDEX_URL"] === undefined) {
      own("UV_DEFAULT_INDEX", settings.indexUrl);
    }
    const extra = install?.extraIndexUrls ?? (install?.indexUrl === undefined ? settings.extraIndexUrls : []);
    own("UV_EXTRA_INDEX_URL", extra.join(" "));
    own("UV_FIND_LINKS", settings.findLinks.join(","));
    const trusted = [...settings.trustedHosts, ...(install?.trustedHosts ?? [])];
    if (trusted.length > 0)
      variables["UV_INSECURE_HOST"] = [variables["UV_INSECURE_HOST"], ...trusted].filter(Boolean).join(" ");
    if (settings.prereleases) own("UV_PRERELEASE", "allow");
    own("UV_CONSTRAINT", settings.constraints.join(" "));
    own("UV_HTTP_TIMEOUT", settings.timeoutSeconds);
    own("HTTPS_PROXY", settings.proxy);
    own("SSL_CERT_FILE", settings.certificate);
    if (variables["SSL_CERT_FILE"] === undefined) own("UV_SYSTEM_CERTS", "1");
    // pip looks for the best version in all indexes; uv's own default stops at the first that knows the name.
    own("UV_INDEX_STRATEGY", "unsafe-best-match");
    return {
      ...variables,
      UV_CACHE_DIR: join(cacheDirectory, "uv-cache"),
      UV_PYTHON_INSTALL_DIR: join(cacheDirectory, "pythons"),
      UV_LINK_MODE: "hardlink",
      UV_NO_PROGRESS: "1",
    };
  }
}

/** The uv of this host, or the one that was fetched before; undefined if one would have to be fetched. */
export async function presentUv(options: Omit<UvOptions, "ids" | "settings">): Promise<string | undefined> {
  const fetched = fetchedUv(options.cacheDirectory);
  for (const path of [...onPath(options.variables), fetched]) {
    if ((await isExecutable(path)) && (path === fetched || (await isNewEnough(options, path)))) return path;
  }
  return undefined;
}

const fetchedUv = (cacheDirectory: string): string => join(cacheDirectory, "uv", pinned.version, "uv");

/** uv from PATH if it is new enough, else our pinned one, fetched once through the host's pip configuration. */
export async function findUv(
  options: UvOptions,
  python: { executable: string; bundledWheels: readonly string[] },
  signal: AbortSignal,
  progress: (message: string) => void,
): Promise<Uv> {
  const present = await presentUv(options);
  if (present !== undefined) return new Uv(options, present);
  const fetched = fetchedUv(options.cacheDirectory);
  progress(`Fetching uv ${pinned.version}`);
  await withLock(python.executable, join(options.cacheDirectory, "locks", `uv-${pinned.version}`), signal, async () => {
    if (!(await isExecutable(fetched))) await fetchUv(options, python, fetched, signal);
  });
  return new Uv(options, fetched);
}

function onPath(variables: Variables): string[] {
  return (variables["PATH"] ?? "")
    .split(":")
    .filter((directory) => directory.startsWith("/"))
    .map((directory) => join(directory, "uv"));
}

async function isNewEnough(options: Omit<UvOptions, "ids" | "settings">, path: string): Promise<boolean> {
  const result = await runTool(options.clock, {
    command: [path, "--version"],
    directory: "/",
    environment: toolVariables(options.variables),
    timeoutMs: 20_000,
  });
  const [, major, minor] = /^uv (\d+)\.(\d+)/.exec(result.stdout) ?? [];
  return result.code === 0 && (Number(major) > oldest[0] || Number(minor) >= oldest[1]);
}

const unpack = `
import glob, os, sys, zipfile
[wheel] = glob.glob(os.path.join(sys.argv[1], "uv-*.whl"))
with zipfile.ZipFile(wheel) as archive:
    [name] = [name for name in archive.namelist() if name.endswith(".data/scripts/uv")]
    with archive.open(name) as source, open(os.path.join(sys.argv[1], "uv"), "wb") as target:
        while chunk := source.read(1 << 20):
            target.write(chunk)
`;

/** pip downloads and checks the wheel, since it knows the host's indexes, proxies and CAs best; nothing of it is installed. */
async function fetchUv(
  options: UvOptions,
  python: { executable: string; bundledWheels: readonly string[] },
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const directory = join(options.cacheDirectory, ".tmp", `uv-${options.ids.suffix(8)}`);
  await mkdir(directory, { recursive: true });
  try {
    const hashes = pinned.wheels.map((digest) => `--hash=sha256:${digest}`).join(" ");
    const list = join(directory, "requirements.txt");
    await writeFile(list, `uv==${pinned.version} ${hashes}\n`);
    const download = [
      "download",
      "--quiet",
      "--no-deps",
      "--only-binary",
      ":all:",
      "--require-hashes",
      "-d",
      directory,
      "-r",
      list,
    ];
    const pipWheel = python.bundledWheels.find((wheel) => /\/pip-[^/]*\.whl$/.test(wheel));
    const pips = [["-m", "pip"], ...(pipWheel === undefined ? [] : [[join(pipWheel, "pip")]])];
    let tail = "";
    for (const pip of pips) {
      const result = await run(options, [python.executable, ...pip, ...download], directory, signal);
      tail = result.tail;
      if (result.code !== 0) continue;
      const unpacked = await run(options, [python.executable, "-I", "-c", unpack, directory], directory, signal);
      if (unpacked.code !== 0) throw noUv(unpacked.tail);
      await chmod(join(directory, "uv"), 0o755);
      await mkdir(join(target, ".."), { recursive: true });
      await rename(join(directory, "uv"), target);
      return;
    }
    throw noUv(tail);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function run(
  options: UvOptions,
  command: [string, ...string[]],
  directory: string,
  signal: AbortSignal,
): Promise<ToolResult> {
  return runTool(options.clock, {
    command,
    directory,
    environment: toolVariables(options.variables),
    timeoutMs: 300_000,
    signal,
  });
}

function noUv(tail: string): EnvironmentError {
  return new EnvironmentError(
    "no-uv",
    `Cannot prepare environments: uv is not on PATH, and pip could not download it:\n${tail}`,
    "Install uv (for example with pip install uv) and start Headrace again, or configure an index that pip can reach",
  );
}
