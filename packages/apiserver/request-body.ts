import { badRequest, ParseError, parseJson, readBody as readBytes, type ApiRequest } from "@headrace/model";
import { parseDocument } from "yaml";
import { unsupportedMediaType } from "./errors.ts";

/** Bytes of a body, as upstream. */
const longestBody = 3 * 1024 * 1024;

export interface Body {
  /** Undefined where there was no body. */
  readonly value: unknown;
  /** Paths of fields that stand twice in the text; the last one counts. */
  readonly duplicates: readonly string[];
}

export interface BodyOptions {
  /** Reads a protobuf body; undefined where protobuf is not understood. */
  readonly protobuf?: ((bytes: Uint8Array) => unknown) | undefined;
  /** The media types that are taken instead of JSON and YAML (patches), all of them JSON. */
  readonly patch?: readonly string[];
}

/** The body as a value, whatever it is written in. Throws ApiError for one that is too long, of unknown type, or not what it says it is. */
export async function readValue(request: ApiRequest, { protobuf, patch }: BodyOptions = {}): Promise<Body> {
  if (request.value !== undefined) return { value: request.value, duplicates: [] };
  const bytes = await readBytes(request, longestBody);
  if (bytes.length === 0) return { value: undefined, duplicates: [] };
  const type = mediaType(request);
  if (patch ? patch.includes(type) : type === "application/json") return jsonBody(decodeText(bytes));
  if (!patch && yamlTypes.has(type)) return yamlBody(decodeText(bytes));
  if (!patch && type === protobufType && protobuf) return { value: protobuf(bytes), duplicates: [] };
  const accepted = patch ?? ["application/json", "application/yaml", ...(protobuf ? [protobufType] : [])];
  const remedy = type === protobufType ? "this kind has no protobuf form here: send it as application/json" : undefined;
  throw unsupportedMediaType(type, accepted.join(", "), remedy);
}

const protobufType = "application/vnd.kubernetes.protobuf";
const yamlTypes = new Set(["application/yaml", "application/x-yaml", "text/yaml"]);

/** The media type of the body without its parameters; JSON where the caller names none. */
export function mediaType({ headers }: ApiRequest): string {
  const [type = ""] = (headers["content-type"] ?? "").split(";");
  return type.trim().toLowerCase() || "application/json";
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw badRequest("Cannot read the body of the request: it is not UTF-8", { cause });
  }
}

function jsonBody(text: string): Body {
  try {
    return parseJson(text);
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause;
    throw badRequest(`Cannot read the body of the request: ${cause.message}`, { cause });
  }
}

/** Anchors can make a small text a huge object, so they may be followed a hundred times only. */
function yamlBody(text: string): Body {
  const document = parseDocument(text, { uniqueKeys: false });
  const [error] = document.errors;
  if (error) throw badRequest(`Cannot read the body of the request as YAML: ${error.message}`, { cause: error });
  try {
    return { value: document.toJS({ maxAliasCount: 100 }), duplicates: [] };
  } catch (cause) {
    throw badRequest(`Cannot read the body of the request as YAML: ${messageOf(cause)}`, { cause });
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
