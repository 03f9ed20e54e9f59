import {
  ApiError,
  apiVersionOf,
  badRequest,
  type ApiResponse,
  type Clock,
  type KubeObject,
  type Status,
  type WatchEvent,
} from "@headrace/model";
import type { Presentation } from "./render.ts";
import type { Selection } from "./selection.ts";
import type { Source, Version } from "./source.ts";
import { columnDefinitions, partialMetadata, tableOf, tableRow } from "./table.ts";
import { isTrue } from "./target.ts";

const bookmarkMs = 60_000;
const longestWatchMs = 3_600_000;
const initialEventsEnd = { "k8s.io/initial-events-end": "true" };

/** What the query of a watch asks for. */
interface WatchOptions {
  /** The present state first, only what changes from now on, or the changes after a revision. */
  readonly from: "state" | "now" | number;
  /** The present state ends with a bookmark that says so. */
  readonly marksInitialEnd: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

export interface WatchCall {
  readonly source: Source;
  readonly namespace: string;
  readonly selection: Selection;
  readonly query: URLSearchParams;
  readonly presentation: Presentation;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Something to tell a watcher, before it is given the form that the watcher asked for. */
type Told =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly version: Version }
  | { readonly type: "BOOKMARK"; readonly object: KubeObject }
  | { readonly type: "ERROR"; readonly status: Status };

/** Answers with a stream of events that ends with the signal, the asked timeout, or an ERROR event. */
export function watch(call: WatchCall): ApiResponse {
  const options = watchOptions(call.query);
  const { form } = call.presentation;
  if (form.encoding === "value")
    return { status: 200, headers: {}, value: inForm(tell(call, options), call.presentation) };
  const headers = { "content-type": "application/json", "cache-control": "no-cache, private" };
  return { status: 200, headers, body: frames(tell(call, options), call.presentation) };
}

function watchOptions(query: URLSearchParams): WatchOptions {
  const resourceVersion = query.get("resourceVersion") ?? "";
  const since = revisionOf("resourceVersion", resourceVersion);
  const asked = query.get("sendInitialEvents");
  const sendInitialEvents = asked === null || asked === "" ? since === undefined || since === 0 : isTrue(asked);
  const match = query.get("resourceVersionMatch") ?? "";
  if (asked !== null && asked !== "" && match !== "NotOlderThan") {
    throw forbiddenOption(
      "resourceVersionMatch",
      "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
    );
  }
  if ((asked === null || asked === "") && match !== "") {
    throw forbiddenOption(
      "resourceVersionMatch",
      "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
    );
  }
  const bookmarks = isTrue(query.get("allowWatchBookmarks"));
  return {
    from: sendInitialEvents ? "state" : since || "now",
    marksInitialEnd: asked !== null && sendInitialEvents && bookmarks,
    bookmarks,
    timeoutMs: timeoutOf(query),
  };
}

function forbiddenOption(field: string, message: string): ApiError {
  const causes = [{ reason: "FieldValueForbidden", message: `Forbidden: ${message}`, field }];
  const details = { group: "meta.k8s.io", kind: "ListOptions", causes };
  return new ApiError("Invalid", `ListOptions.meta.k8s.io "" is invalid: ${field}: Forbidden: ${message}`, details);
}

/** A resourceVersion in a query: absent and empty mean none. Throws BadRequest for what is no number. */
export function revisionOf(field: string, text: string): number | undefined {
  if (text === "") return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw badRequest(
      `${field}: Invalid value: ${JSON.stringify(text)}: must be a decimal number that this server gave out`,
    );
  }
  return value;
}

function timeoutOf(query: URLSearchParams): number {
  const seconds = Number(query.get("timeoutSeconds") ?? "");
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, longestWatchMs) : longestWatchMs;
}

