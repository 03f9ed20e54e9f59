import { ApiError, isApiError, type ApiRequest, type ApiResponse } from "@headrace/model";
import { accessReviews } from "./access-reviews.ts";
import { createActions } from "./actions.ts";
import { createDiscovery } from "./discovery.ts";
import { forbidden, methodNotAllowed, unknownPath, impersonationRefused } from "./errors.ts";
import { createHealth } from "./health.ts";
import { createOpenApi } from "./open-api.ts";
import type { ApiServer, ApiServerOptions, ServerVersion, SubresourceHandler } from "./options.ts";
import { bindPod } from "./pod-binding.ts";
import { evictPod } from "./pod-eviction.ts";
import { podLog } from "./pod-log.ts";
import { createRegistry } from "./registry.ts";
import { renderValue } from "./render.ts";
import { createSubresources, offeredBy } from "./subresources.ts";
import { attributesOf, targetOf, type PathTarget, type Target } from "./target.ts";
import { createWriter } from "./writer.ts";

/** Requests that change nothing leave no audit record, unless they were forbidden. */
const readVerbs = new Set(["get", "list", "watch", "head", "options"]);

/** The Kubernetes whose API this is. */
const spoken: ServerVersion = { gitVersion: "v1.33.0+headrace", buildDate: "2025-04-23T00:00:00Z" };

/** Puts the server together. It holds no socket, no timer and no state of its own: everything is in the store. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, definitions, projections = [], answers = [], authorizer, audit, clock, ids, admission = [] } = options;
  const registry = createRegistry(store, definitions, projections, [...accessReviews(authorizer), ...answers]);
  const writer = createWriter({ registry, admission, clock, ids });
  const actions = createActions({ writer, authorize, clock });
  const handlers = handlersOf(options);
  const subresources = createSubresources({ actions, writer, handlers });
  const paths = [
    createDiscovery(registry, offeredBy(handlers)),
    createOpenApi(registry),
    createHealth(options.version ?? spoken, options.unready ?? (() => [])),
  ];

  async function authorize({ user }: ApiRequest, target: Target): Promise<void> {
    const attributes = attributesOf(target, user);
    const { allowed, reason } = await authorizer.authorize(attributes);
    if (!allowed) throw forbidden(attributes, reason);
  }

  async function answer(request: ApiRequest, target: Target): Promise<ApiResponse> {
    await authorize(request, target);
    if ("path" in target) return answerPath(request, target);
    // Discovery says the same to everybody, and kubectl shows only the failures that come after it.
    refuseImpersonation(request);
    if (target.subresource !== "") return subresources(request, target);
    if (!target.served.verbs.has(target.verb)) throw methodNotAllowed(target.served.remedy);
    return actions[target.verb](request, target);
  }

  async function answerPath(request: ApiRequest, { isResource }: PathTarget): Promise<ApiResponse> {
    if (isResource) throw methodNotAllowed();
    if (request.method !== "GET") throw unknownPath();
    for (const path of paths) {
      const response = await path(request);
      if (response) return response;
    }
    throw unknownPath();
  }

  async function handle(request: ApiRequest): Promise<ApiResponse> {
    let target: Target = { path: request.path, verb: request.method.toLowerCase() };
    let response: ApiResponse;
    try {
      target = targetOf(registry, request);
      response = await answer(request, target);
    } catch (error) {
      if (!isApiError(error)) options.onBug?.(error, request);
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

/** Whoever acts for another must not go on as themselves, with rights that were to be left aside. */
function refuseImpersonation({ headers }: ApiRequest): void {
  const name = Object.keys(headers).find((each) => each.startsWith("impersonate-"));
  if (name !== undefined) throw impersonationRefused(name);
}

function handlersOf({ clock, node, subresources }: ApiServerOptions): Readonly<Record<string, SubresourceHandler>> {
  return {
    "pods/binding": bindPod(clock),
    "pods/eviction": evictPod,
    ...(node && { "pods/log": podLog(node) }),
    ...subresources,
  };
}

/** Anything but an ApiError is a bug of ours: the caller learns that there is one. */
function failure(error: unknown, request: ApiRequest): ApiResponse {
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
