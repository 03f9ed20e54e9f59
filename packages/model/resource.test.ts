import assert from "node:assert/strict";
import { test } from "node:test";
import { conditions, defineResource, s, type Component, type KubeObject, type ResourceOf } from "./index.ts";

const Trial = defineResource({
  group: "example.org",
  version: "v1",
  kind: "Trial",
  spec: s.object({ objective: s.string({ enum: ["minimize", "maximize"] }), goal: s.withDefault(s.integer(), 3) }),
  status: s.object({}, { conditions: conditions("Created", "Succeeded") }),
  columns: [{ name: "Objective", value: (trial) => trial.spec.objective }],
  gracePeriodSeconds: (trial) => trial.spec.goal ?? 0,
});
type Trial = ResourceOf<typeof Trial>;

const Bag = defineResource({
  group: "",
  version: "v1",
  kind: "Bag",
  builtIn: true,
  fields: { data: s.at(2, s.optional(s.map(s.string()))) },
});
type Bag = ResourceOf<typeof Bag>;

const trial: Trial = {
  apiVersion: "example.org/v1",
  kind: "Trial",
  metadata: { name: "t" },
  spec: { objective: "minimize" },
};
const bag: Bag = { apiVersion: "v1", kind: "Bag", metadata: {}, data: { a: "b" } };
// @ts-expect-error objective is an enum
export const wrong: Trial = { ...trial, spec: { objective: "sideways" } };

test("a definition fills in what a kind doesn't say of itself", () => {
  assert.equal(Trial.plural, "trials");
  assert.equal(Trial.listKind, "TrialList");
  assert.equal(Trial.scope, "Namespaced");
  assert.deepEqual(Trial.subresources, [{ name: "status" }]);
  assert.equal(Trial.requiresResourceVersion, true);
  assert.equal(Bag.requiresResourceVersion, false);
  assert.equal(Bag.tracksGeneration, false);
  assert.equal(bag.data?.["a"], "b");
});

test("columns start with the name and end with the age", () => {
  const now = Date.parse("2026-01-01T00:05:00Z");
  const object: KubeObject = { ...trial, metadata: { name: "t", creationTimestamp: "2026-01-01T00:00:00Z" } };
  assert.deepEqual(
    Trial.columns.map((each) => [each.name, each.value(object, now)]),
    [
      ["Name", "t"],
      ["Objective", "minimize"],
      ["Age", "5m"],
    ],
  );
});

test("a definition of any kind fits where all kinds are gathered", () => {
  const component: Component = { name: "trials", resources: [Trial, Bag] };
  assert.equal(component.resources.length, 2);
});
