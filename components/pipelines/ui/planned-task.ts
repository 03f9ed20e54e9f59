import { Place } from "../core/reader.ts";
import { readPorts } from "../core/ports.ts";
import type { ParameterSpec, Ports } from "../core/ir.ts";
import { asText, isObject, type JsonObject, type JsonValue } from "../core/json.ts";

/** What a compiled pipeline says of one of its tasks, for reading. */
export interface PlannedTask {
  readonly inputs: readonly PlannedPort[];
  readonly outputs: readonly PlannedPort[];
  readonly image?: string;
  /** Words of the command and its arguments; not given for a Python component, whose code is. */
  readonly command: readonly string[];
  /** Source of a Python component. */
  readonly code?: string;
  /** What it installs before it runs. */
  readonly packages: readonly string[];
  readonly environment: readonly (readonly [string, string])[];
  /** `cpu 1`, `memory 512Mi`. */
  readonly resources: readonly string[];
  readonly cached: boolean;
  readonly retries: number;
  /** Iterations at the same time; 0 for no limit. */
  readonly parallelism: number;
  readonly runsAlways: boolean;
  readonly importedUri?: string;
  readonly importedType?: string;
}

export interface PlannedPort {
  readonly name: string;
  /** `number`, `Dataset`, `list of Model`. */
  readonly type: string;
  readonly description: string;
  /** Where an input comes from, as a person would write it. */
  readonly source?: string;
}

/** The bare spec of both shapes in which the API returns one. */
export function bareSpec(spec: unknown): JsonObject {
  if (!isObject(spec)) return {};
  return isObject(spec["pipeline_spec"]) ? spec["pipeline_spec"] : spec;
}

/** What a run of the pipeline can be given, in the order of their names. Throws ApiError BadRequest if it does not read. */
export function pipelineInputs(spec: unknown): ReadonlyMap<string, ParameterSpec> {
  return readPorts(new Place("", bareSpec(spec)).at("root").at("inputDefinitions")).parameters;
}

/** The task at a path such as `root/for-loop-2/train`; undefined where the pipeline has none or does not read. */
export function plannedTask(spec: unknown, path: string): PlannedTask | undefined {
  try {
    return findTask(new Place("", bareSpec(spec)), path.split("/").slice(1));
  } catch {
    // A stored pipeline was checked when it came; one that does not read has no more to show.
    return undefined;
  }
}

function findTask(spec: Place, names: readonly string[]): PlannedTask | undefined {
  let component = spec.at("root");
  let task: Place | undefined;
  for (const name of names) {
    task = component.at("dag").at("tasks").at(name);
    if (task.absent) return undefined;
    component = spec.at("components").at(task.at("componentRef").at("name").text());
  }
  if (!task) return undefined;
  const executor = spec.at("deploymentSpec").at("executors").at(component.at("executorLabel").text());
  const inputs = readPorts(component.at("inputDefinitions"));
  const outputs = readPorts(component.at("outputDefinitions"));
  return {
    inputs: [...portsOf(inputs)].map((port) => ({ ...port, ...sourceOf(task, port.name) })),
    outputs: [...portsOf(outputs)],
    ...readContainer(executor.at("container")),
    ...readImporter(executor.at("importer")),
    cached: task.at("cachingOptions").at("enableCache").flag(),
    retries: task.at("retryPolicy").at("maxRetryCount").number() ?? 0,
    parallelism: task.at("iteratorPolicy").at("parallelismLimit").number() ?? 0,
    runsAlways: task.at("triggerPolicy").at("strategy").text() === "ALL_UPSTREAM_TASKS_COMPLETED",
  };
}

function* portsOf({ parameters, artifacts }: Ports): Generator<PlannedPort> {
  for (const [name, { type, description }] of parameters) yield { name, type: parameterType(type), description };
  for (const [name, { type, list }] of artifacts) {
    const title = (type.schemaTitle ?? "system.Artifact").replace(/^system\./, "");
    yield { name, type: list ? `list of ${title}` : title, description: "" };
  }
}

