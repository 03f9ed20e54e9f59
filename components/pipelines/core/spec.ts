import { badRequest } from "@headrace/model";
import { readDocuments } from "./document.ts";
import { PipelineFault } from "./errors.ts";
import { compileCondition, compileSelector, type Condition, type Selector } from "./expression.ts";
import { recognise } from "./format.ts";
import { isChannel, passthroughFields } from "./ir.ts";
import type {
  ArtifactSource,
  ClaimExecutor,
  Component,
  ContainerExecutor,
  ContainerResources,
  Dag,
  ImporterExecutor,
  Iterator,
  OutputSource,
  ParameterSource,
  Pipeline,
  PipelineDocument,
  PipelineSettings,
  Ports,
  RetryPolicy,
  Task,
} from "./ir.ts";
import { isObject, type JsonObject, type JsonValue } from "./json.ts";
import { unsupportedSettings } from "./kubernetes-settings.ts";
import { readArtifactType, readPorts } from "./ports.ts";
import { Place, readMap } from "./reader.ts";
import { readWorkspace } from "./workspace.ts";

const schemaVersion = "2.1.0";

/**
 * Reads what `kfp compile` wrote: a pipeline document and at most one platform document, in either order, as YAML or JSON; or
 * one JSON object of the shape `{pipeline_spec, platform_spec}`. Throws ApiError BadRequest that names the field at fault.
 */
export function parsePipelineDocuments(text: string): Pipeline {
  return checkSubmitted(splitDocuments(readDocuments(text)));
}

/** Reads the same from a value that is parsed already: a request's `pipeline_spec`. */
export function readSubmittedDocument(value: JsonObject): Pipeline {
  return checkSubmitted(splitDocuments([value]));
}

/** Reads a stored document, which may say more than the format has: earlier versions let that pass. */
export function readPipelineDocument(value: unknown): Pipeline {
  if (!isObject(value)) throw badRequest("pipeline_spec: must be an object");
  return checkDocument(splitDocuments([value]));
}

/** The two shapes in which KFP's API gives a spec back; also the form in which it is stored. */
export function documentValue(document: PipelineDocument): JsonObject {
  if (!document.platformSpec) return document.pipelineSpec;
  return { pipeline_spec: document.pipelineSpec, platform_spec: document.platformSpec };
}

function splitDocuments(documents: readonly JsonObject[]): PipelineDocument {
  const [first] = documents;
  const wrapped = first?.["pipeline_spec"] ?? first?.["pipelineSpec"];
  if (documents.length === 1 && first && isObject(wrapped)) {
    const platform = first["platform_spec"] ?? first["platformSpec"];
    const other = Object.keys(first).find((key) => !/^(?:pipeline|platform)(?:_s|S)pec$/.test(key));
    if (other !== undefined) throw badRequest(`${other}: unknown field beside pipeline_spec and platform_spec`);
    return withPlatform(wrapped, platform);
  }
  const platforms = documents.filter((document) => "platforms" in document && !isPipeline(document));
  const pipelines = documents.filter((document) => !platforms.includes(document));
  const [pipelineSpec] = pipelines;
  const [platformSpec] = platforms;
  if (!pipelineSpec) throw badRequest("Cannot read the pipeline: there is no document with a pipeline spec");
  if (pipelines.length > 1)
    throw badRequest(`Cannot read the pipeline: there are ${pipelines.length} pipeline specs, and one is allowed`);
  if (platforms.length > 1)
    throw badRequest(`Cannot read the pipeline: there are ${platforms.length} platform specs, and one is allowed`);
  return withPlatform(pipelineSpec, platformSpec);
}

const isPipeline = (document: JsonObject): boolean => "pipelineInfo" in document || "pipeline_info" in document;

/** A platform document without platforms says nothing: the pipeline comes back bare, as it does from upstream. */
function withPlatform(pipelineSpec: JsonObject, platformSpec: JsonValue | undefined): PipelineDocument {
  const platforms = (isObject(platformSpec) && platformSpec["platforms"]) || {};
  const isEmpty = isObject(platforms) && Object.keys(platforms).length === 0;
  return isObject(platformSpec) && !isEmpty ? { pipelineSpec, platformSpec } : { pipelineSpec };
}

