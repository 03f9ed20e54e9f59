import type { ObjectFiles } from "@headrace/artifacts";
import { storageUser } from "@headrace/identity";
import type { ApiRequest, ApiResponse, AuditSink, Authorizer, Clock, Ids, User } from "@headrace/model";
import type { Records } from "@headrace/records";
import type { Keys, NamespaceKey } from "../controllers/keys.ts";
import { S3Error } from "../core/errors.ts";
import type { Claim } from "../core/signature.ts";
import { isReserved, namespaceOfKey, pipelineBucket } from "../core/spaces.ts";
import { renderXml, type XmlValue } from "../core/xml.ts";
import { bucketOwner } from "../records/buckets.ts";
import type { DigestThreads } from "./digest-threads.ts";
import type { Locks } from "./locks.ts";

/** What the operations share. */
export interface S3Context {
  readonly objects: ObjectFiles;
  readonly records: Records;
  readonly authorizer: Authorizer;
  readonly audit: AuditSink;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The namespace of what is nobody else's. */
  readonly homeNamespace: string;
  /** Names of this server: `bucket.<name>` is a bucket by its host. */
  readonly hosts: readonly string[];
  readonly locks: Locks;
  readonly digests: DigestThreads;
  /** Told of errors that are bugs; the client sees only that there was one. */
  readonly onError: (error: unknown) => void;
}

/** A request whose signature is right. */
export interface Call {
  readonly request: ApiRequest;
  readonly claim: Claim;
  readonly key: NamespaceKey;
  readonly user: User;
  readonly bucket: string;
  /** The object's key; empty for the bucket itself. */
  readonly object: string;
}

export type Operation = (context: S3Context, call: Call) => Promise<ApiResponse>;

type Verb = "get" | "list" | "create" | "update" | "delete";

const group = "headrace.io";

/** The namespace of a key in a bucket. Throws NoSuchBucket, and AccessDenied for buckets of Headrace itself. */
export async function namespaceOf(context: S3Context, bucket: string, key: string): Promise<string> {
  if (isReserved(bucket)) {
    throw new S3Error("AccessDenied", `Bucket "${bucket}" is Headrace's own; logs are read with \`headrace logs\``);
  }
  if (!(await context.objects.bucket(bucket))) throw noSuchBucket(bucket);
  const owner = bucket === pipelineBucket ? namespaceOfKey(key) : await bucketOwner(context.records, bucket);
  return owner ?? context.homeNamespace;
}

export function noSuchBucket(bucket: string): S3Error {
  return new S3Error("NoSuchBucket", "The specified bucket does not exist", { BucketName: bucket });
}

/** Asks the one decision point. Answers the namespace that the key belongs to. */
export async function permit(
  context: S3Context,
  call: Pick<Call, "user" | "bucket" | "object">,
  verb: Verb,
  resource: "objects" | "buckets" = "objects",
): Promise<string> {
  const { user, bucket, object } = call;
  const namespace = await namespaceOf(context, bucket, object);
  await permitIn(context, user, namespace, verb, resource, object === "" ? bucket : `${bucket}/${object}`);
  return namespace;
}

/** Throws AccessDenied with the reason. */
export async function permitIn(
  context: S3Context,
  user: User,
  namespace: string,
  verb: Verb,
  resource: "objects" | "buckets",
  name: string,
): Promise<void> {
  const decision = await context.authorizer.authorize({ user, verb, group, resource, namespace, name });
  if (decision.allowed) return;
  throw new S3Error("AccessDenied", `Cannot ${verb} ${resource} of namespace "${namespace}": ${decision.reason}`);
}

/** Whether the caller may do it, for what is left out of lists in place of being refused. */
export async function isPermitted(context: S3Context, user: User, namespace: string): Promise<boolean> {
  const { authorizer } = context;
  return (await authorizer.authorize({ user, verb: "list", group, resource: "objects", namespace, name: "" })).allowed;
}

/** Notes what was changed, by whom, and how it ended. */
export function note(context: S3Context, { user, bucket, object }: Call, verb: Verb, namespace: string): void {
  const resource = object === "" ? `buckets.${group}` : `objects.${group}`;
  const name = object === "" ? bucket : `${bucket}/${object}`;
  context.audit.record({ time: context.clock.now(), user: user.name, verb, resource, namespace, name, status: 200 });
}

export const userOf = ({ namespace }: NamespaceKey): User => storageUser(namespace);

export function xmlResponse(name: string, content: XmlValue): ApiResponse {
  return { status: 200, headers: { "content-type": "application/xml" }, body: renderXml(name, content) };
}

export const emptyResponse = (status: 200 | 204, headers: Readonly<Record<string, string>> = {}): ApiResponse => ({
  status,
  headers,
});

/** S3's times in documents: milliseconds, which are always 0. */
export const xmlTime = (ms: number): string => new Date(Math.floor(ms / 1000) * 1000).toISOString();

/** The owner that documents name: of everything, the namespace whose key was used. */
export const ownerOf = ({ namespace }: NamespaceKey): XmlValue => ({ ID: namespace, DisplayName: namespace });
