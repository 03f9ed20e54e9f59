import type { TaskState } from "@headrace/records";
import { PipelineFault } from "./errors.ts";
import { type Artifact, dagOf, fate, hasSucceeded, type LoopItems, type Node, noValues, type Values } from "./graph.ts";
import { channelPrefix, isChannel } from "./ir.ts";
import type { ArtifactSource, Component, OutputSource, ParameterSource, Task } from "./ir.ts";
import { asText, field, isList, isObject, type JsonValue } from "./json.ts";
import { coerce } from "./parameters.ts";
import { fillParameters, fillRunFacts, parametersWithin, type RunFacts } from "./placeholders.ts";

/**
 * The inputs of a task in an open DAG, from the DAG's own inputs and its siblings' outputs. What a component has a default for
 * stays absent. Throws PipelineFault that names the input which cannot be had.
 */
export function resolveInputs(dag: Node, task: Task, run: RunFacts): Values {
  const parameters = new Map<string, JsonValue>();
  for (const [name, source] of task.parameters) {
    const value = resolveParameter(name, source, { dag, task, run });
    if (value !== undefined) parameters.set(name, value);
  }
  fillReferences(dag, task, parameters);
  const artifacts = new Map<string, readonly Artifact[]>();
  for (const [name, source] of task.artifacts) {
    const found = resolveArtifacts(name, source, dag, task);
    if (found) artifacts.set(name, found);
  }
  return { parameters: checkInputs(task, parameters), artifacts };
}

interface Place {
  readonly dag: Node;
  readonly task: Task;
  readonly run: RunFacts;
}

function resolveParameter(name: string, source: ParameterSource, place: Place): JsonValue | undefined {
  const value = readParameter(name, source, place);
  if (value === undefined || !source.selector) return value;
  return source.selector.select(value);
}

/** Undefined means absent, which the component has to be content with. */
function readParameter(name: string, source: ParameterSource, { dag, task, run }: Place): JsonValue | undefined {
  switch (source.from) {
    case "constant":
      return fillRunFacts(source.value, run, { name: task.name, id: `${dag.key}/${task.name}` });
    case "finalStatus":
      return finalStatus(dag, source.task, run);
    case "input": {
      const value = channel(dag, source.name);
      if (value !== undefined && value !== null) return value;
      return absent(task, name, `input "${source.name}" of ${dag.key} has no value`);
    }
    case "task": {
      const producer = dag.children.get(source.task);
      const value = producer?.outputs?.parameters.get(source.key);
      if (value !== undefined) return value;
      return absent(task, name, `task "${source.task}" ${lackOf(producer)} output "${source.key}"`);
    }
  }
}

/** What a source gives in an open DAG; undefined if it has no value there. */
export function valueIn(dag: Node, source: ParameterSource): JsonValue | undefined {
  if (source.from === "input") return channel(dag, source.name);
  if (source.from === "task") return dag.children.get(source.task)?.outputs?.parameters.get(source.key);
  return source.from === "constant" ? source.value : undefined;
}

/**
 * An input of the DAG around a task. KFP's compiler (2.17) forgets to hand down what an f-string two groups deep refers to, but
 * gives it a name that is unique in the pipeline: so what the group lacks is looked for in the groups around it, and fields of a
 * loop's item are taken from the item.
 */
function channel(dag: Node, name: string): JsonValue | undefined {
  for (let node: Node | undefined = dag; node; node = node.parent) {
    const value = node.inputs?.parameters.get(name) ?? itemField(node, name);
    if (value !== undefined && value !== null) return value;
    if (!isChannel(name)) return undefined;
    if (isPipeline(node)) return node.inputs?.parameters.get(name.slice(channelPrefix.length));
  }
  return undefined;
}

function itemField(node: Node, name: string): JsonValue | undefined {
  const prefix = node.type === "ITERATION" ? `${node.parent?.task?.iterator?.item}-subvar-` : undefined;
  if (prefix === undefined || !name.startsWith(prefix)) return undefined;
  const item = node.inputs?.parameters.get(prefix.slice(0, -"-subvar-".length)) ?? null;
  const object: unknown = typeof item === "string" ? parsedOrSelf(item) : item;
  return isObject(object) ? field(object, name.slice(prefix.length)) : undefined;
}

function parsedOrSelf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

