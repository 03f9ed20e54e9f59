import type { JsonObject } from "./json.ts";
import type { ResourceDefinition } from "./resource.ts";
import { resolveSchema, type ListNode, type ObjectNode, type Schema, type SchemaNode } from "./schema.ts";

/**
 * - `document`: named schemas become references into `#/components/schemas`, with patch strategies, as Kubernetes' own OpenAPI has them.
 * - `structural`: everything in place, as a CustomResourceDefinition wants it.
 */
export type OpenAPIForm = "document" | "structural";

export interface OpenAPIDocument {
  readonly schema: JsonObject;
  /** Named schemas that it refers to, by name. Empty in the structural form. */
  readonly components: Readonly<Record<string, JsonObject>>;
}

/** OpenAPI v3 of a schema, with Kubernetes' extensions. */
export function toOpenAPI(schema: Schema, form: OpenAPIForm): OpenAPIDocument {
  const writer = new Writer(form);
  const written = writer.write(schema);
  return { schema: written, components: Object.fromEntries(writer.components) };
}

/** The named schemas of several kinds for one OpenAPI document, each kind marked with its group, version and kind. */
export function openAPIComponents(definitions: readonly ResourceDefinition[]): Readonly<Record<string, JsonObject>> {
  const writer = new Writer("document");
  for (const definition of definitions) {
    writer.write(definition.schema);
    const node = resolveSchema(definition.schema);
    const name = node.type === "object" ? node.name : undefined;
    const written = name === undefined ? undefined : writer.components.get(name);
    if (name === undefined || !written) continue;
    const { group, version, kind } = definition;
    const { description } = node;
    writer.components.set(name, {
      ...(description !== undefined && { description }),
      ...written,
      "x-kubernetes-group-version-kind": [{ group, kind, version }],
    });
  }
  return Object.fromEntries(writer.components);
}

class Writer {
  readonly components = new Map<string, JsonObject>();
  readonly #form: OpenAPIForm;

  constructor(form: OpenAPIForm) {
    this.#form = form;
  }

  write(schema: Schema): JsonObject {
    const node = resolveSchema(schema);
    const facts = this.#facts(schema);
    if (this.#form === "document" && node.type === "object" && node.name !== undefined) {
      const reference = this.#reference(node, node.name);
      return Object.keys(facts).length === 0 ? reference : { ...facts, allOf: [reference] };
    }
    return { ...facts, ...this.#shape(node) };
  }

  #reference(node: ObjectNode, name: string): JsonObject {
    if (!this.components.has(name)) {
      // Reserved before it is written: what is inside may refer to it.
      this.components.set(name, {});
      this.components.set(name, this.#shape(node));
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  #facts(schema: Schema): JsonObject {
    return {
      ...(schema.description !== undefined && { description: schema.description }),
      ...(schema.default !== undefined && { default: schema.default }),
      ...(schema.nullable && { nullable: true }),
    };
  }

  #shape(node: Exclude<SchemaNode, { type: "lazy" }>): JsonObject {
    switch (node.type) {
      case "object":
        return this.#object(node);
      case "map":
        return {
          type: "object",
          additionalProperties: this.write(node.values),
          ...(node.atomic && { "x-kubernetes-map-type": "atomic" }),
          ...(node.max !== undefined && { maxProperties: node.max }),
        };
      case "list":
        return this.#list(node);
      case "string":
        return present({
          type: "string",
          format: node.format === "micro-time" ? "date-time" : node.format === "duration" ? undefined : node.format,
          pattern: node.pattern,
          minLength: node.min,
          maxLength: node.max,
          enum: node.enum,
        });
      case "integer":
        return present({ type: "integer", format: node.format, minimum: node.min, maximum: node.max, enum: node.enum });
      case "number":
        return present({
          type: "number",
          format: "double",
          minimum: node.min ?? node.exclusiveMin,
          maximum: node.max ?? node.exclusiveMax,
          exclusiveMinimum: node.exclusiveMin === undefined ? undefined : true,
          exclusiveMaximum: node.exclusiveMax === undefined ? undefined : true,
        });
      case "boolean":
        return { type: "boolean" };
      case "intOrString":
        return this.#intOrString(node.pattern);
      case "quantity":
        return this.#intOrString(quantityPattern);
      case "any":
        return { ...(node.object && { type: "object" }), "x-kubernetes-preserve-unknown-fields": true };
    }
  }

  #object(node: ObjectNode): JsonObject {
    const required = Object.entries(node.fields).flatMap(([name, field]) => (field.optional ? [] : [name]));
    const properties = Object.fromEntries(
      Object.entries(node.fields).map(([name, field]) => [name, this.#field(field)]),
    );
    return {
      type: "object",
      properties,
      ...(required.length > 0 && { required }),
      ...(node.preserveUnknown && { "x-kubernetes-preserve-unknown-fields": true }),
      ...(node.embedded && { "x-kubernetes-embedded-resource": true }),
      ...(node.atomic && { "x-kubernetes-map-type": "atomic" }),
    };
  }

  /** Patch strategies stand where the field is, beside a reference to its shape. */
  #field(schema: Schema): JsonObject {
    const written = this.write(schema);
    const node = resolveSchema(schema);
    if (this.#form === "structural") return written;
    const strategy = [
      ...(node.type === "list" && node.patchStrategy === "merge" ? ["merge"] : []),
      ...((node.type === "list" || node.type === "object") && node.retainKeys ? ["retainKeys"] : []),
    ];
    return {
      ...written,
      ...(strategy.length > 0 && { "x-kubernetes-patch-strategy": strategy.join(",") }),
      ...(node.type === "list" && node.mergeKey !== undefined && { "x-kubernetes-patch-merge-key": node.mergeKey }),
    };
  }

  #list(node: ListNode): JsonObject {
    return present({
      type: "array",
      items: this.write(node.items),
      minItems: node.min,
      maxItems: node.max,
      "x-kubernetes-list-type": node.listType,
      "x-kubernetes-list-map-keys": node.listType === "map" ? node.keys : undefined,
    });
  }

  #intOrString(pattern: string | undefined): JsonObject {
    const either = { anyOf: [{ type: "integer" }, { type: "string" }] };
    return this.#form === "structural"
      ? present({ ...either, "x-kubernetes-int-or-string": true, pattern })
      : present({ oneOf: [{ type: "string" }, { type: "number" }], pattern });
  }
}

const quantityPattern =
  "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$";

/** Without the fields that are undefined. */
function present(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
