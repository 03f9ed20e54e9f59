import type { ApiResponse } from "@headrace/model";
import { S3Error, type S3ErrorCode } from "../core/errors.ts";
import { isReserved, pipelineBucket } from "../core/spaces.ts";
import { childText, parseDocument } from "../core/xml.ts";
import { bucketOwners, disownBucket, ownBucket } from "../records/buckets.ts";
import {
  type Call,
  emptyResponse,
  isPermitted,
  namespaceOf,
  note,
  noSuchBucket,
  type Operation,
  ownerOf,
  permit,
  permitIn,
  type S3Context,
  xmlResponse,
  xmlTime,
} from "./context.ts";
import { aclResponse } from "./objects.ts";
import { readDocument } from "./payload.ts";

/** Where this server says that it is. Clients sign for whatever region they like. */
const region = "us-east-1";

/** The buckets of which the caller may see something. */
export async function listBuckets(context: S3Context, call: Call): Promise<ApiResponse> {
  const { objects, records, homeNamespace } = context;
  const owners = await bucketOwners(records);
  const shown = [];
  for (const bucket of await objects.buckets()) {
    if (isReserved(bucket.name)) continue;
    const isOpen =
      bucket.name === pipelineBucket ||
      (await isPermitted(context, call.user, owners.get(bucket.name) ?? homeNamespace));
    if (isOpen) shown.push({ Name: bucket.name, CreationDate: xmlTime(bucket.createdAt) });
  }
  return xmlResponse("ListAllMyBucketsResult", { Owner: ownerOf(call.key), Buckets: { Bucket: shown } });
}

export async function createBucket(context: S3Context, call: Call): Promise<ApiResponse> {
  const { objects, records, clock } = context;
  const { bucket, key, user, request } = call;
  await permitIn(context, user, key.namespace, "create", "buckets", bucket);
  if (isReserved(bucket)) {
    throw new S3Error("InvalidBucketName", `Bucket names that begin with "headrace-" are Headrace's own`);
  }
  if (request.headers["x-amz-bucket-object-lock-enabled"] === "true") {
    throw new S3Error("NotImplemented", "Objects cannot be locked");
  }
  const text = await readDocument(context, call);
  if (text !== "") childText(parseDocument(text, "CreateBucketConfiguration"), "LocationConstraint");
  return context.locks.hold(bucket, async () => {
    if (await objects.bucket(bucket)) {
      const owner = await namespaceOf(context, bucket, "");
      if (owner === key.namespace) {
        throw new S3Error(
          "BucketAlreadyOwnedByYou",
          "Your previous request to create the named bucket succeeded and you already own it.",
        );
      }
      throw taken();
    }
    if (!(await ownBucket(records, key.namespace, bucket, clock.now()))) throw taken();
    await objects.createBucket(bucket);
    note(context, call, "create", key.namespace);
    return emptyResponse(200, { location: `/${bucket}` });
  });
}

function taken(): S3Error {
  return new S3Error("BucketAlreadyExists", "The requested bucket name is not available: another namespace has it");
}

export async function deleteBucket(context: S3Context, call: Call): Promise<ApiResponse> {
  const { bucket } = call;
  if (bucket === pipelineBucket) {
    throw new S3Error("AccessDenied", "Cannot delete the bucket that pipelines keep their artifacts in");
  }
  const ns = await permit(context, call, "delete", "buckets");
  return context.locks.hold(bucket, async () => {
    const outcome = await context.objects.removeBucket(bucket);
    if (outcome === "missing") throw noSuchBucket(bucket);
    if (outcome === "not-empty") throw new S3Error("BucketNotEmpty", "The bucket you tried to delete is not empty");
    await disownBucket(context.records, ns, bucket);
    note(context, call, "delete", ns);
    return emptyResponse(204);
  });
}

/** That the pipelines' bucket is there, every key may know: each namespace has its folders in it. */
async function permitBucket(context: S3Context, call: Call): Promise<void> {
  if (call.bucket === pipelineBucket) await namespaceOf(context, call.bucket, "");
  else await permit(context, call, "list");
}

export async function headBucket(context: S3Context, call: Call): Promise<ApiResponse> {
  await permitBucket(context, call);
  return emptyResponse(200, { "x-amz-bucket-region": region });
}

/** Questions about a bucket that are answered by what is true here, or by S3's own error for what was never set. */
export const bucketQuestions: Readonly<Record<string, Operation>> = {
  location: answered(() => xmlResponse("LocationConstraint", "")),
  versioning: answered(() => xmlResponse("VersioningConfiguration", "")),
  acl: answered(aclResponse),
  logging: answered(() => xmlResponse("BucketLoggingStatus", "")),
  notification: answered(() => xmlResponse("NotificationConfiguration", "")),
  accelerate: answered(() => xmlResponse("AccelerateConfiguration", "")),
  requestPayment: answered(() => xmlResponse("RequestPaymentConfiguration", { Payer: "BucketOwner" })),
  policyStatus: answered(() => xmlResponse("PolicyStatus", { IsPublic: false })),
  policy: unset("NoSuchBucketPolicy", "The bucket policy does not exist"),
  cors: unset("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
  lifecycle: unset("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
  tagging: unset("NoSuchTagSet", "The TagSet does not exist"),
  website: unset("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
  encryption: unset(
    "ServerSideEncryptionConfigurationNotFoundError",
    "The server side encryption configuration was not found",
  ),
  replication: unset("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
  "object-lock": unset(
    "ObjectLockConfigurationNotFoundError",
    "Object Lock configuration does not exist for this bucket",
  ),
  publicAccessBlock: unset(
    "NoSuchPublicAccessBlockConfiguration",
    "The public access block configuration was not found",
  ),
  ownershipControls: unset("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
};

function answered(answer: (call: Call) => ApiResponse): Operation {
  return async (context, call) => {
    await permitBucket(context, call);
    return answer(call);
  };
}

function unset(code: S3ErrorCode, message: string): Operation {
  return async (context, call) => {
    await permitBucket(context, call);
    throw new S3Error(code, message, { BucketName: call.bucket });
  };
}
