import { isList, type JsonValue } from "../core/json.ts";
import type { Program, SimulatedEnd, SimulatedStep } from "./simulated-node.ts";

const numbers = (value: JsonValue | undefined): readonly number[] => (isList(value) ? value.map(Number) : []);
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** What the components of testing/pipelines do, in short. */
const functions: Readonly<Record<string, (step: SimulatedStep) => SimulatedEnd>> = {
  add: ({ parameters: p }) => out(Number(p["a"]) + Number(p["b"])),
  echo: ({ parameters: p }) => out(`${String(p["text"])}${String(p["suffix"] ?? "")}`),
  types: ({ parameters: p }) => ({ parameters: pick(p, ["text", "whole", "flag", "items", "table"]) }),
  train: () => ({ parameters: { Output: 0.5 }, artifacts: { model: { framework: "none" } } }),
  flip: () => out("heads"),
  number: () => out(3),
  say: ({ parameters: p }) => out(p["text"] ?? null),
  tidy: ({ parameters: p }) => out(p["text"] ?? null),
  double: ({ parameters: p }) => out(2 * Number(p["x"])),
  total: ({ parameters: p }) => out(sum(numbers(p["xs"]))),
  total_of_lists: ({ parameters: p }) => out(sum(isList(p["lists"]) ? p["lists"].flatMap(numbers) : [])),
  items: () => out([1, 2, 3]),
  records: () =>
    out([
      { title: "a", kind: "good" },
      { title: "b", kind: "bad" },
    ]),
  count: ({ input }) => out(input?.inputs.artifacts["data"]?.artifacts.length ?? 0),
  show: ({ input }) => out(input?.inputs.artifacts["data"]?.artifacts[0]?.uri ?? ""),
  fail: () => ({ exitCode: 1, tail: "Traceback\nValueError: no" }),
};

const pick = (from: Readonly<Record<string, JsonValue>>, keys: readonly string[]) =>
  Object.fromEntries(keys.map((key) => [key, from[key] ?? null]));
export const out = (value: JsonValue): SimulatedEnd => ({ parameters: { Output: value } });
/** Runs the components of testing/pipelines. */
export const program: Program = (step) => functions[step.name]?.(step) ?? {};
