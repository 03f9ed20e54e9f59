import type { ObjectFacts, ObjectPlace, StagedObject } from "@headrace/artifacts";
import type { ApiResponse } from "@headrace/model";
import { chunksOf } from "@headrace/records";
import { S3Error } from "../core/errors.ts";
import { childrenOf, childText, parseDocument } from "../core/xml.ts";
import { whyHeld } from "../records/holds.ts";
import { describeObject, forgetObjects, keepObject, type ObjectDescription } from "../records/objects.ts";
import { isUnchanged, rangeOf, requireWritable } from "./conditions.ts";
import { type Call, emptyResponse, note, ownerOf, permit, type S3Context, xmlResponse, xmlTime } from "./context.ts";
import { copySource, type CopySource } from "./copy-source.ts";
import { objectHeaders, overriddenHeaders } from "./object-headers.ts";
import { openPayload, readDocument } from "./payload.ts";
import { refusalOf } from "./refusals.ts";

const mostDeleted = 1000;
const deletedAtOnce = 50;

/** GET and HEAD of an object. */
export async function getObject(context: S3Context, call: Call): Promise<ApiResponse> {
  const { request } = call;
  const ns = await permit(context, call, "get");
  requireCurrentVersion(request.query);
  if (request.query.has("partNumber")) {
    throw new S3Error("NotImplemented", "Objects are not kept in the parts that they were uploaded in; use a range");
  }
  const at = placeOf(call);
  const found = await context.objects.open(at);
  if (!found) throw noSuchKey(call.object);
  let isHandedOn = false;
  try {
    const { facts } = found;
    const description = await describeObject(context.records, ns, at, facts);
    const headers = { ...validatorsOf(facts, description), "accept-ranges": "bytes" };
    if (isUnchanged(request.headers, { etag: description.etag, modifiedAt: facts.modifiedAt })) {
      return { status: 304, headers };
    }
    const ifRange = request.headers["if-range"];
    const counts = ifRange === undefined || ifRange === `"${description.etag}"`;
    const range = rangeOf(counts ? request.headers["range"] : undefined, facts.size);
    const { start, end } = range ?? { start: 0, end: facts.size };
    isHandedOn = true;
    return {
      status: range ? 206 : 200,
      headers: {
        ...headers,
        "content-type": "binary/octet-stream",
        ...description.headers,
        ...overriddenHeaders(request.query),
        "content-length": String(end - start),
        ...(range && { "content-range": `bytes ${start}-${end - 1}/${facts.size}` }),
        ...(request.headers["x-amz-checksum-mode"] === "ENABLED" && !range && checksumHeaders(description.checksums)),
      },
      body: closing(found.stream(start, end, request.signal), found),
    };
  } finally {
    if (!isHandedOn) await found[Symbol.asyncDispose]();
  }
}

/** Closes what is read when the reader is done with it, be it before the first byte. */
function closing(bytes: AsyncIterable<Uint8Array>, opened: AsyncDisposable): AsyncIterable<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  const done = async (): Promise<IteratorReturnResult<undefined>> => {
    await iterator.return?.(undefined);
    await opened[Symbol.asyncDispose]();
    return { done: true, value: undefined };
  };
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const result = await iterator.next();
        return result.done === true ? done() : result;
      },
      return: done,
    }),
  };
}

function validatorsOf({ modifiedAt }: ObjectFacts, { etag }: ObjectDescription): Record<string, string> {
  return { etag: `"${etag}"`, "last-modified": new Date(modifiedAt).toUTCString() };
}

export function checksumHeaders(checksums: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(checksums);
  const [, value = ""] = entries[0] ?? [];
  return {
    ...Object.fromEntries(entries.map(([name, sum]) => [`x-amz-checksum-${name}`, sum])),
    ...(entries.length > 0 && { "x-amz-checksum-type": value.includes("-") ? "COMPOSITE" : "FULL_OBJECT" }),
  };
}

export async function putObject(context: S3Context, call: Call): Promise<ApiResponse> {
  const ns = await permitWrite(context, call);
  const headers = objectHeaders(call.request.headers);
  using payload = openPayload(context, call);
  if (call.object.endsWith("/")) return await putFolder(context, call, ns, headers, payload);
  await using staged = await context.objects.stage(payload.bytes, payload.see);
  const { md5, checksum } = await payload.finish();
  const description = {
    etag: md5.toString("hex"),
    headers,
    checksums: checksum ? { [checksum.name]: checksum.value } : {},
  };
  await placeObject(context, call, ns, staged, description);
  return emptyResponse(200, { etag: `"${description.etag}"`, ...checksumHeaders(description.checksums) });
}

