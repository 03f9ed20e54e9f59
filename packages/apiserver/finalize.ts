import type { KubeObject, ResourceDefinition } from "@headrace/model";

/**
 * Kinds with the subresource `finalize` (namespaces) keep a second list of finalizers in their spec, which only that
 * subresource changes, and show their end as phase Terminating.
 */
function hasFinalize({ subresources }: ResourceDefinition): boolean {
  return subresources.some(({ name }) => name === "finalize");
}

/** Deleted, and held by nothing any more: what the next write has to remove. */
export function isReleased(definition: ResourceDefinition, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  return (
    deletionTimestamp !== undefined &&
    deletionGracePeriodSeconds === 0 &&
    finalizers.length === 0 &&
    (!hasFinalize(definition) || specFinalizers(object).length === 0)
  );
}

function specFinalizers(object: KubeObject): readonly unknown[] {
  const spec: unknown = Reflect.get(object, "spec");
  const finalizers: unknown = typeof spec === "object" && spec !== null ? Reflect.get(spec, "finalizers") : undefined;
  return Array.isArray(finalizers) ? finalizers : [];
}

/** The object with the finalizers of `asked`'s spec in its own, and nothing else of it. */
export function withSpecFinalizers(object: KubeObject, asked: KubeObject): KubeObject {
  const finalizers = specFinalizers(asked);
  const spec: unknown = Reflect.get(object, "spec");
  const { finalizers: _, ...rest } =
    typeof spec === "object" && spec !== null ? { finalizers, ...spec } : { finalizers };
  const changed = { ...object, spec: finalizers.length > 0 ? { ...rest, finalizers } : rest };
  return changed;
}

/** Phase Terminating, for kinds that show their end so. */
export function terminating(definition: ResourceDefinition, object: KubeObject): KubeObject {
  if (!hasFinalize(definition)) return object;
  const status: unknown = Reflect.get(object, "status");
  const ending = { ...object, status: { ...(typeof status === "object" ? status : {}), phase: "Terminating" } };
  return ending;
}
