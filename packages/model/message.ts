import { SchemaError } from "./errors.ts";
import { resolveSchema, s, type Fields, type Schema, type TypeOf } from "./schema.ts";

/** What a message's fields hold: any of them may be absent. */
export type MessageOf<F> = { readonly [K in keyof F]?: TypeOf<F[K]> | undefined };

/**
 * A protobuf message, declared once: from it follow its TypeScript type, its descriptor and what lies on the wire. `name` is the
 * full one, `ml_metadata.Event.Path`; of the fields in `oneof` at most one is set. A string with `enum` is an enum that counts from
 * 0 in the order of its words. Throws SchemaError for a field without a number of its own.
 */
export function defineMessage<F extends Fields>(
  name: string,
  fields: F,
  options: { readonly oneof?: readonly (keyof F & string)[] } = {},
): Schema<MessageOf<F>> {
  const numbers = new Map<number, string>();
  for (const [field, { number }] of Object.entries(fields)) {
    if (typeof number !== "number") throw new SchemaError(`Cannot define ${name}: "${field}" has no protobuf number`);
    const other = numbers.get(number);
    if (other !== undefined)
      throw new SchemaError(`Cannot define ${name}: "${field}" and "${other}" share number ${number}`);
    numbers.set(number, field);
  }
  return s.object({}, fields, {
    name,
    ...(options.oneof && { union: { rule: "at-most" as const, of: options.oneof } }),
  }) as Schema<MessageOf<F>>;
}

/** The full name of a message. Throws SchemaError for what is none. */
export function messageName(schema: Schema): string {
  const node = resolveSchema(schema);
  if (node.type !== "object" || node.name === undefined)
    throw new SchemaError("Cannot name a schema that is no message");
  return node.name;
}
