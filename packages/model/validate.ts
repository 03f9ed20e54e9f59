import { cause } from "./cause.ts";
import { isObject, own, type JsonObject } from "./json.ts";
import { SchemaError } from "./errors.ts";
import { tryParseQuantity } from "./quantity.ts";
import {
  resolveSchema,
  type IntegerNode,
  type IntOrStringNode,
  type ListNode,
  type MapNode,
  type NumberNode,
  type ObjectNode,
  type Schema,
  type StringFormat,
  type StringNode,
} from "./schema.ts";
import type { StatusCause } from "./status.ts";
import { compiled } from "./walk.ts";

/** Where a value stands; made into text only when something is wrong with it. */
interface Place {
  readonly parent: Place | undefined;
  readonly step: string | number;
  /** `labels[a/b]` instead of `labels.a/b`: keys of maps. */
  readonly key: boolean;
}

type Validator = (value: unknown, place: Place | undefined, causes: StatusCause[]) => void;

/** No answer lists more than this: the rest would only hide them. */
const causeLimit = 200;

/**
 * What is wrong with the value by its schema, in Kubernetes' words. `uniqueKeys` also refuses lists of type map or set with the
 * same key or value twice, as custom resources are held to; built-in kinds have their own rules. Apply defaults before.
 */
export function validate(
  schema: Schema,
  value: unknown,
  options: { readonly uniqueKeys?: boolean; readonly path?: string } = {},
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const place = options.path ? { parent: undefined, step: options.path, key: false } : undefined;
  (options.uniqueKeys ? uniqueValidatorOf : validatorOf)(schema)(value, place, causes);
  return causes.slice(0, causeLimit);
}

const validatorOf: ValidatorOf = compiled<Validator>((schema) => compile(schema, validatorOf, false));
const uniqueValidatorOf: ValidatorOf = compiled<Validator>((schema) => compile(schema, uniqueValidatorOf, true));

type ValidatorOf = (schema: Schema) => Validator;

function compile(schema: Schema, inner: ValidatorOf, unique: boolean): Validator {
  const check = compileChecked(schema, inner, unique);
  return schema.nullable ? (value, place, causes) => (value === null ? undefined : check(value, place, causes)) : check;
}

function compileChecked(schema: Schema, inner: ValidatorOf, unique: boolean): Validator {
  const node = resolveSchema(schema);
  switch (node.type) {
    case "object":
      return objectValidator(node, inner);
    case "map":
      return mapValidator(node, inner);
    case "list":
      return listValidator(node, inner, unique);
    case "string":
      return stringValidator(node);
    case "integer":
      return integerValidator(node);
    case "number":
      return numberValidator(node);
    case "boolean":
      return typed("boolean", (value) => typeof value === "boolean");
    case "intOrString":
      return intOrStringValidator(node);
    case "quantity":
      return validateQuantity;
    case "any":
      return node.object ? typed("object", isObject) : anything;
  }
}

const anything: Validator = () => undefined;

function typed(expected: string, fits: (value: unknown) => boolean): Validator {
  return (value, place, causes) => {
    if (!fits(value)) causes.push(cause.wrongType(pathOf(place), value, expected));
  };
}

function objectValidator(node: ObjectNode, inner: ValidatorOf): Validator {
  const fields = Object.entries(node.fields).map(([name, field]) => ({
    name,
    required: !field.optional,
    check: inner(field),
  }));
  const { union } = node;
  return (value, place, causes) => {
    if (!isObject(value)) {
      causes.push(cause.wrongType(pathOf(place), value, "object"));
      return;
    }
    for (const { name, required, check } of fields) {
      const there = own(value, name);
      if (there !== undefined) check(there, { parent: place, step: name, key: false }, causes);
      else if (required) causes.push(cause.required(pathOf({ parent: place, step: name, key: false })));
    }
    if (union) causes.push(...unionCauses(union, value, place));
    if (node.embedded) causes.push(...embeddedCauses(value, place));
  };
}

