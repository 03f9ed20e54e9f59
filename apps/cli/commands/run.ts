import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createEnvironments } from "@headrace/environments";
import { systemClock, systemIds } from "@headrace/model";
import { documentValue, parsePipelineDocuments, withoutCaching } from "@headrace/pipelines";
import { connectOrStart, type Connection } from "../connection.ts";
import type { Surroundings } from "../environment.ts";
import { followRun, leaveGoing } from "../follow.ts";
import { parseParameters, type InputTypes } from "../parameters.ts";
import { CommandError, type Terminal } from "../terminal.ts";

/** The SDK that compiles Python files when the user's own interpreter has none. */
const sdk = ["kfp==2.17.3", "kfp-kubernetes==2.17.3"];

export interface RunFlags {
  readonly parameter: readonly string[];
  readonly pipeline?: string;
  readonly name?: string;
  readonly experiment?: string;
  readonly cache: boolean;
  readonly cacheMaxAge?: string;
  readonly keepGoing?: boolean;
  readonly detach?: boolean;
}

/**
 * Compiles if need be, submits, follows with a live tree, prints the outputs; with `detach` prints the id and follows nothing.
 * Resolves to the exit status.
 */
export async function runFile(
  file: string,
  flags: RunFlags,
  surroundings: Surroundings,
  terminal: Terminal,
): Promise<number> {
  const text = await readPipeline(file, flags.pipeline, surroundings, terminal);
  const pipeline = parsePipelineDocuments(text);
  const inputs: InputTypes = new Map([...pipeline.root.inputs.parameters].map(([name, { type }]) => [name, type]));
  const parameters = parseParameters(flags.parameter, inputs);
  const connection = await connectOrStart(surroundings, () =>
    terminal.note("Starting Headrace in the background; `headrace down` stops it"),
  );
  const run = await submit(connection, {
    display_name: flags.name ?? (pipeline.name || basename(file, extname(file))),
    ...(flags.experiment !== undefined && { experiment_id: await findExperiment(connection, flags.experiment) }),
    pipeline_spec: documentValue(flags.cache ? pipeline.document : withoutCaching(pipeline.document)),
    runtime_config: { parameters },
    ...optionsOf(flags),
  });
  if (!flags.detach) return followRun(connection, run, terminal);
  if (!terminal.json) terminal.print(run);
  leaveGoing(connection, run, terminal);
  return 0;
}

/** What KFP's own fields do not say: ours is a plugin's input. */
function optionsOf({ cacheMaxAge, keepGoing }: RunFlags): object {
  if (cacheMaxAge === undefined && !keepGoing) return {};
  return {
    plugins_input: { headrace: { ...(keepGoing && { keepGoing }), ...(cacheMaxAge !== undefined && { cacheMaxAge }) } },
  };
}

async function submit(connection: Connection, body: unknown): Promise<string> {
  const created = (await connection.call("POST", "/apis/v2beta1/runs", body)) as { run_id: string };
  return created.run_id;
}

/** The id of the experiment of that name, which is made if there is none. */
export async function findExperiment(connection: Connection, name: string): Promise<string> {
  const filter = JSON.stringify({ predicates: [{ key: "display_name", operation: "EQUALS", string_value: name }] });
  const found = (await connection.call("GET", `/apis/v2beta1/experiments?filter=${encodeURIComponent(filter)}`)) as {
    experiments?: readonly { experiment_id: string }[];
  };
  const existing = found.experiments?.[0];
  if (existing !== undefined) return existing.experiment_id;
  const created = (await connection.call("POST", "/apis/v2beta1/experiments", { display_name: name })) as {
    experiment_id: string;
  };
  return created.experiment_id;
}

/** A compiled pipeline as it is, or what a Python file compiles to. */
export async function readPipeline(
  file: string,
  wanted: string | undefined,
  surroundings: Surroundings,
  terminal: Terminal,
): Promise<string> {
  if (extname(file) === ".py") return compile(file, wanted, surroundings, terminal);
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new CommandError(
      `Cannot read ${file}`,
      { why: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
}

async function compile(
  file: string,
  wanted: string | undefined,
  surroundings: Surroundings,
  terminal: Terminal,
): Promise<string> {
  const script = fileURLToPath(new URL("../../../python/compile_pipeline.py", import.meta.url));
  const python = (await findPythonWithSdk(surroundings)) ?? (await buildSdk(surroundings, terminal));
  try {
    const { stdout } = await promisify(execFile)(python, [script, file, ...(wanted === undefined ? [] : [wanted])], {
      maxBuffer: 64 << 20,
    });
    return stdout;
  } catch (cause) {
    const output = (cause as { stderr?: string }).stderr?.trim() ?? String(cause);
    const remedy = /^(ModuleNotFound|Import)Error/m.test(output)
      ? "Compile it with the Python that has what it imports: activate that environment, with kfp in it, and call headrace again"
      : undefined;
    const why = output.split("\n").slice(-12).join("\n");
    throw new CommandError(`Cannot compile ${file}`, { why, ...(remedy !== undefined && { remedy }) }, { cause });
  }
}

/** The interpreter that the user works with, if it has the SDK: their version compiles their pipeline. */
async function findPythonWithSdk(surroundings: Surroundings): Promise<string | undefined> {
  const probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('kfp') is None)";
  try {
    await promisify(execFile)("python3", ["-c", probe], { env: surroundings.packaging });
    return "python3";
  } catch {
    return undefined;
  }
}

async function buildSdk(surroundings: Surroundings, terminal: Terminal): Promise<string> {
  const environments = createEnvironments({
    cacheDirectory: surroundings.cache,
    indexEnvironment: surroundings.packaging,
    clock: systemClock,
    ids: systemIds,
    allowSourceBuilds: true,
  });
  const environment = await environments.resolve({
    image: "python:3",
    packages: { installs: [{ requirements: sdk }] },
    mappings: [{ image: "python:3", python: "3" }],
    onProgress: (message) => terminal.note(message),
  });
  if (environment.cell === undefined)
    throw new CommandError("Cannot compile: no Python was found to install the SDK into", {
      remedy: "Install Python 3.9 or newer",
    });
  return environment.cell.python;
}
