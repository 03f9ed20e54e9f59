import type { Artifact, Values } from "./graph.ts";
import type { ArtifactType, Component } from "./ir.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { localPath } from "./placeholders.ts";
import { workspaceMark } from "./workspace.ts";

/** The step's own writable directory: all of /tmp, since a step may keep an artifact anywhere in it (`custom_path`). */
export const scratch = "/tmp";

/** Where KFP's launcher expects the text of an output parameter. */
export const parameterFile = (name: string): string => `${scratch}/kfp/outputs/${name}`;

/** Where KFP's own driver has a Python step say its outputs. */
export const metadataFolder = `${scratch}/kfp_outputs`;

/**
 * The file in which a Python step says all its outputs. The SDK takes its folder for the root of the task's artifacts
 * (`dsl.get_uri`), so it lies where they do. Where there are none, it lies where KFP's own driver puts it, so that nothing has to be
 * made and mounted for it.
 */
function outputMetadataFile(component: Component, directory: string): string {
  return `${needsDirectory(component) ? localPath(directory) : metadataFolder}/output_metadata.json`;
}

/** Whether a step has to do with the place of its artifacts: it has some, or asks the SDK where they would lie. */
export function needsDirectory({ outputs, body }: Component): boolean {
  if (outputs.artifacts.size > 0 || body.kind !== "container") return true;
  return [...body.command, ...body.args].some((word) => word.includes("get_uri"));
}

/** KFP's ExecutorInput in JSON: what `{{$}}` becomes. */
export interface ExecutorInput {
  readonly inputs: {
    readonly parameterValues: JsonObject;
    readonly artifacts: Readonly<Record<string, ArtifactList>>;
  };
  readonly outputs: {
    readonly parameters: Readonly<Record<string, { readonly outputFile: string }>>;
    readonly artifacts: Readonly<Record<string, ArtifactList>>;
    readonly outputFile: string;
  };
}

interface ArtifactList {
  readonly artifacts: readonly ArtifactValue[];
}

export interface ArtifactValue {
  /** An input's row id in decimal; an output's key. */
  readonly name: string;
  readonly uri: string;
  readonly type: ArtifactType;
  readonly metadata: JsonObject;
}

/**
 * What a step is told: its inputs with the component's defaults filled in, and a place for each output. `directory` is the
 * URI beneath which this attempt's artifacts go; `inWorkspace` says which inputs were put into the run's workspace.
 */
export function executorInput(
  component: Component,
  inputs: Values,
  directory: string,
  inWorkspace: (artifact: Artifact) => boolean = () => false,
): ExecutorInput {
  const named = (artifact: Artifact) => inputArtifact(artifact, inWorkspace(artifact));
  return {
    inputs: {
      parameterValues: Object.fromEntries(withDefaults(component, inputs.parameters)),
      artifacts: mapEntries(inputs.artifacts, (artifacts) => ({ artifacts: artifacts.map(named) })),
    },
    outputs: {
      parameters: mapEntries(component.outputs.parameters, (_, name) => ({
        outputFile: parameterFile(name),
      })),
      artifacts: mapEntries(component.outputs.artifacts, ({ type, metadata = {} }, name) => ({
        artifacts: [{ name, uri: `${directory}/${name}`, type, metadata }],
      })),
      outputFile: outputMetadataFile(component, directory),
    },
  };
}

/** Parameters that were not given get the component's default; without one they stay absent. */
function withDefaults(component: Component, given: ReadonlyMap<string, JsonValue>): Map<string, JsonValue> {
  const parameters = new Map(given);
  for (const [name, { defaultValue }] of component.inputs.parameters) {
    if (!parameters.has(name) && defaultValue !== undefined) parameters.set(name, defaultValue);
  }
  return parameters;
}

function inputArtifact({ id, uri, type, metadata }: Artifact, isInside: boolean): ArtifactValue {
  return { name: String(id), uri, type, metadata: isInside ? { ...metadata, [workspaceMark]: true } : metadata };
}

/** Whether the artifact's bytes lie in the run's workspace, for this step. */
export const isInWorkspace = ({ metadata }: ArtifactValue): boolean => metadata[workspaceMark] === true;

function mapEntries<T, R>(entries: ReadonlyMap<string, T>, change: (value: T, key: string) => R): Record<string, R> {
  return Object.fromEntries([...entries].map(([key, value]) => [key, change(value, key)]));
}
