import { type ApiRequest, type ApiResponse, badRequest, type Route, type RouteParams } from "@headrace/model";
import { asText, field, isList, isObject, type JsonObject, type JsonValue } from "../core/json.ts";
import { type ApiContext, namespaceFor, requirePermission, routeMaker } from "./context.ts";
import { healthOf } from "./health.ts";
import { healthMessage } from "./messages.ts";
import { jsonResponse } from "./status.ts";

const earlier = "/apis/v1beta1";
const current = "/apis/v2beta1";

/**
 * What dashboards still read by v1beta1: the same things in that version's words. Each answer is made of the one that `routes`, those of
 * v2beta1, give to the same caller, so that permission, paging and failures are theirs.
 */
export function earlierRoutes(context: ApiContext, routes: readonly Route[]): readonly Route[] {
  const route = routeMaker(context);
  const ask = asker(routes);
  const list = (pattern: string, { of, called, each }: Listed) =>
    route("GET", `${earlier}${pattern}`, async (_, request) => {
      const listed = await ask(request, of, { query: translatedQuery(request.query) });
      if ("failed" in listed) return listed.failed;
      const rows = field(listed.value, called.from);
      const shown = isList(rows ?? []) ? await Promise.all(objects(rows).map((row) => each(row, request))) : [];
      return jsonResponse({
        ...kept(listed.value, ["total_size", "next_page_token"]),
        ...(shown.length > 0 && { [called.to]: shown }),
      });
    });
  const one = (pattern: string, of: string, name: string, show: Show) =>
    route("GET", `${earlier}${pattern}`, async (_, request, { id = "" }) => {
      const found = await ask(request, of, { params: { [name]: id } });
      return "failed" in found ? found.failed : jsonResponse(await show(found.value, request));
    });
  const pipeline: Show = (row, request) => pipelineOf(ask, row, request);
  const template = (pattern: string, find: (id: string, request: ApiRequest) => Promise<Answered>) =>
    route("GET", `${earlier}${pattern}`, async (_, request, { id = "" }) => {
      const found = await find(id, request);
      if ("failed" in found) return found.failed;
      return jsonResponse({ template: JSON.stringify(field(found.value, "pipeline_spec") ?? {}) });
    });
  return [
    { ...route("GET", `${earlier}/healthz`, health), access: "open" },
    route("GET", `${earlier}/auth`, authorize),
    list("/experiments", { of: "/experiments", called: same("experiments"), each: experimentOf }),
    one("/experiments/{id}", "/experiments/{experiment}", "experiment", experimentOf),
    list("/pipelines", { of: "/pipelines", called: same("pipelines"), each: pipeline }),
    one("/pipelines/{id}", "/pipelines/{pipeline}", "pipeline", pipeline),
    route(
      "GET",
      `${earlier}/namespaces/{namespace}/pipelines/{name}`,
      async (_, request, { namespace = "", name = "" }) => {
        const query = new URLSearchParams({ namespace });
        const found = await ask(request, "/pipelines/names/{name}", { params: { name }, query });
        return "failed" in found ? found.failed : jsonResponse(await pipeline(found.value, request));
      },
    ),
    template("/pipelines/{id}/templates", (id, request) => latestVersion(ask, id, request)),
    versions(route, ask),
    one("/pipeline_versions/{id}", "/pipelines/{pipeline}/versions/{version}", "version", versionOf),
    template("/pipeline_versions/{id}/templates", (version, request) =>
      ask(request, "/pipelines/{pipeline}/versions/{version}", { params: { version } }),
    ),
    list("/runs", { of: "/runs", called: same("runs"), each: runOf }),
    one("/runs/{id}", "/runs/{run}", "run", (row, request) => runDetailOf(ask, row, request)),
    list("/jobs", { of: "/recurringruns", called: { from: "recurringRuns", to: "jobs" }, each: jobOf }),
    one("/jobs/{id}", "/recurringruns/{recurring}", "recurring", jobOf),
  ];
}

