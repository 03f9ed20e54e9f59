import {
  ApiError,
  apiVersionOf,
  applyDefaults,
  invalid,
  isObject,
  notFound,
  prune,
  validate,
  type ApiRequest,
  type ApiResponse,
  type ResourceDefinition,
  type Subresource,
} from "@headrace/model";
import type { Actions } from "./actions.ts";
import { type Offers, verbsOf } from "./discovery.ts";
import { methodNotAllowed, unknownPath } from "./errors.ts";
import { isDryRun } from "./incoming.ts";
import { formOf } from "./negotiation.ts";
import type { SubresourceHandler } from "./options.ts";
import { renderValue } from "./render.ts";
import { messageReader } from "./protobuf-body.ts";
import { readValue } from "./request-body.ts";
import type { ResourceTarget } from "./target.ts";
import type { WriteCall, Writer } from "./writer.ts";

/** Subresources that are a part of the object itself: read and written as the object is. */
const parts = new Set(["status", "finalize"]);

type Handlers = Readonly<Record<string, SubresourceHandler>>;

/** Says which subresources these handlers answer, and those that are part of their object. */
export function offeredBy(handlers: Handlers): Offers {
  return ({ resource }, { name }) => parts.has(name) || handlers[`${resource}/${name}`] !== undefined;
}

export interface SubresourcesOptions {
  readonly actions: Actions;
  readonly writer: Writer;
  /** By `plural/name` or `plural.group/name`. */
  readonly handlers: Handlers;
}

/** Answers requests below an object. The caller has been authorised. */
export function createSubresources({
  actions,
  writer,
  handlers,
}: SubresourcesOptions): (request: ApiRequest, target: ResourceTarget) => Promise<ApiResponse> {
  return async (request, target) => {
    const { served, verb, subresource: name } = target;
    const subresource = served.definition.subresources.find((each) => each.name === name);
    if (subresource === undefined) throw unknownPath();
    if (!verbsOf(subresource).includes(verb)) throw methodNotAllowed();
    if (parts.has(name)) {
      if (verb !== "get" && !served.verbs.has(verb)) throw methodNotAllowed();
      return actions[verb](request, target);
    }
    const handler = handlers[`${served.resource}/${name}`];
    if (handler === undefined) throw notOffered(target);
    return answerWith(handler, request, target, subresource);
  };

  async function answerWith(
    handler: SubresourceHandler,
    request: ApiRequest,
    target: ResourceTarget,
    subresource: Subresource,
  ): Promise<ApiResponse> {
    const { served, namespace, name, rest } = target;
    const { definition, source } = served;
    const key = { namespace, name: withoutPort(name) };
    const version = await source.get(key);
    if (version === undefined) throw notFound(definition, key.name);
    const call: WriteCall = { served, user: request.user, dryRun: isDryRun(request.query) };
    const answer = await handler({
      request,
      key,
      definition,
      object: version.object,
      rest,
      body: () => readBody(request, definition, subresource),
      update: async (change) => (await writer.update(call, key, subresource.name, change)).object,
      remove: async (options) => void (await writer.remove(call, key, options)),
    });
    return answer.headers === undefined
      ? renderValue(answer.value, formOf(request.headers["accept"]), answer.status)
      : answer;
  }
}

/** Where a request is handed on to, the path may say the port behind the name, and the scheme before it: `https:one:8443`. */
function withoutPort(name: string): string {
  return /^(?:https?:)?([^:]+)(?::[^:]*)?$/.exec(name)?.[1] ?? name;
}

async function readBody(
  request: ApiRequest,
  definition: ResourceDefinition,
  subresource: Subresource,
): Promise<unknown> {
  const shape = "schema" in subresource ? subresource : undefined;
  const protobuf = shape?.schema && messageReader(shape.kind, shape.schema);
  const { value = {} } = await readValue(request, { protobuf });
  if (shape?.schema === undefined) return value;
  const { group = definition.group, version = definition.version, kind } = shape;
  const typed = { apiVersion: apiVersionOf({ group, version }), kind, ...(isObject(value) ? value : {}) };
  const complete = applyDefaults(shape.schema, prune(shape.schema, typed).value);
  const causes = validate(shape.schema, complete);
  if (causes.length > 0) throw invalid({ ...definition, kind: shape.kind }, "", causes);
  return complete;
}

function notOffered({ served, subresource }: ResourceTarget): ApiError {
  const { plural } = served.definition;
  return new ApiError(
    "ServiceUnavailable",
    `Cannot serve ${plural}/${subresource}: no node agent that offers it is connected to this API server`,
    {},
  );
}
