import { badRequest } from "@headrace/model";
import { PipelineFault } from "./errors.ts";
import type { ParameterSpec, ParameterType, Pipeline } from "./ir.ts";
import { asText, canonical, isList, isObject, type JsonObject, type JsonValue } from "./json.ts";

/**
 * Checks what a run was given (`runtime_config.parameters`) against the pipeline's inputs, and fills in defaults. An optional
 * parameter without a value and without a default is null. Throws ApiError BadRequest that names the parameter.
 */
export function checkParameters(pipeline: Pipeline, given: JsonObject): ReadonlyMap<string, JsonValue> {
  const [unsupported] = pipeline.unsupported;
  if (unsupported !== undefined) {
    throw badRequest(`Cannot run pipeline "${pipeline.name}": ${unsupported} asks for something that is not supported`);
  }
  const specs = pipeline.root.inputs.parameters;
  for (const name of Object.keys(given)) {
    if (!specs.has(name)) {
      const known = [...specs.keys()].map((key) => `"${key}"`).join(", ") || "none";
      throw badRequest(
        `runtime_config.parameters.${name}: unknown parameter; pipeline "${pipeline.name}" takes ${known}`,
      );
    }
  }
  for (const name of pipeline.root.inputs.artifacts.keys()) {
    if (!pipeline.root.inputs.artifacts.get(name)?.optional) {
      throw badRequest(
        `runtime_config: pipeline "${pipeline.name}" takes artifact "${name}" as an input, which a run cannot be given; import it`,
      );
    }
  }
  return new Map(
    [...specs].map(([name, spec]) => [
      name,
      checkParameter(name, spec, Object.hasOwn(given, name) ? given[name] : undefined),
    ]),
  );
}

function checkParameter(name: string, spec: ParameterSpec, value: JsonValue | undefined): JsonValue {
  const place = `runtime_config.parameters.${name}`;
  const given = value ?? spec.defaultValue ?? null;
  switch (parameterFault(spec, value)) {
    case "missing":
      throw badRequest(`${place}: Required value (${spec.type})`);
    case "type":
      throw badRequest(`${place}: Invalid value: ${literal(given)}: must be ${typeNames[spec.type]} (${spec.type})`);
    case "literal":
      throw badRequest(`${place}: Unsupported value: ${literal(given)}: supported values: ${literals(spec)}`);
    case undefined:
      return given;
  }
}

/** What is wrong with what a run was given for a parameter: undefined if nothing is. */
export function parameterFault(
  spec: ParameterSpec,
  value: JsonValue | undefined,
): "missing" | "type" | "literal" | undefined {
  if (value === undefined || value === null)
    return spec.defaultValue !== undefined || spec.optional ? undefined : "missing";
  if (!fits(spec.type, value)) return "type";
  return isAllowed(spec, value) ? undefined : "literal";
}

const typeNames: Record<ParameterType, string> = {
  STRING: "a string",
  NUMBER_INTEGER: "a whole number",
  NUMBER_DOUBLE: "a number",
  BOOLEAN: "true or false",
  LIST: "a list",
  STRUCT: "an object",
  TASK_FINAL_STATUS: "an object",
  TASK_CONFIG: "an object",
};

/** Whether a value has the JSON kind of the type, without conversion. */
function fits(type: ParameterType, value: JsonValue): boolean {
  switch (type) {
    case "STRING":
      return typeof value === "string";
    case "NUMBER_INTEGER":
      return Number.isInteger(value);
    case "NUMBER_DOUBLE":
      return typeof value === "number";
    case "BOOLEAN":
      return typeof value === "boolean";
    case "LIST":
      return isList(value);
    default:
      return isObject(value);
  }
}

/** Whether a value is one of the literals, if the parameter lists any. */
function isAllowed(spec: ParameterSpec, value: JsonValue): boolean {
  return spec.literals.length === 0 || spec.literals.some((allowed) => canonical(allowed) === canonical(value));
}

/**
 * The value as a task receives it. Anything may become text; nothing else is converted. Throws PipelineFault for a value of
 * another kind or one that is not among the literals.
 */
export function coerce(name: string, spec: ParameterSpec, value: JsonValue): JsonValue {
  const fitting = spec.type === "STRING" ? asText(value) : value;
  if (!fits(spec.type === "NUMBER_INTEGER" ? "NUMBER_DOUBLE" : spec.type, fitting)) {
    throw new PipelineFault(
      `Cannot pass input "${name}": ${asText(value)} is not ${typeNames[spec.type]} (${spec.type})`,
    );
  }
  if (!isAllowed(spec, fitting)) {
    throw new PipelineFault(`Cannot pass input "${name}": ${literal(value)} is none of ${literals(spec)}`);
  }
  return fitting;
}

/**
 * What a step wrote into an output parameter's file. Numbers and booleans may have white space around them, text is taken as
 * it is. Throws PipelineFault if it does not read as the type.
 */
export function parseOutput(name: string, type: ParameterType, text: string): JsonValue {
  if (type === "STRING") return text;
  const value = readOutput(type, text.trim());
  if (value === undefined || !fits(type === "NUMBER_INTEGER" ? "NUMBER_DOUBLE" : type, value)) {
    throw new PipelineFault(
      `Cannot read output parameter "${name}": ${JSON.stringify(text.slice(0, 100))} is not ${typeNames[type]} (${type})`,
    );
  }
  return value;
}

function readOutput(type: ParameterType, text: string): JsonValue | undefined {
  if (type === "BOOLEAN") return booleans.get(text);
  if (type === "NUMBER_INTEGER" || type === "NUMBER_DOUBLE")
    return /^[-+]?[\d._]*\d[\d._]*(?:[eE][-+]?\d+)?$/.test(text) ? Number(text) : undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The forms that Go's `strconv.ParseBool` reads, and Python's. */
const booleans = new Map<string, boolean>([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text): [string, boolean] => [text, true]),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text): [string, boolean] => [text, false]),
]);

const literal = (value: JsonValue): string => JSON.stringify(value);
const literals = (spec: ParameterSpec): string => spec.literals.map(literal).join(", ");