type Show = (row: JsonObject, request: ApiRequest) => JsonObject | Promise<JsonObject>;

interface Listed {
  readonly of: string;
  readonly called: { readonly from: string; readonly to: string };
  readonly each: Show;
}

const same = (name: string) => ({ from: name, to: name });

type Answered = { readonly value: JsonObject } | { readonly failed: ApiResponse };

type Ask = (
  request: ApiRequest,
  pattern: string,
  asked: { readonly params?: RouteParams; readonly query?: URLSearchParams },
) => Promise<Answered>;

function asker(routes: readonly Route[]): Ask {
  return async (request, pattern, { params = {}, query = new URLSearchParams() }) => {
    const route = routes.find((each) => each.method === "GET" && each.pattern === `${current}${pattern}`);
    if (!route) throw new TypeError(`There is no route ${pattern}`);
    const answer = await route.handle({ ...request, query }, params);
    const { value } = answer;
    return answer.status === 200 && isObject(value) ? { value } : { failed: answer };
  };
}

async function health(context: ApiContext): Promise<ApiResponse> {
  const { commit_sha, tag_name, multi_user } = healthOf(context);
  return jsonResponse(healthMessage.write({ commit_sha, tag_name, multi_user }));
}

/** Whether the caller may see viewers, which is what upstream's pages ask before they show anything of a namespace. */
async function authorize(context: ApiContext, { query, user }: ApiRequest): Promise<ApiResponse> {
  const verb = (query.get("verb") ?? "").toLowerCase();
  const resource = (query.get("resources") ?? "").toLowerCase();
  if (resource !== "viewers") throw badRequest(`resources: Unsupported value: must be "VIEWERS"`);
  if (!["create", "get", "delete"].includes(verb))
    throw badRequest(`verb: Unsupported value: supported values: "CREATE", "GET", "DELETE"`);
  const namespace = namespaceFor(context, query.get("namespace"), "viewers");
  await requirePermission(context, user, { verb, group: "kubeflow.org", resource, namespace, name: "" });
  return jsonResponse({});
}

/** Of one pipeline, which the query names. */
function versions(route: ReturnType<typeof routeMaker>, ask: Ask): Route {
  return route("GET", `${earlier}/pipeline_versions`, async (_, request) => {
    const pipeline = request.query.get("resource_key.id") ?? "";
    if (request.query.get("resource_key.type") !== "PIPELINE" || pipeline === "")
      throw badRequest("resource_key: Required value: type PIPELINE, and the id of a pipeline");
    const of = "/pipelines/{pipeline}/versions";
    const listed = await ask(request, of, { params: { pipeline }, query: translatedQuery(request.query) });
    if ("failed" in listed) return listed.failed;
    const shown = objects(field(listed.value, "pipeline_versions")).map(versionOf);
    return jsonResponse({
      ...kept(listed.value, ["total_size", "next_page_token"]),
      ...(shown.length > 0 && { versions: shown }),
    });
  });
}

async function latestVersion(ask: Ask, pipeline: string, request: ApiRequest): Promise<Answered> {
  const query = new URLSearchParams({ sort_by: "created_at desc", page_size: "1" });
  const listed = await ask(request, "/pipelines/{pipeline}/versions", { params: { pipeline }, query });
  if ("failed" in listed) return listed;
  return { value: objects(field(listed.value, "pipeline_versions"))[0] ?? {} };
}

/** A list's query in the words of v2beta1. What it does not know is left to it. */
function translatedQuery(query: URLSearchParams): URLSearchParams {
  const translated = new URLSearchParams();
  for (const name of ["page_size", "page_token", "sort_by"]) {
    const value = query.get(name);
    if (value) translated.set(name, value);
  }
  const filter = query.get("filter");
  if (filter) translated.set("filter", translatedFilter(filter));
  const names: Readonly<Record<string, string>> = { EXPERIMENT: "experiment_id", NAMESPACE: "namespace" };
  const reference = names[query.get("resource_reference_key.type") ?? ""];
  const id = query.get("resource_reference_key.id");
  if (reference && id) translated.set(reference, id);
  return translated;
}

