import { badRequest, type ApiRequest, type Attributes } from "@headrace/model";
import type { Registry, Served } from "./registry.ts";

/** What a request is about. */
export type Target = ResourceTarget | PathTarget;

export interface ResourceTarget {
  readonly served: Served;
  readonly verb: Verb;
  /** Empty for cluster-scoped kinds and for all namespaces. */
  readonly namespace: string;
  /** Empty for collections. */
  readonly name: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** What follows the subresource in the path (`proxy`). */
  readonly rest: string;
}

export interface PathTarget {
  readonly path: string;
  readonly verb: string;
  /** Objects are there, but nothing that this method could do to them. */
  readonly isResource?: true;
}

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";

/** Finds out what a request is about from its method, path and query. Throws BadRequest for a path that cannot be decoded. */
export function targetOf(registry: Registry, request: ApiRequest): Target {
  const segments = segmentsOf(request.path);
  return resourceTarget(registry, request, segments) ?? { path: request.path, verb: request.method.toLowerCase() };
}

/** The question to the authorizer. */
export function attributesOf(target: Target, user: Attributes["user"]): Attributes {
  if ("path" in target) {
    return { user, verb: target.verb, group: "", resource: "", namespace: "", name: "", path: target.path };
  }
  const { served, verb, namespace, name, subresource } = target;
  const { group, plural } = served.definition;
  return { user, verb, group, resource: subresource === "" ? plural : `${plural}/${subresource}`, namespace, name };
}

function segmentsOf(path: string): readonly string[] {
  try {
    return path
      .split("/")
      .filter((segment) => segment !== "")
      .map(decodeURIComponent);
  } catch (cause) {
    throw badRequest(`Cannot read the path ${path}: it is not percent-encoded UTF-8`, { cause });
  }
}

function resourceTarget(registry: Registry, request: ApiRequest, segments: readonly string[]): Target | undefined {
  const [root, ...after] = segments;
  const group = root === "api" ? "" : root === "apis" ? after.shift() : undefined;
  const version = after.shift();
  if (group === undefined || version === undefined) return undefined;

  const [first = "", second = "", third = ""] = after;
  // `namespaces/x/pods` are pods in x, `namespaces/x` is the namespace itself, and `namespaces/x/status` its subresource.
  const namespaces = first === "namespaces" ? registry.find(group, version, "namespaces") : undefined;
  const isOfNamespace = namespaces?.definition.subresources.some(({ name }) => name === third) ?? false;
  const isNested = first === "namespaces" && third !== "" && !isOfNamespace;

  const [plural = "", name = "", subresource = "", ...rest] = isNested ? after.slice(2) : after;
  const served = registry.find(group, version, plural);
  if (served === undefined || (isNested && served.definition.scope === "Cluster")) return undefined;
  const verb = verbOf(request, name);
  if (verb === undefined) return { path: request.path, verb: request.method.toLowerCase(), isResource: true };
  return { served, verb, namespace: isNested ? second : "", name, subresource, rest: rest.join("/") };
}

function verbOf({ method, query }: ApiRequest, name: string): Verb | undefined {
  const isCollection = name === "";
  switch (method) {
    case "GET":
      if (isTrue(query.get("watch"))) return "watch";
      return isCollection ? "list" : "get";
    case "POST":
      return "create";
    case "PUT":
      return isCollection ? undefined : "update";
    case "PATCH":
      return isCollection ? undefined : "patch";
    case "DELETE":
      return isCollection ? "deletecollection" : "delete";
    default:
      return undefined;
  }
}

/** Query parameters that are booleans, as upstream reads them: `?watch`, `?watch=1` and `?watch=true` are all true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== "false" && value !== "0";
}
