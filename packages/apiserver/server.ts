import { ApiError, isApiError, type ApiRequest, type ApiResponse } from "@headrace/model";
import { createActions } from "./actions.ts";
import { forbidden, unknownPath } from "./errors.ts";
import type { ApiServer, ApiServerOptions } from "./options.ts";
import { createRegistry } from "./registry.ts";
import { renderValue } from "./render.ts";
import { attributesOf, targetOf, type Target } from "./target.ts";
import { createWriter } from "./writer.ts";

const readVerbs = new Set(["get", "list", "watch", "head", "options"]);

/** Puts the server together. It holds no socket, no timer and no state of its own: everything is in the store. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, definitions, projections = [], authorizer, audit, clock, ids, admission = [] } = options;
  const registry = createRegistry(store, definitions, projections);
  const writer = createWriter({ store, registry, admission, clock, ids });
  const actions = createActions({ writer, clock });

  async function answer(request: ApiRequest, target: Target): Promise<ApiResponse> {
    const attributes = attributesOf(target, request.user);
    const decision = await authorizer.authorize(attributes);
    if (!decision.allowed) throw forbidden(attributes, decision.reason);
    if ("path" in target) throw unknownPath();
    return actions[target.verb](request, target);
  }

  async function handle(request: ApiRequest): Promise<ApiResponse> {
    let target: Target = { path: request.path, verb: request.method.toLowerCase() };
    let response: ApiResponse;
    try {
      target = targetOf(registry, request);
      response = await answer(request, target);
    } catch (error) {
      response = failure(error, request);
    }
    if (!readVerbs.has(target.verb) || response.status === 403) record(request, target, response.status);
    return response;
  }

  function record(request: ApiRequest, target: Target, status: number): void {
    const { verb, resource, path, namespace, name } = attributesOf(target, request.user);
    audit?.record({
      time: clock.now(),
      user: request.user.name,
      verb,
      resource: path ?? resource,
      namespace,
      name,
      status,
    });
  }

  return { handle };
}

/** Anything but an ApiError is a bug of ours: the caller learns that there is one, the log learns which. */
function failure(error: unknown, request: ApiRequest): ApiResponse {
  if (request.signal.aborted && !isApiError(error)) throw error;
  const known = isApiError(error)
    ? error
    : new ApiError("InternalError", `Internal error occurred: ${String(error)}`, {}, { cause: error });
  const isInProcess =
    request.value !== undefined || (request.headers["accept"] ?? "").includes("application/x-headrace-value");
  const response = renderValue(
    known.toStatus(),
    { encoding: isInProcess ? "value" : "json", as: "Object" },
    known.code,
  );
  const retryAfter = known.details?.retryAfterSeconds;
  return retryAfter === undefined
    ? response
    : { ...response, headers: { ...response.headers, "retry-after": String(retryAfter) } };
}
