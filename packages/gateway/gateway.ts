import type { Duplex } from "node:stream";
import {
  ApiError,
  isApiError,
  type ApiRequest,
  type ApiResponse,
  type Attributes,
  type AuditSink,
  type Authenticator,
  type Authorizer,
  type Clock,
  type Handler,
  isAnonymous,
  type Route,
  type RouteParams,
} from "@headrace/model";
import { failure, listen, type AccessEntry, type Address, type Listening } from "./listener.ts";
import type { Callers } from "./incoming.ts";
import { createRouter } from "./router.ts";
import type { StaticFiles } from "./static-files.ts";

/** A path that speaks another protocol than HTTP once it has been upgraded. Access is asked for as with any route. */
export interface UpgradeRoute extends Pick<Route, "pattern" | "access"> {
  readonly method: "GET" | "POST";
  upgrade(request: ApiRequest, params: RouteParams, socket: Duplex, head: Buffer): Promise<void>;
}

export interface GatewayOptions {
  readonly routes: readonly Route[];
  /** Serves `/kube/…`, without the prefix. */
  readonly kubeHandler: Handler;
  readonly upgrades?: readonly UpgradeRoute[];
  /** Who serves requests for this Host, before any route: models answer to `<name>-<namespace>.<domain>`. It asks for access itself. */
  readonly byHost?: (host: string) => Handler | undefined;
  readonly staticFiles?: StaticFiles;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly audit?: AuditSink;
  readonly clock: Clock;
  readonly onAccess?: (entry: AccessEntry) => void;
  readonly onError?: (error: unknown) => void;
}

export interface Gateway {
  /** For callers inside the process, who say themselves as whom: the same routes and decisions, without a socket. */
  readonly handle: Handler;
  /** Several addresses may be listened on: one for people, another for pods. Throws PortTakenError and ListenError. */
  listen(address: Address & { readonly callers?: Callers }): Promise<Listening>;
  /** Closes every listener. */
  close(): Promise<void>;
}

const kubePrefix = "/kube";
const reading = new Set(["get", "list", "watch"]);
const readingMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/** The front door: one origin for every face. */
export function createGateway(options: GatewayOptions): Gateway {
  const { kubeHandler, byHost, staticFiles, authorizer, audit, clock } = options;
  const router = createRouter(options.routes);
  const upgrades = createRouter(options.upgrades ?? []);
  const listeners = new Set<Listening>();

  async function route(request: ApiRequest): Promise<ApiResponse> {
    const byName = byHost?.(request.headers["host"] ?? "");
    if (byName) return byName(request);
    if (request.path === kubePrefix || request.path.startsWith(`${kubePrefix}/`)) {
      return kubeHandler({ ...request, path: request.path.slice(kubePrefix.length) || "/" });
    }
    const found = router.find(request.method, request.path);
    if (found && "route" in found) return handleRoute(found.route, found.params, request);
    const file = await staticFiles?.(request);
    if (file) return file;
    if (found) return methodNotAllowed(request, found.allow);
    throw new ApiError("NotFound", `Cannot find ${request.method} ${request.path}: nothing is served there`);
  }

  async function handleRoute(route: Route, params: RouteParams, request: ApiRequest): Promise<ApiResponse> {
    const attributes = await admit(route.access, params, request);
    let status = 500;
    try {
      const response = await route.handle(request, params);
      status = response.status;
      return response;
    } catch (error) {
      if (isApiError(error)) status = error.code;
      throw error;
    } finally {
      if (attributes) {
        if (!reading.has(attributes.verb)) record(attributes, status);
      } else if (!readingMethods.has(request.method) && !route.reads) {
        // What a route that asks for itself was about, only it knows: the path says it.
        const { user, method, path } = request;
        record({ user, verb: method.toLowerCase(), resource: path, namespace: "", name: "" }, status);
      }
    }
  }

  /** Asks the one decision point. Answers what was asked, or undefined for routes that are open or ask themselves. */
  async function admit(
    access: Route["access"],
    params: RouteParams,
    { user }: ApiRequest,
  ): Promise<Attributes | undefined> {
    if (typeof access !== "function") return undefined;
    const attributes = { user, ...access(params) };
    const decision = await authorizer.authorize(attributes);
    if (decision.allowed) return attributes;
    const refusal = refuse(attributes, decision.reason);
    record(attributes, refusal.code);
    throw refusal;
  }

  function record({ user, verb, resource, namespace, name }: Omit<Attributes, "group">, status: number): void {
    audit?.record({ time: clock.now(), user: user.name, verb, resource, namespace, name, status });
  }

  async function handle(request: ApiRequest): Promise<ApiResponse> {
    try {
      return await route(request);
    } catch (error) {
      if (!isApiError(error) && !request.signal.aborted) options.onError?.(error);
      return failure(error, request);
    }
  }

  async function upgrade(request: ApiRequest, socket: Duplex, head: Buffer): Promise<boolean> {
    const found = upgrades.find(request.method, request.path);
    if (!found || !("route" in found)) return false;
    await admit(found.route.access, found.params, request);
    await found.route.upgrade(request, found.params, socket, head);
    return true;
  }

  return {
    handle,
    async listen(address) {
      const { authenticator, onAccess, onError } = options;
      const listener = await listen({
        ...address,
        handle,
        authenticator,
        clock,
        upgrade,
        ...(onAccess && { onAccess }),
        ...(onError && { onError }),
      });
      listeners.add(listener);
      return listener;
    },
    async close() {
      await Promise.all([...listeners].map((listener) => listener.close()));
      listeners.clear();
    },
  };
}

/** 401 for those who have not said who they are, 403 for those who have. */
function refuse({ user, verb, group, resource, namespace, name }: Attributes, reason: string): ApiError {
  const what = group === "" ? resource : `${resource}.${group}`;
  const which = name === "" ? what : `${what} "${name}"`;
  const where = namespace === "" ? "" : ` in the namespace "${namespace}"`;
  return new ApiError(
    isAnonymous(user) ? "Unauthorized" : "Forbidden",
    `User "${user.name}" cannot ${verb} ${which}${where}: ${reason}`,
  );
}

function methodNotAllowed(request: ApiRequest, allow: readonly string[]): ApiResponse {
  const response = failure(
    new ApiError("MethodNotAllowed", `Cannot ${request.method} ${request.path}: it takes ${allow.join(", ")}`),
  );
  return { ...response, headers: { ...response.headers, allow: allow.join(", ") } };
}
