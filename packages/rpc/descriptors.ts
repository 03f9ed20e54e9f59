import { create, createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  file_google_protobuf_struct,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  OneofDescriptorProtoSchema,
  type ServiceDescriptorProto,
  ServiceDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { messageName, resolveSchema, SchemaError, type Schema } from "@headrace/model";
import type { RpcService } from "./service.ts";

type ObjectSchema = Extract<ReturnType<typeof resolveSchema>, { type: "object" }>;

/**
 * The descriptors of services, of every message that they speak of and of `others`, one file a package, built from their
 * declarations. All of it is proto2, where a field that is set to zero is told from one that is not set.
 */
export function describeServices(services: readonly RpcService[], others: readonly Schema[] = []): FileRegistry {
  const spoken = services.flatMap(({ methods }) =>
    Object.values(methods).flatMap(({ input, output }) => [input, output]),
  );
  const messages = new Map<string, ObjectSchema>();
  for (const schema of [...spoken, ...others]) collect(schema, messages);
  const files = new Map<string, FileDescriptorProto>();
  const fileOf = (name: string): FileDescriptorProto => {
    const known = files.get(packageOf(name));
    if (known) return known;
    const file = create(FileDescriptorProtoSchema, {
      name: fileName(name),
      package: packageOf(name),
      syntax: "proto2",
    });
    files.set(packageOf(name), file);
    return file;
  };
  const described = new Map<string, DescriptorProto>();
  // A message's name is longer than that of the one around it.
  for (const name of [...messages.keys()].toSorted((a, b) => a.length - b.length)) {
    const schema = messages.get(name);
    if (!schema) continue;
    const file = fileOf(name);
    const message = describeMessage(name, schema, (dependency) => depend(file, dependency));
    const around = described.get(name.slice(0, name.lastIndexOf(".")));
    if (around) around.nestedType.push(message);
    else file.messageType.push(message);
    described.set(name, message);
  }
  for (const { name, methods } of services) {
    const file = fileOf(name);
    file.service.push(describeService(name, methods, file));
  }
  return createFileRegistry(
    create(FileDescriptorSetSchema, { file: [file_google_protobuf_struct.proto, ...inOrder([...files.values()])] }),
  );
}

/** Files after those that they import. */
function inOrder(files: readonly FileDescriptorProto[]): readonly FileDescriptorProto[] {
  const placed: FileDescriptorProto[] = [];
  const waiting = new Set(files);
  while (waiting.size > 0) {
    const names = new Set([...waiting].map((file) => file.name));
    const ready = [...waiting].filter((file) => !file.dependency.some((name) => names.has(name)));
    if (ready.length === 0) throw new SchemaError(`Cannot describe ${[...names].join(", ")}: they import each other`);
    for (const file of ready) {
      placed.push(file);
      waiting.delete(file);
    }
  }
  return placed;
}

function collect(schema: Schema, messages: Map<string, ObjectSchema>): void {
  const node = resolveSchema(schema);
  if (node.type === "list") collect(node.items, messages);
  else if (node.type === "map") collect(node.values, messages);
  else if (node.type === "object") {
    const name = messageName(node);
    if (messages.has(name)) return;
    messages.set(name, node);
    for (const field of Object.values(node.fields)) collect(field, messages);
  }
}

/** The segments of a full name before the first that begins with a capital. */
function packageOf(name: string): string {
  const segments = name.split(".");
  return segments
    .slice(
      0,
      segments.findIndex((segment) => /^[A-Z]/.test(segment)),
    )
    .join(".");
}

const fileName = (name: string): string => `${packageOf(name).replaceAll(".", "/")}.proto`;

function depend(file: FileDescriptorProto, dependency: string): void {
  if (dependency !== file.name && !file.dependency.includes(dependency)) file.dependency.push(dependency);
}

function describeMessage(name: string, schema: ObjectSchema, depends: (file: string) => void): DescriptorProto {
  const message = create(DescriptorProtoSchema, { name: name.slice(name.lastIndexOf(".") + 1) });
  const oneof = new Set(schema.union?.of ?? []);
  if (oneof.size > 0) message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name: "which" }));
  for (const [fieldName, field] of Object.entries(schema.fields)) {
    const described = describeField(name, fieldName, field, message, depends);
    if (oneof.has(fieldName)) described.oneofIndex = 0;
    message.field.push(described);
  }
  return message;
}

