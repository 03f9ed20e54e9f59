import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "@headrace/model";
import { EnvironmentError } from "./errors.ts";
import type { Variables } from "./index-settings.ts";
import { mappingToApply, type PythonWish } from "./mappings.ts";
import { isExecutable, runTool } from "./tool.ts";

/** A Python installation of this host. */
export interface Interpreter {
  /** Real path of the installation's own executable, outside of any virtual environment. */
  readonly executable: string;
  /** `3.11.7`. */
  readonly version: string;
  /** `3.11`. */
  readonly minor: string;
  /** What a wheel must fit: operating system, machine, C library and ABI. */
  readonly platform: string;
  /** Directories besides /usr that the interpreter needs to run. */
  readonly trees: readonly string[];
  /** Wheels of pip and setuptools that come with it, so that a plain environment needs no network. */
  readonly bundledWheels: readonly string[];
}

const oldestPython = 9;
/** The minors of Python 3 that are looked for by name. */
const supportedMinors = [9, 10, 11, 12, 13, 14];

const probe = `
import glob, json, os, platform, sys, sysconfig
executable = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
libc = "-".join(platform.libc_ver()) or "libc"
abi = sysconfig.get_config_var("SOABI") or sysconfig.get_config_var("EXT_SUFFIX") or ""
places = [os.path.join(sysconfig.get_path("stdlib"), "ensurepip", "_bundled"), "/usr/share/python-wheels"]
wheels = []
for name in ["pip", "setuptools"][: 1 if sys.version_info >= (3, 12) else 2]:
    found = [f for place in places for f in sorted(glob.glob(os.path.join(place, name + "-*.whl")))]
    wheels += found[:1]
print(json.dumps({
    "executable": executable, "version": platform.python_version(), "implementation": platform.python_implementation(),
    "minor": "%d.%d" % sys.version_info[:2], "platform": "%s %s %s" % (sysconfig.get_platform(), libc, abi),
    "prefix": os.path.realpath(sys.base_prefix), "wheels": wheels,
}))
`;

export interface PythonsOptions {
  readonly clock: Clock;
  /** PATH, HOME, PYENV_ROOT are read. */
  readonly variables: Variables;
  readonly directory: string;
  readonly toolVariables: Readonly<Record<string, string>>;
  /** Installs `3.12` and returns its executable, or the reason why it cannot. */
  readonly install: (
    minor: string,
    signal: AbortSignal,
    progress: (message: string) => void,
  ) => Promise<{ executable: string } | { reason: string }>;
}

/** Finds interpreters on this host and remembers them while it runs. */
export class Pythons {
  readonly #options: PythonsOptions;
  readonly #probed = new Map<string, Promise<Interpreter | undefined>>();

  constructor(options: PythonsOptions) {
    this.#options = options;
  }

  /**
   * The wished Python: one of this host, else one that uv installs. Throws EnvironmentError `no-python` with the mapping to
   * apply for the image.
   */
  async find(
    wish: PythonWish,
    image: string,
    signal: AbortSignal,
    progress: (message: string) => void = () => {},
  ): Promise<Interpreter> {
    const [major, minor] = (wish.minor ?? "3.99").split(".").map(Number);
    if (major !== 3 || (minor ?? 0) < oldestPython) {
      throw new EnvironmentError(
        "no-python",
        `Cannot run image "${image}": it asks for Python ${wish.minor}, and this node runs 3.${oldestPython} and newer`,
        mappingToApply(image, "3.11"),
      );
    }
    const candidates = await this.#candidates(wish.minor);
    let fitting: Interpreter | undefined;
    for (const path of candidates) {
      const found = await this.#probe(path);
      if (found === undefined || !fits(found, wish)) continue;
      if (wish.patch === undefined || found.version === wish.patch) return found;
      fitting ??= found;
    }
    if (fitting !== undefined) return fitting;
    return this.#install(wish, image, signal, progress);
  }

  /** Any Python that can run a script of our own. */
  async any(image: string, signal: AbortSignal): Promise<Interpreter> {
    return this.find({ minor: undefined, patch: undefined }, image, signal);
  }