/** Refuses what nobody reads: it was meant to do something. */
function checkSubmitted(given: PipelineDocument): Pipeline {
  if (given.pipelineSpec["kind"] === "Workflow") {
    throw badRequest(
      "Cannot read the pipeline: it is an Argo Workflow of KFP SDK 1; compile it with KFP SDK 2 or newer",
    );
  }
  const { document, unknown } = recognise(given);
  // Whether it is a pipeline at all comes first.
  checkHeader(new Place("", document.pipelineSpec));
  if (unknown !== undefined) throw badRequest(unknown);
  return checkDocument(document);
}

function checkDocument(document: PipelineDocument): Pipeline {
  const spec = new Place("", document.pipelineSpec);
  checkHeader(spec);
  const platform = new Place("", document.platformSpec).at("platforms").at("kubernetes");
  const components = new ComponentReader(spec, platform);
  const info = spec.at("pipelineInfo");
  return {
    document,
    name: info.at("name").text(),
    displayName: info.at("displayName").text() || info.at("name").text(),
    description: info.at("description").text(),
    defaultPipelineRoot: spec.at("defaultPipelineRoot").text(),
    root: components.root(),
    settings: readSettings(platform.at("pipelineConfig")),
    unsupported: components.unsupported,
  };
}

function checkHeader(spec: Place): void {
  const version = spec.at("schemaVersion");
  if (version.requiredText() !== schemaVersion) {
    version.fail(`Unsupported value: "${version.text()}": supported values: "${schemaVersion}" (KFP SDK 2)`);
  }
  const name = spec.at("pipelineInfo").at("name");
  if (!/[a-z0-9]/.test(name.requiredText()))
    name.fail(`Invalid value: "${name.text()}": must hold a lower case letter or a digit`);
  if (spec.at("root").absent) spec.at("root").fail("Required value");
}

function readSettings(config: Place): PipelineSettings {
  const seconds = (field: string) => config.at(field).count(0);
  const deadline = seconds("activeDeadlineSeconds");
  const always = seconds("resourceTtlOnCompletion");
  const onSuccess = seconds("resourceTtlOnSuccess") || always;
  const onFailure = seconds("resourceTtlOnFailure") || always;
  const workspace = readWorkspace(config.at("workspace"));
  return {
    ...(deadline > 0 && { activeDeadlineSeconds: deadline }),
    resourceTtl: { ...(onSuccess > 0 && { onSuccess }), ...(onFailure > 0 && { onFailure }) },
    ...(workspace && { workspace }),
  };
}

/** Images that are no images: what kfp-kubernetes calls the tasks that make and delete claims. */
const claimActions: ReadonlyMap<string, ClaimExecutor["action"]> = new Map([
  ["argostub/createpvc", "create"],
  ["argostub/deletepvc", "delete"],
]);

/** DAGs within DAGs: whoever walks them may do so by calling itself. */
const maxNesting = 200;

/** Reads components as they are named, each once; a component that contains itself, or too many others within each other, is refused. */
class ComponentReader {
  readonly #spec: Place;
  readonly #platform: Place;
  readonly #done = new Map<string, Component>();
  readonly #open = new Set<string>();
  /** How many DAGs each DAG holds within each other, itself included. */
  readonly #heights = new Map<Component, number>();
  readonly unsupported: string[] = [];

  constructor(spec: Place, platform: Place) {
    this.#spec = spec;
    this.#platform = platform;
  }

  root(): Component {
    const root = this.#spec.at("root");
    if (root.at("dag").absent) root.at("dag").fail("Required value");
    return this.#read("root", root);
  }

  #named(name: string, from: Place): Component {
    const known = this.#done.get(name);
    if (known) return known;
    const place = this.#spec.at("components").at(name);
    if (place.absent) return from.fail(`no component "${name}"`);
    if (this.#open.has(name)) return from.fail(`component "${name}" contains itself`);
    this.#open.add(name);
    if (this.#open.size - this.#done.size > maxNesting) return refuseNesting(from);
    const component = this.#read(name, place);
    this.#done.set(name, component);
    return component;
  }

  #read(name: string, place: Place): Component {
    const inputs = readPorts(place.at("inputDefinitions"));
    const outputs = readPorts(place.at("outputDefinitions"));
    const dag = place.at("dag");
    const passthroughs = readPassthroughs(place.at("taskConfigPassthroughs"));
    const body = dag.absent ? this.#readExecutor(place.at("executorLabel")) : this.#readDag(name, dag, inputs);
    const component = { name, inputs, outputs, body, passthroughs };
    if (body.kind === "dag") this.#heights.set(component, this.#heightOf(body, dag));
    return component;
  }

