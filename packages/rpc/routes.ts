import {
  Code,
  ConnectError,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import type { DescMethod, DescService, FileRegistry, Message } from "@bufbuild/protobuf";
import { anonymousUser, type ApiRequest, type ApiResponse, type Route } from "@headrace/model";
import { describeServices } from "./descriptors.ts";
import { healthService } from "./health.ts";
import { reflectionServices } from "./reflection.ts";
import type { Call, Method, RpcService } from "./service.ts";
import { badRequestDetail, connectErrorOf } from "./status.ts";
import { decodeText, encodeText, isText } from "./text.ts";
import { messageOf, plainOf } from "./values.ts";

export interface RpcOptions {
  readonly services: readonly RpcService[];
  /** Told of errors that are bugs; the caller sees only that there was one. */
  readonly report: (error: unknown) => void;
}

/** Bytes of one message, unpacked: a longer one is refused. */
const readMaxBytes = 16 << 20;
/** Bytes of an answer: KFP's own clients take as many. */
const writeMaxBytes = 100 << 20;
/** Who names no deadline has this one. */
const longestCall = "300S";
const maxTimeoutMs = 24 * 60 * 60 * 1000;

const caller = createContextKey<Pick<Call, "user" | "headers">>({ user: anonymousUser, headers: {} });

type UniversalHandler = ReturnType<typeof createConnectRouter>["handlers"][number];

/**
 * Routes by which services answer gRPC, gRPC-web (`application/grpc-web-text` too) and Connect, with health and reflection beside
 * them. They ask for access themselves, once they know what a request is about.
 */
export function rpcRoutes({ services, report }: RpcOptions): readonly Route[] {
  const names = services.map(({ name }) => name);
  const described: FileRegistry[] = [];
  const all = [...services, healthService(names), ...reflectionServices(names, () => described)];
  const registry = describeServices(all, [badRequestDetail]);
  described.push(registry);
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    readMaxBytes,
    writeMaxBytes,
    maxTimeoutMs,
    jsonOptions: { registry },
  });
  for (const { name, methods } of all) {
    const desc = registry.getService(name);
    if (desc) router.service(desc, implement(desc, methods, { registry, report }));
  }
  const reads = (name: string, method: string): boolean =>
    all.find((each) => each.name === name)?.reads(method) === true;
  return router.handlers.map((handler) => ({
    method: "POST",
    pattern: handler.requestPath,
    access: "asks",
    ...(reads(handler.service.typeName, handler.method.name) && { reads: true as const }),
    handle: (request) => answer(handler, request),
  }));
}

interface Making {
  readonly registry: FileRegistry;
  readonly report: (error: unknown) => void;
}

/** Our methods in the form that the router calls: with messages of its own, and errors of its own. */
function implement(
  desc: DescService,
  methods: RpcService["methods"],
  making: Making,
): Partial<ServiceImpl<DescService>> {
  const implemented = desc.methods.flatMap((method) => {
    const own = methods[method.name];
    return own ? [[method.localName, implementMethod(method, own, making)]] : [];
  });
  // What a method looks like is known from its descriptor, which the compiler cannot see.
  return Object.fromEntries(implemented) as Partial<ServiceImpl<DescService>>;
}

function implementMethod({ input, output }: DescMethod, own: Method, { registry, report }: Making) {
  const failed = (error: unknown): ConnectError => {
    const known = connectErrorOf(error, registry);
    if (known) return known;
    report(error);
    return new ConnectError("Internal error occurred", Code.Internal);
  };
  if (own.kind === "unary") {
    return async (request: Message, context: HandlerContext): Promise<Message> => {
      try {
        const response = await own.handle(plainOf(input, request), callOf(context));
        // What comes after the deadline is no answer any more, however close: the caller's own clock may be slower.
        const why: unknown = context.signal.reason;
        if (why instanceof ConnectError && why.code === Code.DeadlineExceeded) throw why;
        return messageOf(output, response);
      } catch (error) {
        throw failed(error);
      }
    };
  }
  return async function* (requests: AsyncIterable<Message>, context: HandlerContext): AsyncGenerator<Message> {
    try {
      const read = (async function* () {
        for await (const request of requests) yield plainOf(input, request);
      })();
      for await (const response of own.handle(read, callOf(context))) yield messageOf(output, response);
    } catch (error) {
      throw failed(error);
    }
  };
}

function callOf({ values, signal }: HandlerContext): Call {
  return { ...values.get(caller), signal };
}

async function answer(handler: UniversalHandler, request: ApiRequest): Promise<ApiResponse> {
  const { user, signal } = request;
  const isBase64 = isText(request.headers["content-type"]);
  const headers = headersFor(request, isBase64);
  const body = bodyOf(request);
  const response = await handler({
    httpVersion: "2.0",
    method: request.method,
    url: `http://${request.headers["host"] ?? "localhost"}${request.path}`,
    header: headers,
    body: isBase64 ? decodeText(body, readMaxBytes) : body,
    signal,
    contextValues: createContextValues().set(caller, { user, headers: request.headers }),
  });
  const given = Object.fromEntries(response.header ?? []);
  const { trailer } = response;
  return {
    status: response.status,
    headers: isBase64 ? { ...given, "content-type": "application/grpc-web-text+proto" } : given,
    ...(response.body && { body: isBase64 ? encodeText(response.body) : response.body }),
    ...(trailer && { trailers: () => Object.fromEntries(trailer) }),
  };
}

function headersFor({ headers: given }: ApiRequest, isBase64: boolean): Headers {
  const headers = new Headers(given);
  if (isBase64) headers.set("content-type", "application/grpc-web+proto");
  if (headers.get("content-type")?.startsWith("application/grpc") && !headers.has("grpc-timeout")) {
    headers.set("grpc-timeout", longestCall);
  }
  return headers;
}

/** What goes wrong while the body is read is told in the protocol's own way. */
async function* bodyOf({ body }: ApiRequest): AsyncGenerator<Uint8Array> {
  try {
    yield* body ?? [];
  } catch (error) {
    throw connectErrorOf(error, noDetails) ?? new ConnectError("The request broke off", Code.Canceled);
  }
}

const noDetails = { getMessage: () => undefined };