const isPipeline = (node: Node): boolean => node.type === "ROOT" || (node.type === "DAG" && node.task !== undefined);

function resolveArtifacts(
  name: string,
  source: ArtifactSource,
  dag: Node,
  task: Task,
): readonly Artifact[] | undefined {
  const found =
    source.from === "input"
      ? dag.inputs?.artifacts.get(source.name)
      : dag.children.get(source.task)?.outputs?.artifacts.get(source.key);
  if (found) return found;
  if (task.component.inputs.artifacts.get(name)?.optional) return undefined;
  const why =
    source.from === "input"
      ? `input "${source.name}" of ${dag.key} has no artifact`
      : `task "${source.task}" ${lackOf(dag.children.get(source.task))} output artifact "${source.key}"`;
  throw new PipelineFault(`Cannot resolve input artifact "${name}" of task "${task.name}": ${why}`);
}

function absent(task: Task, name: string, why: string): undefined {
  if (mayBeAbsent(task.component, name)) return undefined;
  throw new PipelineFault(`Cannot resolve input "${name}" of task "${task.name}": ${why}`);
}

const mayBeAbsent = (component: Component, name: string): boolean => {
  if (component.body.kind === "dag" && isChannel(name)) return true;
  const spec = component.inputs.parameters.get(name);
  return spec?.optional === true || spec?.defaultValue !== undefined;
};

function lackOf(producer: Node | undefined): string {
  if (producer && hasSucceeded(producer)) return "succeeded without";
  return `${producer ? fate(producer) : "has not run"} and has no`;
}

/** Constants may refer to other inputs of the same task: f-strings, and lists or objects of other tasks' outputs. */
function fillReferences(dag: Node, task: Task, parameters: Map<string, JsonValue>): void {
  for (const [name, source] of task.parameters) {
    if (source.from !== "constant") continue;
    const template = parameters.get(name) ?? null;
    const needed = parametersWithin(template);
    if (needed.length === 0) continue;
    const find = (each: string) => parameters.get(each) ?? channel(dag, each);
    const missing = needed.find((each) => find(each) === undefined && !task.parameters.has(each));
    if (missing !== undefined) {
      throw new PipelineFault(
        `Cannot resolve input "${name}" of task "${task.name}": it refers to "${missing}", which no task or input provides`,
      );
    }
    const values = new Map(needed.map((each) => [each, find(each) ?? null]));
    parameters.set(name, fillParameters(template, values));
  }
}

/** Converts to the component's types, gives a DAG its defaults (a container's own come later), and asks for what is missing. */
function checkInputs(task: Task, given: ReadonlyMap<string, JsonValue>): ReadonlyMap<string, JsonValue> {
  const checked = new Map<string, JsonValue>();
  const { inputs, body } = task.component;
  for (const [name, value] of given) {
    const spec = inputs.parameters.get(name);
    checked.set(name, spec && value !== null ? coerce(name, spec, value) : value);
  }
  for (const [name, spec] of inputs.parameters) {
    if (checked.has(name) || name === task.iterator?.item) continue;
    if (body.kind === "dag") {
      if (spec.defaultValue !== undefined) checked.set(name, spec.defaultValue);
      else if (spec.optional) checked.set(name, null);
    }
    if (!checked.has(name) && !mayBeAbsent(task.component, name) && !fromNowhere(task, name)) {
      throw new PipelineFault(`Cannot run task "${task.name}": input "${name}" is required and was not given`);
    }
  }
  return checked;
}

/** The items of a static loop come with the iterator, so its component may declare an input that nobody sets. */
function fromNowhere(task: Task, name: string): boolean {
  return task.iterator !== undefined && "input" in task.iterator.items && task.iterator.items.input === name;
}

/** MLMD's names of the states, which is what KFP's own backend hands to exit tasks. */
const finalStates: Readonly<Record<TaskState, string>> = {
  PENDING: "RUNNING",
  RUNNING: "RUNNING",
  SUCCEEDED: "COMPLETE",
  CACHED: "CACHED",
  FAILED: "FAILED",
  SKIPPED: "CANCELED",
  CANCELED: "CANCELED",
};

/** google.rpc.Code of a failed step: FAILED_PRECONDITION, as Vertex AI reports one. */
const failedCode = 9;