  #heightOf({ tasks }: Dag, place: Place): number {
    const within = tasks.values().map(({ component }) => this.#heights.get(component) ?? 0);
    const height = 1 + within.reduce((highest, each) => Math.max(highest, each), 0);
    return height > maxNesting ? refuseNesting(place) : height;
  }

  #readExecutor(reference: Place): ContainerExecutor | ClaimExecutor | ImporterExecutor {
    const label = reference.requiredText();
    const executor = this.#spec.at("deploymentSpec").at("executors").at(label);
    if (executor.absent) return reference.fail(`no executor "${label}"`);
    const kubernetes = this.#platform.at("deploymentSpec").at("executors").at(label);
    if (!executor.at("container").absent) {
      const place = executor.at("container");
      const action = claimActions.get(place.at("image").text());
      if (action) return { kind: "claim", label, action, image: place.at("image").text() };
      this.unsupported.push(...unsupportedSettings(kubernetes), ...unsupportedVariables(place));
      return readContainer(label, place, kubernetes);
    }
    if (!executor.at("importer").absent) return readImporter(label, executor.at("importer"));
    const [kind = "nothing"] = Object.keys(executor.object());
    return executor.fail(`an executor of kind ${kind} is not supported; use a container or an importer`);
  }

  #readDag(name: string, place: Place, inputs: Ports): Dag {
    const places = place.at("tasks");
    const names = Object.keys(places.object()).sort();
    if (names.length === 0) places.fail("a DAG needs at least one task");
    const drafts = names.map((name) => this.#readTask(name, places.at(name)));
    const tasks = connect(drafts, places);
    checkOrder(tasks, places);
    const sound = [...tasks.values()].map((task) =>
      checkSources(task, { name, tasks, inputs, place: places.at(task.name) }),
    );
    const outputs = readOutputs(place.at("outputs"), tasks);
    return { kind: "dag", tasks: new Map(sound.map((task) => [task.name, task])), outputs };
  }

  #readTask(name: string, place: Place): TaskDraft {
    const reference = place.at("componentRef").at("name");
    const component = this.#named(reference.requiredText(), reference);
    const trigger = place.at("triggerPolicy");
    const condition = trigger.at("condition");
    const iterator = readIterator(place);
    if (iterator && component.body.kind !== "dag") place.fail("an iterator is supported only on a DAG component");
    const retry = readRetry(place.at("retryPolicy"));
    const cache = place.at("cachingOptions");
    const key = cache.at("cacheKey").text();
    const task = {
      name,
      displayName: place.at("taskInfo").at("name").text() || name,
      component,
      parameters: readMap(place.at("inputs").at("parameters"), readParameterSource),
      artifacts: readMap(place.at("inputs").at("artifacts"), readArtifactSource),
      ...(!condition.absent && { condition: compiled(condition, compileCondition) }),
      always: trigger.at("strategy").text() === "ALL_UPSTREAM_TASKS_COMPLETED",
      ...(iterator && { iterator }),
      ...(retry && { retry }),
      cache: { enabled: cache.at("enableCache").flag(), ...(key && { key }) },
    };
    return { task, dependencies: place.at("dependentTasks").items() };
  }
}

const refuseNesting = (place: Place): never => place.fail(`DAGs are nested more than ${maxNesting} levels deep`);

/** A task before its neighbours are known. */
interface TaskDraft {
  readonly task: Omit<Task, "upstream" | "downstream">;
  readonly dependencies: readonly Place[];
}

