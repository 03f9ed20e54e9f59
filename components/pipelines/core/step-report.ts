import { constants } from "node:os";
import type { StepReport } from "@headrace/model";
import { PipelineFault } from "./errors.ts";
import { type ExecutorInput, parameterFile } from "./executor-input.ts";
import type { TaskError } from "./graph.ts";
import type { ArtifactType, Component } from "./ir.ts";
import { field, isList, isObject, type JsonObject, type JsonValue } from "./json.ts";
import { coerce, parseOutput } from "./parameters.ts";

/** What a step made, before it has rows. */
export interface StepOutputs {
  readonly parameters: ReadonlyMap<string, JsonValue>;
  readonly artifacts: ReadonlyMap<string, readonly ProducedArtifact[]>;
}

export interface ProducedArtifact {
  readonly name: string;
  readonly uri: string;
  readonly type: ArtifactType;
  readonly metadata: JsonObject;
  readonly digest?: string;
  readonly size?: number;
}

export type StepResult =
  | { readonly kind: "succeeded"; readonly outputs: StepOutputs }
  | { readonly kind: "failed"; readonly outputs: StepOutputs; readonly error: TaskError }
  | { readonly kind: "lost"; readonly error: TaskError };

/**
 * Reads what a step's node reported. A step that exited well but whose outputs cannot be read has failed, with the reason;
 * one that failed keeps the artifacts that it wrote all the same.
 */
export function readReport(component: Component, input: ExecutorInput, report: StepReport): StepResult {
  if (report.reason === "Lost")
    return { kind: "lost", error: { message: report.message || "the step's pod was lost" } };
  const artifacts = new Map<string, readonly ProducedArtifact[]>();
  try {
    const written = readMetadataFile(report, input.outputs.outputFile);
    for (const name of component.outputs.artifacts.keys()) {
      artifacts.set(name, readArtifacts(name, input, report, field(asObject(written, "artifacts"), name)));
    }
    if (report.exitCode !== 0) return failed(report, artifacts, exitMessage(report));
    const values = asObject(written, "parameterValues");
    const parameters = readParameters(component, report, values);
    return { kind: "succeeded", outputs: { parameters, artifacts } };
  } catch (error) {
    if (!(error instanceof PipelineFault)) throw error;
    const message = report.exitCode === 0 ? `${error.message}${roomHint(report)}` : exitMessage(report);
    return failed(report, artifacts, message);
  }
}

function failed(report: StepReport, artifacts: StepOutputs["artifacts"], message: string): StepResult {
  const kept = [...artifacts].filter(([name]) => isWritten(report, name));
  return {
    kind: "failed",
    outputs: { parameters: new Map(), artifacts: new Map(kept) },
    error: { message, code: report.exitCode, ...(report.tail && { tail: report.tail }) },
  };
}

function isWritten(report: StepReport, name: string): boolean {
  const kind = report.outputs[name]?.kind;
  return kind === "file" || kind === "tree";
}

function exitMessage(report: StepReport): string {
  const { exitCode, reason, message, tail } = report;
  switch (reason) {
    case "OOMKilled":
      return "the step was killed because it used more memory than its limit; raise it with set_memory_limit";
    case "DeadlineExceeded":
      return message || "the step ran longer than its deadline";
    case "Error":
    case "Completed":
      return `the step exited with code ${exitCode}${signalOf(exitCode)}${roomHint(report) || hintOf(tail)}`;
    default:
      return message
        ? `${reason}: ${message}${lengthHint(message)}`
        : `the step ended with ${reason} (code ${exitCode})`;
  }
}

/** By convention, a program that signal n ended has the exit code 128 + n. */
function signalOf(exitCode: number): string {
  const [name] = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128) ?? [];
  return name === undefined ? "" : ` (${name} ended it)`;
}

/** What a step that wants for room is told at the end of its message; the log says nothing where it had no room either. */
function roomHint({ diskFull, tail }: StepReport): string {
  if (diskFull) {
    return (
      ": the disk of Headrace's data directory is full, where a step's artifacts, its /tmp and its log lie. Free some space there" +
      ' (such as with "headrace gc", or by deleting runs), then retry the run'
    );
  }
  if (!/No space left on device|Disk quota exceeded/.test(tail)) return "";
  return (
    ": no space was left where it wrote. Its artifacts and /tmp lie on the disk of Headrace's data directory; everything else is in" +
    " memory, and small (/dev/shm, the home directory): write large files below /tmp"
  );
}

/** Linux takes words of 128 KiB, whatever Kubernetes takes. */
const lengthHint = (message: string): string =>
  message.includes("Argument list too long")
    ? ". A word of a command, a parameter for example, can have 128 KiB: hand larger values on as artifacts"
    : "";

/** What the last lines give away to those who know the SDK: a component carries its own function's source and nothing beside it. */
function hintOf(tail: string): string {
  const module = /^ModuleNotFoundError: No module named '([^'.]+)[^']*'\s*$/m.exec(tail)?.[1];
  if (module === undefined) return "";
  return (
    `: Python has no module "${module}" there. A lightweight component brings only the source of its function: name packages in` +
    ` packages_to_install; put code of your own into the function, or into a package`
  );
}

function readMetadataFile(report: StepReport, path: string): JsonObject {
  const refused = report.refused[path];
  if (refused) throw new PipelineFault(`Cannot read the step's outputs: ${refused}`);
  const text = report.files[path];
  if (text === undefined || text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new PipelineFault(`Cannot read the step's outputs: ${error.message}`, { cause: error });
  }
  throw new PipelineFault("Cannot read the step's outputs: the file holds no JSON object");
}

function asObject(container: JsonObject, key: string): JsonObject {
  const value = field(container, key);
  return isObject(value) ? value : {};
}

function readParameters(component: Component, report: StepReport, values: JsonObject): ReadonlyMap<string, JsonValue> {
  const parameters = new Map<string, JsonValue>();
  for (const [name, spec] of component.outputs.parameters) {
    const value = field(values, name);
    const path = parameterFile(name);
    const text = report.files[path];
    if (value !== undefined)
      parameters.set(name, value === null ? null : coerce(name, { ...spec, literals: [] }, value));
    else if (text !== undefined) parameters.set(name, parseOutput(name, spec.type, text));
    else
      throw new PipelineFault(
        report.refused[path] ?? `Cannot find output parameter "${name}": the step did not write it`,
      );
  }
  return parameters;
}

function readArtifacts(
  name: string,
  input: ExecutorInput,
  report: StepReport,
  written: JsonValue | undefined,
): readonly ProducedArtifact[] {
  const [planned] = input.outputs.artifacts[name]?.artifacts ?? [];
  if (!planned) return [];
  const measured = report.outputs[name];
  if (measured?.kind === "refused")
    throw new PipelineFault(`Cannot keep output artifact "${name}": ${measured.reason}`);
  const facts = measured && measured.kind !== "missing" ? { digest: measured.digest, size: measured.size } : {};
  const list = isObject(written) ? field(written, "artifacts") : undefined;
  const entries = isList(list) && list.length > 0 ? list : [{}];
  return entries.map((entry) => {
    const object = isObject(entry) ? entry : {};
    const uri = textOf(object, "uri") ?? planned.uri;
    const metadata = field(object, "metadata");
    return {
      name,
      uri,
      type: planned.type,
      metadata: isObject(metadata) ? { ...planned.metadata, ...metadata } : planned.metadata,
      ...(uri === planned.uri && facts),
    };
  });
}

function textOf(object: JsonObject, key: string): string | undefined {
  const value = field(object, key);
  return typeof value === "string" && value !== "" ? value : undefined;
}
