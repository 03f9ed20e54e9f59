import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMerge,
  badRequest,
  invalid,
  PatchError,
  type ApiRequest,
  type KubeObject,
  type ResourceDefinition,
} from "@headrace/model";
import { unsupportedMediaType } from "./errors.ts";
import { mediaType, readValue } from "./request-body.ts";

const mergePatch = "application/merge-patch+json";
const jsonPatch = "application/json-patch+json";
const strategicPatch = "application/strategic-merge-patch+json";
const serverSideApply = "application/apply-patch";

/** What a patch makes of an object. Throws ApiError Invalid where it does not fit. */
export type PatchFunction = (object: KubeObject) => KubeObject;

/** The media types of patches that a kind takes. Strategic merge needs what only built-in kinds say of their lists. */
export function patchTypesOf({ builtIn }: ResourceDefinition): readonly string[] {
  return [jsonPatch, mergePatch, ...(builtIn ? [strategicPatch] : [])];
}

/** Reads the patch in a request's body. Throws ApiError UnsupportedMediaType for one that the kind does not take. */
export async function incomingPatch(request: ApiRequest, definition: ResourceDefinition): Promise<PatchFunction> {
  const type = mediaType(request);
  const types = patchTypesOf(definition);
  if (!types.includes(type)) throw unsupportedMediaType(type, types.join(", "), remedyFor(type));
  const { value: patch } = await readValue(request, { patch: types });
  if (patch === undefined) throw badRequest("Cannot patch: the body of the request is empty; send the patch");
  return (object) => asObject(applied(type, definition, object, patch), object, definition);
}

function remedyFor(type: string): string | undefined {
  if (type.startsWith(serverSideApply)) {
    return "server-side apply is not offered here: use `kubectl apply` without --server-side, or send a merge patch";
  }
  return type === strategicPatch
    ? "custom resources take a merge patch instead: `kubectl patch --type=merge`"
    : undefined;
}

function applied(type: string, definition: ResourceDefinition, object: KubeObject, patch: unknown): unknown {
  try {
    if (type === jsonPatch) return applyJsonPatch(object, patch);
    if (typeof patch !== "object" || patch === null || Array.isArray(patch)) {
      throw badRequest("Cannot patch: a patch of this type must be a JSON object");
    }
    return type === strategicPatch
      ? applyStrategicMerge(definition.schema, object, patch)
      : applyMergePatch(object, patch);
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    if (error.code === "malformed") throw badRequest(error.message, { cause: error });
    throw invalid(definition, object.metadata.name ?? "", [
      { reason: "FieldValueInvalid", field: "patch", message: error.message },
    ]);
  }
}

/** A patch may change anything, but what comes out must still be an object of this kind. */
function asObject(value: unknown, old: KubeObject, definition: ResourceDefinition): KubeObject {
  const { apiVersion, kind, metadata } = (value ?? {}) as Partial<KubeObject>;
  if (apiVersion !== old.apiVersion || kind !== old.kind || typeof metadata !== "object" || metadata === null) {
    throw badRequest(
      `Cannot patch ${definition.plural} "${old.metadata.name}": the patch would change its apiVersion or kind, or remove its metadata`,
    );
  }
  return value as KubeObject;
}
