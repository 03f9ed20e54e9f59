import type { Schema, User } from "@headrace/model";

/** What a method knows of its caller beside the request. */
export interface Call {
  readonly user: User;
  /** gRPC's metadata. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Aborted when the caller goes away or its deadline has passed. */
  readonly signal: AbortSignal;
}

/** One method of a service: one request, one answer; or, for `stream`, as many of either as they like. */
export type Method =
  | {
      readonly kind: "unary";
      readonly input: Schema;
      readonly output: Schema;
      readonly handle: (request: unknown, call: Call) => Promise<unknown>;
    }
  | {
      readonly kind: "stream";
      readonly input: Schema;
      readonly output: Schema;
      readonly handle: (requests: AsyncIterable<unknown>, call: Call) => AsyncIterable<unknown>;
    };

/** Methods under a service's full name: `ml_metadata.MetadataStoreService`. */
export interface RpcService {
  readonly name: string;
  readonly methods: Readonly<Record<string, Method>>;
  /** Whether a method changes nothing. Calls of all others are audited. */
  readonly reads: (method: string) => boolean;
}

export function service(
  name: string,
  methods: RpcService["methods"],
  reads: RpcService["reads"] = () => false,
): RpcService {
  return { name, methods, reads };
}

/** A method that answers once. It fails with an ApiError or an RpcError; anything else is a bug, of which the caller learns nothing. */
export function unary<I, O>(
  input: Schema<I>,
  output: Schema<O>,
  handle: (request: I, call: Call) => Promise<O>,
): Method {
  return { kind: "unary", input, output, handle: (request, call) => handle(request as I, call) };
}

/** A method that answers while it is asked. */
export function stream<I, O>(
  input: Schema<I>,
  output: Schema<O>,
  handle: (requests: AsyncIterable<I>, call: Call) => AsyncIterable<O>,
): Method {
  return { kind: "stream", input, output, handle: (requests, call) => handle(requests as AsyncIterable<I>, call) };
}