/** Adds the dependencies that inputs imply to those that are declared, and the way back. */
function connect(drafts: readonly TaskDraft[], place: Place): ReadonlyMap<string, Task> {
  const downstream = new Map<string, string[]>(drafts.map(({ task }) => [task.name, []]));
  const upstream = new Map<string, string[]>();
  for (const { task, dependencies } of drafts) {
    const needs = new Set<string>();
    for (const dependency of dependencies) {
      const name = dependency.requiredText();
      if (!downstream.has(name)) dependency.fail(`no task "${name}" in this DAG`);
      needs.add(name);
    }
    for (const producer of producers(task)) {
      if (!downstream.has(producer)) place.at(task.name).at("inputs").fail(`no task "${producer}" in this DAG`);
      needs.add(producer);
    }
    const sorted = [...needs].sort();
    upstream.set(task.name, sorted);
    for (const need of sorted) downstream.get(need)?.push(task.name);
  }
  return new Map(
    drafts.map(({ task }) => {
      const links = { upstream: upstream.get(task.name) ?? [], downstream: downstream.get(task.name) ?? [] };
      return [task.name, { ...task, ...links }];
    }),
  );
}

function* producers(task: Pick<Task, "parameters" | "artifacts">): Generator<string> {
  for (const source of task.parameters.values()) {
    if (source.from === "task" || source.from === "finalStatus") yield source.task;
  }
  for (const source of task.artifacts.values()) if (source.from === "task") yield source.task;
}

/** Refuses tasks that wait for each other: takes away what can run until nothing is left. */
function checkOrder(tasks: ReadonlyMap<string, Task>, place: Place): void {
  const waiting = new Map([...tasks.values()].map((task) => [task.name, task.upstream.length]));
  const ready = [...tasks.values()].filter((task) => task.upstream.length === 0);
  for (let task = ready.pop(); task; task = ready.pop()) {
    waiting.delete(task.name);
    for (const name of task.downstream) {
      const left = (waiting.get(name) ?? 0) - 1;
      waiting.set(name, left);
      const next = tasks.get(name);
      if (left === 0 && next) ready.push(next);
    }
  }
  if (waiting.size > 0) place.fail(`tasks wait for each other in a circle: ${[...waiting.keys()].join(", ")}`);
}

interface Surroundings {
  /** Of the component around the task. */
  readonly name: string;
  readonly tasks: ReadonlyMap<string, Task>;
  readonly inputs: Ports;
  readonly place: Place;
}

/** The task, without inputs that it cannot have and does not need. Throws ApiError BadRequest for one that it does need. */
function checkSources(task: Task, around: Surroundings): Task {
  const inputs = around.place.at("inputs");
  const parameters = [...task.parameters].filter(([name, source]) => {
    if (isSound(source, "parameters", around)) return true;
    if (isPhantom(name, task.component)) return false;
    return explain(task, source, "parameters", around, inputs.at("parameters").at(name));
  });
  for (const [name, source] of task.artifacts) {
    if (!isSound(source, "artifacts", around))
      explain(task, source, "artifacts", around, inputs.at("artifacts").at(name));
  }
  return { ...task, parameters: new Map(parameters) };
}

/**
 * What KFP's compiler (2.17) writes for an f-string of a loop's item two groups deep: an input that claims to come from outside
 * the loop. It is left out, and found in the loop itself when the step is resolved.
 */
function isPhantom(name: string, component: Component): boolean {
  return component.body.kind === "dag" && isChannel(name) && name.includes("loop-item");
}

type Source = ParameterSource | ArtifactSource;

function isSound(source: Source, kind: "parameters" | "artifacts", { name, tasks, inputs }: Surroundings): boolean {
  if (source.from === "task") return tasks.get(source.task)?.component.outputs[kind].has(source.key) === true;
  if (source.from !== "input" || inputs[kind].has(source.name)) return true;
  // The same fault, for a value from outside the groups: it is found in the groups around.
  return kind === "parameters" && isChannel(source.name) && /^comp-(?:for-loop|condition|exit-handler)-/.test(name);
}

function explain(
  task: Task,
  source: Source,
  kind: "parameters" | "artifacts",
  { tasks }: Surroundings,
  place: Place,
): never {
  const word = kind === "parameters" ? "Parameter" : "Artifact";
  if (source.from === "task") checkProduced(source, kind, tasks, place.at(`taskOutput${word}`));
  const name = source.from === "input" ? source.name : "";
  return place
    .at(`componentInput${word}`)
    .fail(`task "${task.name}" reads "${name}", which no input of the enclosing DAG provides`);
}

