import { isObject, type JsonObject, type JsonValue } from "./json.ts";
import type { PipelineDocument } from "./ir.ts";

/** The same pipeline with caching switched off for every task, those of nested pipelines included. */
export function withoutCaching(document: PipelineDocument): PipelineDocument {
  const { root, components } = document.pipelineSpec;
  return {
    ...document,
    pipelineSpec: {
      ...document.pipelineSpec,
      ...(isObject(root) && { root: inComponent(root) }),
      ...(isObject(components) && { components: mapValues(components, inComponent) }),
    },
  };
}

function inComponent(component: JsonValue): JsonValue {
  if (!isObject(component) || !isObject(component["dag"])) return component;
  const { dag } = component;
  const tasks = dag["tasks"];
  if (!isObject(tasks)) return component;
  return {
    ...component,
    dag: { ...dag, tasks: mapValues(tasks, (task) => (isObject(task) ? { ...task, cachingOptions: {} } : task)) },
  };
}

function mapValues(object: JsonObject, change: (value: JsonValue) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}
