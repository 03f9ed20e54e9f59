import { ApiError, resourceName, type Attributes, type StatusDetails } from "@headrace/model";

/** Failures of requests in upstream's wording, beside those that model/status.ts has. All but the last are ApiErrors. */

export function unknownPath(): ApiError {
  return new ApiError("NotFound", "the server could not find the requested resource", {});
}

export function methodNotAllowed(remedy?: string): ApiError {
  const how = remedy === undefined ? "" : `: ${remedy}`;
  return new ApiError("MethodNotAllowed", `the server does not allow this method on the requested resource${how}`, {});
}

/** `pods "x" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "n"`. */
export function forbidden(asked: Attributes, reason: string): ApiError {
  const { user, verb, group, resource, namespace, name, path } = asked;
  const because = reason === "" ? "" : `: ${reason}`;
  if (path !== undefined) {
    return new ApiError("Forbidden", `forbidden: User "${user.name}" cannot ${verb} path "${path}"${because}`, {});
  }
  const [plural = ""] = resource.split("/");
  const qualified = resourceName({ plural, group });
  const subject = name === "" ? qualified : `${qualified} "${name}"`;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const details = { ...(name !== "" && { name }), group, kind: plural };
  return new ApiError(
    "Forbidden",
    `${subject} is forbidden: User "${user.name}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}${because}`,
    details,
  );
}

export function impersonationRefused(header: string): ApiError {
  return new ApiError(
    "Forbidden",
    `Cannot act for another user: impersonation (header ${header}) is not offered here; send a token of that user`,
    {},
  );
}

export function notAcceptable(): ApiError {
  return new ApiError(
    "NotAcceptable",
    "only the following media types are accepted: application/json, application/yaml",
    {},
  );
}

export function unsupportedMediaType(type: string, accepted: string, remedy?: string): ApiError {
  const how = remedy === undefined ? "" : `; ${remedy}`;
  return new ApiError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format ${JSON.stringify(type)} - accepted media types include: ${accepted}${how}`,
    {},
  );
}

export function tooLarge(what: string, limit: number): ApiError {
  return new ApiError("RequestEntityTooLarge", `Request entity too large: ${what}: limit is ${limit}`, {});
}

export function expired(message: string): ApiError {
  return new ApiError("Expired", message, {});
}

/** The caller knows a revision that this server has not reached yet. */
export function revisionTooLarge(asked: number, current: number): ApiError {
  const details: StatusDetails = {
    retryAfterSeconds: 1,
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
  };
  return new ApiError("Timeout", `Too large resource version: ${asked}, current: ${current}`, details);
}

/** The server was put together in a way that cannot work: two definitions for one path, a handler for a subresource that nobody declares. Thrown at start. */
export class ServerMisconfigured extends Error {
  override readonly name = "ServerMisconfigured";
  readonly code = "apiserver/misconfigured";
}
