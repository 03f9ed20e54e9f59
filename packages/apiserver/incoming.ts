import {
  apiVersionOf,
  badRequest,
  prune,
  type ApiRequest,
  type KubeObject,
  type ResourceDefinition,
} from "@headrace/model";
import { protobufReader } from "./protobuf-body.ts";
import { readValue } from "./request-body.ts";

/** An object that a caller sent, with what has to be said about it. */
export interface Incoming {
  readonly object: KubeObject;
  readonly warnings: readonly string[];
}

export type FieldValidation = "Ignore" | "Warn" | "Strict";

/** What to do about fields that the kind does not have. */
export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const asked = query.get("fieldValidation") ?? "";
  if (asked === "") return "Warn";
  if (asked === "Ignore" || asked === "Warn" || asked === "Strict") return asked;
  throw badRequest(
    `fieldValidation: Unsupported value: ${JSON.stringify(asked)}: supported values: "Ignore", "Warn", "Strict"`,
  );
}

/** Whether the request is a rehearsal: everything happens but the write. */
export function isDryRun(query: URLSearchParams): boolean {
  const asked = query.getAll("dryRun").filter((each) => each !== "");
  const odd = asked.find((each) => each !== "All");
  if (odd !== undefined) throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(odd)}: supported values: "All"`);
  return asked.length > 0;
}

/** Reads the object in the body of a create or an update. Throws ApiError if it is none of this kind. */
export async function incomingObject(request: ApiRequest, definition: ResourceDefinition): Promise<Incoming> {
  const { value, duplicates } = await readValue(request, { protobuf: protobufReader(definition) });
  if (value === undefined)
    throw badRequest(
      `Cannot ${request.method} ${definition.plural}: the body of the request is empty; send the object`,
    );
  return sifted(objectOf(value, definition), definition, fieldValidationOf(request.query), duplicates);
}

/** Drops what the kind does not know, and says so as the caller wished. */
export function sifted(
  object: KubeObject,
  definition: ResourceDefinition,
  validation: FieldValidation,
  duplicates: readonly string[] = [],
): Incoming {
  const { value, unknown } = prune(definition.schema, object);
  const known = value as KubeObject;
  if (validation === "Ignore") return { object: known, warnings: [] };
  const warnings = [
    ...unknown.map((path) => `unknown field "${path}"`),
    ...duplicates.map((path) => `duplicate field "${path}"`),
  ];
  if (validation === "Strict" && warnings.length > 0) {
    const { kind, version } = definition;
    throw badRequest(
      `${kind} in version "${version}" cannot be handled as a ${kind}: strict decoding error: ${warnings.join(", ")}`,
    );
  }
  return { object: known, warnings };
}

/** The value as an object of this kind; apiVersion and kind may be missing, as the path says them too. */
function objectOf(value: unknown, definition: ResourceDefinition): KubeObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badRequest(`Cannot read a ${definition.kind} from the body of the request: it is not a JSON object`);
  }
  const { apiVersion = apiVersionOf(definition), kind = definition.kind, metadata = {} } = value as Partial<KubeObject>;
  if (apiVersion !== apiVersionOf(definition)) {
    throw badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${apiVersionOf(definition)})`,
    );
  }
  if (kind !== definition.kind) {
    throw badRequest(
      `${String(kind)} in version "${definition.version}" cannot be handled as a ${definition.kind}: no kind "${String(kind)}" is served at this path`,
    );
  }
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
    throw badRequest(`Cannot read a ${definition.kind} from the body of the request: metadata is not a JSON object`);
  }
  return { ...value, apiVersion, kind, metadata };
}

/** Refuses a body that means another object than the path does. */
export function requireSameKey(object: KubeObject, namespace: string, name?: string): void {
  const { metadata } = object;
  if (metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  if (name !== undefined && metadata.name !== undefined && metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
}
