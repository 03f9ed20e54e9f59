import {
  type ArtifactSource,
  type Component,
  type Dag,
  isChannel,
  type OutputSource,
  type ParameterSource,
  type Ports,
  type Task,
} from "./ir.ts";
import { type Place, readMap } from "./reader.ts";
import type { TaskDraft } from "./task-spec.ts";

/**
 * Joins the tasks of a DAG, whose component has this name and these inputs. Throws ApiError BadRequest for those that wait for
 * each other, and for inputs that nothing provides.
 */
export function joinTasks(
  drafts: readonly TaskDraft[],
  { name, inputs, place }: Omit<Surroundings, "tasks">,
): ReadonlyMap<string, Task> {
  const tasks = connect(drafts, place);
  checkOrder(tasks, place);
  const sound = [...tasks.values()].map((task) =>
    checkSources(task, { name, tasks, inputs, place: place.at(task.name) }),
  );
  return new Map(sound.map((task) => [task.name, task]));
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
  /** Of the component around. */
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

/** What a DAG hands out of what its tasks make. */
export function readOutputs(place: Place, tasks: ReadonlyMap<string, Task>): Dag["outputs"] {
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
