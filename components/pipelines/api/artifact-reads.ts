import type { ArtifactStore } from "@headrace/artifacts";
import { ApiError, type ApiRequest, type ApiResponse, badRequest, type Route, type RouteParams } from "@headrace/model";
import { type ArtifactRow, findArtifact, findArtifactByUid, taskArtifactsOf } from "../records/artifacts.ts";
import { type AttemptRow, attemptsOf, type RunRow, type TaskRow, tasksOf } from "../records/runs.ts";
import { treeArchive } from "./artifact-archive.ts";
import { type ApiContext, notFound, requireAccess, routeMaker, tablesOf } from "./context.ts";
import { permittedRun } from "./runs.ts";
import { jsonResponse, uploadErrorResponse } from "./status.ts";
import { splitVerb } from "./verbs.ts";

const nodePath = "/runs/{run}/nodes/{node}";

/** Reading what steps left: artifacts by the port of a task or by their record's id, and logs. */
export function artifactReadRoutes(context: ApiContext): readonly Route[] {
  const upstream = routeMaker(context, uploadErrorResponse);
  const ours = routeMaker(context);
  return [
    upstream("GET", `/apis/v2beta1${nodePath}/artifacts/{artifact}`, readOfNode),
    upstream("GET", `/apis/v1alpha1${nodePath}/log`, readLog),
    ours("GET", "/apis/headrace.io/v1/namespaces/{ns}/artifacts/{id}/content", readContent),
  ];
}

/** `{"data": "<base64>"}`, as it is read. */
async function readOfNode(
  context: ApiContext,
  { user, signal }: ApiRequest,
  params: RouteParams,
): Promise<ApiResponse> {
  const { run = "", node = "", artifact = "" } = params;
  const { id: port } = splitVerb(artifact, ["read"], "NotFound");
  const row = await permittedRun(context, user, "readArtifact", run);
  const { task, attempt } = await findNode(context, row, node);
  const made = (await taskArtifactsOf(tablesOf(context, row.ns).db, row.ns, run)).filter(
    (each) => each.task === task.id && each.direction === "OUTPUT" && each.port === port,
  );
  // Each try has a log of its own.
  const found = made.find(({ uri }) => uri === attempt?.log) ?? made[0];
  if (!found) throw notFound("Artifact", `"${port}" of "${task.name}"`);
  const artifacts = context.artifacts.in(row.ns);
  await requireFile(artifacts, found.uri);
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: asBase64Json(artifacts.read(found.uri, { signal })),
  };
}

async function* asBase64Json(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  yield '{"data":"';
  let rest = Buffer.alloc(0);
  for await (const chunk of bytes) {
    const joined = Buffer.concat([rest, chunk]);
    // Three bytes are four letters: whole groups can be written one after another.
    const whole = joined.length - (joined.length % 3);
    yield joined.subarray(0, whole).toString("base64");
    rest = joined.subarray(whole);
  }
  yield `${rest.toString("base64")}"}`;
}

async function readLog(
  context: ApiContext,
  request: ApiRequest,
  { run = "", node = "" }: RouteParams,
): Promise<ApiResponse> {
  const row = await permittedRun(context, request.user, "readArtifact", run);
  const { task, attempt } = await findNode(context, row, node);
  if (!attempt) throw notFound("Log", `of "${task.name}", which has not started`);
  return {
    status: 200,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
    body: await openLogWherever(context, attempt, request),
  };
}

/** A pod may go, and leave its log in the archive, between one look and the next. */
export async function openLogWherever(context: ApiContext, attempt: AttemptRow, request: ApiRequest) {
  try {
    return await openLog(context, attempt, request);
  } catch (error) {
    const all = await attemptsOf(tablesOf(context, attempt.ns).db, attempt.ns, attempt.run);
    const now = all.find(({ task, n }) => task === attempt.task && n === attempt.n);
    if (attempt.log !== null || now === undefined || now.log === null) throw error;
    return openLog(context, now, request);
  }
}

