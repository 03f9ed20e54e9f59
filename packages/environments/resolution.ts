import type { PipInstall } from "@headrace/model";
import { EnvironmentError } from "./errors.ts";
import type { Interpreter } from "./pythons.ts";
import { projectName } from "./requirements.ts";
import type { ToolResult } from "./tool.ts";
import type { Uv } from "./uv.ts";

/** Exactly what gets installed: one line a distribution, with its version and the digests of its files. */
export interface Lock {
  /** Sorted by name. */
  readonly lines: readonly string[];
  /** True if something in it is built from source, which is code of the tenant. */
  readonly built: boolean;
  /** What the user should know, such as requirements that contradict each other. */
  readonly notes: readonly string[];
}

export interface ResolutionOptions {
  readonly uv: Uv;
  readonly interpreter: Interpreter;
  readonly installs: readonly PipInstall[];
  readonly allowSourceBuilds: boolean;
  readonly signal: AbortSignal;
}

const timeoutMs = 300_000;

/**
 * Turns pip installs into a lock. pip runs them one after the other, and the later wins; what can be resolved together is, so
 * that one consistent set comes out, and only what contradicts itself is taken in order, as pip would have left it. Throws
 * EnvironmentError `build-failed` or `refused`.
 */
export async function resolveInstalls(options: ResolutionOptions): Promise<Lock> {
  const dependent = options.installs.filter((install) => install.noDeps !== true && install.requirements.length > 0);
  const together = sameIndexes(dependent) ? merge(dependent) : undefined;
  const attempt = together === undefined ? undefined : await compile(options, together, []);

  const notes: string[] = [];
  let resolved = new Map<string, string>();
  let built = false;
  const take = (result: Compiled): void => {
    if ("failure" in result) throw failed(result.failure, options);
    built ||= result.built;
    resolved = new Map([...resolved, ...result.lines]);
  };

  const contradicts =
    attempt !== undefined && "failure" in attempt && dependent.length > 1 && isContradiction(attempt.failure);
  if (attempt !== undefined && !contradicts) {
    take(attempt);
  } else {
    for (const install of dependent) take(await compile(options, install, [...resolved.values()]));
    if (contradicts)
      notes.push(
        "The requirements contradict each other: they were installed one after the other, and the later ones won",
      );
  }
  for (const install of options.installs) {
    if (install.noDeps === true && install.requirements.length > 0)
      take(await compile(options, install, [...resolved.values()]));
  }
  return {
    lines: [...resolved].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, line]) => line),
    built,
    notes,
  };
}

type Compiled =
  | { readonly lines: ReadonlyMap<string, string>; readonly built: boolean }
  | { readonly failure: ToolResult };

/** Wheels alone first: nothing is executed then. Only what has none is built, and only where that is allowed. */
async function compile(
  options: ResolutionOptions,
  install: PipInstall,
  preferred: readonly string[],
): Promise<Compiled> {
  const pure = await runCompile(options, install, preferred, false);
  if (pure.code === 0) return { lines: readLines(pure.stdout), built: false };
  if (!needsBuild(pure) || !options.allowSourceBuilds) return { failure: pure };
  const withBuilds = await runCompile(options, install, preferred, true);
  return withBuilds.code === 0 ? { lines: readLines(withBuilds.stdout), built: true } : { failure: withBuilds };
}

async function runCompile(
  options: ResolutionOptions,
  install: PipInstall,
  preferred: readonly string[],
  builds: boolean,
): Promise<ToolResult> {
  const asked = new Set(install.requirements.map(projectName));
  // pip keeps what an earlier install brought unless this one asks for another version of it.
  const kept = install.noDeps === true ? [] : preferred.filter((line) => !asked.has(projectName(line))).map(pinOnly);
  const run = (requirements: readonly string[]): Promise<ToolResult> =>
    options.uv.run({
      arguments: [
        "pip",
        "compile",
        "-",
        "--quiet",
        "--generate-hashes",
        "--no-annotate",
        "--no-header",
        "--no-python-downloads",
        "--python",
        options.interpreter.executable,
        ...(builds ? [] : ["--only-binary", ":all:"]),
        ...(install.noDeps === true ? ["--no-deps"] : []),
        ...options.uv.indexArguments,
      ],
      input: `${requirements.join("\n")}\n`,
      install,
      timeoutMs,
      signal: options.signal,
    });
  if (kept.length === 0) return run(install.requirements);
  const result = await run([...install.requirements, ...kept]);
  return result.code === 0 ? result : run(install.requirements);
}

/** `numpy==2.1.0 \ --hash=…` without its digests. */
function pinOnly(line: string): string {
  return line.split(" \\")[0]?.split(" --hash")[0]?.trim() ?? line;
}

function readLines(stdout: string): Map<string, string> {
  const lines = new Map<string, string>();
  for (const entry of stdout.replaceAll(/\\\n\s+/g, "").split("\n")) {
    const line = entry.replaceAll(/\s+/g, " ").trim();
    if (line === "" || line.startsWith("#")) continue;
    lines.set(projectName(line) ?? line, line);
  }
  return lines;
}

function sameIndexes(installs: readonly PipInstall[]): boolean {
  const indexes = installs.map(({ indexUrl, extraIndexUrls, trustedHosts }) =>
    JSON.stringify([indexUrl, extraIndexUrls, trustedHosts]),
  );
  return new Set(indexes).size <= 1;
}

function merge(installs: readonly PipInstall[]): PipInstall | undefined {
  const [first] = installs;
  if (first === undefined) return undefined;
  return { ...first, requirements: installs.flatMap((install) => install.requirements) };
}

function isContradiction(result: ToolResult): boolean {
  return /No solution found|conflicting URLs|Requirements contain conflicting/i.test(result.tail);
}

/** What uv says when only a source distribution would do. */
function needsBuild(result: ToolResult): boolean {
  return /no (?:usable )?wheels|building .{0,80} is disabled|source distribution/i.test(result.tail);
}

function failed(result: ToolResult, options: ResolutionOptions): EnvironmentError {
  if (needsBuild(result) && !options.allowSourceBuilds) {
    return new EnvironmentError(
      "refused",
      `Cannot prepare the environment: a requirement has no wheel for Python ${options.interpreter.minor}, and building from source is off:\n${result.tail}`,
      "Publish a wheel of it, pin a version that has one, or start Headrace with building from source allowed",
    );
  }
  return new EnvironmentError(
    "build-failed",
    `Cannot prepare the environment: resolving the requirements failed:\n${result.tail}`,
    "Correct the requirements, or check that the package index can be reached",
  );
}
