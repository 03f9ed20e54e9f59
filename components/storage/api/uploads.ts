import { createHash } from "node:crypto";
import { isApiError, type ApiResponse, type Clock } from "@headrace/model";
import type { ObjectFiles, StagedObject } from "@headrace/artifacts";
import { checksumNames, checksums, type ChecksumName, isChecksumName } from "../core/checksums.ts";
import { S3Error } from "../core/errors.ts";
import { childrenOf, childText, parseDocument, renderXml, xmlDeclaration, renderPlainXml } from "../core/xml.ts";
import { copyRange } from "./copy-source.ts";
import { type Call, emptyResponse, ownerOf, permit, type S3Context, xmlResponse, xmlTime } from "./context.ts";
import { checksumHeaders, openSource, permitWrite, placeObject } from "./objects.ts";
import { objectHeaders } from "./object-headers.ts";
import { badDigest, openPayload, readDocument } from "./payload.ts";
import { refusalOf } from "./refusals.ts";

const mostParts = 10_000;
const leastPart = 5 << 20;
const mostUploads = 1000;
/** An upload that nobody completed is forgotten after this long. */
const patienceMs = 7 * 24 * 3_600_000;
/** How often a client that waits hears that its upload is still being put together: most give up after a minute. */
const patterMs = 5_000;

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly namespace: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum: ChecksumName | undefined;
  /** Whether the object's checksum is that of its bytes, or that of its parts' checksums. */
  readonly isWhole: boolean;
  readonly createdAt: number;
}

export async function createUpload(context: S3Context, call: Call): Promise<ApiResponse> {
  const { objects, ids, clock } = context;
  const namespace = await permitWrite(context, call);
  if (call.object.endsWith("/"))
    throw new S3Error("InvalidArgument", "A key that ends with a slash is a folder, which holds no bytes");
  const { headers } = call.request;
  const algorithm = headers["x-amz-checksum-algorithm"]?.toLowerCase();
  if (algorithm !== undefined && !isChecksumName(algorithm)) {
    throw new S3Error("InvalidRequest", `The checksum "${algorithm}" is unknown`);
  }
  if ((await objects.uploads.list()).length >= mostUploads) {
    throw new S3Error("SlowDown", `${mostUploads} uploads in parts are open; complete or abort some of them`);
  }
  const isWhole =
    (headers["x-amz-checksum-type"] ?? (algorithm === "crc64nvme" ? "FULL_OBJECT" : "")) === "FULL_OBJECT";
  const upload: Upload = {
    bucket: call.bucket,
    key: call.object,
    namespace,
    headers: objectHeaders(headers),
    checksum: algorithm,
    isWhole,
    createdAt: clock.now(),
  };
  const id = ids.uuid();
  await objects.uploads.create(id, JSON.stringify(upload));
  const response = xmlResponse("InitiateMultipartUploadResult", {
    Bucket: call.bucket,
    Key: call.object,
    UploadId: id,
  });
  return {
    ...response,
    headers: {
      ...response.headers,
      ...(algorithm && {
        "x-amz-checksum-algorithm": algorithm.toUpperCase(),
        "x-amz-checksum-type": isWhole ? "FULL_OBJECT" : "COMPOSITE",
      }),
    },
  };
}

export async function uploadPart(context: S3Context, call: Call): Promise<ApiResponse> {
  const { id, number } = await requirePart(context, call);
  using payload = openPayload(context, call);
  await using staged = await context.objects.stage(payload.bytes, payload.see);
  const { md5, checksum } = await payload.finish();
  await keepPart(context, id, { number, etag: md5.toString("hex"), checksum }, staged);
  return emptyResponse(200, {
    etag: `"${md5.toString("hex")}"`,
    ...(checksum && { [`x-amz-checksum-${checksum.name}`]: checksum.value }),
  });
}

export async function copyPart(context: S3Context, call: Call): Promise<ApiResponse> {
  const { id, number } = await requirePart(context, call);
  await using source = await openSource(context, call);
  const { start, end } = copyRange(call.request.headers["x-amz-copy-source-range"], source.facts.size);
  using md5 = context.digests.open("md5", end - start);
  const bytes = source.stream(start, end, call.request.signal);
  await using staged = await context.objects.stage(bytes, (batch) => md5.update(batch));
  const etag = (await md5.digest()).toString("hex");
  await keepPart(context, id, { number, etag, checksum: undefined }, staged);
  return xmlResponse("CopyPartResult", { LastModified: xmlTime(context.clock.now()), ETag: `"${etag}"` });
}

