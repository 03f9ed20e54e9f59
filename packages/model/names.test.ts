import assert from "node:assert/strict";
import { test } from "node:test";
import {
  configKeyProblem,
  dns1035LabelProblem,
  dnsLabelProblem,
  dnsSubdomainProblem,
  environmentNameProblem,
  labelValueProblem,
  pathSegmentProblem,
  portNameProblem,
  qualifiedNameProblem,
  validateMetadata,
  validateMetadataUpdate,
} from "./index.ts";

const cases: readonly [(name: string) => string | undefined, readonly string[], readonly string[]][] = [
  [dnsLabelProblem, ["a", "1-a", "a".repeat(63)], ["", "A", "-a", "a-", "a.b", "a\n", "a".repeat(64)]],
  [dnsSubdomainProblem, ["a.b", "a"], ["a..b", ".a", "a.", "a_b", "a".repeat(254)]],
  [dns1035LabelProblem, ["a1"], ["1a"]],
  [labelValueProblem, ["", "A_b.c-1"], ["-a", "a b", "a".repeat(64)]],
  [qualifiedNameProblem, ["a", "A.b_c", "example.org/a"], ["", "/a", "a/", "a/b/c", "Ex/a", "a b"]],
  [configKeyProblem, ["a.b", "_A", ".hidden"], ["", ".", "..", "..a", "a/b"]],
  [pathSegmentProblem, ["system:admin"], [".", "..", "a/b", "a%"]],
  [environmentNameProblem, ["A_b", "my.name-1"], ["", "a=b", "é"]],
  [portNameProblem, ["http", "a-1"], ["1", "-a", "a-", "a--b", "HTTP", "a".repeat(16)]],
];

test("names are checked as Kubernetes checks them", () => {
  for (const [check, good, bad] of cases) {
    for (const name of good) assert.equal(check(name), undefined, name);
    for (const name of bad) assert.ok(check(name), JSON.stringify(name));
  }
});

const kind = { nameRule: "subdomain", scope: "Namespaced" } as const;
const fields = (...causes: Parameters<typeof validateMetadata>): string[] =>
  validateMetadata(...causes).map(({ field, reason }) => `${field} ${reason}`);

test("metadata must name the object, its namespace and its owners soundly", () => {
  assert.deepEqual(fields({ name: "a", namespace: "b" }, kind), []);
  assert.deepEqual(fields({}, kind), ["metadata.name FieldValueRequired", "metadata.namespace FieldValueRequired"]);
  assert.deepEqual(fields({ name: "a", namespace: "b" }, { ...kind, scope: "Cluster" }), [
    "metadata.namespace FieldValueForbidden",
  ]);
  assert.deepEqual(fields({ name: "a", namespace: "b", labels: { "a b": "c d" } }, kind), [
    "metadata.labels FieldValueInvalid",
    "metadata.labels FieldValueInvalid",
  ]);
  assert.deepEqual(fields({ name: "a", namespace: "b", annotations: { a: "x".repeat(300_000) } }, kind), [
    "metadata.annotations FieldValueTooLong",
  ]);
  const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u", controller: true };
  assert.deepEqual(fields({ name: "a", namespace: "b", ownerReferences: [owner, { ...owner, uid: "" }] }, kind), [
    "metadata.ownerReferences[1].uid FieldValueInvalid",
    "metadata.ownerReferences FieldValueInvalid",
  ]);
});

test("an update can't change who an object is, nor hold on to one that goes", () => {
  const old = { name: "a", uid: "1", deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x/a"] };
  const updated = validateMetadataUpdate({ ...old, uid: "2", finalizers: ["x/a", "x/b"] }, old);
  assert.deepEqual(
    updated.map(({ field }) => field),
    ["metadata.uid", "metadata.finalizers"],
  );
  assert.deepEqual(validateMetadataUpdate({ ...old, finalizers: [] }, old), []);
});
