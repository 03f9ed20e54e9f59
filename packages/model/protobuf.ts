import { formatMicroTime, formatTime } from "./clock.ts";
import { ParseError } from "./errors.ts";
import { isObject, parseJson } from "./json.ts";
import { resolveSchema, s, type Schema, type SchemaNode, type StringFormat } from "./schema.ts";
import { WireReader, type WireValue } from "./wire.ts";

/** What a body of type `application/vnd.kubernetes.protobuf` holds: its kind, and the message in it. */
export interface ProtobufEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly message: Uint8Array;
}

/** `k8s` and a zero byte: how every such body begins. */
const magic = [0x6b, 0x38, 0x73, 0x00];

const envelope = s.object(
  {},
  {
    typeMeta: s.at(1, s.object({}, { apiVersion: s.at(1, s.string()), kind: s.at(2, s.string()) })),
    raw: s.at(2, s.bytes()),
    contentEncoding: s.at(3, s.string()),
    contentType: s.at(4, s.string()),
  },
);

/** Opens runtime.Unknown behind the magic bytes. Throws ParseError. */
export function readEnvelope(body: Uint8Array): ProtobufEnvelope {
  if (!magic.every((byte, index) => body[index] === byte)) {
    throw new ParseError("Cannot read the protobuf body: it does not begin with the four bytes `k8s\\0`");
  }
  const { typeMeta, raw, contentEncoding, contentType } = decode(envelope, body.subarray(magic.length));
  if (contentEncoding)
    throw new ParseError(
      `Cannot read the protobuf body: its encoding ${JSON.stringify(contentEncoding)} is not supported`,
    );
  if (contentType && contentType !== "application/vnd.kubernetes.protobuf") {
    throw new ParseError(`Cannot read the protobuf body: it holds ${JSON.stringify(contentType)}`);
  }
  const { apiVersion, kind } = isObject(typeMeta) ? typeMeta : {};
  return { apiVersion: text(apiVersion), kind: text(kind), message: Uint8Array.fromBase64(text(raw)) };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/**
 * A message as the JSON it stands for, by the schema's field numbers. Fields without a number here are skipped, as newer
 * clients send them; zeros are left out unless the field is a `pointer`. Throws ParseError, with the field's path.
 */
export function decodeProtobuf(schema: Schema, message: Uint8Array): Record<string, unknown> {
  return decode(schema, message);
}

/** Deeper messages are refused. */
const depthLimit = 100;

function decode(schema: Schema, message: Uint8Array): Record<string, unknown> {
  const target: Record<string, unknown> = {};
  readInto(target, tableOf(schema), new WireReader(message), "", depthLimit);
  return target;
}

interface Entry {
  readonly name: string;
  readonly schema: Schema;
}

/** By field number: a field, or the fields of a message whose content stands among its neighbours in JSON. */
type Table = ReadonlyMap<number, Entry | Map<number, Entry>>;

const tables = new WeakMap<object, Table>();

function tableOf(schema: Schema): Table {
  const node = resolveSchema(schema);
  if (node.type !== "object") throw new ParseError(`Cannot read ${node.type} from protobuf: send JSON`);
  const known = tables.get(node.fields);
  if (known) return known;
  const table = new Map<number, Entry | Map<number, Entry>>();
  for (const [name, field] of Object.entries(node.fields)) addToTable(table, name, field);
  tables.set(node.fields, table);
  return table;
}

function addToTable(table: Map<number, Entry | Map<number, Entry>>, name: string, field: Schema): void {
  const { number } = field;
  if (number === undefined) return;
  if (typeof number === "number") {
    table.set(number, { name, schema: field });
    return;
  }
  const [outer, inner] = number;
  const there = table.get(outer);
  const inlined = there instanceof Map ? there : new Map<number, Entry>();
  inlined.set(inner, { name, schema: field });
  table.set(outer, inlined);
}

function readInto(
  target: Record<string, unknown>,
  table: Table,
  reader: WireReader,
  path: string,
  depth: number,
): void {
  if (depth === 0)
    throw new ParseError(
      `Cannot read the protobuf message at ${path}: it is nested more than ${depthLimit} levels deep`,
    );
  for (let next = reader.next(); next; next = reader.next()) {
    const entry = table.get(next.number);
    if (entry instanceof Map) readInto(target, entry, new WireReader(bytesOf(next, path)), path, depth - 1);
    else if (entry) readField(target, entry, next, path ? `${path}.${entry.name}` : entry.name, depth);
  }
}

function readField(
  target: Record<string, unknown>,
  { name, schema }: Entry,
  wire: WireValue,
  path: string,
  depth: number,
): void {
  const node = resolveSchema(schema);
  if (node.type === "list") target[name] = [...listOf(target[name]), ...readItems(node.items, wire, path, depth)];
  else if (node.type === "map")
    target[name] = { ...objectOf(target[name]), ...readEntry(node.values, wire, path, depth) };
  else {
    const value = readValue(node, wire, path, depth);
    if (schema.pointer || !isZero(value)) target[name] = value;
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function isZero(value: unknown): boolean {
  return value === undefined || value === "" || value === 0 || value === false;
}

/** Numbers may come packed, many in one field. */
function readItems(items: Schema, wire: WireValue, path: string, depth: number): unknown[] {
  const node = resolveSchema(items);
  if (node.type === "integer" && wire.type === "bytes") return new WireReader(wire.bytes).packed().map(Number);
  return [readValue(node, wire, path, depth) ?? zeroOf(node)];
}

/** An entry of a map is a message of key and value, either of which may be missing. */
function readEntry(values: Schema, wire: WireValue, path: string, depth: number): Record<string, unknown> {
  const reader = new WireReader(bytesOf(wire, path));
  const node = resolveSchema(values);
  let key = "";
  let value = zeroOf(node);
  for (let next = reader.next(); next; next = reader.next()) {
    if (next.number === 1) key = readText(bytesOf(next, path), path);
    if (next.number === 2) value = readValue(node, next, path, depth) ?? value;
  }
  if (key === "__proto__")
    throw new ParseError(`Cannot read the protobuf message at ${path}: a field may not be named \`__proto__\``);
  return { [key]: value };
}

function zeroOf(node: Resolved): unknown {
  switch (node.type) {
    case "string":
      return "";
    case "quantity":
      return "0";
    case "boolean":
      return false;
    case "integer":
    case "number":
    case "intOrString":
      return 0;
    case "list":
      return [];
    default:
      return {};
  }
}

type Resolved = Exclude<SchemaNode, { type: "lazy" }>;

function readValue(node: Resolved, wire: WireValue, path: string, depth: number): unknown {
  switch (node.type) {
    case "object": {
      const inner: Record<string, unknown> = {};
      readInto(inner, tableOf(node), new WireReader(bytesOf(wire, path)), path, depth - 1);
      return inner;
    }
    case "string":
      return readString(node.format, bytesOf(wire, path), path);
    case "integer":
      return Number(integerOf(wire, path));
    case "boolean":
      return integerOf(wire, path) !== 0n;
    case "number":
      if (wire.type !== "double") throw wrongWire(path);
      return wire.double;
    case "quantity":
      return firstText(bytesOf(wire, path), path) || "0";
    case "intOrString":
      return readIntOrString(bytesOf(wire, path), path);
    case "any":
      return readJson(bytesOf(wire, path), path);
    default:
      throw new ParseError(`Cannot read ${path} from protobuf: send JSON`);
  }
}

function readString(format: StringFormat | undefined, bytes: Uint8Array, path: string): string | undefined {
  switch (format) {
    case "byte":
      return bytes.toBase64();
    case "date-time":
    case "micro-time":
      return readTime(bytes, path, format);
    case "duration":
      return formatDuration(firstInteger(bytes, path));
    default:
      return readText(bytes, path);
  }
}

/** Seconds and nanoseconds; an empty message is no time at all. */
function readTime(bytes: Uint8Array, path: string, format: "date-time" | "micro-time"): string | undefined {
  if (bytes.length === 0) return undefined;
  const reader = new WireReader(bytes);
  let seconds = 0n;
  let nanos = 0n;
  for (let next = reader.next(); next; next = reader.next()) {
    if (next.number === 1) seconds = integerOf(next, path);
    if (next.number === 2) nanos = integerOf(next, path);
  }
  const ms = Number(seconds) * 1000;
  if (Math.abs(ms) > 8.64e15) throw new ParseError(`Cannot read ${path} from protobuf: the time is out of range`);
  if (format === "date-time") return formatTime(ms);
  return formatMicroTime(ms).replace(/\d{6}Z$/, `${String(nanos / 1000n).padStart(6, "0")}Z`);
}

/** Go's form, in the units that are needed: `1h30m0s`, `1.5s`. */
function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const total = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const hours = total / 3_600_000_000_000n;
  const minutes = (total / 60_000_000_000n) % 60n;
  const fraction = String(total % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  const seconds = `${(total / 1_000_000_000n) % 60n}${fraction && `.${fraction}`}s`;
  return `${sign}${hours ? `${hours}h` : ""}${hours || minutes ? `${minutes}m` : ""}${seconds}`;
}

function readIntOrString(bytes: Uint8Array, path: string): number | string {
  const reader = new WireReader(bytes);
  let isText = false;
  let integer = 0;
  let string = "";
  for (let next = reader.next(); next; next = reader.next()) {
    if (next.number === 1) isText = integerOf(next, path) === 1n;
    if (next.number === 2) integer = Number(integerOf(next, path));
    if (next.number === 3) string = readText(bytesOf(next, path), path);
  }
  return isText ? string : integer;
}

/** RawExtension and FieldsV1: JSON in a message's first field. */
function readJson(bytes: Uint8Array, path: string): unknown {
  const json = firstText(bytes, path);
  try {
    return json === "" ? undefined : parseJson(json).value;
  } catch (error) {
    throw new ParseError(`Cannot read ${path} from protobuf: send JSON`, { cause: error });
  }
}

function firstText(bytes: Uint8Array, path: string): string {
  const reader = new WireReader(bytes);
  for (let next = reader.next(); next; next = reader.next())
    if (next.number === 1) return readText(bytesOf(next, path), path);
  return "";
}

function firstInteger(bytes: Uint8Array, path: string): bigint {
  const reader = new WireReader(bytes);
  for (let next = reader.next(); next; next = reader.next()) if (next.number === 1) return integerOf(next, path);
  return 0n;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function readText(bytes: Uint8Array, path: string): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new ParseError(`Cannot read ${path} from protobuf: it is no UTF-8`, { cause: error });
  }
}

function bytesOf(wire: WireValue, path: string): Uint8Array {
  if (wire.type !== "bytes") throw wrongWire(path);
  return wire.bytes;
}

function integerOf(wire: WireValue, path: string): bigint {
  if (wire.type !== "integer") throw wrongWire(path);
  return wire.integer;
}

function wrongWire(path: string): ParseError {
  return new ParseError(`Cannot read ${path || "the message"} from protobuf: its wire type is not that of its field`);
}