function checkProduced(
  source: { readonly task: string; readonly key: string },
  kind: "parameters" | "artifacts",
  tasks: ReadonlyMap<string, Task>,
  place: Place,
): void {
  const producer = tasks.get(source.task);
  if (!producer) return place.fail(`no task "${source.task}" in this DAG`);
  const outputs = producer.component.outputs[kind];
  if (!outputs.has(source.key)) place.fail(`task "${source.task}" has no output ${kind.slice(0, -1)} "${source.key}"`);
}

function readOutputs(place: Place, tasks: ReadonlyMap<string, Task>): Dag["outputs"] {
  const read = (kind: "parameters" | "artifacts", source: (at: Place) => SourceDraft) =>
    readMap(place.at(kind), (at) => {
      const { oneOf, candidates } = source(at);
      for (const candidate of candidates) checkProduced(candidate, kind, tasks, candidate.place);
      return { oneOf, candidates: candidates.map(({ task, key }) => ({ task, key })) } satisfies OutputSource;
    });
  return { parameters: read("parameters", readParameterOutput), artifacts: read("artifacts", readArtifactOutput) };
}

interface SourceDraft {
  readonly oneOf: boolean;
  readonly candidates: readonly { readonly task: string; readonly key: string; readonly place: Place }[];
}

function readParameterOutput(place: Place): SourceDraft {
  const candidate = (at: Place) => ({
    task: at.at("producerSubtask").requiredText(),
    key: at.at("outputParameterKey").requiredText(),
    place: at,
  });
  const oneOf = place.at("valueFromOneof");
  if (!oneOf.absent) return { oneOf: true, candidates: oneOf.at("parameterSelectors").items().map(candidate) };
  const single = place.at("valueFromParameter");
  if (single.absent) return place.fail("Required value: valueFromParameter or valueFromOneof");
  return { oneOf: false, candidates: [candidate(single)] };
}

function readArtifactOutput(place: Place): SourceDraft {
  const candidates = place
    .at("artifactSelectors")
    .items()
    .map((at) => ({
      task: at.at("producerSubtask").requiredText(),
      key: at.at("outputArtifactKey").requiredText(),
      place: at,
    }));
  if (candidates.length === 0) place.at("artifactSelectors").fail("Required value");
  return { oneOf: candidates.length > 1, candidates };
}

function readParameterSource(place: Place): ParameterSource {
  const expression = place.at("parameterExpressionSelector");
  const selector: { selector?: Selector } = expression.absent
    ? {}
    : { selector: compiled(expression, compileSelector) };
  const input = place.at("componentInputParameter");
  if (!input.absent) return { from: "input", name: input.requiredText(), ...selector };
  const output = place.at("taskOutputParameter");
  if (!output.absent) {
    return {
      from: "task",
      task: output.at("producerTask").requiredText(),
      key: output.at("outputParameterKey").requiredText(),
      ...selector,
    };
  }
  const status = place.at("taskFinalStatus");
  if (!status.absent) return { from: "finalStatus", task: status.at("producerTask").requiredText(), ...selector };
  const { value } = place.at("runtimeValue").at("constant");
  if (value !== undefined) return { from: "constant", value, ...selector };
  return place.fail(
    "Required value: componentInputParameter, taskOutputParameter, runtimeValue.constant or taskFinalStatus",
  );
}

function readArtifactSource(place: Place): ArtifactSource {
  const input = place.at("componentInputArtifact");
  if (!input.absent) return { from: "input", name: input.requiredText() };
  const output = place.at("taskOutputArtifact");
  if (output.absent) return place.fail("Required value: componentInputArtifact or taskOutputArtifact");
  return {
    from: "task",
    task: output.at("producerTask").requiredText(),
    key: output.at("outputArtifactKey").requiredText(),
  };
}

function readIterator(task: Place): Iterator | undefined {
  const parallelism = task.at("iteratorPolicy").at("parallelismLimit").count(0);
  const parameter = task.at("parameterIterator");
  const artifact = task.at("artifactIterator");
  if (!parameter.absent && !artifact.absent) return artifact.fail("a task cannot have a parameterIterator as well");
  if (!parameter.absent) {
    const item = parameter.at("itemInput").requiredText();
    const raw = parameter.at("items").at("raw");
    const items = raw.absent
      ? { input: parameter.at("items").at("inputParameter").requiredText() }
      : { raw: readRawItems(raw) };
    return { kind: "parameter", items, item, parallelism };
  }
  if (artifact.absent) return undefined;
  const input = artifact.at("items").at("inputArtifact").requiredText();
  return { kind: "artifact", items: { input }, item: artifact.at("itemInput").requiredText(), parallelism };
}