function finalStatus(dag: Node, name: string, run: RunFacts): JsonValue {
  const producer = dag.children.get(name);
  const message = producer?.state === "FAILED" ? producer.error?.message : undefined;
  return {
    state: finalStates[producer?.state ?? "CANCELED"],
    pipelineJobResourceName: run.resourceName,
    pipelineTaskName: name,
    error: message === undefined ? {} : { code: failedCode, message },
  };
}

/** What a loop goes over. Throws PipelineFault if that is no list. */
export function resolveItems(task: Task, inputs: Values): LoopItems {
  const { iterator } = task;
  if (!iterator) throw new PipelineFault(`Cannot loop over task "${task.name}": it has no iterator`);
  if (iterator.kind === "artifact") {
    const name = "input" in iterator.items ? iterator.items.input : "";
    return { kind: "artifact", values: inputs.artifacts.get(name) ?? [] };
  }
  if ("raw" in iterator.items) return { kind: "parameter", values: iterator.items.raw };
  const value = inputs.parameters.get(iterator.items.input) ?? null;
  return { kind: "parameter", values: asItems(task, value) };
}

function asItems(task: Task, value: JsonValue): readonly JsonValue[] {
  if (isList(value)) return value;
  try {
    const parsed: unknown = typeof value === "string" ? JSON.parse(value) : undefined;
    if (Array.isArray(parsed)) return parsed;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new PipelineFault(`Cannot loop in task "${task.name}": ${asText(value).slice(0, 100)} is not a list`);
}

/** The inputs of one iteration: the loop's, with the item in the place of the items. */
export function iterationInputs(loop: Node, index: number): Values {
  const { task, items, inputs = noValues } = loop;
  const iterator = task?.iterator;
  if (!iterator || !items)
    throw new PipelineFault(`Cannot open iteration ${index} of ${loop.key}: the loop has no items`);
  const source = "input" in iterator.items ? iterator.items.input : iterator.item;
  if (items.kind === "artifact") {
    const item = items.values[index];
    const artifacts = new Map(inputs.artifacts);
    artifacts.delete(source);
    artifacts.set(iterator.item, item ? [item] : []);
    return { parameters: inputs.parameters, artifacts };
  }
  const parameters = new Map(inputs.parameters);
  parameters.delete(source);
  const item = items.values[index] ?? null;
  const spec = loop.component.inputs.parameters.get(iterator.item);
  parameters.set(iterator.item, spec && item !== null ? coerce(iterator.item, spec, item) : item);
  return { parameters, artifacts: inputs.artifacts };
}

/** What a DAG hands out, as far as its tasks produced it. What no task produced is absent; a consumer that needs it says so. */
export function dagOutputs(dag: Node): Values {
  const { outputs } = dagOf(dag);
  return {
    parameters: collect(outputs.parameters, (source) =>
      firstOf(source, dag, (child, key) => child.outputs?.parameters.get(key)),
    ),
    artifacts: collect(outputs.artifacts, (source) =>
      firstOf(source, dag, (child, key) => child.outputs?.artifacts.get(key)),
    ),
  };
}

function firstOf<T>(source: OutputSource, dag: Node, read: (child: Node, key: string) => T | undefined): T | undefined {
  for (const { task, key } of source.candidates) {
    const child = dag.children.get(task);
    const value = child && (!source.oneOf || hasSucceeded(child)) ? read(child, key) : undefined;
    if (value !== undefined) return value;
  }
  return undefined;
}

/**
 * What a loop hands out (`Collected`): lists in the order of the items. A parameter of a loop within is a list for each item, so
 * that nested loops hand out lists of lists; artifacts can only stand in one flat list.
 */
export function loopOutputs(loop: Node): Values {
  const iterations = [...loop.children.values()].sort((a, b) => (a.iteration ?? 0) - (b.iteration ?? 0));
  const { outputs } = dagOf(loop);
  return {
    parameters: collect(outputs.parameters, (_, name) =>
      iterations.flatMap((each) => {
        const value = each.outputs?.parameters.get(name);
        return value === undefined ? [] : [value];
      }),
    ),
    artifacts: collect(outputs.artifacts, (_, name) =>
      iterations.flatMap((each) => each.outputs?.artifacts.get(name) ?? []),
    ),
  };
}

function collect<S, T>(
  sources: ReadonlyMap<string, S>,
  read: (source: S, name: string) => T | undefined,
): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const [name, source] of sources) {
    const value = read(source, name);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}