const typeNames: Readonly<Record<ParameterSpec["type"], string>> = {
  STRING: "text",
  NUMBER_INTEGER: "integer",
  NUMBER_DOUBLE: "number",
  BOOLEAN: "boolean",
  LIST: "list",
  STRUCT: "dict",
  TASK_FINAL_STATUS: "final status",
  TASK_CONFIG: "task config",
};

export const parameterType = (type: ParameterSpec["type"]): string => typeNames[type];

function sourceOf(task: Place, name: string): { readonly source?: string } {
  const inputs = task.at("inputs");
  const parameter = inputs.at("parameters").at(name);
  const from = parameter.absent ? inputs.at("artifacts").at(name) : parameter;
  if (from.absent) return {};
  const producer = from.at(parameter.absent ? "taskOutputArtifact" : "taskOutputParameter");
  if (!producer.absent) {
    const output = producer.at(parameter.absent ? "outputArtifactKey" : "outputParameterKey").text();
    return { source: `${producer.at("producerTask").text()}.${output}` };
  }
  const constant = from.at("runtimeValue").at("constant");
  if (!constant.absent) return { source: asText(constant.value ?? null) };
  const input = from.at(parameter.absent ? "componentInputArtifact" : "componentInputParameter").text();
  return { source: input.replace(/^pipelinechannel--/, "") };
}

function readContainer(
  container: Place,
): Pick<PlannedTask, "command" | "packages" | "environment" | "resources"> & Partial<PlannedTask> {
  const none = { command: [], packages: [], environment: [], resources: [] };
  if (container.absent) return none;
  const words = [...container.at("command").items(), ...container.at("args").items()].map((item) =>
    asText(item.value ?? null),
  );
  const code = words.find((word) => /^\s*(import|from) kfp\b/m.test(word) && /^def \w+\(/m.test(word));
  return {
    image: container.at("image").text(),
    ...(code === undefined ? { command: words } : { command: [], code: functionOf(code) }),
    packages: code === undefined ? [] : packagesOf(words),
    environment: container
      .at("env")
      .items()
      .map((item) => [item.at("name").text(), item.at("value").text()] as const),
    resources: resourcesOf(container.at("resources")),
  };
}

/** The user's own lines: what the compiler puts before them says nothing. */
function functionOf(code: string): string {
  return code.slice(code.search(/^(?:@|def )/m)).trim();
}

function packagesOf(words: readonly string[]): readonly string[] {
  const script = words.find((word) => word.includes("pip install")) ?? "";
  const quoted = [...script.matchAll(/'([A-Za-z][\w.-]*(?:\[[^\]]*\])?[^']*)'/g)].map(([, name = ""]) => name);
  return [...new Set(quoted)].filter((name) => !/^(kfp|typing-extensions)\b/.test(name));
}

function resourcesOf(resources: Place): readonly string[] {
  const text = (key: string, legacy: string): string =>
    resources.at(key).absent ? shown(resources.at(legacy).value) : shown(resources.at(key).value);
  const accelerator = resources.at("accelerator");
  const count = shown(accelerator.at("resourceCount").value) || shown(accelerator.at("count").value);
  const type = shown(accelerator.at("resourceType").value) || shown(accelerator.at("type").value);
  return [
    ["cpu", text("resourceCpuLimit", "cpuLimit") || text("resourceCpuRequest", "cpuRequest")],
    ["memory", text("resourceMemoryLimit", "memoryLimit") || text("resourceMemoryRequest", "memoryRequest")],
    [type, count],
  ]
    .filter(([name, amount]) => name !== "" && amount !== "")
    .map(([name, amount]) => `${name} ${amount}`);
}

const shown = (value: JsonValue | undefined): string => (value === undefined || value === null ? "" : asText(value));

function readImporter(importer: Place): Partial<PlannedTask> {
  if (importer.absent) return {};
  const uri = importer.at("artifactUri");
  return {
    importedUri: uri.at("constant").text() || uri.at("runtimeParameter").text(),
    importedType: importer
      .at("typeSchema")
      .at("schemaTitle")
      .text()
      .replace(/^system\./, ""),
  };
}