async function* tell(call: WatchCall, options: WatchOptions): AsyncGenerator<Told, void, undefined> {
  const { source, namespace, selection, clock } = call;
  const ending = new AbortController();
  const signal = AbortSignal.any([call.signal, ending.signal]);
  const timer = clock.after(options.timeoutMs, () => ending.abort());
  try {
    let { from } = options;
    if (from === "now") {
      from = Number((await source.page({ namespace, selection, limit: 1 })).resourceVersion);
    } else if (from === "state") {
      const { versions, rest, resourceVersion } = await source.page({ namespace, selection });
      for (const version of versions) yield { type: "ADDED", version };
      for await (const piece of rest ?? []) for (const version of piece) yield { type: "ADDED", version };
      if (options.marksInitialEnd) {
        yield { type: "BOOKMARK", object: bookmark(call, resourceVersion, initialEventsEnd) };
      }
      from = Number(resourceVersion);
    }
    const changes = source.changes({
      namespace,
      selection,
      since: from,
      signal,
      ...(options.bookmarks && { bookmarkMs }),
    });
    for await (const change of changes) {
      if (change.type === "BOOKMARK") yield { type: "BOOKMARK", object: bookmark(call, change.resourceVersion) };
      else yield change;
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    yield { type: "ERROR", status: error.toStatus() };
  } finally {
    timer[Symbol.dispose]();
    ending.abort();
  }
}

/** An object of the watched kind that says nothing but up to where the watcher knows everything. */
function bookmark(
  call: WatchCall,
  resourceVersion: string,
  annotations?: Readonly<Record<string, string>>,
): KubeObject {
  const { definition } = call.presentation;
  const metadata = { resourceVersion, ...(annotations && { annotations }) };
  return { kind: definition.kind, apiVersion: apiVersionOf(definition), metadata };
}

async function* inForm(
  events: AsyncIterable<Told>,
  presentation: Presentation,
): AsyncGenerator<WatchEvent<unknown>, void, undefined> {
  for await (const told of events) {
    if (told.type === "ERROR") yield { type: "ERROR", object: told.status };
    else
      yield {
        type: told.type,
        object: shaped("version" in told ? told.version.object : told.object, presentation, true),
      };
  }
}

/** Events as lines of JSON. Those who watch the same objects as JSON share one frame for each event. */
async function* frames(
  events: AsyncIterable<Told>,
  presentation: Presentation,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { form } = presentation;
  let isFirst = true;
  for await (const told of events) {
    if (told.type === "ERROR") yield line({ type: "ERROR", object: told.status });
    else if ("version" in told && form.as === "Object") yield frameOf(told.type, told.version);
    else {
      const object = shaped("version" in told ? told.version.object : told.object, presentation, isFirst);
      yield line({ type: told.type, object });
      isFirst = false;
    }
  }
}

/** Column definitions stand in the first event only: every event of a Table watch is a table of one row. */
function shaped(object: KubeObject, { form, definition, include, clock }: Presentation, isFirst: boolean): unknown {
  if (form.as === "PartialObjectMetadata") return partialMetadata(object);
  if (form.as !== "Table") return object;
  const columns = isFirst ? columnDefinitions(definition) : [];
  return tableOf([tableRow(definition, object, include, clock.now())], columns, {
    resourceVersion: object.metadata.resourceVersion,
  });
}

const encoder = new TextEncoder();
const sharedFrames = new WeakMap<Version, Map<string, Uint8Array>>();
const closing = encoder.encode("}\n");

const line = (event: unknown): Uint8Array => encoder.encode(`${JSON.stringify(event)}\n`);

function frameOf(type: string, version: Version): Uint8Array {
  let byType = sharedFrames.get(version);
  if (byType === undefined) sharedFrames.set(version, (byType = new Map()));
  let frame = byType.get(type);
  if (frame === undefined) {
    const start = encoder.encode(`{"type":"${type}","object":`);
    frame = new Uint8Array(start.length + version.bytes.length + closing.length);
    frame.set(start);
    frame.set(version.bytes, start.length);
    frame.set(closing, start.length + version.bytes.length);
    byType.set(type, frame);
  }
  return frame;
}
