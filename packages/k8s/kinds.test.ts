import assert from "node:assert/strict";
import { test } from "node:test";
import { admit, freeze, openAPIComponents, validate, type KubeObject, type ResourceDefinition } from "@headrace/model";
import { builtIns, ConfigMap, Event, Lease, Namespace, Node, Secret, tokenRequest } from "./index.ts";

function admitted<T extends KubeObject>(definition: ResourceDefinition<T>, value: object, old?: T): T {
  const { object, causes } = admit(definition, freeze(value), old);
  assert.ok(object, JSON.stringify(causes));
  return object;
}

function refused<T extends KubeObject>(definition: ResourceDefinition<T>, value: object, old?: T): string[] {
  return (admit(definition, freeze(value), old).causes ?? []).map(({ field, message }) => `${field}: ${message}`);
}

const configMap = (fields: object): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", namespace: "a" },
  ...fields,
});
const secret = (fields: object): object => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "key", namespace: "a" },
  ...fields,
});

test("a new namespace is Active, labelled by its name and held by its own finalizer", () => {
  const namespace = admitted(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: "team-a" } });
  assert.deepEqual(namespace.metadata.labels, { "kubernetes.io/metadata.name": "team-a" });
  assert.deepEqual(namespace.spec, { finalizers: ["kubernetes"] });
  assert.deepEqual(namespace.status, { phase: "Active" });
});

test("names are held to the kind's rule, in upstream's sentence", () => {
  assert.deepEqual(refused(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: "Team.A" } }), [
    "metadata.name: Invalid value: \"Team.A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  ]);
});

test("a ConfigMap's keys are file names, and its size is limited", () => {
  assert.deepEqual(refused(ConfigMap, configMap({ data: { "..": "x" }, binaryData: { ok: "AA==" } })), [
    "data[..]: Invalid value: \"..\": must not be '..'",
  ]);
  assert.deepEqual(refused(ConfigMap, configMap({ data: { a: "x" }, binaryData: { a: "AA==" } })), [
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
  ]);
  assert.deepEqual(refused(ConfigMap, configMap({ data: { a: "x".repeat(2 ** 20 + 1) } })), [
    "data: Too long: may not be more than 1048576 bytes",
  ]);
});

test("an immutable ConfigMap changes no more", () => {
  const old = admitted(ConfigMap, configMap({ data: { a: "1" }, immutable: true }));
  assert.deepEqual(refused(ConfigMap, configMap({ data: { a: "2" }, immutable: true }), old), [
    "data: Forbidden: field is immutable when `immutable` is set",
  ]);
  assert.deepEqual(refused(ConfigMap, configMap({ data: { a: "1" } }), old), [
    "immutable: Forbidden: field is immutable when `immutable` is set",
  ]);
  admitted(ConfigMap, { ...old, metadata: { ...old.metadata, labels: { a: "b" } } }, old);
});

test("stringData is folded into data and never read back", () => {
  const folded = admitted(Secret, secret({ data: { a: "MQ==" }, stringData: { b: "2", a: "3" } }));
  assert.deepEqual(folded, secret({ data: { a: "Mw==", b: "Mg==" }, type: "Opaque" }));
});

test("a Secret's type promises keys", () => {
  assert.deepEqual(refused(Secret, secret({ type: "kubernetes.io/tls", data: { "tls.crt": "MQ==" } })), [
    "data[tls.key]: Required value",
  ]);
  assert.deepEqual(
    refused(Secret, secret({ type: "kubernetes.io/dockerconfigjson", stringData: { ".dockerconfigjson": "{" } })),
    ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be valid JSON'],
  );
  const old = admitted(Secret, secret({}));
  assert.deepEqual(refused(Secret, secret({ type: "other" }), old), [
    'type: Invalid value: "other": field is immutable',
  ]);
});

test("a Secret of any other type is anybody's", () => {
  for (const type of ["helm.sh/release.v1", "constructor", "toString"]) admitted(Secret, secret({ type }));
});

test("an Event lives where its object does", () => {
  const event = (namespace: string): object => ({
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e", namespace: "a" },
    involvedObject: { kind: "Pod", name: "p", ...(namespace && { namespace }) },
  });
  admitted(Event, event("a"));
  assert.deepEqual(refused(Event, event("b")), [
    'involvedObject.namespace: Invalid value: "b": does not match event.namespace',
  ]);
  assert.equal(refused(Event, event("")).length, 1);
});

test("an Event's columns tell what happened to what", () => {
  const event = admitted(Event, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e", namespace: "a" },
    involvedObject: { kind: "Pod", name: "p", namespace: "a" },
    reason: "Pulled",
    message: "ready\n",
    type: "Normal",
    lastTimestamp: "2026-01-01T00:00:00Z",
    reportingComponent: "kubelet",
  });
  const now = Date.parse("2026-01-01T00:01:00Z");
  assert.deepEqual(
    Event.columns.filter((each) => each.priority === 0).map((each) => [each.name, each.value(event, now)]),
    [
      ["Last Seen", "60s"],
      ["Type", "Normal"],
      ["Reason", "Pulled"],
      ["Object", "pod/p"],
      ["Message", "ready"],
    ],
  );
});

test("a Lease's duration is positive, and its times have microseconds", () => {
  const lease = (spec: object): object => ({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "l", namespace: "a" },
    spec,
  });
  assert.equal(
    admitted(Lease, lease({ renewTime: "2026-01-01T00:00:00.5Z" })).spec.renewTime,
    "2026-01-01T00:00:00.500000Z",
  );
  assert.deepEqual(refused(Lease, lease({ leaseDurationSeconds: 0 })), [
    "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
  ]);
});

test("a Node's columns say whether pods may come", () => {
  const node = admitted(Node, {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: "n",
      labels: { "node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "" },
    },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: "Ready", status: "True" }],
      addresses: [{ type: "InternalIP", address: "10.0.0.1" }],
    },
  });
  const cells = Object.fromEntries(Node.columns.map((each) => [each.name, each.value(node, 0)]));
  assert.equal(cells["Status"], "Ready,SchedulingDisabled");
  assert.equal(cells["Roles"], "control-plane,worker");
  assert.equal(cells["Internal-IP"], "10.0.0.1");
});

test("a token lives ten minutes at least", () => {
  const request = (expirationSeconds: number): object => ({
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds },
  });
  assert.equal(validate(tokenRequest, request(600)).length, 0);
  assert.equal(validate(tokenRequest, request(599)).length, 1);
});

test("every kind has its place in the OpenAPI document, marked with its group, version and kind", () => {
  const components = openAPIComponents(builtIns);
  for (const { group, version, kind } of builtIns) {
    const marked = Object.values(components).some(
      (schema) =>
        JSON.stringify(schema["x-kubernetes-group-version-kind"]) === JSON.stringify([{ group, kind, version }]),
    );
    assert.ok(marked, kind);
  }
});