function unionCauses(
  union: NonNullable<ObjectNode["union"]>,
  value: JsonObject,
  place: Place | undefined,
): StatusCause[] {
  const set = union.of.filter((name) => value[name] !== undefined);
  if (set.length > 1) return [cause.invalid(pathOf(place), set, `must specify only one of: ${union.of.join(", ")}`)];
  if (set.length === 0 && union.rule === "exactly")
    return [cause.required(pathOf(place), `must specify one of: ${union.of.join(", ")}`)];
  return [];
}

function embeddedCauses(value: JsonObject, place: Place | undefined): StatusCause[] {
  return ["apiVersion", "kind"]
    .filter((name) => typeof value[name] !== "string" || value[name] === "")
    .map((name) => cause.required(pathOf({ parent: place, step: name, key: false }), "must not be empty"));
}

function mapValidator(node: MapNode, inner: ValidatorOf): Validator {
  const check = inner(node.values);
  return (value, place, causes) => {
    if (!isObject(value)) {
      causes.push(cause.wrongType(pathOf(place), value, "object"));
      return;
    }
    const keys = Object.keys(value);
    if (node.max !== undefined && keys.length > node.max)
      causes.push(cause.tooMany(pathOf(place), keys.length, node.max));
    for (const key of keys) check(value[key], { parent: place, step: key, key: true }, causes);
  };
}

function listValidator(node: ListNode, inner: ValidatorOf, unique: boolean): Validator {
  const check = inner(node.items);
  const { min = 0, max = Number.POSITIVE_INFINITY } = node;
  return (value, place, causes) => {
    if (!Array.isArray(value)) {
      causes.push(cause.wrongType(pathOf(place), value, "array"));
      return;
    }
    if (value.length < min) {
      causes.push(
        cause.invalid(pathOf(place), value.length, `${pathOf(place)} in body should have at least ${min} items`),
      );
    }
    if (value.length > max) causes.push(cause.tooMany(pathOf(place), value.length, max));
    for (let index = 0; index < value.length; index++)
      check(value[index], { parent: place, step: index, key: false }, causes);
    if (unique && node.listType !== "atomic") causes.push(...duplicateCauses(node, value, place));
  };
}

function duplicateCauses(node: ListNode, items: readonly unknown[], place: Place | undefined): StatusCause[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const identity = node.listType === "set" ? item : keysOf(node, item);
    const text = JSON.stringify(identity);
    if (!seen.has(text)) {
      seen.add(text);
      return [];
    }
    return [cause.duplicate(pathOf({ parent: place, step: index, key: false }), identity)];
  });
}

function keysOf(node: ListNode, item: unknown): unknown {
  return isObject(item) ? Object.fromEntries(node.keys.map((key) => [key, item[key]])) : item;
}

function stringValidator(node: StringNode): Validator {
  const { min, max, format } = node;
  const allowed = node.enum && new Set(node.enum);
  const pattern = node.pattern === undefined ? undefined : expressionOf(node.pattern);
  const fits = format && formats[format];
  return (value, place, causes) => {
    if (typeof value !== "string") causes.push(cause.wrongType(pathOf(place), value, "string"));
    else if (value === "" && node.nonEmpty) causes.push(cause.required(pathOf(place)));
    else if (allowed && !allowed.has(value)) causes.push(cause.notSupported(pathOf(place), value, node.enum ?? []));
    else {
      if (min !== undefined && lengthOf(value) < min)
        causes.push(should(place, value, `be at least ${min} chars long`));
      if (max !== undefined && value.length > max && lengthOf(value) > max)
        causes.push(cause.tooLong(pathOf(place), max));
      if (pattern && !pattern.test(value)) causes.push(should(place, value, `match '${node.pattern}'`));
      if (fits && !fits(value)) causes.push(wrongFormat(place, value, format));
    }
  };
}

/** Go's escapes, such as `\\-`, are more than what JavaScript takes in its Unicode mode. */
function expressionOf(pattern: string): RegExp {
  for (const flags of ["u", ""]) {
    try {
      return new RegExp(pattern, flags);
    } catch {
      continue;
    }
  }
  throw new SchemaError(`Cannot read the pattern ${JSON.stringify(pattern)}`);
}

