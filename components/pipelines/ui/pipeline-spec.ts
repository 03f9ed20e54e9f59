/** What the run page reads of a compiled pipeline: the tasks that do not exist as rows yet. Anything it does not know it leaves out. */
export interface SpecDag {
  readonly tasks: readonly SpecTask[];
}

export interface SpecTask {
  readonly name: string;
  readonly displayName: string;
  readonly dependsOn: readonly string[];
  readonly kind: StepKind;
  /** The condition as a person would write it: `accuracy > 0.95`. */
  readonly condition?: string;
  /** What a loop goes over, if it has a name. */
  readonly loopsOver?: string;
  readonly dag?: SpecDag;
}

export type StepKind = "step" | "importer" | "group" | "condition" | "branches" | "loop" | "iteration" | "exit";

type Json = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const record = (value: unknown): Json => (isRecord(value) ? value : {});
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** Reads both shapes in which the API returns a spec: bare, or beside its platform spec. Undefined if it is neither. */
export function readPipelineSpec(value: unknown): SpecDag | undefined {
  const outer = record(value);
  const spec = isRecord(outer["pipeline_spec"]) ? outer["pipeline_spec"] : outer;
  const root = record(spec["root"]);
  if (!isRecord(root["dag"])) return undefined;
  return readDag(root["dag"], spec, 0);
}

// Components may name each other; a pipeline that nests deeper than this is broken.
const deepest = 32;

function readDag(dag: Json, spec: Json, depth: number): SpecDag {
  const entries = Object.entries(record(dag["tasks"]));
  const names = entries.map(([name]) => name);
  const tasks = entries.map(([name, task]) => readTask(name, record(task), names, spec, depth));
  return { tasks: inOrder(tasks) };
}

function readTask(name: string, task: Json, siblings: readonly string[], spec: Json, depth: number): SpecTask {
  const component = record(record(spec["components"])[text(record(task["componentRef"])["name"])]);
  const trigger = record(task["triggerPolicy"]);
  const condition = text(trigger["condition"]);
  const iterator = isRecord(task["parameterIterator"]) ? task["parameterIterator"] : task["artifactIterator"];
  const dag = isRecord(component["dag"]) && depth < deepest ? readDag(component["dag"], spec, depth + 1) : undefined;
  const over = loopSource(iterator, siblings);
  return {
    name,
    displayName: text(record(task["taskInfo"])["name"]) || name,
    dependsOn: dependencies(task),
    kind: kindOf(name, component, spec, { condition, iterates: isRecord(iterator), isDag: dag !== undefined }),
    ...(condition !== "" && { condition: readableCondition(condition, siblings) }),
    ...(over !== "" && { loopsOver: over }),
    ...(dag && { dag }),
  };
}

function kindOf(
  name: string,
  component: Json,
  spec: Json,
  task: { readonly condition: string; readonly iterates: boolean; readonly isDag: boolean },
): StepKind {
  if (task.iterates) return "loop";
  if (!task.isDag) {
    const executors = record(record(spec["deploymentSpec"])["executors"]);
    return isRecord(record(executors[text(component["executorLabel"])])["importer"]) ? "importer" : "step";
  }
  if (/^condition-branches-\d+$/.test(name)) return "branches";
  if (task.condition !== "") return "condition";
  return /^exit-handler-\d+$/.test(name) ? "exit" : "group";
}

/** Named ones and those whose outputs it takes. */
function dependencies(task: Json): readonly string[] {
  const named = Array.isArray(task["dependentTasks"]) ? task["dependentTasks"].map(text) : [];
  const inputs = record(task["inputs"]);
  const sources = [...Object.values(record(inputs["parameters"])), ...Object.values(record(inputs["artifacts"]))].map(
    (input) => {
      const from = record(record(input)["taskOutputParameter"] ?? record(input)["taskOutputArtifact"]);
      return text(from["producerTask"]);
    },
  );
  return [...new Set([...named, ...sources])].filter((name) => name !== "");
}

/** Compilers sort by letters; a reader looks for the second step before the tenth. */
const byName = new Intl.Collator("en", { numeric: true });

/** In the order in which they run, so that tables read from top to bottom; equals by name. */
function inOrder(tasks: readonly SpecTask[]): readonly SpecTask[] {
  const named = new Map(tasks.map((task) => [task.name, task]));
  const placed = new Set<SpecTask>();
  const begun = new Set<SpecTask>();
  const visit = (task: SpecTask): void => {
    if (begun.has(task)) return;
    begun.add(task);
    for (const name of task.dependsOn) {
      const before = named.get(name);
      if (before) visit(before);
    }
    placed.add(task);
  };
  for (const task of tasks.toSorted((a, b) => byName.compare(a.name, b.name))) visit(task);
  return [...placed];
}

function loopSource(iterator: unknown, producers: readonly string[]): string {
  const items = record(record(iterator)["items"]);
  const source = text(items["inputParameter"]) || text(items["inputArtifact"]);
  // Loops over constants are given generated names, which say nothing.
  return source === "" || /loop-item-param-\d+/.test(source) ? "" : channelName(source, producers);
}

/**
 * `pipelinechannel--train-accuracy` is the output `accuracy` of `train`, or a parameter with that name: the compiler joins
 * them without a mark, so the tasks around decide. A task's only output is called by the task's name.
 */
function channelName(name: string, producers: readonly string[]): string {
  const bare = name.replace(/^pipelinechannel--/, "");
  const producer = producers.filter((task) => bare.startsWith(`${task}-`)).sort((a, b) => b.length - a.length)[0];
  if (producer === undefined) return bare.replace(/-Output$/, "");
  const output = bare.slice(producer.length + 1);
  return output === "Output" ? producer : output;
}

/** The compiler's CEL in the words of the pipeline's author: references become names, casts go, connectives become words. */
export function readableCondition(cel: string, producers: readonly string[]): string {
  return cel
    .replaceAll(/inputs\.parameter_values\['([^']+)'\]/g, (_, name: string) => channelName(name, producers))
    .replaceAll(/\b(?:int|double)\(([^()]*)\)/g, "$1")
    .replaceAll("&&", "and")
    .replaceAll("||", "or")
    .replaceAll(/!\(/g, "not (")
    .replaceAll(/\s+/g, " ")
    .trim();
}
