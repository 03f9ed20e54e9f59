import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { matches, type Row } from "./evaluate.ts";
import { type NodeKind, parseFilter, requiredValues } from "./filter.ts";

const model: Row = {
  id: 7,
  type_id: 3,
  type: "Model",
  name: "m1",
  uri: "s3://b/50%/m",
  state: "LIVE",
  create_time_since_epoch: 1000,
};
const rows: Readonly<Record<string, readonly Row[]>> = {
  "custom_properties.n": [{ int_value: 3 }],
  "custom_properties.odd name": [{ string_value: "x" }],
  "properties.0": [{ double_value: 0.5 }],
  "properties.ok": [{ bool_value: true }],
  contexts_a: [
    { id: 1, name: "run", type: "system.PipelineRun" },
    { id: 2, name: "pipe", type: "system.Pipeline" },
  ],
  contexts_b: [
    { id: 1, name: "run", type: "system.PipelineRun" },
    { id: 2, name: "pipe", type: "system.Pipeline" },
  ],
  events_0: [{ type: "OUTPUT", execution_id: 4, milliseconds_since_epoch: 1 }],
};

const isMatch = (query: string): boolean | undefined =>
  matches(parseFilter("artifact", query), model, (alias) => rows[alias] ?? []);

describe("the filter language", () => {
  const cases: readonly (readonly [query: string, expected: boolean])[] = [
    ["id = 7", true],
    ["id != 7", false],
    ["id <> 7", false],
    ["id IN (1, 7)", true],
    ["id NOT IN (1, 7)", false],
    ["id BETWEEN 7 AND 9", true],
    ["id NOT BETWEEN 7 AND 9 OR name = 'm1'", true],
    ["-1 < id", true],
    ["type_id + 1 > 3 - -0.5", true],
    ["name = 'm1' AND type = \"Model\"", true],
    ["name = 'm1' and not (type = 'Model')", false],
    ["NOT name = 'x'", true],
    ["uri LIKE 's3://%/m'", true],
    ["uri like '%_0_/m'", true],
    ["uri LIKE 's3://_'", false],
    ["name NOT LIKE 'x%'", true],
    ["name = 'it\\'s' OR TRUE", true],
    ["state = LIVE", true],
    ["state IN (PENDING, LIVE)", true],
    ["state NOT IN (LIVE)", false],
    ["state != DELETED", true],
    ["external_id IS NULL", true],
    ["external_id IS NOT NULL", false],
    ["external_id = 'x' OR id = 7", true],
    ["NOT (external_id = 'x')", false],
    ["external_id NOT IN ('x')", false],
    ["custom_properties.n.int_value = 3", true],
    ["custom_properties.n.int_value > 2.5 AND create_time_since_epoch < 1001", true],
    ["custom_properties.n.string_value IS NULL", true],
    ["custom_properties.`odd name`.string_value = 'x'", true],
    ["properties.0.double_value >= .5", true],
    ["properties.ok.bool_value = true", true],
    ["properties.ok.bool_value", true],
    ["properties.missing.int_value IS NULL", false],
    ["properties.missing.int_value = 1 OR id = 7", false],
    ["contexts_a.name = 'run'", true],
    ["contexts_a.name = 'run' AND contexts_a.type = 'system.Pipeline'", false],
    ["contexts_a.name = 'run' AND contexts_b.type = 'system.Pipeline'", true],
    ["events_0.type = OUTPUT AND events_0.execution_id IN (4)", true],
    ["events_0.type = INPUT", false],
    ["1 = 1", true],
    ["NULL = 1", false],
    ["NULL", false],
  ];
  for (const [query, expected] of cases) {
    test(`${query} is ${expected}`, () => {
      assert.equal(isMatch(query), expected);
    });
  }

  const wrong: readonly (readonly [query: string, message: RegExp, kind?: NodeKind])[] = [
    ["a = 'a'", /Unrecognized name: a \[at 1\]/],
    ["'a'", /not a valid boolean expression/],
    ["type_id", /not a valid boolean expression/],
    ["id = 'a'", /No matching signature for operator for argument types: number, text/],
    ["uri = 1", /No matching signature/],
    ["uri = 'x'", /Unrecognized name: uri/, "execution"],
    ["contexts", /Unrecognized name: contexts/],
    ["contexts_0.foo = 1", /Field name foo does not exist/],
    ["contexts_0.id.", /Cannot access/],
    ["contexts_0.id = 1", /Unrecognized name: contexts_0/, "context"],
    ["parent_contexts_0.uri = 'x'", /Field name uri does not exist/, "context"],
    ["properties.foo = 1", /Unrecognized name: properties.foo/],
    ["properties.bar.", /Unexpected end of expression/],
    ["properties.baz.int = 1", /Field name int does not exist/],
    ["properties.0:b.int_value = 1", /Unrecognized name: properties.0/],
    ["state = 'LIVE'", /Unsupported enum value/],
    ["state = 1", /Unsupported enum value/],
    ["state = RUNNING", /Unsupported enum value: it must be one of UNKNOWN, PENDING, LIVE/],
    ["state IN LIVE", /IN takes a list/],
    ["id IN ()", /Syntax error/],
    ["events_0.artifact_id = 1", /Field name artifact_id does not exist/],
    ["id = 1 AND", /Unexpected end of expression/],
    ["(id = 1", /not closed/],
    ["id % 2 = 0", /unexpected "%"/],
    ["name = 'x", /Unclosed string literal/],
    ["LOWER(name) = 'x'", /Unrecognized name: LOWER/],
    ["id = 1; DROP TABLE artifact", /unexpected ";"/],
    ["__proto__ = 1", /Unrecognized name/],
    [`${"(".repeat(200)}id = 1${")".repeat(200)}`, /nested more than 100/],
    [`${"NOT ".repeat(200)}id = 1`, /nested more than 100/],
    [`name = '${"x".repeat(70_000)}'`, /more than 65536 characters/],
    [
      Array.from({ length: 40 }, (_, index) => `properties.p${index}.int_value = 1`).join(" AND "),
      /more than 32 properties/,
    ],
  ];
  for (const [query, message, kind = "artifact"] of wrong) {
    test(`refuses ${query.slice(0, 60)} for an ${kind}`, () => {
      assert.throws(() => parseFilter(kind, query), { name: "FilterError", message });
    });
  }

  test("gives up where there are too many choices of neighbours", () => {
    const many = Array.from({ length: 1000 }, (_, id) => ({ id }));
    const filter = parseFilter("artifact", "contexts_a.id = 1 AND contexts_b.id = 2");
    assert.equal(
      matches(filter, model, () => many),
      undefined,
    );
  });

  test("compares texts with patterns of many wildcards in bounded time", () => {
    const filter = parseFilter("artifact", `uri LIKE '${"%a".repeat(2000)}'`);
    assert.equal(
      matches(filter, { uri: "a".repeat(1999) }, () => []),
      false,
    );
  });
});

describe("the values that a filter requires", () => {
  test("are those that every match has, whatever stands beside them", () => {
    const query =
      "custom_properties.parent_dag_id.int_value = 5 AND ('r' = contexts_a.name AND type IN ('A', 'B')) AND (id = 1 OR id = 2)";
    assert.deepEqual(
      [...requiredValues(parseFilter("execution", query))],
      [
        ["custom_properties.parent_dag_id.int_value", [5]],
        ["contexts.name", ["r"]],
        ["type", ["A", "B"]],
      ],
    );
    assert.deepEqual([...requiredValues(parseFilter("artifact", "NOT (id = 1) OR id = 2"))], []);
  });
});