/** A key that ends with a slash is a folder; it holds no bytes of its own. */
async function putFolder(
  context: S3Context,
  call: Call,
  ns: string,
  headers: ObjectDescription["headers"],
  payload: ReturnType<typeof openPayload>,
): Promise<ApiResponse> {
  for await (const bytes of payload.bytes) {
    if (bytes.length > 0)
      throw new S3Error("InvalidArgument", "A key that ends with a slash is a folder, which holds no bytes");
  }
  const { md5 } = await payload.finish();
  const etag = md5.toString("hex");
  await context.objects.createFolder(placeOf(call));
  note(context, call, "create", ns);
  return emptyResponse(200, { etag: `"${etag}"`, ...headers });
}

/** Shows a staged object under its key and keeps what is known of it. One writer of a key at a time. */
export async function placeObject(
  context: S3Context,
  call: Call,
  ns: string,
  staged: StagedObject,
  description: ObjectDescription,
): Promise<ObjectFacts> {
  const at = placeOf(call);
  return context.locks.hold(`${at.bucket}/${at.key}`, async () => {
    await requireNoHold(context, at);
    const current = await context.objects.find(at);
    const known = current && (await describeObject(context.records, ns, at, current));
    requireWritable(call.request.headers, known);
    const facts = await context.objects.place(staged, at);
    await keepObject(context.records, ns, at, facts, description);
    note(context, call, "create", ns);
    return facts;
  });
}

export async function copyObject(context: S3Context, call: Call): Promise<ApiResponse> {
  const ns = await permitWrite(context, call);
  const { headers } = call.request;
  await using source = await openSource(context, call);
  const replaces = headers["x-amz-metadata-directive"] === "REPLACE";
  const described = replaces ? objectHeaders(headers) : source.description.headers;
  if (source.at.bucket === call.bucket && source.at.key === call.object) {
    if (!replaces) {
      throw new S3Error(
        "InvalidRequest",
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata",
      );
    }
    const description = { ...source.description, headers: described };
    await keepObject(context.records, ns, source.at, source.facts, description);
    note(context, call, "update", ns);
    return copyResult(source.facts, description);
  }
  await using staged = await context.objects.stage(source.stream(0, source.facts.size, call.request.signal));
  const description = { ...source.description, headers: described };
  const facts = await placeObject(context, call, ns, staged, description);
  return copyResult(facts, description);
}

function copyResult({ modifiedAt }: ObjectFacts, { etag }: ObjectDescription): ApiResponse {
  return xmlResponse("CopyObjectResult", { LastModified: xmlTime(modifiedAt), ETag: `"${etag}"` });
}

/** The object that a copy is made of, open. Throws NoSuchKey, AccessDenied and PreconditionFailed. */
export async function openSource(context: S3Context, call: Call): Promise<CopySource> {
  const { headers } = call.request;
  const at = copySource(headers["x-amz-copy-source"] ?? "");
  const ns = await permit(context, { user: call.user, bucket: at.bucket, object: at.key }, "get");
  const found = await context.objects.open(at);
  if (!found) throw noSuchKey(at.key);
  try {
    const description = await describeObject(context.records, ns, at, found.facts);
    const validators = { etag: description.etag, modifiedAt: found.facts.modifiedAt };
    if (isUnchanged(headers, validators, "x-amz-copy-source-")) {
      throw new S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    }
    return { ...found, at, description };
  } catch (error) {
    await found[Symbol.asyncDispose]();
    throw error;
  }
}

export async function deleteObject(context: S3Context, call: Call): Promise<ApiResponse> {
  requireCurrentVersion(call.request.query);
  const ns = await permit(context, call, "delete");
  await removeObject(context, call, ns);
  return emptyResponse(204);
}

async function removeObject(context: S3Context, call: Call, ns: string): Promise<void> {
  const at = placeOf(call);
  await context.locks.hold(`${at.bucket}/${at.key}`, async () => {
    await requireNoHold(context, at);
    if (!(await context.objects.remove(at))) return;
    await forgetObjects(context.records, ns, at.bucket, [at.key]);
    note(context, call, "delete", ns);
  });
}

type Deleted = { readonly Key: string };
type Kept = Deleted & { readonly Code: string; readonly Message: string };

