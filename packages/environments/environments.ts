import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock, EnvironmentRequest, Ids, ImageMappingSpec, PipInstall } from "@headrace/model";
import type { CellSpec } from "@headrace/sandbox";
import {
  buildEnvironment,
  createLayer,
  type Manifest,
  readManifest,
  recipe,
  seedWheels,
  sitePackages,
} from "./build.ts";
import { removeAbandoned } from "./abandoned.ts";
import { EnvironmentError } from "./errors.ts";
import { readIndexSettings, type IndexSettings, type Variables } from "./index-settings.ts";
import { withLock } from "./lock-file.ts";
import { mapImage, type Mapped } from "./mappings.ts";
import { type Interpreter, Pythons } from "./pythons.ts";
import { checkRequest, isPinned, projectName } from "./requirements.ts";
import { type Lock, resolveInstalls } from "./resolution.ts";
import { runTool, withoutCredentials } from "./tool.ts";
import { noteUse } from "./unused.ts";
import { findUv, toolVariables, Uv } from "./uv.ts";

/** What an image reference resolves to. Built once, cached by content, shared read-only. */
export interface Environments {
  /**
   * Resolves an image with the packages that the step asks for. Concurrent calls for one digest share one build, which goes
   * on when a caller's signal aborts. Throws EnvironmentError.
   */
  resolve(request: ResolveRequest): Promise<Environment>;
  /** Ends running builds and background work; what was finished stays. */
  close(): Promise<void>;
}

export interface ResolveRequest {
  readonly image: string;
  readonly packages?: EnvironmentRequest;
  /** Mappings besides the built-in ones. */
  readonly mappings?: readonly ImageMappingSpec[];
  /** Namespace of the pod: what is built from source is not shared with other namespaces. */
  readonly tenant?: string;
  readonly signal?: AbortSignal;
  /** Told what is being done while something has to be built. */
  readonly onProgress?: (message: string) => void;
}

export interface Environment {
  /** `headrace://<digest>`: a pod status's imageID. */
  readonly imageID: string;
  /** The mapping that was used and what runs in place of the image: an event tells the user. */
  readonly mapping: string;
  /** Absent for images without Python of their own: the bare cell. */
  readonly cell: CellSpec["environment"];
  /** PATH, VIRTUAL_ENV and the like, which the container's own env overrides. */
  readonly variables: Readonly<Record<string, string>>;
  /** False if the environment may not be run in a warm interpreter; `reason` says why. */
  readonly warm: { readonly ok: true } | { readonly ok: false; readonly reason: string };
  /** What the user should know, such as requirements that contradict each other. */
  readonly notes: readonly string[];
  /**
   * For containers that may call pip themselves: a writable layer over the read-only environment. `create` fills an empty
   * directory of the host, which is then mounted at `target`, with `variables` over those above.
   */
  readonly layer?: {
    readonly target: string;
    readonly variables: Readonly<Record<string, string>>;
    create(directory: string): void;
  };
}

export interface EnvironmentsOptions {
  /** `$HEADRACE_CACHE`: uv, its cache, interpreters and environments, shared by every process of this user. */
  readonly cacheDirectory: string;
  /** PATH, HOME, PIP_*, UV_*, proxies and CAs as Headrace was started with. */
  readonly indexEnvironment: Variables;
  readonly clock: Clock;
  readonly ids: Ids;
  /**
   * Whether pods are the operator's own. Then packages without a wheel may run their setup code, and steps may name URLs, as
   * Headrace's own user. Otherwise both are refused, and the step's own pip does it within the sandbox.
   */
  readonly allowSourceBuilds: boolean;
}

/** How long an answer to requirements that name no exact version holds. */
const freshMs = 24 * 3600 * 1000;
const rememberedRequests = 1000;
const hostPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const layerTarget = "/venv";

/** Packages whose import is slow and safe to share between forks: imported ahead when a step asks for them by name. */
const preloadable: Readonly<Record<string, string>> = {
  numpy: "numpy",
  scipy: "scipy",
  "scikit-learn": "sklearn",
  pandas: "pandas",
};
const kfpModules = ["kfp.dsl", "kfp.dsl.executor", "kfp.dsl.kfp_config", "kfp.dsl.utils"];

