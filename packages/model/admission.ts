import { applyDefaults } from "./complete.ts";
import { freeze } from "./json.ts";
import type { KubeObject } from "./object.ts";
import type { ResourceDefinition } from "./resource.ts";
import type { StatusCause } from "./status.ts";
import { validate } from "./validate.ts";
import { validateMetadata, validateMetadataUpdate } from "./validate-metadata.ts";

export type Admitted<T> =
  | { readonly object: T; readonly causes?: undefined }
  | { readonly object?: undefined; readonly causes: readonly StatusCause[] };

/**
 * The object as it is to be stored, frozen, or what is wrong with it: schema defaults, the schema's rules, what the kind itself
 * fills in (`prepare`), then metadata's rules and the kind's own. Unknown fields must have been pruned, and for a new object
 * namespace, name (from generateName) set and status removed. `subresource` is the one being written, "" for the object itself.
 */
export function admit<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  value: unknown,
  old: T | undefined,
  subresource = "",
): Admitted<T> {
  const complete = applyDefaults(definition.schema, value);
  const wrongShape = validate(definition.schema, complete, { uniqueKeys: !definition.builtIn });
  if (wrongShape.length > 0) return { causes: wrongShape };
  // The schema's rules hold, so the value is what the schema's type says.
  const sound = complete as T;
  const object = definition.prepare?.(sound, old) ?? sound;
  const causes = [
    ...validateMetadata(object.metadata, definition),
    ...(old ? validateMetadataUpdate(object.metadata, old.metadata) : []),
    ...(definition.validate?.(object, old, subresource) ?? []),
  ];
  return causes.length > 0 ? { causes } : { object: freeze(object) };
}
