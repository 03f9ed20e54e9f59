import { badRequest, type ApiRequest, type KubeObject, type ResourceDefinition } from "@headrace/model";
import { unsupportedMediaType } from "./errors.ts";
import { mediaType, readValue } from "./request-body.ts";

export async function incomingPatch(
  request: ApiRequest,
  definition: ResourceDefinition,
): Promise<(object: KubeObject) => KubeObject> {
  throw unsupportedMediaType(mediaType(request), "");
}
