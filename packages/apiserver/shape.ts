import type { KubeObject, ResourceDefinition, StatusCause } from "@headrace/model";

export function defaulted(_definition: ResourceDefinition, object: KubeObject): KubeObject {
  return object;
}

export function shapeCauses(_definition: ResourceDefinition, _object: KubeObject): readonly StatusCause[] {
  return [];
}

export function pruned(
  _definition: ResourceDefinition,
  object: KubeObject,
): { object: KubeObject; unknown: readonly string[] } {
  return { object, unknown: [] };
}
