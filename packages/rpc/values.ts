import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  isFieldSet,
  type JsonValue,
  type Message,
  type MessageInitShape,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import { ValueSchema, type Value } from "@bufbuild/protobuf/wkt";
import { RpcError } from "./errors.ts";

type Plain = Readonly<Record<string, unknown>>;

/**
 * A message as our declarations have it: names as declared, only what is set, whole numbers as numbers, words for enums, bytes in
 * base64, JSON for Struct and Value. Throws RpcError for whole numbers that a double cannot hold.
 */
export function plainOf(desc: DescMessage, message: Message): Plain {
  const plain: Record<string, unknown> = {};
  for (const field of desc.fields) {
    if (isFieldSet(message, field)) plain[field.name] = readField(field, contentOf(message, field));
  }
  return plain;
}

function contentOf(message: Message, field: DescField): unknown {
  const own = message as unknown as Plain;
  if (!field.oneof) return own[field.localName];
  const chosen = own[field.oneof.localName] as { readonly value?: unknown };
  return chosen.value;
}

function readField(field: DescField, content: unknown): unknown {
  switch (field.fieldKind) {
    case "list":
      return (content as readonly unknown[]).map((item) => readValue(field, item));
    case "map":
      return mapValues(content as Plain, (value) => readValue(field, value));
    default:
      return readValue(field, content);
  }
}

function readValue(field: DescField, value: unknown): unknown {
  if (field.message) return readMessage(field.message, value);
  if (field.enum) return field.enum.value[value as number]?.name;
  if (typeof value === "bigint") return readInteger(field.name, value);
  return value instanceof Uint8Array ? value.toBase64() : value;
}

function readMessage(desc: DescMessage, value: unknown): unknown {
  if (desc.typeName === "google.protobuf.Struct") return value;
  if (desc.typeName === "google.protobuf.Value") return toJson(ValueSchema, value as Value);
  return plainOf(desc, value as Message);
}

function readInteger(name: string, value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new RpcError("INVALID_ARGUMENT", `${name}: Invalid value: ${value}: whole numbers must lie within ±(2^53 - 1)`);
}

/** The other way round. */
export function messageOf(desc: DescMessage, plain: unknown): Message {
  return create(desc, contentsOf(desc, plain as Plain));
}

function contentsOf(desc: DescMessage, plain: Plain): MessageInitShape<DescMessage> {
  const contents: Record<string, unknown> = {};
  for (const field of desc.fields) {
    const value = plain[field.name];
    if (value === undefined) continue;
    const content = writeField(field, value);
    if (field.oneof) contents[field.oneof.localName] = { case: field.localName, value: content };
    else contents[field.localName] = content;
  }
  return contents as MessageInitShape<DescMessage>;
}

function writeField(field: DescField, value: unknown): unknown {
  switch (field.fieldKind) {
    case "list":
      return (value as readonly unknown[]).map((item) => writeValue(field, item));
    case "map":
      return mapValues(value as Plain, (each) => writeValue(field, each));
    default:
      return writeValue(field, value);
  }
}

function writeValue(field: DescField, value: unknown): unknown {
  if (field.message) return writeMessage(field.message, value);
  if (field.enum) return field.enum.values.find(({ name }) => name === value)?.number;
  switch (field.scalar) {
    case ScalarType.INT64:
      return BigInt(value as number);
    case ScalarType.BYTES:
      return Uint8Array.fromBase64(value as string);
    default:
      return value;
  }
}

function writeMessage(desc: DescMessage, value: unknown): unknown {
  if (desc.typeName === "google.protobuf.Struct") return value;
  if (desc.typeName === "google.protobuf.Value") return fromJson(ValueSchema, value as JsonValue);
  return contentsOf(desc, value as Plain);
}

function mapValues(map: Plain, change: (value: unknown) => unknown): Plain {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
