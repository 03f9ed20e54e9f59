import { createHash } from "node:crypto";
import type { Values } from "./graph.ts";
import type { Component, ContainerExecutor, Task } from "./ir.ts";
import { byCodePoint, isList, isObject, type JsonObject, type JsonValue } from "./json.ts";

/**
 * The fingerprint by which a step's earlier success is found: sha256 in hex of KFP's cache key, byte for byte as its own
 * driver computes it. It covers image, unresolved command and arguments, inputs (artifacts by row id) and the declared outputs.
 */
export function fingerprint(task: Task, executor: KeyedExecutor, inputs: Values): string {
  const custom = task.cache.key;
  if (custom !== undefined) return sha256(`${task.component.name}\0${custom}`);
  return sha256(goJson(cacheKey(task.component, executor, inputs)));
}

/** What of an executor counts; `claims` are the names of those that the step mounts. */
type KeyedExecutor = Pick<ContainerExecutor, "image" | "command" | "args"> & { readonly claims?: readonly string[] };

/** What of a step's inputs counts. */
interface KeyedInputs {
  readonly parameters: Values["parameters"];
  readonly artifacts: ReadonlyMap<string, readonly { readonly id: number }[]>;
}

/** KFP's message CacheKey in protobuf's JSON. */
export function cacheKey(component: Component, executor: KeyedExecutor, inputs: KeyedInputs): JsonObject {
  return withoutEmpty({
    inputArtifactNames: objectFrom(inputs.artifacts, (artifacts) =>
      withoutEmpty({ artifactNames: artifacts.map(({ id }) => String(id)) }),
    ),
    inputParameterValues: Object.fromEntries(inputs.parameters),
    outputArtifactsSpec: objectFrom(component.outputs.artifacts, ({ type }, name) =>
      withoutEmpty({ name, type: { ...type } }),
    ),
    outputParametersSpec: objectFrom(component.outputs.parameters, ({ type }) => type),
    containerSpec: withoutEmpty({
      image: executor.image,
      cmdArgs: [...executor.command, ...executor.args],
      pvcNames: (executor.claims ?? []).toSorted(byCodePoint),
    }),
  });
}

function objectFrom<T>(entries: ReadonlyMap<string, T>, change: (value: T, key: string) => JsonValue): JsonObject {
  return Object.fromEntries([...entries].map(([key, value]) => [key, change(value, key)]));
}

/** Protobuf's JSON leaves out empty lists, maps and texts. */
function withoutEmpty(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: JsonValue): boolean {
  if (isList(value)) return value.length === 0;
  return value === "" || (isObject(value) && Object.keys(value).length === 0);
}

/** JSON as Go's encoding/json writes it: keys in byte order, no blanks, and what HTML minds escaped. */
function goJson(value: JsonValue): string {
  if (isList(value)) return `[${value.map(goJson).join(",")}]`;
  if (typeof value === "string") return goString(value);
  if (!isObject(value)) return JSON.stringify(value);
  const keys = Object.keys(value).sort(byCodePoint);
  return `{${keys.map((key) => `${goString(key)}:${goJson(value[key] ?? null)}`).join(",")}}`;
}

function goString(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
