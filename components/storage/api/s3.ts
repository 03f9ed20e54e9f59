import type { ApiRequest, ApiResponse, Handler } from "@headrace/model";
import { S3Error } from "../core/errors.ts";
import { decodePath, readClaim } from "../core/signature.ts";
import { readUrlClaim } from "../core/url-signature.ts";
import { renderPlainXml } from "../core/xml.ts";
import { bucketQuestions, createBucket, deleteBucket, headBucket, listBuckets } from "./buckets.ts";
import { type Call, type Operation, type S3Context, userOf } from "./context.ts";
import { listObjects, listObjectsByMarker, listVersions } from "./lists.ts";
import { Places } from "./locks.ts";
import {
  copyObject,
  deleteObject,
  deleteObjects,
  getObject,
  getObjectAcl,
  getObjectAttributes,
  getObjectTagging,
  putObject,
} from "./objects.ts";
import { refusalOf } from "./refusals.ts";
import { abortUpload, completeUpload, copyPart, createUpload, listParts, listUploads, uploadPart } from "./uploads.ts";

/** Requests with bodies that are served at a time; more are told to slow down. */
const mostWriters = 128;

/**
 * Operations by method, and by what the query names beside the bucket or the object: the first that is there counts. A query
 * that names something of S3's which is not here is refused, never taken for the plain operation.
 */
const bucketOperations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  GET: {
    ...bucketQuestions,
    uploads: listUploads,
    versions: listVersions,
    "list-type": listObjects,
    "": listObjectsByMarker,
  },
  HEAD: { "": headBucket },
  PUT: { "": createBucket },
  DELETE: { "": deleteBucket },
  POST: { delete: deleteObjects },
};

const objectOperations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  GET: {
    acl: getObjectAcl,
    tagging: getObjectTagging,
    attributes: getObjectAttributes,
    uploadId: listParts,
    "": getObject,
  },
  HEAD: { "": getObject },
  PUT: { uploadId: (context, call) => (isCopy(call) ? copyPart : uploadPart)(context, call), "": putOrCopy },
  POST: { uploads: createUpload, uploadId: completeUpload },
  DELETE: { uploadId: abortUpload, "": deleteObject },
};

function putOrCopy(context: S3Context, call: Call): Promise<ApiResponse> {
  return (isCopy(call) ? copyObject : putObject)(context, call);
}

const isCopy = ({ request }: Call): boolean => request.headers["x-amz-copy-source"] !== undefined;

/** What S3 knows beside buckets and objects, and is refused by name if it is not above. */
const subresources = new Set([
  ...Object.keys(bucketQuestions),
  ..."analytics,attributes,delete,intelligent-tiering,inventory,legal-hold,metadataTable,metrics,renameObject,restore,retention,select,session,torrent,uploadId,uploads,versions,list-type".split(
    ",",
  ),
]);

/** The S3 API as a function: every request is signed by a namespace's key and asks the one decision point. */
export function createS3(context: S3Context): Handler {
  const writers = new Places(mostWriters);

  return async (request) => {
    const id = context.ids.suffix(16);
    try {
      const response = await serve(request);
      return { ...response, headers: { server: "headrace", "x-amz-request-id": id, ...response.headers } };
    } catch (error) {
      const known = refusalOf(error);
      if (!known && !request.signal.aborted) context.onError(error);
      return errorResponse(
        known ?? new S3Error("InternalError", "We encountered an internal error. Please try again."),
        request,
        id,
      );
    }
  };

  async function serve(request: ApiRequest): Promise<ApiResponse> {
    if (!context.keys.hasSynced)
      throw new S3Error("ServiceUnavailable", "The keys are not read yet. Please try again.");
    const named = bucketOfHost(request, context.hosts);
    const call = { ...authenticate(context, request, named), ...targetOf(request, named) };
    const operation = findOperation(call);
    if (request.body === undefined) return operation(context, call);
    using place = writers.take();
    if (!place) throw new SlowDownError();
    return await operation(context, call);
  }
}

class SlowDownError extends S3Error {
  constructor() {
    super("SlowDown", `Please reduce your request rate: ${mostWriters} requests with bodies are being served`);
  }
}

function authenticate(
  context: S3Context,
  request: ApiRequest,
  bucket: string | undefined,
): Pick<Call, "request" | "claim" | "key" | "user"> {
  const claim = readClaim(request) ?? readUrlClaim(request, bucket);
  if (!claim) {
    throw new S3Error(
      "AccessDenied",
      "Requests must be signed; the keys of a namespace are in its secret mlpipeline-minio-artifact",
    );
  }
  const candidates = context.keys.find(claim.accessKey);
  if (candidates.length === 0) {
    throw new S3Error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", {
      AWSAccessKeyId: claim.accessKey,
    });
  }
  const key = candidates.find(({ secret }) => claim.isSignedBy(secret));
  if (!key) {
    throw new S3Error(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    );
  }
  claim.check(context.clock.now());
  return { request, claim, key, user: userOf(key) };
}

/** The bucket of `bucket.<one of our names>`; undefined if the host is one of our names itself, or unknown. */
function bucketOfHost({ headers }: ApiRequest, hosts: readonly string[]): string | undefined {
  const host = (headers["host"] ?? "").replace(/:\d+$/, "").toLowerCase();
  const ours = hosts.find((name) => host.endsWith(`.${name}`));
  return ours === undefined ? undefined : host.slice(0, -ours.length - 1);
}

/** `/bucket/key`, or `/key` where the host names the bucket. */
function targetOf(request: ApiRequest, named: string | undefined): Pick<Call, "bucket" | "object"> {
  const path = decodePath(request.path).replace(/^\//, "");
  if (named !== undefined) return { bucket: named, object: path };
  const [bucket = "", ...key] = path.split("/");
  return { bucket, object: key.join("/") };
}

function findOperation({ request, bucket, object }: Call): Operation {
  const { method, query } = request;
  if (bucket === "") {
    if (method === "GET") return listBuckets;
    throw new S3Error("MethodNotAllowed", "The specified method is not allowed against this resource.");
  }
  const operations = (object === "" ? bucketOperations : objectOperations)[method];
  if (!operations) throw new S3Error("MethodNotAllowed", "The specified method is not allowed against this resource.");
  const named = Object.keys(operations).find((name) => name !== "" && query.has(name));
  const foreign = [...query.keys()].find((name) => subresources.has(name) && operations[name] === undefined);
  if (foreign !== undefined) throw notImplemented(`${method} with ?${foreign}`);
  const operation = operations[named ?? ""];
  if (!operation) throw notImplemented(`${method} of ${object === "" ? "a bucket" : "an object"}`);
  return operation;
}

function notImplemented(what: string): S3Error {
  return new S3Error(
    "NotImplemented",
    `${what} is not among the operations that this server has; they are listed in docs/compatibility.md`,
  );
}

function errorResponse(error: S3Error, { path }: ApiRequest, id: string): ApiResponse {
  const { code, message, status, details } = error;
  return {
    status,
    headers: {
      "content-type": "application/xml",
      "x-amz-request-id": id,
      server: "headrace",
      ...(status === 503 && { "retry-after": "1" }),
      ...(code === "InvalidRange" && { "content-range": `bytes */${details["ActualObjectSize"]}` }),
    },
    body: renderPlainXml("Error", { Code: code, Message: message, ...details, Resource: path, RequestId: id }),
  };
}
