import type { ParameterSpec } from "../core/ir.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";
import { parameterFault } from "../core/parameters.ts";

/** What stands in the fields of a form, by parameter; those that nobody touched are absent and keep their default. */
export type ParameterTexts = Readonly<Record<string, string>>;

export type ParameterProblem = "missing" | "integer" | "number" | "list" | "dict" | "json" | "literal";

export type ParameterReading =
  /** Undefined where the parameter is left to its default. */
  { readonly value: JsonValue | undefined } | { readonly problem: ParameterProblem; readonly detail?: string };

/** A value as a field shows it: text bare, numbers and booleans as JSON, lists and dictionaries over several lines if they are long. */
export function printParameter(spec: ParameterSpec, value: JsonValue): string {
  if (spec.type === "STRING" && typeof value === "string") return value;
  const line = JSON.stringify(value);
  return line.length > 56 && typeof value === "object" ? JSON.stringify(value, undefined, 2) : line;
}

/** What stands in the field: what was typed, else the default. */
export function shownText(spec: ParameterSpec, text: string | undefined): string {
  if (text !== undefined) return text;
  return spec.defaultValue === undefined ? "" : printParameter(spec, spec.defaultValue);
}

/** The value that a field's text stands for, judged by the same rules as the server's. */
export function readParameter(spec: ParameterSpec, text: string | undefined): ParameterReading {
  const value = text === undefined || isBlank(spec, text) ? undefined : parse(spec, text);
  if (typeof value === "object" && value !== null && "problem" in value) return value;
  const given = value?.value;
  const fault = parameterFault(spec, given);
  if (fault === undefined) return { value: given };
  return { problem: fault === "type" ? wanted(spec) : fault };
}

/** An empty field means the default; only where the default is another text can empty text be meant. */
function isBlank(spec: ParameterSpec, text: string): boolean {
  return text.trim() === "" && (spec.type !== "STRING" || !spec.defaultValue);
}

function parse(
  spec: ParameterSpec,
  text: string,
): { readonly value: JsonValue } | { readonly problem: ParameterProblem; readonly detail?: string } {
  if (spec.type === "STRING") return { value: text };
  if (spec.type === "NUMBER_INTEGER" || spec.type === "NUMBER_DOUBLE") {
    const number = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN;
    return Number.isFinite(number) ? { value: number } : { problem: wanted(spec) };
  }
  try {
    return { value: JSON.parse(text) as JsonValue };
  } catch (error) {
    return { problem: "json", detail: error instanceof Error ? error.message : String(error) };
  }
}

function wanted({ type }: ParameterSpec): ParameterProblem {
  if (type === "NUMBER_INTEGER") return "integer";
  if (type === "NUMBER_DOUBLE") return "number";
  return type === "LIST" ? "list" : type === "STRING" || type === "BOOLEAN" ? "literal" : "dict";
}

/** What a run is given: parameters that were set, those the pipeline does not know left out. Problems by the name of their parameter. */
export function readParameters(
  specs: ReadonlyMap<string, ParameterSpec>,
  texts: ParameterTexts,
): {
  readonly given: JsonObject;
  readonly problems: ReadonlyMap<string, Extract<ParameterReading, { problem: unknown }>>;
} {
  const given: Record<string, JsonValue> = {};
  const problems = new Map<string, Extract<ParameterReading, { problem: unknown }>>();
  for (const [name, spec] of specs) {
    const reading = readParameter(spec, texts[name]);
    if ("problem" in reading) problems.set(name, reading);
    else if (reading.value !== undefined) given[name] = reading.value;
  }
  return { given, problems };
}

/** The texts of what another run was given. */
export function textsOf(
  specs: ReadonlyMap<string, ParameterSpec> | undefined,
  given: Readonly<Record<string, unknown>>,
): ParameterTexts {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const spec = specs?.get(name);
      const json = value as JsonValue;
      return [name, spec ? printParameter(spec, json) : typeof json === "string" ? json : JSON.stringify(json)];
    }),
  );
}
