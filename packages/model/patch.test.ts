import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMerge,
  freeze,
  isEqual,
  mergePatchBetween,
  PatchError,
  s,
} from "./index.ts";

const jsonPatch = (value: unknown, ...operations: object[]): unknown => applyJsonPatch(freeze(value), operations);

test("a JSON patch adds, removes, replaces, moves and copies", () => {
  assert.deepEqual(
    jsonPatch({ a: [1, 2] }, { op: "add", path: "/a/1", value: 9 }, { op: "add", path: "/a/-", value: 3 }),
    { a: [1, 9, 2, 3] },
  );
  assert.deepEqual(
    jsonPatch({ a: { b: 1 }, c: 2 }, { op: "move", from: "/a/b", path: "/d" }, { op: "remove", path: "/c" }),
    { a: {}, d: 1 },
  );
  assert.deepEqual(jsonPatch({ "a/b": { "~": 1 } }, { op: "replace", path: "/a~1b/~0", value: 2 }), {
    "a/b": { "~": 2 },
  });
  assert.deepEqual(jsonPatch({ a: [1] }, { op: "copy", from: "/a/0", path: "/b" }), { a: [1], b: 1 });
  assert.deepEqual(jsonPatch({ a: 1 }, { op: "add", path: "", value: { b: 2 } }), { b: 2 });
});

test("a JSON patch that doesn't fit changes nothing and says why", () => {
  const inapplicable = { name: "PatchError", code: "inapplicable" };
  assert.throws(() => jsonPatch({ a: 1 }, { op: "replace", path: "/b", value: 1 }), inapplicable);
  assert.throws(() => jsonPatch({ a: 1 }, { op: "add", path: "/b/c", value: 1 }), inapplicable);
  assert.throws(() => jsonPatch({ a: [1] }, { op: "add", path: "/a/2", value: 1 }), /the list has 1 items/);
  assert.throws(() => jsonPatch({ a: [1] }, { op: "remove", path: "/a/01" }), inapplicable);
  assert.throws(() => jsonPatch({ a: 1 }, { op: "test", path: "/a", value: 2 }), /test failed/);
  assert.throws(() => jsonPatch({ a: {} }, { op: "move", from: "/a", path: "/a/b" }), /into itself/);
  assert.throws(() => jsonPatch({ a: {} }, { op: "add", path: "/a/__proto__", value: {} }), /__proto__/);
  assert.throws(() => jsonPatch({}, { op: "toString", path: "/a" }), { code: "malformed" });
  assert.throws(() => jsonPatch({}, { op: "add", path: "a", value: 1 }), { code: "malformed" });
  assert.throws(() => applyJsonPatch({}, {}), { code: "malformed" });
});

test("a JSON patch can't be used to blow up the server", () => {
  const doubling = Array.from({ length: 100 }, (_, index) => ({ op: "copy", from: "", path: `/x${index}` }));
  assert.throws(() => applyJsonPatch({ a: "x".repeat(100) }, doubling), /copies are larger/);
  const nesting = Array.from({ length: 2000 }, () => [
    { op: "add", path: "/b", value: {} },
    { op: "move", from: "/a", path: "/b/a" },
    { op: "move", from: "/b", path: "/a" },
  ]).flat();
  assert.throws(() => applyJsonPatch({ a: {} }, nesting), /nested more/);
  assert.throws(
    () =>
      applyJsonPatch(
        {},
        Array.from({ length: 10_001 }, () => ({ op: "remove", path: "/a" })),
      ),
    PatchError,
  );
});

test("a merge patch joins objects, replaces the rest and removes what is null", () => {
  const value = freeze({ a: { b: 1, c: [1] }, d: 1 });
  assert.deepEqual(applyMergePatch(value, { a: { b: null, c: [2], e: { f: null, g: 1 } } }), {
    a: { c: [2], e: { g: 1 } },
    d: 1,
  });
  assert.equal(applyMergePatch(value, "x"), "x");
});

const withoutNulls = fc.dictionary(
  fc.string().filter((key) => key !== "__proto__"),
  fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.array(fc.integer()),
      fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value")),
    ),
  })).value,
);

test("the merge patch between two objects makes one of the other", () => {
  fc.assert(
    fc.property(withoutNulls, withoutNulls, (before, after) => {
      assert.ok(isEqual(applyMergePatch(before, mergePatchBetween(before, after)), after));
    }),
  );
});

