import { PipelineFault } from "./errors.ts";
import { compileCondition, compileSelector, type Condition, type Selector } from "./expression.ts";
import type { ArtifactSource, Component, Iterator, ParameterSource, RetryPolicy, Task } from "./ir.ts";
import type { JsonValue } from "./json.ts";
import { type Place, readMap } from "./reader.ts";

/** A task before its neighbours are known. */
export interface TaskDraft {
  readonly task: Omit<Task, "upstream" | "downstream">;
  readonly dependencies: readonly Place[];
}

export function readTask(name: string, place: Place, component: Component): TaskDraft {
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

function compiled<T extends Condition | Selector>(place: Place, compile: (text: string) => T): T {
  try {
    return compile(place.requiredText());
  } catch (error) {
    if (error instanceof PipelineFault) return place.fail(`Invalid value: ${error.message}`);
    throw error;
  }
}