function readRawItems(place: Place): readonly JsonValue[] {
  try {
    const items: unknown = JSON.parse(place.text());
    if (Array.isArray(items)) return items;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return place.fail("must be the JSON text of a list");
}

/** Upstream's driver lets delays grow for an hour at most when the pipeline sets no limit. */
const defaultMaxDelayMs = 3_600_000;

function readRetry(place: Place): RetryPolicy | undefined {
  const maxRetries = place.at("maxRetryCount").count(0);
  if (maxRetries === 0) return undefined;
  return {
    maxRetries,
    delayMs: place.at("backoffDuration").duration(0),
    factor: place.at("backoffFactor").number() ?? 2,
    maxDelayMs: place.at("backoffMaxDuration").duration(defaultMaxDelayMs) || defaultMaxDelayMs,
  };
}

function readContainer(label: string, place: Place, kubernetes: Place): ContainerExecutor {
  return {
    kind: "container",
    label,
    image: place.at("image").requiredText(),
    command: place
      .at("command")
      .items()
      .map((item) => item.text()),
    args: place
      .at("args")
      .items()
      .map((item) => item.text()),
    env: place
      .at("env")
      .items()
      .map((item) => ({ name: item.at("name").requiredText(), value: item.at("value").text() })),
    resources: readResources(place.at("resources")),
    ...(!kubernetes.absent && { kubernetes }),
  };
}

/** `set_debug_pause` asks Argo's executor to hold a container; nothing here would. */
function unsupportedVariables(container: Place): readonly string[] {
  return container
    .at("env")
    .items()
    .filter((item) => item.at("name").text().startsWith("ARGO_DEBUG_PAUSE_"))
    .map((item) => `${item.path} (${item.at("name").text()})`);
}

function readPassthroughs(place: Place): Component["passthroughs"] {
  return new Map(
    place
      .items()
      .map((item) => [item.at("field").oneOf(passthroughFields), { applyToTask: item.at("applyToTask").flag() }]),
  );
}

function readResources(place: Place): ContainerResources {
  const quantity = (key: string, old: string, unit: string) => {
    const text = place.at(key).text();
    const number = place.at(old).number();
    return text || (number ? `${number}${unit}` : "");
  };
  const accelerator = place.at("accelerator");
  const type = accelerator.at("resourceType").text() || accelerator.at("type").text();
  const count = accelerator.at("resourceCount").text() || String(accelerator.at("count").number() ?? "");
  const cpuRequest = quantity("resourceCpuRequest", "cpuRequest", "");
  const cpuLimit = quantity("resourceCpuLimit", "cpuLimit", "");
  const memoryRequest = quantity("resourceMemoryRequest", "memoryRequest", "G");
  const memoryLimit = quantity("resourceMemoryLimit", "memoryLimit", "G");
  return {
    ...(cpuRequest && { cpuRequest }),
    ...(cpuLimit && { cpuLimit }),
    ...(memoryRequest && { memoryRequest }),
    ...(memoryLimit && { memoryLimit }),
    ...(type && { accelerator: { type, count: count || "1" } }),
  };
}

function readImporter(label: string, place: Place): ImporterExecutor {
  const uri = place.at("artifactUri");
  const constant = uri.at("constant").text();
  return {
    kind: "importer",
    label,
    uri: constant ? { constant } : { input: uri.at("runtimeParameter").requiredText() },
    type: readArtifactType(place.at("typeSchema")),
    metadata: place.at("metadata").object(),
    reimport: place.at("reimport").flag(),
    downloadToWorkspace: place.at("downloadToWorkspace").flag(),
  };
}

function compiled<T extends Condition | Selector>(place: Place, compile: (text: string) => T): T {
  try {
    return compile(place.requiredText());
  } catch (error) {
    if (error instanceof PipelineFault) return place.fail(`Invalid value: ${error.message}`);
    throw error;
  }
}