export function createEnvironments(options: EnvironmentsOptions): Environments {
  const { cacheDirectory, clock, ids } = options;
  const stopping = new AbortController();
  const background = new Set<Promise<unknown>>();
  const remembered = new Map<
    string,
    { readonly environment: Promise<Environment>; readonly until: number; notedAt: number }
  >();
  const variables = toolVariables(options.indexEnvironment);
  let prepared: Promise<IndexSettings> | undefined;
  let uv: Promise<Uv> | undefined;

  const pythons = new Pythons({
    clock,
    variables: options.indexEnvironment,
    directory: cacheDirectory,
    toolVariables: variables,
    install: installPython,
  });

  async function prepare(): Promise<IndexSettings> {
    try {
      await Promise.all(
        ["locks", ".tmp", "requests", "envs", "pythons"].map((name) =>
          mkdir(join(cacheDirectory, name), { recursive: true, mode: 0o755 }),
        ),
      );
    } catch (cause) {
      throw new EnvironmentError(
        "build-failed",
        `Cannot write to the cache of environments: ${cause instanceof Error ? cause.message : String(cause)}`,
        `See that ${cacheDirectory} belongs to the user that runs Headrace and that its disk has room, or start with HEADRACE_CACHE set to another folder`,
        { cause },
      );
    }
    await removeAbandoned(join(cacheDirectory, ".tmp"), clock);
    return readIndexSettings(options.indexEnvironment);
  }

  /** Once; after a failure it is tried again. */
  async function preparation(): Promise<IndexSettings> {
    prepared ??= prepare();
    try {
      return await prepared;
    } catch (error) {
      prepared = undefined;
      throw error;
    }
  }

  async function getUv(python: Interpreter, progress: (message: string) => void): Promise<Uv> {
    const settings = await preparation();
    uv ??= findUv(
      { clock, ids, cacheDirectory, variables: options.indexEnvironment, settings },
      python,
      stopping.signal,
      progress,
    );
    try {
      return await uv;
    } catch (error) {
      uv = undefined;
      throw error;
    }
  }

  async function installPython(
    minor: string,
    signal: AbortSignal,
    progress: (message: string) => void,
  ): Promise<{ executable: string } | { reason: string }> {
    try {
      const tool = await getUv(await pythons.any(`python:${minor}`, signal), progress);
      progress(`Installing Python ${minor}`);
      const installed = await tool.run({
        arguments: ["python", "install", minor],
        timeoutMs: 300_000,
        signal,
      });
      if (installed.code !== 0) return { reason: installed.tail };
      const found = await tool.run({
        arguments: ["python", "find", "--managed-python", minor],
        timeoutMs: 30_000,
        signal,
      });
      return found.code === 0 ? { executable: found.stdout.trim() } : { reason: found.tail };
    } catch (error) {
      return { reason: error instanceof Error ? error.message : String(error) };
    }
  }

  async function resolve(request: ResolveRequest): Promise<Environment> {
    const mapped = mapImage(request.image, request.mappings ?? []);
    if (mapped.python === undefined) return bareEnvironment(request, mapped);
    const installs = normalise(mapped, request.packages, options.allowSourceBuilds);
    const key = JSON.stringify([mapped, installs, request.image, options.allowSourceBuilds ? request.tenant : ""]);
    const known = remembered.get(key);
    if (known !== undefined && known.until > clock.now()) {
      if (known.notedAt < clock.now() - freshMs) {
        known.notedAt = clock.now();
        known.environment.then(noteUseOf, () => {});
      }
      return orAborted(known.environment, request.signal);
    }
    const environment = prepareEnvironment(request, mapped, mapped.python, installs);
    remember(key, environment, installs);
    return orAborted(environment, request.signal);
  }

  function remember(key: string, environment: Promise<Environment>, installs: readonly PipInstall[]): void {
    const oldest = remembered.keys().next();
    if (remembered.size >= rememberedRequests && !oldest.done) remembered.delete(oldest.value);
    remembered.set(key, {
      environment,
      until: allPinned(installs) ? Infinity : clock.now() + freshMs,
      notedAt: clock.now(),
    });
    environment.then(noteUseOf, () => remembered.delete(key));
  }

  /** An environment that nobody uses for long may be removed. */
  function noteUseOf({ cell }: Environment): void {
    if (cell !== undefined) inBackground(noteUse(dirname(dirname(cell.python)), clock));
  }

  async function prepareEnvironment(
    request: ResolveRequest,
    mapped: Mapped,
    wish: NonNullable<Mapped["python"]>,
    installs: readonly PipInstall[],
  ): Promise<Environment> {
    const progress = request.onProgress ?? (() => {});
    const settings = await preparation();
    const interpreter = await pythons.find(wish, request.image, stopping.signal, progress);
    const wanted = withSeeds(installs, interpreter);
    const requestDigest = digestOf([recipe, interpreter, wanted, settings]);
    const lock = await findLock(requestDigest, interpreter, wanted, progress);
    const owner = lock.built ? (request.tenant ?? "") : "";
    const digest = digestOf([recipe, interpreter, [...lock.lines], seedWheels(interpreter, lock), owner]);
    const directory = join(cacheDirectory, "envs", digest);
    const manifest = (await readManifest(directory)) ?? (await build(digest, directory, interpreter, lock, progress));
    return describe({ request, mapped, wish, installs, interpreter, lock, digest, directory, manifest, settings });
  }

  /** The recorded answer to a request, or a new one; an old one is better than none where the index cannot be reached. */
  async function findLock(
    digest: string,
    interpreter: Interpreter,
    installs: readonly PipInstall[],
    progress: (message: string) => void,
  ): Promise<Lock> {
    const path = join(cacheDirectory, "requests", `${digest}.json`);
    const recorded =
      installs.length === 0 ? { lock: { lines: [], built: false, notes: [] }, at: 0 } : await readAnswer(path);
    if (recorded !== undefined && isFresh(recorded)) return recorded.lock;
    const tool = await getUv(interpreter, progress);
    return withLock(interpreter.executable, join(cacheDirectory, "locks", digest), stopping.signal, async () => {
      const meanwhile = await readAnswer(path);
      if (meanwhile !== undefined && isFresh(meanwhile)) return meanwhile.lock;
      progress(`Resolving ${installs.flatMap((install) => install.requirements).join(", ")}`);
      try {
        const lock = await resolveInstalls({
          uv: tool,
          interpreter,
          installs,
          allowSourceBuilds: options.allowSourceBuilds,
          signal: stopping.signal,
        });
        await writeWhole(path, JSON.stringify({ at: clock.now(), lock } satisfies Answer));
        return lock;
      } catch (error) {
        if (recorded === undefined || !(error instanceof EnvironmentError)) throw error;
        progress("The package index cannot be reached; using what it said before");
        return recorded.lock;
      }
    });

    function isFresh(answer: Answer): boolean {
      return allPinned(installs) || clock.now() - answer.at < freshMs;
    }
  }

  async function build(
    digest: string,
    directory: string,
    interpreter: Interpreter,
    lock: Lock,
    progress: (message: string) => void,
  ): Promise<Manifest> {
    const tool = await getUv(interpreter, progress);
    return withLock(interpreter.executable, join(cacheDirectory, "locks", digest), stopping.signal, async () => {
      const meanwhile = await readManifest(directory);
      if (meanwhile !== undefined) return meanwhile;
      progress(lock.lines.length === 0 ? "Making the environment" : `Installing ${lock.lines.length} packages`);
      const manifest = await buildEnvironment({
        uv: tool,
        interpreter,
        lock,
        temporary: join(cacheDirectory, ".tmp", `${digest}.${ids.suffix(8)}`),
        target: directory,
        signal: stopping.signal,
      });
      inBackground(compileBytecode(directory, interpreter));
      return manifest;
    });
  }

  /** Imports are twice as fast with it, but no step should wait for it. */
  async function compileBytecode(directory: string, interpreter: Interpreter): Promise<void> {
    const python = join(directory, "bin", "python");
    await runTool(clock, {
      command: ["nice", "-n", "10", python, "-I", "-m", "compileall", "-q", sitePackages(directory, interpreter.minor)],
      directory: cacheDirectory,
      environment: variables,
      timeoutMs: 600_000,
      signal: stopping.signal,
    });
  }

  function inBackground(work: Promise<unknown>): void {
    background.add(work);
    void work.finally(() => background.delete(work));
  }

  async function writeWhole(path: string, text: string): Promise<void> {
    const temporary = join(cacheDirectory, ".tmp", `record-${ids.suffix(8)}`);
    await writeFile(temporary, text);
    await rename(temporary, path);
  }

  return {
    resolve,
    async close() {
      stopping.abort(
        new EnvironmentError("build-failed", "Cannot prepare the environment: Headrace is stopping", "Start it again"),
      );
      await Promise.allSettled([...background, ...[...remembered.values()].map(({ environment }) => environment)]);
    },
  };
}

