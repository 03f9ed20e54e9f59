import { Code, ConnectError } from "@connectrpc/connect";
import { createFileRegistry, type DescMessage } from "@bufbuild/protobuf";
import { type ApiError, defineMessage, isApiError, s, type StatusReason } from "@headrace/model";
import { RpcError } from "./errors.ts";

/** Kubernetes' vocabulary in gRPC's. */
const codesByReason: Readonly<Record<StatusReason, Code>> = {
  BadRequest: Code.InvalidArgument,
  Unauthorized: Code.Unauthenticated,
  Forbidden: Code.PermissionDenied,
  NotFound: Code.NotFound,
  MethodNotAllowed: Code.Unimplemented,
  NotAcceptable: Code.InvalidArgument,
  AlreadyExists: Code.AlreadyExists,
  Conflict: Code.Aborted,
  Gone: Code.FailedPrecondition,
  Expired: Code.FailedPrecondition,
  RequestEntityTooLarge: Code.ResourceExhausted,
  UnsupportedMediaType: Code.InvalidArgument,
  Invalid: Code.InvalidArgument,
  TooManyRequests: Code.ResourceExhausted,
  InternalError: Code.Internal,
  ServiceUnavailable: Code.Unavailable,
  Timeout: Code.DeadlineExceeded,
};

/** google.rpc.BadRequest: which fields were wrong, for clients that read details. */
export const badRequestDetail = defineMessage("google.rpc.BadRequest", {
  field_violations: s.at(
    1,
    s.list(
      defineMessage("google.rpc.BadRequest.FieldViolation", {
        field: s.at(1, s.string()),
        description: s.at(2, s.string()),
      }),
    ),
  ),
});

/** How a failure looks to the caller; undefined for what is none of its business: a bug. */
export function connectErrorOf(error: unknown, registry: Registry): ConnectError | undefined {
  if (error instanceof ConnectError) return error;
  if (error instanceof RpcError) return new ConnectError(error.message, error.number, undefined, undefined, error);
  if (isApiError(error)) {
    const details = detailsOf(error, registry);
    return new ConnectError(error.message, codesByReason[error.reason], undefined, details, error);
  }
  return undefined;
}

type Registry = Pick<ReturnType<typeof createFileRegistry>, "getMessage">;

function detailsOf({ details }: ApiError, registry: Registry): { desc: DescMessage; value: Record<string, unknown> }[] {
  const causes = details?.causes ?? [];
  const desc = registry.getMessage("google.rpc.BadRequest");
  if (causes.length === 0 || !desc) return [];
  const fieldViolations = causes.map(({ field = "", message }) => ({ field, description: message }));
  return [{ desc, value: { fieldViolations } }];
}

/** gRPC's number for a failure that happened before any service saw the request. */
export function codeOf(error: ApiError): number {
  return codesByReason[error.reason];
}