const Container = s.object(
  { name: s.string() },
  {
    image: s.string(),
    args: s.list(s.string()),
    env: s.listMap("name", s.object({ name: s.string() }, { value: s.string() })),
  },
);
const Pod = s.object(
  { containers: s.listMap("name", Container) },
  {
    labels: s.map(s.string()),
    finalizers: s.list(s.string(), { listType: "set" }),
    volumes: s.listMap(
      "name",
      s.object({ name: s.string() }, { emptyDir: s.preserveUnknown(), hostPath: s.preserveUnknown() }),
      { retainKeys: true },
    ),
  },
);

const strategic = (value: object, patch: object): unknown => applyStrategicMerge(Pod, freeze(value), freeze(patch));
const pod = {
  containers: [{ name: "a", image: "1", env: [{ name: "X", value: "1" }] }, { name: "b" }],
  labels: { l: "1" },
  finalizers: ["one", "two"],
};

test("items of a keyed list are joined by their key; new ones come first, as upstream puts them", () => {
  assert.deepEqual(strategic(pod, { containers: [{ name: "a", env: [{ name: "Y", value: "2" }] }, { name: "c" }] }), {
    ...pod,
    containers: [
      {
        name: "a",
        image: "1",
        env: [
          { name: "Y", value: "2" },
          { name: "X", value: "1" },
        ],
      },
      { name: "c" },
      { name: "b" },
    ],
  });
});

test("directives delete, replace and order items", () => {
  assert.deepEqual(strategic(pod, { containers: [{ $patch: "delete", name: "a" }] }), {
    ...pod,
    containers: [{ name: "b" }],
  });
  assert.deepEqual(strategic(pod, { containers: [{ name: "z" }, { $patch: "replace" }] }), {
    ...pod,
    containers: [{ name: "z" }],
  });
  assert.deepEqual(
    strategic(pod, {
      "$setElementOrder/containers": [{ name: "b" }, { name: "c" }, { name: "a" }],
      containers: [{ name: "c" }],
    }),
    {
      ...pod,
      containers: [{ name: "b" }, { name: "c" }, pod.containers[0]],
    },
  );
  assert.deepEqual(strategic(pod, { labels: { $patch: "replace", m: "2" } }), { ...pod, labels: { m: "2" } });
  assert.deepEqual(strategic(pod, { labels: { $patch: "delete" } }), { ...pod, labels: {} });
});

test("primitive lists are joined, and lose what a directive names", () => {
  assert.deepEqual(strategic(pod, { finalizers: ["three"], "$deleteFromPrimitiveList/finalizers": ["one"] }), {
    ...pod,
    finalizers: ["three", "two"],
  });
  assert.deepEqual(strategic(pod, { "$setElementOrder/finalizers": ["two", "one"] }), {
    ...pod,
    finalizers: ["two", "one"],
  });
});

test("$retainKeys clears the union's other members", () => {
  const value = { containers: [], volumes: [{ name: "v", emptyDir: {} }] };
  assert.deepEqual(
    strategic(value, { volumes: [{ name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/" } }] }),
    {
      containers: [],
      volumes: [{ name: "v", hostPath: { path: "/" } }],
    },
  );
  assert.throws(
    () => strategic(value, { volumes: [{ name: "v", $retainKeys: ["name"], hostPath: {} }] }),
    /doesn't name/,
  );
});

test("nulls remove, in what is new too, and atomic lists are replaced", () => {
  assert.deepEqual(strategic(pod, { labels: null, containers: [{ name: "b", args: ["x"], image: null }] }), {
    containers: [pod.containers[0], { name: "b", args: ["x"] }],
    finalizers: pod.finalizers,
  });
  assert.deepEqual(strategic({ containers: [] }, { labels: { a: null, b: "1" } }), {
    containers: [],
    labels: { b: "1" },
  });
});

test("a strategic patch that makes no sense is refused", () => {
  assert.throws(() => strategic(pod, { containers: [{ image: "x" }] }), /does not contain declared merge key: name/);
  assert.throws(() => strategic(pod, { $patch: "explode" }), { code: "malformed" });
  assert.throws(
    () => strategic(pod, { "$setElementOrder/containers": [{ name: "a" }], containers: [{ name: "q" }] }),
    /in their order/,
  );
  assert.throws(() => strategic(pod, { "$setElementOrder/containers": 1 }), { code: "malformed" });
});

test("merging thousands of items takes no square of the time", () => {
  const items = Array.from({ length: 20_000 }, (_, index) => ({ name: `n${index}` }));
  const merged = applyStrategicMerge(Pod, { containers: items }, { containers: items.toReversed() });
  assert.deepEqual(merged, { containers: items.toReversed() });
});