async function requirePart(context: S3Context, call: Call): Promise<{ id: string; number: number }> {
  const { id } = await requireUpload(context, call, "create");
  const number = Number(call.request.query.get("partNumber"));
  if (Number.isInteger(number) && number >= 1 && number <= mostParts) return { id, number };
  throw new S3Error("InvalidArgument", `Part number must be an integer between 1 and ${mostParts}, inclusive`);
}

interface Part {
  readonly number: number;
  readonly etag: string;
  readonly checksum: { readonly name: ChecksumName; readonly value: string } | undefined;
}

interface KeptPart extends Part {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  readonly modifiedAt: number;
}

/** What is known of a part is its file's name: `<number>-<md5>[-<checksum>-<hex>]`. */
async function keepPart({ objects, locks }: S3Context, id: string, part: Part, staged: StagedObject): Promise<void> {
  const number = String(part.number).padStart(5, "0");
  const checksum =
    part.checksum && `${part.checksum.name}-${Buffer.from(part.checksum.value, "base64").toString("hex")}`;
  const name = [number, part.etag, ...(checksum ? [checksum] : [])].join("-");
  await locks.hold(`upload/${id}/${number}`, async () => {
    const before = (await objects.uploads.parts(id)).filter((each) => each.name.startsWith(`${number}-`));
    await objects.uploads.keep(id, name, staged);
    await objects.uploads.drop(
      id,
      before.map((each) => each.name).filter((each) => each !== name),
    );
  });
}

async function partsOf({ objects }: S3Context, id: string): Promise<readonly KeptPart[]> {
  return (await objects.uploads.parts(id)).map((file) => {
    const [number, etag = "", name = "", hex = ""] = file.name.split("-");
    const checksum = isChecksumName(name) ? { name, value: Buffer.from(hex, "hex").toString("base64") } : undefined;
    return { ...file, number: Number(number), etag, checksum };
  });
}

export async function listParts(context: S3Context, call: Call): Promise<ApiResponse> {
  const { query } = call.request;
  const { id, upload } = await requireUpload(context, call, "list");
  const marker = Number(query.get("part-number-marker") ?? 0);
  const limit = Math.min(Number(query.get("max-parts") ?? 1000) || 1000, 1000);
  const rest = (await partsOf(context, id)).filter(({ number }) => number > marker);
  const page = rest.slice(0, limit);
  return xmlResponse("ListPartsResult", {
    Bucket: upload.bucket,
    Key: upload.key,
    UploadId: id,
    Initiator: ownerOf(call.key),
    Owner: ownerOf(call.key),
    StorageClass: "STANDARD",
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number ?? marker,
    MaxParts: limit,
    IsTruncated: rest.length > page.length,
    ChecksumAlgorithm: upload.checksum?.toUpperCase(),
    Part: page.map((part) => ({
      PartNumber: part.number,
      LastModified: xmlTime(part.modifiedAt),
      ETag: `"${part.etag}"`,
      Size: part.size,
      ...(part.checksum && { [checksumElement(part.checksum.name)]: part.checksum.value }),
    })),
  });
}

export async function listUploads(context: S3Context, call: Call): Promise<ApiResponse> {
  const { query } = call.request;
  const prefix = query.get("prefix") ?? "";
  const namespace = await permit(context, { ...call, object: prefix }, "list");
  const markers = [query.get("key-marker") ?? "", query.get("upload-id-marker") ?? ""] as const;
  const limit = Math.min(Number(query.get("max-uploads") ?? 1000) || 1000, 1000);
  const found: { id: string; upload: Upload }[] = [];
  for (const id of await context.objects.uploads.list()) {
    const upload = await readUpload(context.objects, id);
    const isMine = upload?.bucket === call.bucket && upload.namespace === namespace && upload.key.startsWith(prefix);
    if (upload && isMine) found.push({ id, upload });
  }
  const orderOf = ({ id, upload }: (typeof found)[number]): string => `${upload.key}\0${id}`;
  const rest = found
    .toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
    .filter((each) => (markers[1] === "" ? each.upload.key > markers[0] : orderOf(each) > markers.join("\0")));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const isTruncated = rest.length > page.length;
  return xmlResponse("ListMultipartUploadsResult", {
    Bucket: call.bucket,
    KeyMarker: markers[0],
    UploadIdMarker: markers[1],
    NextKeyMarker: isTruncated ? last?.upload.key : undefined,
    NextUploadIdMarker: isTruncated ? last?.id : undefined,
    Prefix: prefix,
    MaxUploads: limit,
    IsTruncated: isTruncated,
    Upload: page.map(({ id, upload }) => ({
      Key: upload.key,
      UploadId: id,
      Initiator: ownerOf(call.key),
      Owner: ownerOf(call.key),
      StorageClass: "STANDARD",
      Initiated: xmlTime(upload.createdAt),
    })),
  });
}

