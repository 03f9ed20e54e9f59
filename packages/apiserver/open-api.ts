import {
  openAPIComponents,
  type ApiRequest,
  type ApiResponse,
  type ResourceDefinition,
} from "@headrace/model";
import { rootOf, verbsOf } from "./discovery.ts";
import { fixedDocument, fixedDocumentOf, type FixedDocument } from "./fixed-document.ts";
import type { GroupVersion, Registry, Served } from "./registry.ts";

const prefix = "/openapi/v3/";

/** `/openapi/v3` and one document for each group and version, made when first asked for. */
export function createOpenApi({ groupVersions }: Registry): (request: ApiRequest) => Promise<ApiResponse | undefined> {
  const documents = new Map<string, FixedDocument>(
    groupVersions.map((each) => [rootOf(each).slice(1), fixedDocumentOf(() => openApiOf(each))]),
  );

  async function index(request: ApiRequest): Promise<ApiResponse> {
    const entries = [...documents].map(
      async ([path, document]) =>
        [path, { serverRelativeURL: `${prefix}${path}?hash=${await document.hash()}` }] as const,
    );
    return fixedDocument({ paths: Object.fromEntries(await Promise.all(entries)) }).answer(request);
  }

  return async (request) => {
    const path = request.path.replace(/\/+$/, "");
    if (path === "/openapi/v3") return index(request);
    return path.startsWith(prefix) ? documents.get(path.slice(prefix.length))?.answer(request) : undefined;
  };
}

function openApiOf(groupVersion: GroupVersion): object {
  const { kinds } = groupVersion;
  return {
    openapi: "3.0.0",
    info: { title: "Headrace", version: "v1.33.0" },
    paths: Object.assign({}, ...kinds.map((served) => pathsOf(groupVersion, served))),
    components: { schemas: openAPIComponents(kinds.map(({ definition }) => definition)) },
  };
}

/** What clients look for in the paths: the kind behind each, and that `fieldValidation` is understood. */
function pathsOf(groupVersion: GroupVersion, { definition, verbs }: Served): Readonly<Record<string, object>> {
  const { plural, scope } = definition;
  const root = rootOf(groupVersion);
  const collection = scope === "Namespaced" ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
  const object = `${collection}/{name}`;
  const has = (verb: string): boolean => (verbs as ReadonlySet<string>).has(verb);
  const placed = scope === "Namespaced" ? [pathParameter("namespace")] : [];
  const named = [...placed, pathParameter("name")];
  const subresources = definition.subresources.map((each) => {
    const can = verbsOf(each);
    return [`${object}/${each.name}`, operations(definition, named, (verb) => can.includes(verb))] as const;
  });
  return {
    ...(scope === "Namespaced" && has("list") && { [`${root}/${plural}`]: { get: operation(definition, "list") } }),
    [collection]: {
      parameters: placed,
      ...(has("list") && { get: operation(definition, "list") }),
      ...(has("create") && { post: operation(definition, "post") }),
      ...(has("deletecollection") && { delete: operation(definition, "deletecollection") }),
    },
    ...(has("get") && { [object]: operations(definition, named, has) }),
    ...Object.fromEntries(subresources),
  };
}

function operations(
  definition: ResourceDefinition,
  parameters: readonly object[],
  has: (verb: string) => boolean,
): object {
  return {
    parameters,
    ...(has("get") && { get: operation(definition, "get") }),
    ...(has("create") && { post: operation(definition, "post") }),
    ...(has("update") && { put: operation(definition, "put") }),
    ...(has("patch") && { patch: operation(definition, "patch") }),
    ...(has("delete") && { delete: operation(definition, "delete") }),
  };
}

function operation({ group, version, kind }: ResourceDefinition, action: string): object {
  const isWrite = action === "post" || action === "put" || action === "patch";
  const parameters = [
    ...(action === "get" || action === "list" ? [] : ["dryRun"]),
    ...(isWrite ? ["fieldManager", "fieldValidation"] : []),
  ];
  return {
    description: `${action} ${kind}`,
    parameters: parameters.map((name) => ({ name, in: "query", schema: { type: "string", uniqueItems: true } })),
    responses: { "200": { description: "OK" } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group, version, kind },
  };
}

const pathParameter = (name: string): object => ({
  name,
  in: "path",
  required: true,
  schema: { type: "string", uniqueItems: true },
});
