import { ApiError, type ApiResponse, type StatusReason } from "@headrace/model";
import { DiskFullError } from "@headrace/records";
import type { JsonValue } from "../core/json.ts";

/** google.rpc.Code and the HTTP status that grpc-gateway makes of it. */
const codes: Readonly<Record<StatusReason, readonly [code: number, http: number]>> = {
  BadRequest: [3, 400],
  Invalid: [3, 400],
  RequestEntityTooLarge: [3, 400],
  UnsupportedMediaType: [3, 400],
  NotAcceptable: [3, 400],
  Gone: [9, 400],
  Expired: [9, 400],
  Timeout: [4, 504],
  NotFound: [5, 404],
  AlreadyExists: [6, 409],
  Forbidden: [7, 403],
  TooManyRequests: [8, 429],
  Conflict: [10, 409],
  MethodNotAllowed: [12, 405],
  InternalError: [13, 500],
  ServiceUnavailable: [14, 503],
  Unauthorized: [16, 401],
};

export function jsonResponse(value: JsonValue, status = 200): ApiResponse {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(value), value };
}

/** For a body that was written piece by piece; its value is made of it if anybody asks. */
export function jsonTextResponse(text: string): ApiResponse {
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: text,
    get value(): unknown {
      return JSON.parse(text);
    },
  };
}

/** Longer ones are cut: errors repeat what was sent, and that may be anything. */
const maxMessage = 4096;

/** KFP's body of a failure: a google.rpc.Status whose first detail repeats the short message. What is not an ApiError is a bug, and told nobody but `report`. */
export function errorResponse(error: unknown, report: (error: unknown) => void): ApiResponse {
  const known = asApiError(error, report);
  const [code, http] = codes[known.reason];
  const message = shortened(known.message);
  const details = [{ "@type": "type.googleapis.com/google.rpc.Status", code, message }];
  return jsonResponse({ code, message, details }, http);
}

/** The other body, of uploads, logs and artifacts. Upstream answers 400 there also to those who may not. */
export function uploadErrorResponse(error: unknown, report: (error: unknown) => void): ApiResponse {
  const known = asApiError(error, report);
  const [, http] = codes[known.reason];
  const status = known.reason === "Forbidden" || known.reason === "Unauthorized" || http === 404 ? 400 : http;
  const message = shortened(known.message);
  return jsonResponse({ error_message: message, error_details: `Error: ${message}` }, status);
}

const shortened = (message: string): string =>
  message.length > maxMessage ? `${message.slice(0, maxMessage)}…` : message;

function asApiError(error: unknown, report: (error: unknown) => void): ApiError {
  if (error instanceof ApiError) return error;
  report(error);
  if (error instanceof DiskFullError) return new ApiError("ServiceUnavailable", error.message, {}, { cause: error });
  return new ApiError("InternalError", "Internal error: the server's log says more");
}
