import { PipelineFault } from "./errors.ts";
import type { ArtifactValue, ExecutorInput } from "./executor-input.ts";
import { workspaceMark, workspacePath } from "./workspace.ts";
import { asText, field, isList, isObject, type JsonValue } from "./json.ts";

/** Facts of a run that constants in a pipeline may ask for. */
export interface RunFacts {
  readonly id: string;
  readonly displayName: string;
  readonly resourceName: string;
  readonly pipelineRoot: string;
  /** Where the run's workspace is in its steps, if its pipeline has one. */
  readonly workspacePath?: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly scheduledAt: string;
}

/** Facts of the task whose inputs are being resolved. */
export interface TaskNames {
  readonly name: string;
  readonly id: string;
  /** Its input artifacts that are lists: such a placeholder alone stands for all of them, as JSON. */
  readonly lists?: ReadonlySet<string>;
}

const placeholder = /\{\{\$(?:\.([^{}]*))?\}\}/g;

/** Fills the run's own placeholders (`{{$.pipeline_job_uuid}}` …) into a constant, at any depth; others stay. */
export function fillRunFacts(value: JsonValue, run: RunFacts, task: TaskNames): JsonValue {
  const facts: Readonly<Record<string, string>> = {
    pipeline_job_name: run.displayName,
    pipeline_job_resource_name: run.resourceName,
    pipeline_job_uuid: run.id,
    pipeline_root: run.pipelineRoot,
    pipeline_job_create_time_utc: run.createdAt,
    pipeline_job_schedule_time_utc: run.scheduledAt,
    pipeline_task_name: task.name,
    pipeline_task_uuid: task.id,
    ...(run.workspacePath !== undefined && { workspace_path: run.workspacePath }),
  };
  return mapTexts(value, (text) =>
    text.replace(placeholder, (whole, path: string | undefined) => (path && facts[path]) ?? whole),
  );
}

/**
 * Fills `{{$.inputs.parameters['x']}}` into a constant: an f-string, or a list or object with outputs of other tasks in it. Done
 * on values, never on JSON text, so that quotes in a value stay what they are. A text within a list or object that is one
 * placeholder and nothing else becomes the value itself.
 */
export function fillParameters(value: JsonValue, parameters: ReadonlyMap<string, JsonValue>): JsonValue {
  const fill = (text: string): string =>
    text.replace(placeholder, (whole, path: string | undefined) => {
      const name = parameterName(path);
      return name !== undefined && parameters.has(name) ? asText(parameters.get(name) ?? null) : whole;
    });
  if (typeof value === "string") return fill(value);
  return mapTexts(value, (text) => {
    const whole = /^\{\{\$\.([^{}]*)\}\}$/.exec(text);
    const name = parameterName(whole?.[1]);
    const found = name === undefined ? undefined : parameters.get(name);
    return found === undefined ? fill(text) : found;
  });
}

/** The names of parameters that a constant asks for. */
export function parametersWithin(value: JsonValue): readonly string[] {
  const names: string[] = [];
  mapTexts(value, (text) => {
    for (const [, path] of text.matchAll(placeholder)) {
      const name = parameterName(path);
      if (name !== undefined) names.push(name);
    }
    return text;
  });
  return names;
}

function parameterName(path: string | undefined): string | undefined {
  return /^inputs\.parameters\['(.*)'\]$/.exec(path ?? "")?.[1];
}

function mapTexts(value: JsonValue, change: (text: string) => JsonValue): JsonValue {
  if (typeof value === "string") return change(value);
  if (isList(value)) return value.map((item) => mapTexts(item, change));
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, change)]));
  return value;
}

/**
 * The words of a command with every placeholder filled in. `Concat` and `IfPresent` may give several words or none. What looks
 * like a placeholder and names nothing that the step has stays as it is: it may be part of the user's own program.
 */
export function fillCommand(
  words: readonly string[],
  input: ExecutorInput,
  facts: RunFacts,
  task: TaskNames,
): readonly string[] {
  const scope: Scope = { input, whole: JSON.stringify(input), facts, task };
  return words
    .flatMap((word) => expand(word, input))
    .map((word) => word.replace(placeholder, (text, path: string | undefined) => lookUp(path, scope) ?? text));
}

/** One text, such as an image or an environment variable's value. */
export function fillText(text: string, input: ExecutorInput, facts: RunFacts, task: TaskNames): string {
  return fillCommand([text], input, facts, task).join("");
}

interface Scope {
  readonly input: ExecutorInput;
  readonly whole: string;
  readonly facts: RunFacts;
  readonly task: TaskNames;
}