/** What the index answered to a request, as it is kept on disk. */
interface Answer {
  readonly at: number;
  readonly lock: Lock;
}

async function readAnswer(path: string): Promise<Answer | undefined> {
  try {
    const answer: Answer = JSON.parse(await readFile(path, "utf8"));
    return Array.isArray(answer.lock.lines) ? answer : undefined;
  } catch {
    return undefined;
  }
}

/** The mapping's own packages come first, as they would in an image. */
function normalise(mapped: Mapped, packages: EnvironmentRequest | undefined, trusted: boolean): readonly PipInstall[] {
  const own: PipInstall[] = mapped.requirements.length > 0 ? [{ requirements: mapped.requirements }] : [];
  checkRequest({ installs: own }, { trusted: true });
  if (packages !== undefined) checkRequest(packages, { trusted });
  return [...own, ...(packages?.installs ?? [])].filter((install) => install.requirements.length > 0);
}

/** Every Python image has pip; where the host's Python comes without its wheel, the index has one. */
function withSeeds(installs: readonly PipInstall[], interpreter: Interpreter): readonly PipInstall[] {
  if (interpreter.bundledWheels.length > 0) return installs;
  return [{ requirements: ["pip"], noDeps: true }, ...installs];
}

function allPinned(installs: readonly PipInstall[]): boolean {
  return installs.every((install) => install.requirements.every(isPinned));
}

