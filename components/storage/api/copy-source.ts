import type { ObjectPlace, OpenObject } from "@headrace/artifacts";
import { S3Error } from "../core/errors.ts";
import { decodePath } from "../core/signature.ts";
import type { ObjectDescription } from "../records/objects.ts";

/** An open object that another is made of. */
export interface CopySource extends OpenObject {
  readonly at: ObjectPlace;
  readonly description: ObjectDescription;
}

/** Reads `/bucket/key`, percent-encoded, with an optional `?versionId=null`. Throws InvalidArgument. */
export function copySource(header: string): ObjectPlace {
  const [path = "", version] = header.split("?versionId=");
  const [bucket = "", ...key] = decodePath(path).replace(/^\//, "").split("/");
  if (bucket === "" || key.join("/") === "") {
    throw new S3Error("InvalidArgument", "Copy Source must mention the source bucket and key: /bucket/key");
  }
  if (version !== undefined && version !== "null") {
    throw new S3Error("NoSuchVersion", "The specified version does not exist: nothing is versioned");
  }
  return { bucket, key: key.join("/") };
}

/** The bytes of `x-amz-copy-source-range: bytes=0-9`; all of them without one. Throws InvalidArgument. */
export function copyRange(header: string | undefined, size: number): { readonly start: number; readonly end: number } {
  if (header === undefined) return { start: 0, end: size };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? [];
  const start = Number(first);
  const end = Number(last) + 1;
  if (!(start < end && end <= size)) {
    throw new S3Error("InvalidArgument", `The range "${header}" is not within the source's ${size} bytes`);
  }
  return { start, end };
}
