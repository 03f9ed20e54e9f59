import {
  apiVersionOf,
  badRequest,
  decodeProtobuf,
  ParseError,
  readEnvelope,
  type ResourceDefinition,
  type Schema,
} from "@headrace/model";

/** Reads protobuf bodies of a built-in kind; undefined for others, which have no protobuf form. */
export function protobufReader(definition: ResourceDefinition): ((bytes: Uint8Array) => unknown) | undefined {
  if (!definition.builtIn) return undefined;
  return (bytes) => {
    const { apiVersion, kind, message } = opened(bytes);
    return {
      apiVersion: apiVersion || apiVersionOf(definition),
      kind: kind || definition.kind,
      ...decoded(definition.schema, message),
    };
  };
}

/** Reads protobuf bodies of one shape, such as DeleteOptions. Throws BadRequest for another kind. */
export function messageReader(expected: string, schema: Schema): (bytes: Uint8Array) => unknown {
  return (bytes) => {
    const { apiVersion, kind, message } = opened(bytes);
    if (kind !== expected)
      throw badRequest(`Cannot read the body of the request: it holds a ${kind}, not a ${expected}`);
    return { apiVersion, kind, ...decoded(schema, message) };
  };
}

function opened(bytes: Uint8Array): ReturnType<typeof readEnvelope> {
  return readable(() => readEnvelope(bytes));
}

function decoded(schema: Schema, message: Uint8Array): Record<string, unknown> {
  return readable(() => decodeProtobuf(schema, message));
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause;
    throw badRequest(`Cannot read the body of the request: ${cause.message}`, { cause });
  }
}
