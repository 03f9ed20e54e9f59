import { deleteOptions } from "@headrace/k8s";
import { badRequest, type ApiRequest } from "@headrace/model";
import { isDryRun } from "./incoming.ts";
import type { DeletionOptions } from "./options.ts";
import { messageReader } from "./protobuf-body.ts";
import { readValue } from "./request-body.ts";

/** How to delete, from the body and, where the body is silent, from the query. Throws BadRequest. */
export async function deletionOptions(request: ApiRequest): Promise<DeletionOptions> {
  const { value = {} } = await readValue(request, { protobuf: messageReader("DeleteOptions", deleteOptions) });
  return readDeletionOptions(value, request.query);
}

export function readDeletionOptions(value: unknown, query: URLSearchParams): DeletionOptions {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badRequest("Cannot read DeleteOptions from the body of the request: it is not a JSON object");
  }
  const body: Readonly<Record<string, unknown>> = { ...value };
  const grace = wholeNumber(body["gracePeriodSeconds"] ?? query.get("gracePeriodSeconds") ?? undefined);
  const policy = policyOf(
    body["propagationPolicy"] ?? query.get("propagationPolicy") ?? undefined,
    body["orphanDependents"],
  );
  const preconditions = preconditionsOf(body["preconditions"]);
  const dryRun = isDryRun(query) || isRehearsed(body["dryRun"]);
  return {
    ...(grace !== undefined && { gracePeriodSeconds: grace }),
    ...(policy !== undefined && { propagationPolicy: policy }),
    ...(preconditions !== undefined && { preconditions }),
    dryRun,
  };
}

function wholeNumber(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const seconds = typeof value === "string" && value !== "" ? Number(value) : value;
  if (typeof seconds === "number" && Number.isSafeInteger(seconds) && seconds >= 0) return seconds;
  throw badRequest(
    `gracePeriodSeconds: Invalid value: ${JSON.stringify(value)}: must be a whole number of seconds, 0 or more`,
  );
}

function policyOf(value: unknown, orphanDependents: unknown): DeletionOptions["propagationPolicy"] {
  if (value === undefined || value === null || value === "") {
    return typeof orphanDependents === "boolean" ? (orphanDependents ? "Orphan" : "Background") : undefined;
  }
  if (value === "Foreground" || value === "Background" || value === "Orphan") return value;
  throw badRequest(
    `propagationPolicy: Unsupported value: ${JSON.stringify(value)}: supported values: "Foreground", "Background", "Orphan"`,
  );
}

function preconditionsOf(value: unknown): DeletionOptions["preconditions"] {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object")
    throw badRequest("preconditions: Invalid value: must be an object with uid, resourceVersion or both");
  const { uid, resourceVersion }: { uid?: unknown; resourceVersion?: unknown } = value;
  return { ...(typeof uid === "string" && { uid }), ...(typeof resourceVersion === "string" && { resourceVersion }) };
}

function isRehearsed(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (Array.isArray(value) && value.every((each) => each === "All")) return value.length > 0;
  throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(value)}: supported values: "All"`);
}