async function openLog({ artifacts, podLog }: ApiContext, attempt: AttemptRow, { query, signal }: ApiRequest) {
  if (attempt.log !== null) return artifacts.in(attempt.ns).read(attempt.log, { signal });
  if (!podLog) {
    throw new ApiError(
      "NotFound",
      `Cannot read the log of pod "${attempt.pod}": its node still has it; use kubectl logs`,
    );
  }
  const follow = (query.get("follow") ?? "").toLowerCase() === "true";
  return podLog({ namespace: attempt.ns, name: attempt.pod }, { follow, signal });
}

/** A node of a run's graph goes by the pod of one of its tries, by the task's uuid, or by its number. */
async function findNode(
  context: ApiContext,
  { ns, run }: RunRow,
  node: string,
): Promise<{ task: TaskRow; attempt: AttemptRow | undefined }> {
  const { db } = tablesOf(context, ns);
  const tasks = await tasksOf(db, ns, run);
  const attempts = await attemptsOf(db, ns, run);
  const named = attempts.find((attempt) => attempt.pod === node);
  const task = tasks.find((each) => (named ? each.id === named.task : each.uid === node || String(each.id) === node));
  if (!task) throw notFound("Node", `"${node}" of run ${run}`);
  return { task, attempt: named ?? attempts.findLast((attempt) => attempt.task === task.id) };
}

/**
 * The bytes of an artifact, or of one file of a tree with `path`; a tree itself is its list of files, or with
 * `archive=tar.gz` all of them. `limit` in bytes; one `range` of bytes is honoured.
 */
async function readContent(
  context: ApiContext,
  request: ApiRequest,
  { ns = "", id = "" }: RouteParams,
): Promise<ApiResponse> {
  const { query, user } = request;
  await requireAccess(context, user, "readArtifact", "runs", ns);
  const row = await findArtifactIn(context, ns, id);
  const limit = readLimit(query.get("limit") ?? "");
  return contentOf(context, row, {
    request,
    path: query.get("path") ?? "",
    archive: query.get("archive") ?? "",
    ...(limit !== undefined && { limit }),
  });
}

export interface ContentQuestion {
  readonly request: ApiRequest;
  /** Within a tree; empty for the artifact itself. */
  readonly path: string;
  /** Of a tree: `tar.gz`, or empty for the list of its files. */
  readonly archive: string;
  /** At most so many bytes. */
  readonly limit?: number;
}

/** What is answered for an artifact that the caller may read. */
export async function contentOf(
  context: ApiContext,
  row: ArtifactRow,
  { request: { headers, query, signal }, path, archive, limit }: ContentQuestion,
): Promise<ApiResponse> {
  const uri = path ? `${row.uri}/${path}` : row.uri;
  const artifacts = context.artifacts.in(row.ns);
  const support = artifacts.supports(uri);
  if (!support.ok) throw badRequest(`Cannot read artifact ${row.id}: ${support.reason}`);
  const stat = await artifacts.stat(uri);
  if (!stat) throw notFound("Artifact", `${row.id}: its content at "${uri}"`);
  if (stat.kind === "tree") return readTree(artifacts, { uri, archive, signal });
  const shown = contentHeaders(row, path, query.get("scripts") ?? "");
  const range = readRange(headers["range"] ?? "", stat.size);
  if (range === "unsatisfiable") return { status: 416, headers: { "content-range": `bytes */${stat.size}` } };
  if (range) {
    const length = range.to - range.from + 1;
    return {
      status: 206,
      headers: {
        ...shown,
        "content-length": String(length),
        "content-range": `bytes ${range.from}-${range.to}/${stat.size}`,
      },
      body: artifacts.read(uri, { signal, offset: range.from, limit: length }),
    };
  }
  return {
    status: 200,
    headers: {
      ...shown,
      "accept-ranges": "bytes",
      ...(limit === undefined && { "content-length": String(stat.size) }),
    },
    body: artifacts.read(uri, { signal, ...(limit !== undefined && { limit }) }),
  };
}

