import {
  ApiError,
  isObject,
  platformUser,
  type ApiResponse,
  type Handler,
  type KubeObject,
  type ObjectList,
  type ResourceDefinition,
  type Status,
  type StatusReason,
  type User,
  type WatchEvent,
} from "@headrace/model";
import type { CallOptions, Client, ListQuery, Patch, ResourceClient, WatchQuery } from "./client.ts";
import { readJsonLines, readText } from "./json-lines.ts";
import { collectionPath, objectPath } from "./paths.ts";

export interface ClientOptions {
  /** The API server's own handler, or one over HTTP. */
  readonly transport: Handler;
  /** Whom an in-process server sees; the platform itself by default. Over HTTP the transport's credentials say who calls. */
  readonly user?: User;
}

interface Call extends CallOptions {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly contentType?: string;
  readonly value?: unknown;
}

const patchTypes: Readonly<Record<Patch["type"], string>> = {
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  json: "application/json-patch+json",
};

/** Objects asked for at a time. */
const pageSize = 500;

/** A client that speaks to the server behind `transport`. Values pass as they are where the server is in this process. */
export function createClient({ transport, user = platformUser }: ClientOptions): Client {
  const neverAborted = new AbortController().signal;

  async function send({
    method,
    path,
    query,
    contentType = "application/json",
    value,
    signal,
  }: Call): Promise<ApiResponse> {
    signal?.throwIfAborted();
    const response = await transport({
      method,
      path,
      query: new URLSearchParams(
        Object.entries(query ?? {}).flatMap(([name, value]) => [value ?? []].flat().map((each) => [name, each])),
      ),
      headers: {
        accept: "application/x-headrace-value, application/json",
        ...(value !== undefined && { "content-type": contentType }),
      },
      user,
      signal: signal ?? neverAborted,
      ...(value !== undefined && { value }),
    });
    if (response.status >= 400) throw await failureOf(response, `${method} ${path}`);
    return response;
  }

  /** The server's answer. That it has the shape its definition says is the server's promise. */
  async function call<T>(request: Call): Promise<T> {
    const response = await send(request);
    if (response.value !== undefined) return response.value as T;
    return JSON.parse(await readText(response.body)) as T;
  }

  function resource<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceClient<T> {
    async function list(query: ListQuery = {}): Promise<ObjectList<T>> {
      try {
        return await listByPages(query);
      } catch (error) {
        // The snapshot that the pages showed is gone. What is left is to ask for everything at once.
        const lost = error instanceof ApiError && error.reason === "Expired" && query.continue === undefined;
        if (!lost) throw error;
        return await call<ObjectList<T>>(listCall(query, undefined, undefined));
      }
    }

    async function listByPages(query: ListQuery): Promise<ObjectList<T>> {
      const items: T[] = [];
      let from = query.continue;
      for (;;) {
        const wanted = Math.min(pageSize, (query.limit ?? Infinity) - items.length);
        const page = await call<ObjectList<T>>(listCall(query, wanted, from));
        from = page.metadata.continue;
        const isLast =
          from === undefined || from === "" || items.length + page.items.length >= (query.limit ?? Infinity);
        if (isLast && items.length === 0) return page;
        items.push(...page.items);
        if (isLast) return { ...page, items };
      }
    }

    const listCall = (query: ListQuery, limit: number | undefined, from: string | undefined): Call => ({
      method: "GET",
      path: collectionPath(definition, query.namespace ?? ""),
      query: { ...selectors(query), limit: limit?.toString(), continue: from },
      ...signalOf(query),
    });

    async function* watch(query: WatchQuery): AsyncGenerator<WatchEvent<T>, void, undefined> {
      const { signal, resourceVersion, namespace = "" } = query;
      const start =
        resourceVersion === undefined
          ? { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan" }
          : { resourceVersion };
      try {
        const response = await send({
          method: "GET",
          path: collectionPath(definition, namespace),
          query: { ...selectors(query), watch: "true", allowWatchBookmarks: "true", ...start },
          signal,
        });
        for await (const event of eventsOf<T>(response)) {
          if (signal.aborted) return;
          if (event.type === "ERROR") throw errorOf(event.object);
          yield event;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }

    return {
      definition,
      get: (key, options) => call({ method: "GET", path: objectPath(definition, key), ...signalOf(options) }),
      list,
      watch,
      create: (object, options) =>
        call({
          method: "POST",
          path: collectionPath(definition, object.metadata.namespace ?? ""),
          value: object,
          ...signalOf(options),
        }),
      update: (object, options) =>
        call({
          method: "PUT",
          path: objectPath(definition, keyOf(object), options?.subresource),
          value: object,
          ...signalOf(options),
        }),
      patch: (key, { type, body }, options) =>
        call({
          method: "PATCH",
          path: objectPath(definition, key, options?.subresource),
          contentType: patchTypes[type],
          value: body,
          ...signalOf(options),
        }),
      async delete(key, { signal, ...options } = {}) {
        const answer = await call<T>({
          method: "DELETE",
          path: objectPath(definition, key),
          value: { apiVersion: "v1", kind: "DeleteOptions", ...options },
          ...signalOf({ signal }),
        });
        return isHeld(answer) ? answer : undefined;
      },
      post: (key, subresource, body, options) =>
        call({ method: "POST", path: objectPath(definition, key, subresource), value: body, ...signalOf(options) }),
    };
  }

  return { resource };
}

const selectors = ({ labelSelector, fieldSelector, search }: ListQuery) => ({
  labelSelector,
  fieldSelector,
  ...(search && { search }),
});

const signalOf = (options: { readonly signal?: AbortSignal | undefined } | undefined): CallOptions =>
  options?.signal ? { signal: options.signal } : {};

const keyOf = ({ metadata }: KubeObject) => ({ namespace: metadata.namespace ?? "", name: metadata.name ?? "" });

/** Some kinds answer with a Status once they are gone, others with the object as it was; one that waits is marked, and says for what. */
function isHeld(answer: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = answer.metadata;
  const spec: unknown = Reflect.get(answer, "spec");
  const specFinalizers: unknown = isObject(spec) ? spec["finalizers"] : undefined;
  const holds = finalizers.length > 0 || (Array.isArray(specFinalizers) && specFinalizers.length > 0);
  return deletionTimestamp !== undefined && (deletionGracePeriodSeconds > 0 || holds);
}

async function* eventsOf<T>(response: ApiResponse): AsyncGenerator<WatchEvent<T>, void, undefined> {
  if (response.value !== undefined) yield* response.value as AsyncIterable<WatchEvent<T>>;
  else if (response.body !== undefined) {
    for await (const event of readJsonLines(response.body)) yield event as WatchEvent<T>;
  }
}

async function failureOf(response: ApiResponse, what: string): Promise<ApiError> {
  if (response.value !== undefined) return errorOf(response.value);
  const text = await readText(response.body);
  try {
    return errorOf(JSON.parse(text));
  } catch (cause) {
    const reason = reasons[response.status] ?? "InternalError";
    return new ApiError(
      reason,
      `Cannot ${what}: the server answered ${response.status} ${text.slice(0, 200)}`.trimEnd(),
      undefined,
      { cause },
    );
  }
}

/** For answers of proxies in between, which carry no Status. */
const reasons: Readonly<Record<number, StatusReason>> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  413: "RequestEntityTooLarge",
  429: "TooManyRequests",
  503: "ServiceUnavailable",
  504: "Timeout",
};

function errorOf(value: unknown): ApiError {
  const { reason = "InternalError", message = "the server gave no reason", details } = value as Partial<Status>;
  return new ApiError(reason, message, details);
}