function bareEnvironment(request: ResolveRequest, mapped: Mapped): Environment {
  if (request.packages !== undefined && request.packages.installs.length > 0) {
    throw new EnvironmentError(
      "refused",
      `Cannot install packages for image "${request.image}": it stands for this host's root, which has no Python of its own`,
      "Use an image such as python:3.11, or map the image to a Python version",
    );
  }
  return {
    imageID: "headrace://host",
    mapping: `${request.image} runs on this host's own root (${mapped.mapping})`,
    cell: undefined,
    variables: { PATH: hostPath },
    warm: { ok: false, reason: "the image has no Python of its own" },
    notes: [],
  };
}

interface Description {
  readonly request: ResolveRequest;
  readonly mapped: Mapped;
  readonly wish: NonNullable<Mapped["python"]>;
  readonly installs: readonly PipInstall[];
  readonly interpreter: Interpreter;
  readonly lock: Lock;
  readonly digest: string;
  readonly directory: string;
  readonly manifest: Manifest;
  readonly settings: IndexSettings;
}

function describe(facts: Description): Environment {
  const { interpreter, directory, digest, lock, manifest } = facts;
  const preloaded = preload(facts.installs, lock);
  const differs = facts.wish.patch !== undefined && facts.wish.patch !== interpreter.version;
  return {
    imageID: `headrace://${digest}`,
    mapping: `${facts.request.image} runs on Python ${interpreter.version} of this host (${facts.mapped.mapping})`,
    cell: {
      // What is imported ahead is part of what a warm interpreter is.
      digest: digestOf([digest, preloaded]),
      path: directory,
      python: join(directory, "bin", "python"),
      preload: preloaded,
      trees: interpreter.trees,
    },
    variables: {
      PATH: `${join(directory, "bin")}:${hostPath}`,
      VIRTUAL_ENV: directory,
      LANG: "C.UTF-8",
      ...pipVariables(facts.settings),
    },
    warm:
      manifest.startupCode.length === 0
        ? { ok: true }
        : { ok: false, reason: `${manifest.startupCode.join(", ")} runs code at every start of the interpreter` },
    notes: [
      ...(differs ? [`The image asks for Python ${facts.wish.patch}; this host has ${interpreter.version}`] : []),
      ...lock.notes,
    ],
    layer: {
      target: layerTarget,
      variables: { PATH: `${layerTarget}/bin:${join(directory, "bin")}:${hostPath}`, VIRTUAL_ENV: layerTarget },
      create: (target) => createLayer(target, directory, interpreter),
    },
  };
}

/** So that pip inside a step reaches the same indexes. Passwords stay on the host. */
function pipVariables(settings: IndexSettings): { [name: string]: string } {
  const entries: [string, string][] = [
    ["PIP_DISABLE_PIP_VERSION_CHECK", "1"],
    ["PIP_ROOT_USER_ACTION", "ignore"],
    ["PIP_INDEX_URL", settings.indexUrl ?? ""],
    ["PIP_EXTRA_INDEX_URL", settings.extraIndexUrls.join(" ")],
    ["PIP_TRUSTED_HOST", settings.trustedHosts.join(" ")],
    ["PIP_CERT", isInEveryRoot(settings.certificate) ? settings.certificate : ""],
    ["SSL_CERT_FILE", isInEveryRoot(settings.certificate) ? settings.certificate : ""],
  ];
  return Object.fromEntries(
    entries.filter(([, value]) => value !== "").map(([name, value]) => [name, withoutCredentials(value)]),
  );
}

/** The host's own certificates are in every container; a file elsewhere is not. */
function isInEveryRoot(path: string | undefined): path is string {
  return path !== undefined && /^\/(?:etc\/(?:ssl|pki)|usr)\//.test(path);
}

function preload(installs: readonly PipInstall[], lock: Lock): string[] {
  const asked = new Set(installs.flatMap((install) => install.requirements.map(projectName)));
  const locked = new Set(lock.lines.map(projectName));
  const named = Object.entries(preloadable).filter(([name]) => asked.has(name) && locked.has(name));
  return [...(locked.has("kfp") ? kfpModules : []), ...named.map(([, module]) => module)];
}

function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 40);
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