function lookUp(path: string | undefined, scope: Scope): string | undefined {
  const [, inner, depth] = /^(.*?)\.?json_escape\[(\d)\]$/.exec(path ?? "") ?? [];
  if (depth === undefined) return find(path, scope);
  let text = find(inner || undefined, scope);
  for (let times = Number(depth); text !== undefined && times > 0; times--) text = JSON.stringify(text).slice(1, -1);
  return text;
}

function find(path: string | undefined, scope: Scope): string | undefined {
  if (path === undefined) return scope.whole;
  const { input } = scope;
  const parameter = /^inputs\.parameters\['(.*)'\]$/.exec(path);
  if (parameter) return asText(field(input.inputs.parameterValues, parameter[1] ?? "") ?? null);
  const artifact = /^(inputs|outputs)\.artifacts\['([^']*)'\](.*)$/.exec(path);
  if (artifact) {
    const [, side, name = "", rest = ""] = artifact;
    const list = side === "inputs" ? input.inputs.artifacts[name] : input.outputs.artifacts[name];
    if (rest === "" && side === "inputs" && scope.task.lists?.has(name)) return JSON.stringify(list?.artifacts ?? []);
    return artifactText(list?.artifacts[0], rest);
  }
  const file = /^outputs\.parameters\['(.*)'\]\.output_file$/.exec(path);
  if (file) return input.outputs.parameters[file[1] ?? ""]?.outputFile;
  if (path === "outputs.output_file" || path === "outputMetadataUri") return input.outputs.outputFile;
  const filled = fillRunFacts(`{{$.${path}}}`, scope.facts, scope.task);
  return typeof filled === "string" && filled !== `{{$.${path}}}` ? filled : undefined;
}

function artifactText(artifact: ArtifactValue | undefined, rest: string): string | undefined {
  if (!artifact) return undefined;
  if (rest === "" || rest === ".uri") return artifact.uri;
  if (rest === ".path")
    return artifact.metadata[workspaceMark] === true ? pathInWorkspace(artifact.uri) : localPath(artifact.uri);
  if (rest === ".metadata") return JSON.stringify(artifact.metadata);
  if (rest === ".name") return artifact.name;
  const key = /^\.metadata\['(.*)'\]$/.exec(rest)?.[1] ?? /^\['(.*)'\]$/.exec(rest)?.[1];
  return key === undefined ? undefined : asText(field(artifact.metadata, key) ?? null);
}

const mounts: readonly (readonly [scheme: string, directory: string])[] = [
  ["gs://", "/gcs/"],
  ["s3://", "/s3/"],
  ["minio://", "/minio/"],
  ["oci://", "/oci/"],
];

/** Where KFP's SDK looks for an artifact inside the container. */
export function localPath(uri: string): string {
  const path = uri.split("?")[0] ?? uri;
  const mount = mounts.find(([scheme]) => path.startsWith(scheme));
  return mount ? mount[1] + path.slice(mount[0].length) : path;
}

/** Where an imported artifact lies in the run's workspace; KFP's SDK computes the same. */
export const pathInWorkspace = (uri: string): string => `${workspacePath}/.artifacts${localPath(uri)}`;

/** A word that holds the JSON of a `Concat` or an `IfPresent`, taken apart; any other word is itself. */
function expand(word: string, input: ExecutorInput): readonly string[] {
  if (!/^\{"(?:Concat|IfPresent)": ?/.test(word)) return [word];
  let structure: unknown;
  try {
    structure = JSON.parse(word);
  } catch (error) {
    if (error instanceof SyntaxError) return [word];
    throw error;
  }
  return expandStructure(structure, input);
}

function expandStructure(structure: unknown, input: ExecutorInput): readonly string[] {
  if (typeof structure === "string") return [structure];
  if (Array.isArray(structure)) return structure.flatMap((part: unknown) => expandStructure(part, input));
  if (!isObject(structure)) return [];
  const concat = structure["Concat"];
  if (isList(concat)) return [concat.flatMap((part) => expandStructure(part, input)).join("")];
  const choice = structure["IfPresent"];
  if (!isObject(choice))
    throw new PipelineFault(`Cannot read argument ${JSON.stringify(structure)}: it is neither Concat nor IfPresent`);
  return expandStructure(isPresent(asText(choice["InputName"] ?? ""), input) ? choice["Then"] : choice["Else"], input);
}

function isPresent(name: string, input: ExecutorInput): boolean {
  const parameter = field(input.inputs.parameterValues, name);
  return (parameter !== undefined && parameter !== null) || Object.hasOwn(input.inputs.artifacts, name);
}
