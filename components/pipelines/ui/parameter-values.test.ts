import assert from "node:assert/strict";
import { test } from "node:test";
import type { ParameterSpec } from "../core/ir.ts";
import { printParameter, readParameter, readParameters, shownText, textsOf } from "./parameter-values.ts";

const spec = (type: ParameterSpec["type"], more: Partial<ParameterSpec> = {}): ParameterSpec => ({
  type,
  optional: more.defaultValue !== undefined,
  literals: [],
  description: "",
  ...more,
});

test("a field that nobody touched keeps its default, and one without a default must be filled", () => {
  assert.deepEqual(readParameter(spec("NUMBER_INTEGER", { defaultValue: 3 }), undefined), { value: undefined });
  assert.deepEqual(readParameter(spec("NUMBER_INTEGER"), undefined), { problem: "missing" });
  assert.deepEqual(readParameter(spec("NUMBER_INTEGER"), "  "), { problem: "missing" });
  assert.deepEqual(readParameter(spec("STRING", { optional: true }), ""), { value: undefined });
});

test("text is taken as it is; empty text is meant where the default is another", () => {
  assert.deepEqual(readParameter(spec("STRING"), " 1e3 "), { value: " 1e3 " });
  assert.deepEqual(readParameter(spec("STRING", { defaultValue: "svc" }), ""), { value: "" });
});

test("numbers are read as people write them, and nothing else is", () => {
  assert.deepEqual(readParameter(spec("NUMBER_DOUBLE"), "1e-3"), { value: 0.001 });
  assert.deepEqual(readParameter(spec("NUMBER_INTEGER"), "2.5"), { problem: "integer" });
  assert.deepEqual(readParameter(spec("NUMBER_DOUBLE"), "0x10"), { problem: "number" });
});

test("lists and dictionaries are JSON of that kind", () => {
  assert.deepEqual(readParameter(spec("LIST"), "[1, 2]"), { value: [1, 2] });
  assert.deepEqual(readParameter(spec("LIST"), "{}"), { problem: "list" });
  assert.deepEqual(readParameter(spec("STRUCT"), "[]"), { problem: "dict" });
  const broken = readParameter(spec("LIST"), "[1,");
  assert.equal("problem" in broken && broken.problem, "json");
});

test("only listed values are allowed where some are listed", () => {
  const model = spec("STRING", { literals: ["svc", "tree"] });
  assert.deepEqual(readParameter(model, "tree"), { value: "tree" });
  assert.deepEqual(readParameter(model, "forest"), { problem: "literal" });
});

test("a run is given what was set, and nothing that the pipeline does not know", () => {
  const specs = new Map([
    ["epochs", spec("NUMBER_INTEGER", { defaultValue: 10 })],
    ["rate", spec("NUMBER_DOUBLE")],
  ]);
  const { given, problems } = readParameters(specs, { epochs: "20", old: "1" });
  assert.deepEqual(given, { epochs: 20 });
  assert.deepEqual([...problems.keys()], ["rate"]);
});

test("what another run was given reads back as the same values", () => {
  const specs = new Map([
    ["options", spec("STRUCT")],
    ["name", spec("STRING")],
    ["flag", spec("BOOLEAN")],
  ]);
  const given = { options: { dropout: 0.1 }, name: "true", flag: false };
  assert.deepEqual(readParameters(specs, textsOf(specs, given)).given, given);
  assert.equal(shownText(spec("LIST", { defaultValue: [64, 32] }), undefined), "[64,32]");
  assert.match(
    printParameter(
      spec("LIST"),
      Array.from({ length: 30 }, (_, i) => i),
    ),
    /\n/,
  );
});