async function readTree(
  artifacts: ArtifactStore,
  { uri, archive, signal }: { readonly uri: string; readonly archive: string; readonly signal: AbortSignal },
): Promise<ApiResponse> {
  if (archive === "") {
    const files = await artifacts.list(uri);
    return jsonResponse({ files: files.map(({ path, size }) => ({ path, size })) });
  }
  if (archive !== "tar.gz") throw badRequest(`archive: Unsupported value: "${archive}": supported values: "tar.gz"`);
  const name = uri.split("/").findLast((part) => part !== "") ?? "artifact";
  return {
    status: 200,
    headers: {
      "content-type": "application/gzip",
      "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}.tar.gz`,
      "x-content-type-options": "nosniff",
      "cache-control": "private, no-cache",
    },
    body: treeArchive(artifacts, { uri, name, signal }),
  };
}

/** By its number or its uuid. */
async function findArtifactIn(context: ApiContext, ns: string, id: string): Promise<ArtifactRow> {
  const { db } = tablesOf(context, ns);
  const row = /^\d{1,15}$/.test(id) ? await findArtifact(db, ns, Number(id)) : await findArtifactByUid(db, id);
  if (row?.ns !== ns) throw notFound("Artifact", id);
  return row;
}

const mediaTypes: Readonly<Record<string, string>> = {
  "system.HTML": "text/html; charset=utf-8",
  "system.Markdown": "text/markdown; charset=utf-8",
};

/** Where the libraries of charts come from when a page does not bring its own. None of them is ours, and none gets any data. */
const libraries = [
  "https://cdn.plot.ly",
  "https://cdn.bokeh.org",
  "https://cdn.jsdelivr.net",
  "https://cdnjs.cloudflare.com",
  "https://unpkg.com",
].join(" ");

/** What strangers' pages may do: draw. They have no origin, no forms, and no way to call anybody, Headrace least of all. */
const strangersPolicy = {
  still: "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:",
  scripted: [
    "sandbox allow-scripts",
    "default-src 'none'",
    `script-src 'unsafe-inline' 'unsafe-eval' ${libraries}`,
    `style-src 'unsafe-inline' ${libraries}`,
    "img-src data: blob:",
    "font-src data:",
  ].join("; "),
} as const;

/**
 * What a step wrote is a stranger's: HTML is shown in a sandbox of its own, with its scripts unless the reader says
 * `scripts=off`; what is not meant to be shown is downloaded.
 */
function contentHeaders({ type }: ArtifactRow, path: string, scripts: string): Record<string, string> {
  const mediaType = path ? undefined : mediaTypes[type.replace(/@.*$/, "")];
  const scripted = mediaType === mediaTypes["system.HTML"] && scripts !== "off";
  return {
    "content-type": mediaType ?? "application/octet-stream",
    "content-security-policy": scripted ? strangersPolicy.scripted : strangersPolicy.still,
    "x-content-type-options": "nosniff",
    "cache-control": "private, no-cache",
    ...(!mediaType && { "content-disposition": "attachment" }),
  };
}

/** One range of bytes, both ends included, within `size`; undefined if there is none or more than one, which may be ignored. */
function readRange(
  text: string,
  size: number,
): { readonly from: number; readonly to: number } | "unsatisfiable" | undefined {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text) ?? [];
  if (first === "" && last === "") return undefined;
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (from >= size) return "unsatisfiable";
  return from > to ? undefined : { from, to };
}

function readLimit(text: string): number | undefined {
  if (text === "") return undefined;
  const limit = Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw badRequest(`limit: Invalid value: "${text}": must be a number of bytes`);
  return limit;
}

async function requireFile(artifacts: ArtifactStore, uri: string): Promise<void> {
  const support = artifacts.supports(uri);
  if (!support.ok) throw badRequest(`Cannot read "${uri}": ${support.reason}`);
  const stat = await artifacts.stat(uri);
  if (!stat) throw notFound("Artifact", `at "${uri}"`);
  if (stat.kind === "tree") throw badRequest(`Cannot read "${uri}" as one file: it is a tree`);
}
