import type { ArtifactSpec, ArtifactType, ParameterSpec, Ports } from "./ir.ts";
import { type Place, readMap } from "./reader.ts";

const parameterTypes = [
  "STRING",
  "NUMBER_INTEGER",
  "NUMBER_DOUBLE",
  "BOOLEAN",
  "LIST",
  "STRUCT",
  "TASK_FINAL_STATUS",
  "TASK_CONFIG",
] as const;

/** What goes into a component, or comes out of it: its `inputDefinitions` or `outputDefinitions`. */
export function readPorts(place: Place): Ports {
  return {
    parameters: readMap(place.at("parameters"), readParameterSpec),
    artifacts: readMap(place.at("artifacts"), readArtifactSpec),
  };
}

function readParameterSpec(place: Place): ParameterSpec {
  const defaultValue = place.at("defaultValue");
  return {
    type: place.at("parameterType").oneOf(parameterTypes),
    ...(defaultValue.value !== undefined && defaultValue.value !== null && { defaultValue: defaultValue.value }),
    optional: place.at("isOptional").flag() || !defaultValue.absent,
    literals: place
      .at("literals")
      .items()
      .map((item) => item.value ?? null),
    description: place.at("description").text(),
  };
}

function readArtifactSpec(place: Place): ArtifactSpec {
  const metadata = place.at("metadata");
  return {
    type: readArtifactType(place.at("artifactType")),
    list: place.at("isArtifactList").flag(),
    optional: place.at("isOptional").flag(),
    ...(!metadata.absent && { metadata: metadata.object() }),
  };
}

export function readArtifactType(place: Place): ArtifactType {
  const title = place.at("schemaTitle").text();
  const version = place.at("schemaVersion").text();
  const instance = place.at("instanceSchema").text();
  return {
    ...(title && { schemaTitle: title }),
    ...(version && { schemaVersion: version }),
    ...(instance && { instanceSchema: instance }),
  };
}