function translatedFilter(text: string): string {
  try {
    const filter: unknown = JSON.parse(text);
    const predicates = isObject(filter) ? field(filter, "predicates") : undefined;
    if (!isObject(filter) || !isList(predicates)) return text;
    return JSON.stringify({
      ...filter,
      predicates: predicates.map((each) => (isObject(each) ? translatedPredicate(each) : each)),
    });
  } catch {
    return text;
  }
}

function translatedPredicate({ op, ...rest }: JsonObject): JsonObject {
  const value = rest["string_value"];
  const spoken = typeof value === "string" && rest["key"] === "status" ? value.toUpperCase() : value;
  return {
    ...rest,
    ...(op !== undefined && { operation: op }),
    ...(typeof spoken === "string" && { string_value: spoken.replace(/^STORAGESTATE_/, "") }),
  };
}

function experimentOf(row: JsonObject): JsonObject {
  return {
    ...renamed(row, {
      experiment_id: "id",
      display_name: "name",
      description: "description",
      created_at: "created_at",
    }),
    storage_state: `STORAGESTATE_${textOf(row, "storage_state")}`,
    ...references([["NAMESPACE", textOf(row, "namespace"), "OWNER"]]),
  };
}

async function pipelineOf(ask: Ask, row: JsonObject, request: ApiRequest): Promise<JsonObject> {
  const latest = await latestVersion(ask, textOf(row, "pipeline_id"), request);
  const version = "value" in latest && field(latest.value, "pipeline_version_id") ? versionOf(latest.value) : undefined;
  const parameters = version && field(version, "parameters");
  return {
    ...renamed(row, { pipeline_id: "id", display_name: "name", description: "description", created_at: "created_at" }),
    ...(parameters && { parameters }),
    ...(version && { default_version: version }),
    ...references([["NAMESPACE", textOf(row, "namespace"), "OWNER"]]),
  };
}

function versionOf(row: JsonObject): JsonObject {
  const parameters = parametersOf(field(row, "pipeline_spec"));
  return {
    ...renamed(row, {
      pipeline_version_id: "id",
      display_name: "name",
      description: "description",
      created_at: "created_at",
      code_source_url: "code_source_url",
      package_url: "package_url",
    }),
    ...(parameters.length > 0 && { parameters }),
    ...references([["PIPELINE", textOf(row, "pipeline_id"), "OWNER"]]),
  };
}

/** The inputs of a pipeline with their defaults, as text. */
function parametersOf(spec: JsonValue | undefined): readonly JsonObject[] {
  const bare = isObject(spec) ? (field(spec, "pipeline_spec") ?? spec) : {};
  const inputs = ["root", "inputDefinitions", "parameters"].reduce<JsonValue | undefined>(
    (value, key) => (isObject(value) ? field(value, key) : undefined),
    bare,
  );
  if (!isObject(inputs)) return [];
  return Object.entries(inputs).map(([name, input]) => {
    const value = isObject(input) ? field(input, "defaultValue") : undefined;
    return { name, ...(value !== undefined && value !== null && { value: asText(value) }) };
  });
}

const statuses: Readonly<Record<string, string>> = {
  PENDING: "Pending",
  RUNNING: "Running",
  SUCCEEDED: "Succeeded",
  SKIPPED: "Skipped",
  FAILED: "Failed",
  CANCELING: "Terminating",
};

