import { CelScalar, celEnv, celFunc, type CelInput, isCelError, isCelList, isCelMap, parse, plan } from "@bufbuild/cel";
import { PipelineFault } from "./errors.ts";
import { asText, isList, isObject, type JsonObject, type JsonValue } from "./json.ts";

/** A trigger condition, ready to be asked. Throws PipelineFault if it cannot be evaluated. */
export interface Condition {
  readonly text: string;
  holds(parameters: ReadonlyMap<string, JsonValue>): boolean;
}

/** A `parameterExpressionSelector`: takes a part out of a value. Throws PipelineFault if the part is not there. */
export interface Selector {
  readonly text: string;
  select(value: JsonValue): JsonValue;
}

/**
 * Expressions come from whoever uploads a pipeline and run inside the server. Without comprehensions an evaluation takes at
 * most one step for each node of the expression, so a limit on nodes is a limit on steps.
 */
const maxLength = 16 * 1024;
const maxNodes = 2_000;

const parseJson = celFunc("parseJson", [CelScalar.STRING], CelScalar.DYN, (text) => toCel(JSON.parse(text)));
const environment = celEnv({ funcs: [parseJson] });

/** Throws PipelineFault with the reason if the text is no expression, or one that costs too much. */
export function compileCondition(text: string): Condition {
  const evaluate = compile(text);
  return {
    text,
    holds(parameters) {
      const inputs = new Map([["parameter_values", toCelMap(parameters)]]);
      const result = evaluate(new Map([["inputs", inputs]]));
      if (typeof result !== "boolean") {
        throw new PipelineFault(`Cannot evaluate condition ${text}: it gives ${describe(result)}, not true or false`);
      }
      return result;
    },
  };
}

/** Throws PipelineFault with the reason if the text is no expression, or one that costs too much. */
export function compileSelector(text: string): Selector {
  const evaluate = compile(text);
  return { text, select: (value) => fromCel(evaluate(selectorBindings(value))) };
}

/** The fields of google.protobuf.Value; `string_value` also holds the JSON text of what is not a string. */
function selectorBindings(value: JsonValue): Map<string, CelInput> {
  const bindings = new Map<string, CelInput>([["string_value", asText(value)]]);
  if (typeof value === "number") bindings.set("number_value", value);
  if (typeof value === "boolean") bindings.set("bool_value", value);
  if (isList(value)) bindings.set("list_value", toCel(value));
  if (isObject(value)) bindings.set("struct_value", toCel(value));
  return bindings;
}

function compile(text: string): (bindings: Map<string, CelInput>) => unknown {
  if (text.length > maxLength) throw new PipelineFault(`the expression is longer than ${maxLength} characters`);
  const run = guard(text, () => {
    const parsed = parse(text);
    countNodes(parsed.expr, { left: maxNodes });
    return plan(environment, parsed);
  });
  return (bindings) => {
    const result: unknown = guard(text, () => run(Object.fromEntries(bindings)));
    if (isCelError(result)) throw new PipelineFault(`Cannot evaluate ${text}: ${result.message}`, { cause: result });
    return result;
  };
}

function guard<R>(text: string, body: () => R): R {
  try {
    return body();
  } catch (error) {
    if (error instanceof PipelineFault) throw error;
    throw new PipelineFault(`Cannot evaluate ${text}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

type Expr = ReturnType<typeof parse>["expr"];

function countNodes(expr: Expr | undefined, budget: { left: number }): void {
  if (!expr) return;
  budget.left -= 1;
  if (budget.left < 0) throw new PipelineFault(`the expression has more than ${maxNodes} parts`);
  const kind = expr.exprKind;
  switch (kind.case) {
    case "selectExpr":
      return countNodes(kind.value.operand, budget);
    case "callExpr":
      if (kind.value.function === "matches")
        throw new PipelineFault("the expression uses matches(), which is not supported");
      countNodes(kind.value.target, budget);
      return kind.value.args.forEach((argument) => countNodes(argument, budget));
    case "listExpr":
      return kind.value.elements.forEach((element) => countNodes(element, budget));
    case "comprehensionExpr":
    case "structExpr":
      throw new PipelineFault("the expression uses a macro or builds a message, which is not supported");
    default:
      return;
  }
}

function toCelMap(values: ReadonlyMap<string, JsonValue>): Map<string, CelInput> {
  return new Map([...values].map(([key, value]) => [key, toCel(value)]));
}

function toCel(value: JsonValue): CelInput {
  if (isList(value)) return value.map(toCel);
  if (isObject(value)) return toCelMap(new Map(Object.entries(value)));
  return value;
}

function fromCel(value: unknown): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "number")
    return value;
  if (typeof value === "bigint") return Number(value);
  if (isCelList(value)) return [...value].map(fromCel);
  if (isCelMap(value)) {
    const object: Record<string, JsonValue> = {};
    for (const [key, item] of value) object[String(key)] = fromCel(item);
    return object satisfies JsonObject;
  }
  throw new PipelineFault(`Cannot use the result of an expression: it is ${describe(value)}`);
}

function describe(value: unknown): string {
  return typeof value === "object" ? "a structure" : `${typeof value} ${String(value)}`;
}