  /** One of each version that this host has, the newest first. Each is asked once. */
  async all(): Promise<readonly Interpreter[]> {
    const minors = [...supportedMinors.map((minor) => `3.${minor}`), undefined];
    const paths = new Set((await Promise.all(minors.map((minor) => this.#candidates(minor)))).flat());
    const found = (await Promise.all([...paths].map((path) => this.#probe(path)))).filter(
      (interpreter) => interpreter !== undefined && fits(interpreter, { minor: undefined, patch: undefined }),
    );
    const byMinor = new Map<string, Interpreter>();
    for (const interpreter of found)
      if (interpreter !== undefined && !byMinor.has(interpreter.minor)) byMinor.set(interpreter.minor, interpreter);
    return [...byMinor.values()].sort((one, other) => compareVersions(other.minor, one.minor));
  }

  async #install(
    wish: PythonWish,
    image: string,
    signal: AbortSignal,
    progress: (message: string) => void,
  ): Promise<Interpreter> {
    const installed =
      wish.minor === undefined
        ? { reason: "no Python 3 was found on PATH" }
        : await this.#options.install(wish.minor, signal, progress);
    const found = "executable" in installed ? await this.#probe(installed.executable) : undefined;
    if (found !== undefined && fits(found, wish)) return found;
    const reason = "reason" in installed ? installed.reason : "the installed interpreter does not start";
    const hosts = await this.#candidates(undefined);
    const other = (await Promise.all(hosts.map((path) => this.#probe(path)))).find(
      (candidate) => candidate !== undefined,
    );
    throw new EnvironmentError(
      "no-python",
      `Cannot run image "${image}": this host has no Python ${wish.minor ?? "3"} and cannot install it: ${reason}`,
      `Install Python ${wish.minor ?? "3"} on the host, or let the image run on another version.\n${mappingToApply(image, other?.minor ?? "3.11")}`,
    );
  }

  /** Executables that may be the wished version, the likeliest first. */
  async #candidates(minor: string | undefined): Promise<string[]> {
    const { variables } = this.#options;
    const path = (variables["PATH"] ?? "").split(":").filter((entry) => entry.startsWith("/"));
    const directories = [...new Set([...path, "/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"])];
    const names = minor === undefined ? ["python3", "python"] : [`python${minor}`, "python3", "python"];
    const paths = names.flatMap((name) => directories.map((directory) => join(directory, name)));
    const home = variables["HOME"];
    const pyenv = variables["PYENV_ROOT"] ?? (home === undefined ? undefined : join(home, ".pyenv"));
    if (pyenv !== undefined) paths.push(...(await pyenvExecutables(pyenv, minor)));
    const present = await Promise.all(paths.map(isExecutable));
    return paths.filter((_, index) => present[index]);
  }

  #probe(path: string): Promise<Interpreter | undefined> {
    const known = this.#probed.get(path);
    if (known !== undefined) return known;
    const probing = this.#run(path);
    this.#probed.set(path, probing);
    return probing;
  }

  async #run(path: string): Promise<Interpreter | undefined> {
    const result = await runTool(this.#options.clock, {
      command: [path, "-I", "-c", probe],
      directory: this.#options.directory,
      environment: this.#options.toolVariables,
      timeoutMs: 20_000,
    });
    if (result.code !== 0) return undefined;
    return readProbe(result.stdout);
  }
}

function readProbe(text: string): Interpreter | undefined {
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  const word = (key: string): string => (typeof found[key] === "string" ? found[key] : "");
  if (word("implementation") !== "CPython" || word("executable") === "") return undefined;
  const wheels: unknown[] = Array.isArray(found["wheels"]) ? found["wheels"] : [];
  const executable = word("executable");
  return {
    executable,
    version: word("version"),
    minor: word("minor"),
    platform: word("platform"),
    trees: treesBesidesUsr([word("prefix"), dirname(dirname(executable))]),
    bundledWheels: wheels.filter((wheel) => typeof wheel === "string"),
  };
}

/** /usr is in every sandbox; anything else has to be mounted. Nested trees collapse into the outermost. */
function treesBesidesUsr(paths: readonly string[]): string[] {
  const outside = [...new Set(paths)].filter(
    (path) => path !== "" && path !== "/" && path !== "/usr" && !path.startsWith("/usr/"),
  );
  return outside.filter((path) => !outside.some((other) => other !== path && path.startsWith(`${other}/`)));
}

function fits(found: Interpreter, wish: PythonWish): boolean {
  if (wish.minor === undefined) return Number(found.minor.split(".")[1]) >= oldestPython;
  return found.minor === wish.minor;
}

async function pyenvExecutables(root: string, minor: string | undefined): Promise<string[]> {
  try {
    const versions = await readdir(join(root, "versions"));
    return versions
      .filter((version) => /^3\.\d+\.\d+$/.test(version) && (minor === undefined || version.startsWith(`${minor}.`)))
      .sort((one, other) => compareVersions(other, one))
      .map((version) => join(root, "versions", version, "bin", "python3"));
  } catch {
    return [];
  }
}

function compareVersions(one: string, other: string): number {
  const [a, b] = [one.split(".").map(Number), other.split(".").map(Number)];
  const at = a.findIndex((part, index) => part !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