function describeField(
  around: string,
  name: string,
  schema: Schema,
  message: DescriptorProto,
  depends: (file: string) => void,
): FieldDescriptorProto {
  const node = resolveSchema(schema);
  const number = typeof schema.number === "number" ? schema.number : 0;
  if (node.type === "list") {
    const item = typeOf(around, name, node.items, message, depends);
    return create(FieldDescriptorProtoSchema, { ...named(name), number, label: Label.REPEATED, ...item });
  }
  if (node.type === "map") {
    const entry = `${pascal(name)}Entry`;
    const key = { type: node.keys === "int64" ? Type.INT64 : Type.STRING };
    const value = typeOf(around, name, node.values, message, depends);
    message.nestedType.push(
      create(DescriptorProtoSchema, {
        name: entry,
        options: { mapEntry: true },
        field: [
          { name: "key", number: 1, label: Label.OPTIONAL, ...key },
          { name: "value", number: 2, label: Label.OPTIONAL, ...value },
        ],
      }),
    );
    const type = { type: Type.MESSAGE, typeName: `.${around}.${entry}` };
    return create(FieldDescriptorProtoSchema, { ...named(name), number, label: Label.REPEATED, ...type });
  }
  const type = typeOf(around, name, schema, message, depends);
  return create(FieldDescriptorProtoSchema, { ...named(name), number, label: Label.OPTIONAL, ...type });
}

function typeOf(
  around: string,
  name: string,
  schema: Schema,
  message: DescriptorProto,
  depends: (file: string) => void,
): { type: Type; typeName?: string } {
  const node = resolveSchema(schema);
  switch (node.type) {
    case "string":
      if (node.enum) return { type: Type.ENUM, typeName: describeEnum(around, name, node.enum, message) };
      if (node.format === undefined) return { type: Type.STRING };
      if (node.format === "byte") return { type: Type.BYTES };
      break;
    case "integer":
      return { type: node.format === "int64" ? Type.INT64 : Type.INT32 };
    case "number":
      return { type: Type.DOUBLE };
    case "boolean":
      return { type: Type.BOOL };
    case "any":
      depends(file_google_protobuf_struct.proto.name);
      return { type: Type.MESSAGE, typeName: node.object ? ".google.protobuf.Struct" : ".google.protobuf.Value" };
    case "object":
      depends(fileName(messageName(node)));
      return { type: Type.MESSAGE, typeName: `.${messageName(node)}` };
  }
  throw new SchemaError(`Cannot describe "${name}" of ${around}: ${node.type} has no counterpart in protobuf`);
}

function describeEnum(around: string, name: string, words: readonly string[], message: DescriptorProto): string {
  const own = pascal(name);
  const value = words.map((word, number) => ({ name: word, number }));
  message.enumType.push(create(EnumDescriptorProtoSchema, { name: own, value }));
  return `.${around}.${own}`;
}

/** protoc writes the JSON name into each descriptor, and readers of descriptors count on it. */
const named = (name: string) => ({
  name,
  jsonName: name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
});

const pascal = (name: string): string =>
  name.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function describeService(
  name: string,
  methods: RpcService["methods"],
  file: FileDescriptorProto,
): ServiceDescriptorProto {
  const method = Object.entries(methods).map(([methodName, { kind, input, output }]) => {
    for (const each of [input, output]) depend(file, fileName(messageName(each)));
    return {
      name: methodName,
      inputType: `.${messageName(input)}`,
      outputType: `.${messageName(output)}`,
      clientStreaming: kind === "stream",
      serverStreaming: kind === "stream",
    };
  });
  return create(ServiceDescriptorProtoSchema, { name: name.slice(name.lastIndexOf(".") + 1), method });
}
