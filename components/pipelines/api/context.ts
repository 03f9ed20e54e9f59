import type { ArtifactStore } from "@headrace/artifacts";
import type { Client } from "@headrace/client";
import {
  ApiError,
  type ApiRequest,
  type ApiResponse,
  type Authorizer,
  badRequest,
  type Clock,
  type Ids,
  isAnonymous,
  readBody,
  type Route,
  type RouteParams,
  type User,
} from "@headrace/model";
import type { Records, Scope } from "@headrace/records";
import type { JsonValue } from "../core/json.ts";
import type { RemoveRun } from "../controllers/run-removal.ts";
import type { Engine } from "../engine.ts";
import type { PipelineDatabase, PipelineTables } from "../records/tables.ts";
import type { Message } from "./message.ts";
import type { PackageFetcher } from "./package-url.ts";
import type { PipelineReader } from "./pipeline-text.ts";
import { errorResponse } from "./status.ts";

/** What the handlers of the REST face work with. */
export interface ApiContext {
  readonly records: Records;
  readonly artifacts: ArtifactStore;
  readonly engine: Engine;
  readonly client: Client;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly tenancy: Tenancy;
  /** Headrace's own. */
  readonly version?: string;
  readonly reader: PipelineReader;
  readonly packages: PackageFetcher;
  /** Where artifacts go when neither the run nor its pipeline says. */
  readonly defaultPipelineRoot: string;
  /** The same as a namespace has it set up, if it has. */
  readonly namespaceRoot?: (namespace: string) => string | undefined;
  /** In which cron expressions are read, by its IANA name. */
  readonly timeZone: string;
  /** Reads the log of a pod that still has it; absent where nobody can. */
  readonly podLog?: (
    pod: { namespace: string; name: string },
    options: { follow: boolean; signal: AbortSignal },
  ) => Promise<AsyncIterable<Uint8Array>>;
  readonly removeRun: RemoveRun;
  /** Told of errors that are bugs. */
  readonly report: (error: unknown) => void;
}

/** Single-user: everything is in `namespace`, and the one that a client sends is ignored. Multi-user: clients name theirs. */
export type Tenancy = { readonly multiUser: false; readonly namespace: string } | { readonly multiUser: true };

export type KfpResource = "experiments" | "pipelines" | "runs" | "jobs";

/** Upstream's limit for an uploaded pipeline, and room for what stands around it. */
export const bodyLimit = 33 * 1024 * 1024;

/** Levels of lists and objects in a request. */
const maxDepth = 200;

const group = "pipelines.kubeflow.org";

type Handle = (context: ApiContext, request: ApiRequest, params: RouteParams) => Promise<ApiResponse>;

/** Makes a route whose failures have KFP's form. Handlers ask for permission themselves, once they know the namespace. */
export function routeMaker(context: ApiContext, failed = errorResponse) {
  return (method: string, pattern: string, handle: Handle): Route => ({
    method,
    pattern,
    access: "asks",
    async handle(request, params) {
      try {
        return await handle(context, { ...request, query: protoNames(request.query) }, params);
      } catch (error) {
        return failed(error, context.report);
      }
    },
  });
}

/** A query's parameters by the names of the proto files: clients may send those of JSON, `pageSize` for `page_size`. */
function protoNames(query: URLSearchParams): URLSearchParams {
  const inSnakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return new SingleParameters([...query].map(([name, value]) => [inSnakeCase(name), value]));
}

/** What is read as one value must have been sent once: which of two was meant, nobody could say. */
class SingleParameters extends URLSearchParams {
  /** Throws ApiError BadRequest for a parameter that was sent more often. */
  override get(name: string): string | null {
    const [value = null, ...others] = this.getAll(name);
    if (others.length > 0) throw badRequest(`${name}: is set ${others.length + 1} times in the query; set it once`);
    return value;
  }
}

/** Throws ApiError Forbidden (or Unauthorized for those who are nobody) unless the user may. */
export async function requireAccess(
  context: ApiContext,
  user: User,
  verb: string,
  resource: KfpResource,
  namespace: string,
  name = "",
): Promise<void> {
  await requirePermission(context, user, { verb, group, resource, namespace, name });
}

