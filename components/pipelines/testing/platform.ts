import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testApi } from "@headrace/apiserver/testing";
import { type ArtifactStore, openFileStore } from "@headrace/artifacts";
import type { Client } from "@headrace/client";
import {
  ApiError,
  type ApiRequest,
  type ApiResponse,
  type Authorizer,
  type Clock,
  type Handler,
  platformUser,
  type Route,
  systemClock,
  systemIds,
  type User,
} from "@headrace/model";
import { openRecords, type Records } from "@headrace/records";
import type { Tenancy } from "../api/context.ts";
import { createPipelines } from "../index.ts";
import { pipelineMigrations } from "../records/migrations.ts";
import { handlerOf } from "./route-table.ts";
import { type IdleEngine, idleEngine } from "./idle-engine.ts";

/** The REST face over records in memory, artifacts in a temporary folder and an engine that runs nothing. */
export interface TestFace extends AsyncDisposable {
  readonly records: Records;
  readonly artifacts: ArtifactStore;
  readonly engine: IdleEngine;
  readonly routes: readonly Route[];
  readonly handle: Handler;
  /** The kinds that are shown from these records. */
  readonly objects: Client;
  /** Errors that were bugs. */
  readonly bugs: readonly unknown[];
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly bytes?: Uint8Array;
  /** As text where a parameter comes twice. */
  readonly query?: Readonly<Record<string, string>> | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly user?: User;
}

export interface Answer {
  readonly status: number;
  readonly headers: ApiResponse["headers"];
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON; an empty object if it is not. */
  readonly json: Readonly<Record<string, unknown>>;
}

export async function testFace(
  options: { clock?: Clock; tenancy?: Tenancy; authorizer?: Authorizer; packageHosts?: readonly string[] } = {},
): Promise<TestFace> {
  const root = await mkdtemp(join(tmpdir(), "headrace-pipelines-"));
  const { clock = systemClock, authorizer = { authorize: async () => ({ allowed: true, reason: "" }) } } = options;
  const records = await openRecords({ path: ":memory:", clock, ids: systemIds });
  const artifacts = await openFileStore({ root, clock, ids: systemIds });
  const engine = idleEngine(records, clock);
  const bugs: unknown[] = [];
  const component = createPipelines({
    records,
    artifacts,
    engine,
    client: emptyCluster,
    authorizer,
    clock,
    ids: systemIds,
    report: (error) => bugs.push(error),
    ...(options.tenancy && { tenancy: options.tenancy }),
    ...(options.packageHosts && { packageHosts: options.packageHosts }),
  });
  await records.migrate(pipelineMigrations);
  const routes = component.routes ?? [];
  const handle = handlerOf(routes);
  const server = testApi([], { projections: component.projections ?? [], clock });
  return {
    records,
    artifacts,
    engine,
    bugs,
    routes,
    handle,
    objects: server.client,
    call: (method, path, options) => call(handle, method, path, options),
    async [Symbol.asyncDispose]() {
      await records.close();
      await server[Symbol.asyncDispose]();
      await rm(root, { recursive: true });
    },
  };
}

/** A cluster in which nothing is. The face itself creates no objects; only an engine does, and this one runs nothing. */
const emptyCluster: Client = {
  resource: (definition) => {
    const refuse = async (): Promise<never> => {
      throw new TypeError(`The REST face wrote ${definition.plural}`);
    };
    return {
      definition,
      async get({ name }) {
        throw new ApiError("NotFound", `${definition.plural} "${name}" not found`);
      },
      list: async () => ({
        apiVersion: definition.version,
        kind: `${definition.kind}List`,
        metadata: { resourceVersion: "1" },
        items: [],
      }),
      watch: () => {
        throw new TypeError(`The REST face watched ${definition.plural}`);
      },
      create: refuse,
      update: refuse,
      patch: refuse,
      delete: refuse,
      post: refuse,
    };
  },
};

/** One request to a handler, and its whole answer. */
export async function call(
  handle: Handler,
  method: string,
  path: string,
  { body, bytes, query, headers, user }: CallOptions = {},
): Promise<Answer> {
  const content = bytes ?? (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
  const request: ApiRequest = {
    method,
    path,
    query: new URLSearchParams(query),
    headers: { "content-type": "application/json", ...headers },
    user: user ?? platformUser,
    signal: new AbortController().signal,
    ...(content && { body: pieces(content) }),
  };
  const response = await handle(request);
  const received = await bytesOf(response);
  const text = received.toString();
  return { status: response.status, headers: response.headers, bytes: received, text, json: parse(text) };
}

async function* pieces(content: Uint8Array): AsyncGenerator<Uint8Array> {
  const size = 65_536;
  for (let start = 0; start < content.length; start += size) yield content.subarray(start, start + size);
}

async function bytesOf({ body = "" }: ApiResponse): Promise<Buffer> {
  if (typeof body === "string" || body instanceof Uint8Array) return Buffer.from(body);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function parse(text: string): Answer["json"] {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
