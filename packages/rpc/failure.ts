import { ApiError, isApiError, type ApiRequest, type ApiResponse } from "@headrace/model";
import { codeOf } from "./status.ts";

/**
 * How a caller that speaks gRPC or gRPC-web learns of a failure before any service saw its request: nobody knows it, nothing is served
 * there. Undefined for everybody else. What is no ApiError is a bug, whose details stay here.
 */
export function rpcFailure({ headers }: Pick<ApiRequest, "headers">, error: unknown): ApiResponse | undefined {
  const type = /^application\/grpc(-web)?(?=[+;-]|$)/i.exec(headers["content-type"] ?? "");
  if (!type) return undefined;
  const known = isApiError(error) ? error : new ApiError("InternalError", "Internal error occurred");
  // A service or method that is not there is not the same as a thing that is not there.
  const code = known.reason === "NotFound" ? 12 : codeOf(known);
  const contentType = { "content-type": headers["content-type"] ?? "" };
  const status = { "grpc-status": String(code), "grpc-message": encodeURIComponent(known.message) };
  // A browser sees no trailers, so gRPC-web has them among the headers of an answer without a body.
  if (type[1] !== undefined) return { status: 200, headers: { ...contentType, ...status } };
  return { status: 200, headers: contentType, body: nothing(), trailers: () => status };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
