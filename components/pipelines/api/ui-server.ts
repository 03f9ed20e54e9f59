import { Event, Pod } from "@headrace/k8s";
import { ApiError, type ApiRequest, type ApiResponse, badRequest, type Route, type RouteParams } from "@headrace/model";
import { type ArtifactRow, findArtifactAt } from "../records/artifacts.ts";
import { findAttemptOfPod } from "../records/runs.ts";
import { contentOf, openLogWherever } from "./artifact-reads.ts";
import {
  anyTables,
  type ApiContext,
  namespaceFor,
  notFound,
  requireAccess,
  requirePermission,
  routeMaker,
  tablesOf,
} from "./context.ts";
import { jsonResponse, uploadErrorResponse } from "./status.ts";

const prefix = "/pipeline";

/**
 * What the server behind upstream's pages answers beside the API: artifacts by their place, pods and their logs. A place is looked
 * up among the artifacts that are on record in the namespace; the bytes are never reached by a key alone.
 */
export function uiServerRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context, uploadErrorResponse);
  return [
    route("GET", `${prefix}/artifacts/get`, readByQuery),
    route("GET", `${prefix}/artifacts/{source}/{bucket}/{key...}`, download),
    route("GET", `${prefix}/k8s/pod`, readPod),
    route("GET", `${prefix}/k8s/pod/events`, readPodEvents),
    route("GET", `${prefix}/k8s/pod/logs`, readPodLog),
  ];
}

/** As they name stores, and as URIs do. */
const schemes: Readonly<Record<string, string>> = { minio: "minio", s3: "s3", gcs: "gs" };

async function readByQuery(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { query } = request;
  const place = { source: required(query, "source"), bucket: required(query, "bucket"), key: required(query, "key") };
  const peek = query.get("peek") ?? "";
  if (!/^\d{0,9}$/.test(peek))
    throw badRequest(`peek: Invalid value: "${peek.slice(0, 20)}": must be a number of bytes`);
  return readPlace(context, request, { ...place, ...(Number(peek) > 0 && { limit: Number(peek) }) });
}

async function download(context: ApiContext, request: ApiRequest, params: RouteParams): Promise<ApiResponse> {
  const { source = "", bucket = "", key = "" } = params;
  return readPlace(context, request, { source, bucket, key });
}

interface Place {
  readonly source: string;
  readonly bucket: string;
  readonly key: string;
  readonly limit?: number;
}

async function readPlace(context: ApiContext, request: ApiRequest, { source, bucket, key, limit }: Place) {
  const scheme = Object.hasOwn(schemes, source) ? schemes[source] : undefined;
  if (scheme === undefined) {
    throw badRequest(
      `source: Unsupported value: "${source.slice(0, 40)}": supported values: ${Object.keys(schemes).join(", ")}`,
    );
  }
  const ns = namespaceFor(context, request.query.get("namespace"), "artifacts");
  await requireAccess(context, request.user, "readArtifact", "runs", ns);
  const { row, path } = await artifactAt(context, ns, `${scheme}://${bucket}/${key.replace(/\/+$/, "")}`);
  return contentOf(context, row, { request, path, archive: "tar.gz", ...(limit !== undefined && { limit }) });
}

/** The artifact that is at the place, or that has the place within it. */
async function artifactAt(
  context: ApiContext,
  ns: string,
  uri: string,
): Promise<{ readonly row: ArtifactRow; readonly path: string }> {
  const { db } = tablesOf(context, ns);
  const parts = uri.split("/");
  if (parts.length > maxParts) throw notFound("Artifact", `at "${uri.slice(0, 200)}"`);
  const places = Array.from({ length: Math.max(0, parts.length - 3) }, (_, index) =>
    parts.slice(0, parts.length - index).join("/"),
  );
  const row = await findArtifactAt(db, ns, places);
  if (!row) throw notFound("Artifact", `at "${uri.slice(0, 200)}" in namespace "${ns}"`);
  return { row, path: uri.slice(row.uri.length + 1) };
}

const maxParts = 100;

async function readPod(context: ApiContext, { query, user }: ApiRequest): Promise<ApiResponse> {
  const key = await podKey(context, query);
  await requirePermission(context, user, { verb: "get", group: "", resource: "pods", ...key });
  return jsonResponse(JSON.parse(JSON.stringify(await context.client.resource(Pod).get(key))));
}

async function readPodEvents(context: ApiContext, { query, user }: ApiRequest): Promise<ApiResponse> {
  const { namespace, name } = await podKey(context, query);
  await requirePermission(context, user, { verb: "list", group: "", resource: "events", namespace, name: "" });
  const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${name}`;
  const events = await context.client.resource(Event).list({ namespace, fieldSelector });
  return jsonResponse(JSON.parse(JSON.stringify(events)));
}

/** From the pod while it is there, and from the archive afterwards. */
async function readPodLog(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { namespace, name } = await podKey(context, request.query);
  await requireAccess(context, request.user, "readArtifact", "runs", namespace);
  const attempt = await findAttemptOfPod(anyTables(context), namespace, name);
  if (!attempt) throw notFound("Pod", `"${name}" among the steps of namespace "${namespace}"`);
  return {
    status: 200,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
    body: await openLogWherever(context, attempt, request),
  };
}

async function podKey(context: ApiContext, query: URLSearchParams) {
  const name = required(query, "podname");
  if (!/^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/.test(name))
    throw badRequest(`podname: Invalid value: "${name.slice(0, 100)}": is no name of a pod`);
  return { name, namespace: namespaceFor(context, query.get("podnamespace"), "pods") };
}

function required(query: URLSearchParams, name: string): string {
  const value = query.get(name) ?? "";
  if (value === "") throw badRequest(`${name}: Required value`);
  if (value.length > 2048) throw new ApiError("BadRequest", `${name}: has more than 2048 characters`);
  return value;
}