function runOf(row: JsonObject): JsonObject {
  const error = field(row, "error");
  return {
    ...renamed(row, {
      run_id: "id",
      display_name: "name",
      description: "description",
      service_account: "service_account",
      created_at: "created_at",
      scheduled_at: "scheduled_at",
      finished_at: "finished_at",
    }),
    ...(field(row, "storage_state") === "ARCHIVED" && { storage_state: "STORAGESTATE_ARCHIVED" }),
    status: statuses[textOf(row, "state")] ?? "",
    ...(isObject(error) && { error: textOf(error, "message") }),
    ...sourceOf(row, [["JOB", textOf(row, "recurring_run_id"), "CREATOR"]]),
  };
}

async function runDetailOf(ask: Ask, row: JsonObject, request: ApiRequest): Promise<JsonObject> {
  const version = referred(row, "pipeline_version_id");
  const found = version && (await ask(request, "/pipelines/{pipeline}/versions/{version}", { params: { version } }));
  const spec = found && "value" in found ? field(found.value, "pipeline_spec") : field(row, "pipeline_spec");
  const run = runOf(row);
  const source = field(run, "pipeline_spec");
  const pipeline_manifest = spec === undefined ? "" : JSON.stringify(spec);
  return {
    run: { ...run, pipeline_spec: { ...(isObject(source) && source), pipeline_manifest } },
    pipeline_runtime: { pipeline_manifest },
  };
}

function jobOf(row: JsonObject): JsonObject {
  const enabled = field(row, "status") === "ENABLED";
  return {
    ...renamed(row, {
      recurring_run_id: "id",
      display_name: "name",
      description: "description",
      service_account: "service_account",
      max_concurrency: "max_concurrency",
      trigger: "trigger",
      created_at: "created_at",
      updated_at: "updated_at",
      no_catchup: "no_catchup",
    }),
    mode: enabled ? "ENABLED" : "DISABLED",
    status: enabled ? "Enabled" : "Disabled",
    ...(enabled && { enabled }),
    ...sourceOf(row, [
      ["NAMESPACE", textOf(row, "namespace"), "OWNER"],
      ["PIPELINE", referred(row, "pipeline_id"), "CREATOR"],
    ]),
  };
}

/** Which pipeline something runs, with what, and what it belongs to beside `others`. */
function sourceOf(row: JsonObject, others: readonly Reference[]): JsonObject {
  const pipeline_id = referred(row, "pipeline_id");
  const runtime_config = field(row, "runtime_config");
  return {
    pipeline_spec: { ...(pipeline_id && { pipeline_id }), ...(runtime_config !== undefined && { runtime_config }) },
    ...references([
      ["EXPERIMENT", textOf(row, "experiment_id"), "OWNER"],
      ["PIPELINE_VERSION", referred(row, "pipeline_version_id"), "CREATOR"],
      ...others,
    ]),
  };
}

/** Of the pipeline and version that a run or schedule names. */
function referred(row: JsonObject, id: "pipeline_id" | "pipeline_version_id"): string {
  const reference = field(row, "pipeline_version_reference");
  return isObject(reference) ? textOf(reference, id) : "";
}

type Reference = readonly [type: string, id: string, relationship: string];

function references(all: readonly Reference[]): JsonObject {
  const resource_references = all
    .filter(([, id]) => id !== "")
    .map(([type, id, relationship]) => ({ key: { type, id }, relationship }));
  return resource_references.length > 0 ? { resource_references } : {};
}

function renamed(row: JsonObject, names: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(
    Object.entries(names).flatMap(([from, to]) => {
      const value = field(row, from);
      return value === undefined ? [] : [[to, value]];
    }),
  );
}

const kept = (row: JsonObject, names: readonly string[]): JsonObject =>
  renamed(row, Object.fromEntries(names.map((name) => [name, name])));

const objects = (value: JsonValue | undefined): readonly JsonObject[] => (isList(value) ? value.filter(isObject) : []);

function textOf(row: JsonObject, name: string): string {
  const value = field(row, name);
  return typeof value === "string" ? value : "";
}