export async function abortUpload(context: S3Context, call: Call): Promise<ApiResponse> {
  const { id } = await requireUpload(context, call, "delete");
  await context.objects.uploads.remove(id);
  return emptyResponse(204);
}

/** Puts the parts together. What can be wrong is found before the first byte of the answer; then the client is kept waiting. */
export async function completeUpload(context: S3Context, call: Call): Promise<ApiResponse> {
  const { id, upload } = await requireUpload(context, call, "create");
  const { promise, rest } = promiseOf(call.request.headers, upload);
  const kept = new Map((await partsOf(context, id)).map((part) => [part.number, part]));
  const document = await readDocument(context, { ...call, request: { ...call.request, headers: rest } });
  const parts = readParts(document, kept);
  const finished = context.locks.hold(`upload/${id}`, () => assemble(context, call, { id, upload, parts, promise }));
  finished.catch(() => {});
  return {
    status: 200,
    headers: { "content-type": "application/xml" },
    body: patter(context, finished),
  };
}

/** What a client says of the object that its parts are to become. */
interface ObjectPromise {
  readonly size: number | undefined;
  /** Base64; of a checksum of checksums with or without the number of parts: clients of MinIO leave that out. */
  readonly checksum: string | undefined;
}

/**
 * The checksum in the headers is that of the object, and not, as elsewhere, of the bytes of the request: what is said of those is the rest.
 * Throws InvalidRequest for a checksum of another kind than the upload was begun with.
 */
function promiseOf(
  headers: Readonly<Record<string, string>>,
  { checksum, isWhole }: Upload,
): { promise: ObjectPromise; rest: Readonly<Record<string, string>> } {
  const type = headers["x-amz-checksum-type"];
  const kind = isWhole ? "FULL_OBJECT" : "COMPOSITE";
  const given = checksumNames.filter((name) => headers[`x-amz-checksum-${name}`] !== undefined);
  if (given.some((name) => name !== checksum) || (type !== undefined && type !== kind)) {
    const begun = checksum === undefined ? "without a checksum" : `with ${checksum.toUpperCase()} of type ${kind}`;
    throw new S3Error("InvalidRequest", `The upload was begun ${begun}; complete it so`);
  }
  const size = headers["x-amz-mp-object-size"];
  const rest = Object.entries(headers).filter(([name]) => !name.startsWith("x-amz-checksum-"));
  return {
    promise: {
      size: size === undefined ? undefined : Number(size),
      checksum: checksum && headers[`x-amz-checksum-${checksum}`],
    },
    rest: Object.fromEntries(rest),
  };
}

/** Throws InvalidPart, InvalidPartOrder and EntityTooSmall. */
function readParts(document: string, kept: ReadonlyMap<number, KeptPart>): readonly KeptPart[] {
  const elements = childrenOf(parseDocument(document, "CompleteMultipartUpload"), "Part");
  if (elements.length === 0) throw new S3Error("MalformedXML", "An upload is completed with at least one part");
  const numbers = elements.map((element) => Number(childText(element, "PartNumber")));
  if (numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0))) {
    throw new S3Error("InvalidPartOrder", "The list of parts was not in ascending order.");
  }
  return elements.map((element, index) => {
    const number = numbers[index] ?? 0;
    const etag = (childText(element, "ETag") ?? "").replaceAll('"', "");
    const part = kept.get(number);
    if (part?.etag !== etag) {
      throw new S3Error(
        "InvalidPart",
        "One or more of the specified parts could not be found, or has another entity tag.",
        {
          PartNumber: String(number),
        },
      );
    }
    const promised = part.checksum && childText(element, checksumElement(part.checksum.name));
    if (promised !== undefined && promised !== part.checksum?.value)
      throw new S3Error("InvalidPart", `Part ${number} has another checksum`);
    if (part.size < leastPart && index < elements.length - 1) {
      throw new S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed object size", {
        PartNumber: String(number),
      });
    }
    return part;
  });
}

