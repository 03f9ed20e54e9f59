import type { ObjectEntry } from "@headrace/artifacts";
import type { ApiResponse } from "@headrace/model";
import { S3Error } from "../core/errors.ts";
import { encodeStrictly } from "../core/signature.ts";
import { namespaceOfKey, pipelineBucket } from "../core/spaces.ts";
import type { XmlValue } from "../core/xml.ts";
import { etagsOf } from "../records/objects.ts";
import { type Call, isPermitted, ownerOf, permit, type S3Context, xmlResponse, xmlTime } from "./context.ts";

const mostEntries = 1000;

interface Listing {
  readonly ns: string;
  readonly prefix: string;
  readonly delimiter: string;
  readonly limit: number;
  readonly objects: readonly ObjectEntry[];
  readonly prefixes: readonly string[];
  /** Where the next page begins; undefined if this was the last. */
  readonly next: string | undefined;
  readonly encode: (key: string) => string;
}

/** ListObjectsV2. */
export async function listObjects(context: S3Context, call: Call): Promise<ApiResponse> {
  const { query } = call.request;
  const token = query.get("continuation-token");
  const after = token === null ? (query.get("start-after") ?? "") : readToken(token);
  const listing = await list(context, call, after);
  const withOwner = query.get("fetch-owner") === "true";
  return xmlResponse("ListBucketResult", {
    ...(await shared(context, call, listing, withOwner)),
    KeyCount: listing.objects.length + listing.prefixes.length,
    ContinuationToken: token ?? undefined,
    StartAfter: query.has("start-after") ? listing.encode(query.get("start-after") ?? "") : undefined,
    NextContinuationToken: listing.next === undefined ? undefined : writeToken(listing.next),
  });
}

/** ListObjects, the older form. */
export async function listObjectsByMarker(context: S3Context, call: Call): Promise<ApiResponse> {
  const marker = call.request.query.get("marker") ?? "";
  const listing = await list(context, call, marker);
  return xmlResponse("ListBucketResult", {
    ...(await shared(context, call, listing, true)),
    Marker: listing.encode(marker),
    NextMarker: listing.next === undefined ? undefined : listing.encode(listing.next),
  });
}

/** ListObjectVersions: nothing is versioned, so each object has one version, called `null`. */
export async function listVersions(context: S3Context, call: Call): Promise<ApiResponse> {
  const marker = call.request.query.get("key-marker") ?? "";
  const listing = await list(context, call, marker);
  const { Contents, ...rest } = await shared(context, call, listing, true);
  return xmlResponse("ListVersionsResult", {
    ...rest,
    KeyMarker: listing.encode(marker),
    NextKeyMarker: listing.next === undefined ? undefined : listing.encode(listing.next),
    Version: Contents.map((entry) => ({ ...entry, VersionId: "null", IsLatest: true })),
  });
}

async function shared(context: S3Context, { bucket, key }: Call, listing: Listing, withOwner: boolean) {
  const { ns, prefix, delimiter, limit, objects, prefixes, next, encode } = listing;
  const etags = await etagsOf(context.records, ns, bucket, objects);
  return {
    Name: bucket,
    Prefix: encode(prefix),
    Delimiter: delimiter === "" ? undefined : encode(delimiter),
    MaxKeys: limit,
    EncodingType: encode === plain ? undefined : "url",
    IsTruncated: next !== undefined,
    Contents: objects.map((entry, index): { readonly [name: string]: XmlValue } => ({
      Key: encode(entry.key),
      LastModified: xmlTime(entry.modifiedAt),
      ETag: `"${etags[index] ?? ""}"`,
      Size: entry.size,
      StorageClass: "STANDARD",
      Owner: withOwner ? ownerOf(key) : undefined,
    })),
    CommonPrefixes: prefixes.map((each) => ({ Prefix: encode(each) })),
  };
}

async function list(context: S3Context, call: Call, after: string): Promise<Listing> {
  const { query, signal } = call.request;
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const ns = await permit(context, { ...call, object: prefix }, "list");
  const limit = readLimit(query.get("max-keys"));
  const objects: ObjectEntry[] = [];
  const prefixes: string[] = [];
  let last = "";
  let isMore = false;
  if (limit > 0) {
    const entries = context.objects.entries(call.bucket, {
      prefix,
      after,
      shallow: delimiter === "/",
      ...(call.bucket === pipelineBucket && { mayEnter: (folder: string) => mayEnter(context, call, folder) }),
    });
    for await (const entry of entries) {
      signal.throwIfAborted();
      const end = delimiter === "" ? -1 : entry.key.indexOf(delimiter, prefix.length);
      const group = end < 0 ? undefined : entry.key.slice(0, end + delimiter.length);
      // A page may have ended within a group that is told already.
      if (group !== undefined && (group === prefixes.at(-1) || after.startsWith(group))) continue;
      if (objects.length + prefixes.length === limit) {
        isMore = true;
        break;
      }
      if (group === undefined) objects.push(entry);
      else prefixes.push(group);
      last = group ?? entry.key;
    }
  }
  const encode = query.get("encoding-type") === "url" ? encodeKey : plain;
  return { ns, prefix, delimiter, limit, objects, prefixes, next: isMore ? last : undefined, encode };
}

/** Other namespaces' folders of the pipelines' bucket are left out, not refused: their neighbours may be listed. */
async function mayEnter(context: S3Context, { user }: Call, folder: string): Promise<boolean> {
  const namespace = namespaceOfKey(folder);
  return namespace === undefined || folder.split("/").length !== 3 || (await isPermitted(context, user, namespace));
}

function readLimit(text: string | null): number {
  const limit = Number(text ?? mostEntries);
  if (Number.isInteger(limit) && limit >= 0) return Math.min(limit, mostEntries);
  throw new S3Error("InvalidArgument", `max-keys: "${text}" is no number of keys`);
}

const writeToken = (key: string): string => Buffer.from(key, "utf8").toString("base64url");

function readToken(token: string): string {
  const key = Buffer.from(token, "base64url").toString("utf8");
  if (token !== "" && writeToken(key) === token) return key;
  throw new S3Error("InvalidArgument", "The continuation token provided is incorrect");
}

const plain = (key: string): string => key;
const encodeKey = (key: string): string => key.split("/").map(encodeStrictly).join("/");
