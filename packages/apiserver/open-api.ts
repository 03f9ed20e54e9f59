import {
  openAPIComponents,
  resolveSchema,
  type ApiRequest,
  type ApiResponse,
  type ResourceDefinition,
} from "@headrace/model";
import { rootOf, verbsOf } from "./discovery.ts";
import { fixedDocument, fixedDocumentOf, type FixedDocument } from "./fixed-document.ts";
import { patchTypesOf } from "./patch.ts";
import type { GroupVersion, Registry, Served } from "./registry.ts";

const prefix = "/openapi/v3/";

type Action = "get" | "list" | "post" | "put" | "patch" | "delete" | "deletecollection";

const parametersOf: Readonly<Record<Action, readonly string[]>> = {
  get: [],
  list: [],
  post: ["dryRun", "fieldManager", "fieldValidation"],
  put: ["dryRun", "fieldManager", "fieldValidation"],
  patch: ["dryRun", "fieldManager", "fieldValidation"],
  delete: ["dryRun"],
  deletecollection: ["dryRun"],
};

/**
 * OpenAPI 2 as clients of Kubernetes read it: a protobuf Document of version and title (fields 1 and 2), which defines no kind. kubectl
 * holds a `kind: List` against nothing else, and sends no item of it where it finds none; the items are validated when they come.
 */
const version2 = {
  accept: "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
  answer: {
    status: 200,
    headers: { "content-type": "application/com.github.proto-openapi.spec.v2.v1.0+protobuf" },
    body: new TextEncoder().encode("\n\u{3}2.0\u{12}\u{a}\n\u{8}Headrace"),
  },
} as const;

/** `/openapi/v3` and one document for each group and version, made when first asked for; and what little there is of `/openapi/v2`. */
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
    if (path === "/openapi/v2") return request.headers["accept"] === version2.accept ? version2.answer : undefined;
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

function operation(definition: ResourceDefinition, action: Action): object {
  const { group, version, kind } = definition;
  return {
    description: `${action} ${kind}`,
    parameters: parametersOf[action].map((name) => ({
      name,
      in: "query",
      schema: { type: "string", uniqueItems: true },
    })),
    ...requestBody(definition, action),
    responses: { "200": { description: "OK", content: { "application/json": { schema: schemaOf(definition) } } } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group, version, kind },
  };
}

/** kubectl computes strategic merge patches only for kinds whose PATCH is said to take them. */
function requestBody(definition: ResourceDefinition, action: Action): object {
  if (action === "post" || action === "put") {
    return { requestBody: { content: { "application/json": { schema: schemaOf(definition) } }, required: true } };
  }
  if (action !== "patch") return {};
  const types = patchTypesOf(definition).map((type) => [type, { schema: { type: "object" } }]);
  return { requestBody: { content: Object.fromEntries(types), required: true } };
}

function schemaOf({ schema }: ResourceDefinition): object {
  const node = resolveSchema(schema);
  const name = node.type === "object" ? node.name : undefined;
  return name === undefined ? { type: "object" } : { $ref: `#/components/schemas/${name}` };
}

const pathParameter = (name: string): object => ({
  name,
  in: "path",
  required: true,
  schema: { type: "string", uniqueItems: true },
});
