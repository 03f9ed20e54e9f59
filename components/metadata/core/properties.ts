import type { PropertyType, Value } from "./messages.ts";

type Values = Readonly<Record<string, Value>>;

const valueOf: Readonly<Record<PropertyType, keyof Value | undefined>> = {
  UNKNOWN: undefined,
  INT: "int_value",
  DOUBLE: "double_value",
  STRING: "string_value",
  STRUCT: "struct_value",
  PROTO: "proto_value",
  BOOLEAN: "bool_value",
};

/** What is wrong with a node's properties, going by its type; undefined if nothing is. */
export function faultOfProperties(
  declared: Readonly<Record<string, PropertyType>>,
  properties: Values,
  customProperties: Values,
): string | undefined {
  for (const [name, value] of Object.entries(properties)) {
    const type = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (type === undefined) return `Found unknown property: ${name}`;
    const field = valueOf[type];
    if (field === undefined || value[field] === undefined)
      return `Found unmatched property type: ${name}, which is ${type}`;
  }
  const empty = Object.entries(customProperties).find(([, value]) => Object.keys(value).length === 0);
  return empty && `Found custom property without a value: ${empty[0]}`;
}

/** What of given fields becomes of stored ones under a mask of paths: whole fields, or single keys of a map. */
export function masked<T extends Readonly<Record<string, unknown>>>(stored: T, given: T, paths: readonly string[]): T {
  if (paths.length === 0) return given;
  const result: Record<string, unknown> = { ...stored };
  for (const path of paths) {
    const [field = "", ...rest] = path.split(".");
    if (rest.length === 0) {
      if (Object.hasOwn(given, field) || Object.hasOwn(stored, field)) result[field] = given[field];
    } else if (field === "properties" || field === "custom_properties") {
      const key = rest.join(".");
      const { [key]: _, ...others } = mapOf(result[field]);
      const value = mapOf(given[field])[key];
      result[field] = value === undefined ? others : { ...others, [key]: value };
    }
  }
  return result as T;
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