/** In characters as people count them, not in UTF-16 units. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

const moment = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const isMoment = (text: string): boolean => moment.test(text) && !Number.isNaN(Date.parse(text));

const formats: Readonly<Record<StringFormat, (text: string) => boolean>> = {
  byte: (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
  "date-time": isMoment,
  "micro-time": isMoment,
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  duration: (text) => /^[+-]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(text),
  uri: (text) => URL.canParse(text) || /^\/\S*$/.test(text),
  uuid: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  ipv4: (text) => /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(text),
  ipv6: (text) => text.includes(":") && URL.canParse(`http://[${text}]`),
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  hostname: (text) =>
    text.length <= 255 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/i.test(text),
};

function integerValidator(node: IntegerNode): Validator {
  const [least, most] =
    node.format === "int32" ? [-2147483648, 2147483647] : [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  return (value, place, causes) => {
    if (typeof value !== "number" || !Number.isInteger(value))
      causes.push(cause.wrongType(pathOf(place), value, "integer"));
    else if (value < least || value > most) causes.push(wrongFormat(place, String(value), node.format));
    else if (node.enum && !node.enum.includes(value)) causes.push(cause.notSupported(pathOf(place), value, node.enum));
    else rangeCauses(node, value, place, causes);
  };
}

function numberValidator(node: NumberNode): Validator {
  return (value, place, causes) => {
    if (typeof value !== "number") causes.push(cause.wrongType(pathOf(place), value, "number"));
    else rangeCauses(node, value, place, causes);
  };
}

function rangeCauses(
  node: Pick<NumberNode, "min" | "max" | "exclusiveMin" | "exclusiveMax">,
  value: number,
  place: Place | undefined,
  causes: StatusCause[],
): void {
  const { min, max, exclusiveMin, exclusiveMax } = node;
  if (min !== undefined && value < min) causes.push(should(place, value, `be greater than or equal to ${min}`));
  if (max !== undefined && value > max) causes.push(should(place, value, `be less than or equal to ${max}`));
  if (exclusiveMin !== undefined && value <= exclusiveMin)
    causes.push(should(place, value, `be greater than ${exclusiveMin}`));
  if (exclusiveMax !== undefined && value >= exclusiveMax)
    causes.push(should(place, value, `be less than ${exclusiveMax}`));
}

function intOrStringValidator(node: IntOrStringNode): Validator {
  const pattern = node.pattern === undefined ? undefined : expressionOf(node.pattern);
  return (value, place, causes) => {
    const fits = typeof value === "string" || (typeof value === "number" && Number.isInteger(value));
    if (!fits) causes.push(cause.wrongType(pathOf(place), value, "integer,string"));
    else if (typeof value === "string" && pattern && !pattern.test(value))
      causes.push(should(place, value, `match '${node.pattern}'`));
  };
}

const validateQuantity: Validator = (value, place, causes) => {
  if (typeof value !== "string" && typeof value !== "number")
    causes.push(cause.wrongType(pathOf(place), value, "string"));
  else if (!tryParseQuantity(String(value))) {
    causes.push(
      cause.invalid(
        pathOf(place),
        value,
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      ),
    );
  }
};

function should(place: Place | undefined, value: unknown, what: string): StatusCause {
  const path = pathOf(place);
  return cause.invalid(path, value, `${path} in body should ${what}`);
}

function wrongFormat(place: Place | undefined, value: string, format: string): StatusCause {
  const path = pathOf(place);
  return cause.invalid(path, value, `${path} in body must be of type ${format}: ${JSON.stringify(value)}`);
}

function pathOf(place: Place | undefined): string {
  if (!place) return "";
  const before = pathOf(place.parent);
  if (typeof place.step === "number" || place.key) return `${before}[${place.step}]`;
  return before ? `${before}.${place.step}` : place.step;
}