/** The same, for what is not KFP's. */
export async function requirePermission(
  { authorizer }: ApiContext,
  user: User,
  asked: Omit<Parameters<Authorizer["authorize"]>[0], "user">,
): Promise<void> {
  const { verb, group, resource, namespace } = asked;
  const { allowed, reason } = await authorizer.authorize({ user, ...asked });
  if (allowed) return;
  if (isAnonymous(user)) {
    throw new ApiError("Unauthorized", `Cannot ${verb} ${resource}: the request says nothing about who is calling`);
  }
  throw new ApiError(
    "Forbidden",
    `User "${user.name}" cannot ${verb} ${resource} of ${group} in namespace "${namespace}"${reason && `: ${reason}`}`,
  );
}

/** The namespace of a list or of something new. Throws ApiError BadRequest where clients must name one and did not. */
export function namespaceFor({ tenancy }: ApiContext, given: string | null | undefined, what: string): string {
  if (!tenancy.multiUser) return tenancy.namespace;
  if (!given) throw badRequest(`namespace: Required value: ${what} are kept by namespace`);
  if (given.length > 63)
    throw badRequest(`namespace: Invalid value: "${given.slice(0, 80)}": has more than 63 characters`);
  return given;
}

/** The tables of one namespace. */
export function tablesOf({ records }: ApiContext, namespace: string): Scope<PipelineTables> {
  return records.in<PipelineTables>(namespace);
}

/**
 * Looks something up by an id that says nothing about its namespace: the caller asks for permission in the namespace of what
 * it finds, before it shows anything of it.
 */
export function anyTables({ records }: ApiContext): PipelineDatabase {
  return records.all<PipelineTables>().db;
}

export interface Subject<Row> {
  /** What one is called in errors. */
  readonly what: string;
  readonly resource: KfpResource;
  readonly find: (db: PipelineDatabase, id: string) => Promise<Row | undefined>;
  /** Whose permission is asked for, if it is not the row's own. */
  readonly nameOf?: (row: Row) => string;
}

/** How rows of a kind are come by: `required` throws ApiError NotFound, `permitted` also Forbidden unless the user may. */
export function lookup<Row extends { readonly ns: string }>({ what, resource, find, nameOf }: Subject<Row>) {
  async function required(context: ApiContext, id: string): Promise<Row> {
    const row = await find(anyTables(context), id);
    if (!row) throw notFound(what, id);
    return row;
  }
  async function permitted(context: ApiContext, user: User, verb: string, id: string): Promise<Row> {
    const row = await required(context, id);
    await requireAccess(context, user, verb, resource, row.ns, nameOf?.(row) ?? id);
    return row;
  }
  return { required, permitted };
}

/** A request's body, checked against its message. An empty body is an empty message. */
export async function readMessage<T>(request: ApiRequest, message: Message<T>): Promise<T> {
  return message.read(await readJson(request), "");
}

async function readJson(request: ApiRequest): Promise<JsonValue> {
  if (request.value !== undefined) return request.value as JsonValue;
  const body = await readBody(request, bodyLimit);
  if (body.byteLength === 0) return {};
  const value = parseJson(body);
  checkDepth(value, 0);
  return value;
}

function parseJson(body: Uint8Array): JsonValue {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw badRequest(`Cannot read the request's body as JSON: ${cause instanceof Error ? cause.message : ""}`, {
      cause,
    });
  }
}

/** Whoever walks a value later may then do so by calling itself. */
function checkDepth(value: JsonValue, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth > maxDepth)
    throw badRequest(`Cannot read the request's body: it is nested more than ${maxDepth} levels deep`);
  for (const inner of Object.values(value)) checkDepth(inner, depth + 1);
}

export function notFound(what: string, id: string): ApiError {
  return new ApiError("NotFound", `${what} ${id} not found`);
}

/** Text that a client named something with, blanks around it and all: it is looked up by the same text. Lengths in characters. */
export function requireName(value: string | undefined, place: string, maxLength: number): string {
  const name = value ?? "";
  if (name.trim() === "") throw badRequest(`${place}: Required value`);
  checkLength(name, place, maxLength);
  return name;
}

export function checkLength(value: string, place: string, maxLength: number): void {
  if (value.length > maxLength)
    throw badRequest(`${place}: Invalid value: has ${value.length} characters, ${maxLength} are allowed`);
}

/** Texts without a narrower limit. */
export const longText = 65_535;
