import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatSelector,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  ParseError,
  parseSelector,
  requirementsOf,
  validateLabelSelector,
} from "./index.ts";

const labels = { app: "web", tier: "front", size: "3", "example.org/x": "" };
const matches = (selector: string): boolean => matchesLabels(parseSelector(selector), labels);

test("selectors choose by equality, set, presence and number", () => {
  for (const selector of [
    "",
    "app=web",
    "app==web,tier=front",
    "app!=db",
    "other!=x",
    "app in (web, db)",
    "tier notin (back)",
    "absent notin (x)",
    "app",
    "!absent",
    "size>2",
    "size<4",
    "example.org/x=",
    "in in (x)".replace("in in", "app in").replace("x", "web"),
    " app = web , ! other ",
  ]) {
    assert.ok(matches(selector), selector);
  }
  for (const selector of [
    "app=db",
    "absent=x",
    "app!=web",
    "app notin (web)",
    "!app",
    "size>3",
    "app>1",
    "absent",
    "app in ()",
  ]) {
    assert.ok(!matches(selector), selector);
  }
});

test("what is no selector is refused with the place", () => {
  for (const selector of [
    "=x",
    "app=web tier=front",
    "app in web",
    "app in (web",
    "a,,b",
    "-a=b",
    "a=b/c",
    "a>b",
    "!",
    "a=b,",
  ]) {
    assert.throws(() => parseSelector(selector), ParseError, selector);
  }
  assert.throws(() => parseSelector("app in web"), /found "web" where '\(' should be/);
  assert.throws(() => parseSelector("a".repeat(20_000)), /longer than/);
});

test("the object form says the same", () => {
  const selector = {
    matchLabels: { app: "web" },
    matchExpressions: [{ key: "tier", operator: "NotIn" as const, values: ["back"] }],
  };
  assert.ok(matchesLabels(requirementsOf(selector), labels));
  assert.equal(formatSelector(requirementsOf(selector)), "app=web,tier!=back");
  assert.deepEqual(
    validateLabelSelector({ matchExpressions: [{ key: "a", operator: "In" }] }, "spec.selector").map(
      (each) => each.field,
    ),
    ["spec.selector.matchExpressions[0].values"],
  );
});

const key = fc.stringMatching(/^[a-z]([a-z0-9]{0,5}[a-z0-9])?$/).filter((word) => word !== "in" && word !== "notin");
const requirement = fc.oneof(
  fc.record(
    {
      key,
      operator: fc.constantFrom("In" as const, "NotIn" as const),
      values: fc.uniqueArray(key, { minLength: 1, maxLength: 3 }).map((values) => values.toSorted()),
    },
    { noNullPrototype: true },
  ),
  fc.record(
    { key, operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const), values: fc.constant([]) },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      key,
      operator: fc.constantFrom("Gt" as const, "Lt" as const),
      values: fc.integer({ min: 0, max: 99 }).map((each) => [String(each)]),
    },
    { noNullPrototype: true },
  ),
);

test("a selector that is written is read as the same", () => {
  fc.assert(
    fc.property(fc.array(requirement, { maxLength: 5 }), (selector) =>
      assert.deepEqual(parseSelector(formatSelector(selector)), selector),
    ),
  );
});

test("field selectors compare the text at a path; what is absent is empty", () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p" },
    spec: { hostNetwork: true },
    status: { phase: "Running" },
  };
  const fits = (selector: string): boolean => matchesFields(parseFieldSelector(selector), pod);
  assert.ok(fits(""));
  assert.ok(fits("metadata.name=p,status.phase!=Failed"));
  assert.ok(fits("spec.hostNetwork==true,spec.nodeName="));
  assert.ok(!fits("metadata.name=q"));
  assert.deepEqual(parseFieldSelector("a=b\\,c\\=d\\\\"), [{ path: "a", value: "b,c=d\\", negated: false }]);
  assert.throws(() => parseFieldSelector("a"), ParseError);
  assert.throws(() => parseFieldSelector("a=b=c"), ParseError);
});
