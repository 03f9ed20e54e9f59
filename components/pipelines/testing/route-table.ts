import {
  ApiError,
  type ApiRequest,
  type ApiResponse,
  type Handler,
  type Route,
  type RouteParams,
} from "@headrace/model";

/** Finds the route of a request, as the gateway does, without its authentication. */
export function handlerOf(routes: readonly Route[]): Handler {
  const table = routes.map((route) => ({ route, pattern: route.pattern.split("/") }));
  return async (request: ApiRequest): Promise<ApiResponse> => {
    const segments = request.path.split("/").map(decodeURIComponent);
    for (const { route, pattern } of table) {
      const params = route.method === request.method ? match(pattern, segments) : undefined;
      if (params) return route.handle(request, params);
    }
    const status = new ApiError("NotFound", `Nothing is at ${request.method} ${request.path}`).toStatus();
    return {
      status: 404,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(status),
      value: status,
    };
  };
}

function match(pattern: readonly string[], segments: readonly string[]): RouteParams | undefined {
  const rest = /^\{(\w+)\.\.\.\}$/.exec(pattern.at(-1) ?? "")?.[1];
  if (rest !== undefined && segments.length >= pattern.length) {
    const before = pattern.length - 1;
    const params = match(pattern.slice(0, before), segments.slice(0, before));
    return params && { ...params, [rest]: segments.slice(before).join("/") };
  }
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? "";
    if (part.startsWith("{")) params[part.slice(1, -1)] = segment;
    else if (part !== segment) return undefined;
  }
  return params;
}
