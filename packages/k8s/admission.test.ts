import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  admit,
  applyDefaults,
  applyJsonPatch,
  freeze,
  openAPIComponents,
  prune,
  toOpenAPI,
  type JsonObject,
} from "@headrace/model";
import { builtIns, Pod, summarise } from "./index.ts";

const pod: JsonObject = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: "p",
    namespace: "a",
    labels: { app: "x" },
    ownerReferences: [{ apiVersion: "v1", kind: "Job", name: "j", uid: "u" }],
  },
  spec: {
    initContainers: [{ name: "i", image: "alpine", command: ["true"] }],
    containers: [
      {
        name: "main",
        image: "python:3.11",
        env: [{ name: "A", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }],
        envFrom: [{ configMapRef: { name: "c" } }],
        ports: [{ containerPort: 80, name: "http" }],
        resources: { requests: { cpu: "1" }, limits: { cpu: "2", memory: "1Gi" } },
        readinessProbe: { httpGet: { port: "http" } },
        volumeMounts: [{ name: "v", mountPath: "/v" }],
      },
    ],
    volumes: [
      {
        name: "v",
        projected: {
          sources: [
            { serviceAccountToken: { path: "token" } },
            { downwardAPI: { items: [{ path: "n", fieldRef: { fieldPath: "metadata.name" } }] } },
          ],
        },
      },
    ],
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, preference: { matchExpressions: [{ key: "a", operator: "Exists" }] } },
        ],
      },
    },
    tolerations: [{ key: "a", operator: "Exists" }],
  },
  status: { phase: "Running", containerStatuses: [{ name: "main", ready: true, state: { running: {} } }] },
};

/** Every place in a value, as a JSON pointer. */
function pointers(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([name, inner]) =>
      pointers(inner, `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`),
    ),
  ];
}

const places = pointers(pod).filter((path) => path !== "");
const replacement = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom("constructor", "__proto__x", "", "-1", "1e9", {}, [], [null], null, 0),
);
const mutation = fc.record({ path: fc.constantFrom(...places), value: replacement });

test("whatever a pod is made of, it is admitted or refused, never a crash", () => {
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
      const changed = mutations.reduce<unknown>(
        (value, { path, value: next }) => replaced(value, path, next),
        freeze(pod),
      );
      const { value } = prune(Pod.schema, changed);
      const { object, causes } = admit(Pod, value, undefined);
      if (!object)
        return assert.ok(causes.every((each) => each.message.length > 0 && !each.message.includes("undefined")));
      assert.ok(summarise(object).status);
      assert.deepEqual(admit(Pod, object, object).object, object);
    }),
    { numRuns: 3000 },
  );
});

/** The value with its part at the path replaced; as it was, if an earlier replacement took the path away. */
function replaced(value: unknown, path: string, next: unknown): unknown {
  try {
    return applyJsonPatch(value, [{ op: "replace", path, value: next }]);
  } catch {
    return value;
  }
}

test("defaulting twice is defaulting once, for any value", () => {
  fc.assert(
    fc.property(fc.constantFrom(...builtIns), fc.jsonValue(), (definition, value) => {
      const once = applyDefaults(definition.schema, freeze(value));
      assert.equal(applyDefaults(definition.schema, once), once);
    }),
  );
});

test("every reference of the OpenAPI document leads somewhere", () => {
  const components = openAPIComponents(builtIns);
  const references = JSON.stringify(components).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g);
  for (const [, name = ""] of references) assert.ok(components[name], name);
  assert.ok(!JSON.stringify(toOpenAPI(Pod.schema, "structural")).includes("$ref"));
});