interface Completion {
  readonly id: string;
  readonly upload: Upload;
  readonly parts: readonly KeptPart[];
  readonly promise: ObjectPromise;
}

/** Throws InvalidRequest and BadDigest if the object is not what was promised. */
async function assemble(context: S3Context, call: Call, { id, upload, parts, promise }: Completion): Promise<string> {
  const { objects } = context;
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  if (promise.size !== undefined && promise.size !== size)
    throw new S3Error("InvalidRequest", `x-amz-mp-object-size says ${promise.size} bytes, and the parts have ${size}`);
  using whole = upload.checksum && upload.isWhole ? context.digests.open(upload.checksum, size) : undefined;
  await using staged = await objects.join(
    parts.map(({ path }) => path),
    whole && ((batch) => whole.update(batch)),
  );
  const etag = `${createHash("md5")
    .update(Buffer.from(parts.map((part) => part.etag).join(""), "hex"))
    .digest("hex")}-${parts.length}`;
  const sum = (await whole?.digest())?.toString("base64") ?? compositeOf(upload, parts);
  if (promise.checksum !== undefined && ![sum, sum?.replace(/-\d+$/, "")].includes(promise.checksum))
    throw badDigest(`x-amz-checksum-${upload.checksum}`);
  const described = upload.checksum && sum !== undefined ? { [upload.checksum]: sum } : {};
  await placeObject(context, call, upload.namespace, staged, { etag, headers: upload.headers, checksums: described });
  await objects.uploads.remove(id);
  return renderXml("CompleteMultipartUploadResult", {
    Location: `/${upload.bucket}/${upload.key}`,
    Bucket: upload.bucket,
    Key: upload.key,
    ETag: `"${etag}"`,
    ...(upload.checksum && sum !== undefined && { [checksumElement(upload.checksum)]: sum }),
    ChecksumType: checksumHeaders(described)["x-amz-checksum-type"],
  });
}

/** The checksum of the parts' checksums, if all have one. */
function compositeOf({ checksum: name }: Upload, parts: readonly KeptPart[]): string | undefined {
  if (name === undefined || parts.some(({ checksum }) => checksum?.name !== name)) return undefined;
  const sum = checksums[name]();
  for (const { checksum } of parts) sum.update(Buffer.from(checksum?.value ?? "", "base64"));
  return `${sum.digest().toString("base64")}-${parts.length}`;
}

/** Blanks before the document, as long as it is not there; a late failure is a document too. */
async function* patter({ clock, onError }: S3Context, finished: Promise<string>): AsyncGenerator<string> {
  const outcome = finished.then(
    (document) => document.slice(xmlDeclaration.length),
    (error: unknown) => {
      const known = refusalOf(error);
      if (!known && !isApiError(error)) onError(error);
      const { code, message } =
        known ?? new S3Error("InternalError", "We encountered an internal error. Please try again.");
      return renderPlainXml("Error", { Code: code, Message: message }).slice(xmlDeclaration.length);
    },
  );
  yield xmlDeclaration;
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    using timer = clock.after(patterMs, () => resolve(undefined));
    void timer;
    const document = await Promise.race([outcome, promise]);
    if (document !== undefined) {
      yield document;
      return;
    }
    yield " ";
  }
}

async function requireUpload(
  context: S3Context,
  call: Call,
  verb: "create" | "list" | "delete",
): Promise<{ id: string; upload: Upload }> {
  await permit(context, call, verb);
  const id = call.request.query.get("uploadId") ?? "";
  const upload = /^[0-9a-f-]{36}$/.test(id) ? await readUpload(context.objects, id) : undefined;
  if (upload?.bucket === call.bucket && upload.key === call.object) return { id, upload };
  throw new S3Error(
    "NoSuchUpload",
    "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    { UploadId: id },
  );
}

async function readUpload(objects: ObjectFiles, id: string): Promise<Upload | undefined> {
  const text = await objects.uploads.describe(id);
  return text === undefined ? undefined : (JSON.parse(text) as Upload);
}

/** Forgets uploads that nobody completed in a week, and what is left of those that were. */
export async function forgetAbandonedUploads(objects: ObjectFiles, clock: Clock): Promise<void> {
  for (const id of await objects.uploads.list()) {
    const upload = await readUpload(objects, id);
    if (!upload || clock.now() - upload.createdAt > patienceMs) await objects.uploads.remove(id);
  }
}

const checksumElement = (name: ChecksumName): string => `Checksum${name.toUpperCase()}`;
