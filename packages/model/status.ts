/** Why a request failed, in Kubernetes' vocabulary (meta/v1 StatusReason). The HTTP code follows from it. */
const codes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof codes;

export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** meta/v1 Status: the body of every failure of the Kubernetes API. */
export interface Status {
  readonly apiVersion: "v1";
  readonly kind: "Status";
  readonly metadata: { readonly continue?: string; readonly resourceVersion?: string };
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: StatusReason;
  readonly details?: StatusDetails;
  readonly code: number;
}

/** A failure that the caller may see. Everything that leaves a face of Headrace as an error is one of these; anything else is a bug and becomes InternalError. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly reason: StatusReason;
  readonly details: StatusDetails | undefined;
  readonly code: number;

  constructor(reason: StatusReason, message: string, details?: StatusDetails, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.details = details;
    this.code = codes[reason];
  }

  toStatus(): Status {
    return {
      apiVersion: "v1",
      kind: "Status",
      metadata: {},
      status: "Failure",
      message: this.message,
      reason: this.reason,
      ...(this.details && { details: this.details }),
      code: this.code,
    };
  }
}

export function isApiError(error: unknown, reason?: StatusReason): error is ApiError {
  return error instanceof ApiError && (reason === undefined || error.reason === reason);
}

interface Kinded {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

/** A resource with its group, as Kubernetes writes it: `pods`, `trials.kubeflow.org`. */
export function resourceName({ plural, group }: Pick<Kinded, "plural" | "group">): string {
  return group === "" ? plural : `${plural}.${group}`;
}

export function notFound(resource: Kinded, name: string): ApiError {
  return new ApiError("NotFound", `${resourceName(resource)} "${name}" not found`, {
    name,
    group: resource.group,
    kind: resource.plural,
  });
}

export function alreadyExists(resource: Kinded, name: string): ApiError {
  return new ApiError("AlreadyExists", `${resourceName(resource)} "${name}" already exists`, {
    name,
    group: resource.group,
    kind: resource.plural,
  });
}

export function conflict(
  resource: Kinded,
  name: string,
  why = "the object has been modified; please apply your changes to the latest version and try again",
): ApiError {
  return new ApiError("Conflict", `Operation cannot be fulfilled on ${resourceName(resource)} "${name}": ${why}`, {
    name,
    group: resource.group,
    kind: resource.plural,
  });
}

/** Upstream's wording of a failed validation: `Pod "x" is invalid: spec.containers: Required value` with the causes in details. */
export function invalid(resource: Kinded, name: string, causes: readonly StatusCause[]): ApiError {
  const lines = causes.map((cause) => (cause.field ? `${cause.field}: ${cause.message}` : cause.message));
  const text = lines.length === 1 ? lines.join("") : `[${lines.join(", ")}]`;
  const kind = resource.group ? `${resource.kind}.${resource.group}` : resource.kind;
  return new ApiError("Invalid", `${kind} "${name}" is invalid: ${text}`, {
    name,
    group: resource.group,
    kind: resource.kind,
    causes,
  });
}

export function badRequest(message: string, options?: ErrorOptions): ApiError {
  return new ApiError("BadRequest", message, undefined, options);
}
