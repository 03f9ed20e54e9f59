import { test } from "node:test";
import assert from "node:assert/strict";
import { builtIns } from "@headrace/k8s";
import fc from "fast-check";
import { fetchFrom, testApi } from "./testing/index.ts";
import { pod, widget, Widget } from "./testing/kinds.ts";

/** JSON with the words that objects and patches are made of, in all the wrong places. */
const words = fc.constantFrom(
  ..."apiVersion kind metadata name namespace labels annotations finalizers ownerReferences resourceVersion generateName spec status containers initContainers volumes env ports size color parts ready resources limits value op path from $patch $setElementOrder/containers $retainKeys a b".split(
    " ",
  ),
);
const scalar = fc.oneof(
  words,
  fc.constantFrom(
    null,
    true,
    0,
    -1,
    1.5,
    "",
    "/spec/containers/0",
    "/metadata",
    "/-",
    "replace",
    "remove",
    "add",
    "copy",
    "test",
    "1Gi",
    "v1",
    "Pod",
  ),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(words, tie("tree"), { maxKeys: 5 }),
  ),
}));

const collections = [
  "/api/v1/namespaces/default/pods",
  "/api/v1/namespaces/default/secrets",
  "/api/v1/namespaces",
  "/apis/example.com/v1/namespaces/default/widgets",
];
const types = [
  "application/json",
  "application/yaml",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/json-patch+json",
  "application/vnd.kubernetes.protobuf",
];

const call = fc.record({
  method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE"),
  collection: fc.constantFrom(...collections),
  below: fc.constantFrom(
    "",
    "/one",
    "/one/status",
    "/one/binding",
    "/one/log",
    "/one/finalize",
    "/one/eviction",
    "/default",
  ),
  query: fc.constantFrom(
    "",
    "?dryRun=All",
    "?fieldValidation=Strict",
    "?limit=1&continue=e30",
    "?labelSelector=a%3Db",
    "?fieldSelector=x",
    "?watch=1&resourceVersion=x",
    "?propagationPolicy=Orphan",
  ),
  type: fc.constantFrom(...types),
  body: tree,
  /** Valid objects with something odd in them get further than nonsense does. */
  onto: fc.constantFrom(undefined, pod("one"), widget("one")),
});

test("nothing that callers send is more than the server can take", async () => {
  const bugs: unknown[] = [];
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 12 }), async (calls) => {
      await using api = testApi([...builtIns, Widget], { onBug: (error) => void bugs.push(error) });
      const send = fetchFrom(api);
      await send(
        "/api/v1/namespaces",
        { "content-type": "application/json" },
        { method: "POST", body: '{"metadata":{"name":"default"}}' },
      );
      await send(
        "/api/v1/namespaces/default/pods",
        { "content-type": "application/json" },
        { method: "POST", body: JSON.stringify(pod("one")) },
      );
      for (const { method, collection, below, query, type, body, onto } of calls) {
        const sent = onto && typeof body === "object" && !Array.isArray(body) ? { ...onto, ...body } : body;
        const content =
          method === "GET"
            ? {}
            : { body: type.endsWith("protobuf") ? `k8s\0${JSON.stringify(sent)}` : JSON.stringify(sent) };
        const { status } = await send(
          `${collection}${below}${query}`,
          { "content-type": type },
          { method, ...content },
        );
        assert.ok(
          status < 500 || status === 503,
          `${method} ${collection}${below}${query} ${type} ${JSON.stringify(sent)}: ${status} ${String(bugs.at(-1))}`,
        );
      }
      await api.store.close();
    }),
    { numRuns: 150 },
  );
});
