/** Where a URI's bytes are, relative to the store's root; or why they cannot be here. */
export type Location =
  | { readonly ok: true; readonly segments: readonly string[] }
  | { readonly ok: false; readonly reason: string };

/** What a bucket may be called. */
export const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const longestSegment = 255;
export const longestKey = 1024;

/** `minio://bucket/key` is `<bucket>/<key>` beneath the root, taken literally: nothing is decoded, nothing is normalised. */
export function locate(uri: string): Location {
  const [scheme, rest] = splitScheme(uri);
  if (rest === undefined) return refuse(`"${shorten(uri)}" is not a URI: expected minio://<bucket>/<key>`);
  if (scheme !== "minio") {
    return refuse(`no provider is configured for ${scheme}:// URIs; only minio:// is stored here`);
  }
  if (/[?#]/.test(rest))
    return refuse(`"${shorten(uri)}" has a query, which would choose another server; none is configured`);
  const [bucket = "", ...key] = rest.replace(/\/$/, "").split("/");
  if (!bucketName.test(bucket)) {
    return refuse(`"${shorten(bucket)}" is not a bucket's name: 3 to 63 lower-case letters, digits, dots and dashes`);
  }
  if (key.length === 0) return refuse(`"${shorten(uri)}" names a bucket, not an artifact in it`);
  if (Buffer.byteLength(key.join("/")) > longestKey) return refuse(`the key is longer than ${longestKey} bytes`);
  for (const segment of key) {
    const fault = segmentFault(segment);
    if (fault) return refuse(`"${shorten(uri)}" has ${fault}`);
  }
  return { ok: true, segments: [bucket, ...key] };
}

function splitScheme(uri: string): [string, string | undefined] {
  const end = uri.indexOf("://");
  return end > 0 ? [uri.slice(0, end), uri.slice(end + 3)] : ["", undefined];
}

/** What keeps a name from being one step of a path here, if anything does. */
export function segmentFault(segment: string): string | undefined {
  if (segment === "") return "an empty segment";
  if (segment === "." || segment === "..") return `the segment "${segment}"`;
  if (segment.includes("\0")) return "a NUL character";
  if (segment.startsWith(temporaryPrefix))
    return `a segment that begins with ${temporaryPrefix}, which is the store's own`;
  if (Buffer.byteLength(segment) > longestSegment) return `a segment longer than ${longestSegment} bytes`;
  return undefined;
}

/** Files being written have names with this prefix until they are complete; no artifact has. */
export const temporaryPrefix = ".headrace-part-";

const shorten = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);

const refuse = (reason: string): Location => ({ ok: false, reason });