async function deleteOne(context: S3Context, call: Call, Key: string, versionId: string): Promise<Deleted | Kept> {
  try {
    requireCurrentVersion(new URLSearchParams({ versionId }));
    const one = { ...call, object: Key };
    await removeObject(context, one, await permit(context, one, "delete"));
    return { Key };
  } catch (error) {
    const known = refusalOf(error);
    if (!known) throw error;
    return { Key, Code: known.code, Message: known.message };
  }
}

/** Up to a thousand objects in one request; each may fail by itself. Several at a time share the waits for the disk. */
export async function deleteObjects(context: S3Context, call: Call): Promise<ApiResponse> {
  await permit(context, call, "list");
  const document = parseDocument(await readDocument(context, call), "Delete");
  const wanted = childrenOf(document, "Object");
  if (wanted.length === 0 || wanted.length > mostDeleted) {
    throw new S3Error("MalformedXML", `One to ${mostDeleted} objects can be deleted at once, not ${wanted.length}`);
  }
  const ends: (Deleted | Kept)[] = [];
  for (const some of chunksOf(wanted, deletedAtOnce)) {
    const acts = some.map((element) =>
      deleteOne(context, call, childText(element, "Key") ?? "", childText(element, "VersionId") ?? "null"),
    );
    ends.push(...(await Promise.all(acts)));
  }
  const errors = ends.filter((end): end is Kept => "Code" in end);
  const deleted = ends.filter((end) => !("Code" in end));
  const isQuiet = childText(document, "Quiet") === "true";
  return xmlResponse("DeleteResult", { Deleted: isQuiet ? [] : deleted, Error: errors });
}

export async function getObjectAttributes(context: S3Context, call: Call): Promise<ApiResponse> {
  const ns = await permit(context, call, "get");
  const facts = await requireObject(context, call);
  const { etag, checksums } = await describeObject(context.records, ns, placeOf(call), facts);
  const wanted = new Set((call.request.headers["x-amz-object-attributes"] ?? "").split(",").map((each) => each.trim()));
  const sums = Object.entries(checksums).map(([name, sum]) => [`Checksum${name.toUpperCase()}`, sum] as const);
  const response = xmlResponse("GetObjectAttributesResponse", {
    ETag: wanted.has("ETag") ? etag : undefined,
    Checksum: wanted.has("Checksum") && sums.length > 0 ? Object.fromEntries(sums) : undefined,
    StorageClass: wanted.has("StorageClass") ? "STANDARD" : undefined,
    ObjectSize: wanted.has("ObjectSize") ? facts.size : undefined,
  });
  return { ...response, headers: { ...response.headers, "last-modified": new Date(facts.modifiedAt).toUTCString() } };
}

/** Every object belongs to its namespace alone. */
export async function getObjectAcl(context: S3Context, call: Call): Promise<ApiResponse> {
  await permit(context, call, "get");
  await requireObject(context, call);
  return aclResponse(call);
}

export function aclResponse({ key }: Call): ApiResponse {
  const grantee = 'Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"';
  return xmlResponse("AccessControlPolicy", {
    Owner: ownerOf(key),
    AccessControlList: { Grant: { [grantee]: ownerOf(key), Permission: "FULL_CONTROL" } },
  });
}

/** None are kept, so there are none. */
export async function getObjectTagging(context: S3Context, call: Call): Promise<ApiResponse> {
  await permit(context, call, "get");
  await requireObject(context, call);
  return xmlResponse("Tagging", { TagSet: "" });
}

async function requireObject(context: S3Context, call: Call): Promise<ObjectFacts> {
  const facts = await context.objects.find(placeOf(call));
  if (!facts) throw noSuchKey(call.object);
  return facts;
}

export async function permitWrite(context: S3Context, call: Call): Promise<string> {
  const ns = await permit(context, call, "create");
  await requireNoHold(context, placeOf(call));
  return ns;
}

async function requireNoHold({ records }: S3Context, at: ObjectPlace): Promise<void> {
  const reason = await whyHeld(records, at);
  if (reason !== undefined) throw new S3Error("AccessDenied", `Cannot change "${at.key}": ${reason}`);
}

/** Nothing is versioned: the version of everything is called `null`. */
function requireCurrentVersion(query: URLSearchParams): void {
  const version = query.get("versionId") ?? "null";
  if (version !== "null")
    throw new S3Error("NoSuchVersion", "The specified version does not exist: nothing is versioned");
}

const placeOf = ({ bucket, object }: Pick<Call, "bucket" | "object">): ObjectPlace => ({ bucket, key: object });

const noSuchKey = (key: string): S3Error => new S3Error("NoSuchKey", "The specified key does not exist.", { Key: key });
