import { badRequest } from "@headrace/model";
import { joinTasks, readOutputs } from "./dag-spec.ts";
import { readDocuments } from "./document.ts";
import { readContainer, readImporter, unsupportedVariables } from "./executor-spec.ts";
import { recognise } from "./format.ts";
import {
  type ClaimExecutor,
  type Component,
  type ContainerExecutor,
  type Dag,
  type ImporterExecutor,
  passthroughFields,
  type Pipeline,
  type PipelineDocument,
  type PipelineSettings,
  type Ports,
} from "./ir.ts";
import { isObject, type JsonObject, type JsonValue } from "./json.ts";
import { unsupportedSettings } from "./kubernetes-settings.ts";
import { readPorts } from "./ports.ts";
import { Place } from "./reader.ts";
import { readTask, type TaskDraft } from "./task-spec.ts";
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
    const tasks = joinTasks(drafts, { name, inputs, place: places });
    return { kind: "dag", tasks, outputs: readOutputs(place.at("outputs"), tasks) };
  }

  #readTask(name: string, place: Place): TaskDraft {
    const reference = place.at("componentRef").at("name");
    const component = this.#named(reference.requiredText(), reference);
    return readTask(name, place, component);
  }
}

const refuseNesting = (place: Place): never => place.fail(`DAGs are nested more than ${maxNesting} levels deep`);

function readPassthroughs(place: Place): Component["passthroughs"] {
  return new Map(
    place
      .items()
      .map((item) => [item.at("field").oneOf(passthroughFields), { applyToTask: item.at("applyToTask").flag() }]),
  );
}
