import { ObjectInTheWayError, ObjectKeyError, NotPlainError } from "@headrace/artifacts";
import { isApiError } from "@headrace/model";
import { S3Error } from "../core/errors.ts";

/** A failure that the client may see, in S3's words; undefined for what is a bug of ours. */
export function refusalOf(error: unknown): S3Error | undefined {
  if (error instanceof S3Error) return error;
  const cause = { cause: error };
  if (error instanceof ObjectKeyError) {
    const code = error.message.includes("bucket's name") ? "InvalidBucketName" : "InvalidArgument";
    return new S3Error(
      /more than \d+ bytes|longer than/.test(error.fault) ? "KeyTooLongError" : code,
      error.message,
      {},
      cause,
    );
  }
  if (error instanceof ObjectInTheWayError) return new S3Error("ObjectInTheWay", error.message, {}, cause);
  if (error instanceof NotPlainError) return new S3Error("AccessDenied", error.message, {}, cause);
  if (isApiError(error, "RequestEntityTooLarge")) return new S3Error("EntityTooLarge", error.message, {}, cause);
  if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) {
    return new S3Error(
      "StorageFull",
      "The disk of the object store is full; free some space, then try again",
      {},
      cause,
    );
  }
  return undefined;
}
