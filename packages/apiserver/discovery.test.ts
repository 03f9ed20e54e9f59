import assert from "node:assert/strict";
import { test } from "node:test";
import { builtIns, Pod } from "@headrace/k8s";
import { fetchFrom, testApi } from "./testing/index.ts";
import { Widget } from "./testing/kinds.ts";

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

test("legacy discovery lists versions, groups and resources with their subresources", async () => {
  await using api = testApi([...builtIns, Widget]);
  const get = fetchFrom(api);
  assert.deepEqual((await get("/api")).json<{ versions: unknown }>().versions, ["v1"]);
  const { groups } = (await get("/apis")).json<{ groups: { name: string }[] }>();
  assert.deepEqual(
    groups.find(({ name }) => name === "example.com"),
    {
      name: "example.com",
      versions: [{ groupVersion: "example.com/v1", version: "v1" }],
      preferredVersion: { groupVersion: "example.com/v1", version: "v1" },
    },
  );
  const { resources } = (await get("/apis/example.com/v1")).json<{ resources: { name: string; verbs: string[] }[] }>();
  assert.deepEqual(
    resources.map(({ name, verbs }) => [name, verbs.length]),
    [
      ["widgets", 8],
      ["widgets/status", 3],
    ],
  );
  assert.equal((await get("/apis/example.com/v2")).status, 404);
});

test("aggregated discovery says everything at once, and is told apart by its content type", async () => {
  await using api = testApi([...builtIns, Widget]);
  const { json, headers } = await fetchFrom(api)("/apis", { accept: `${aggregated},application/json` });
  assert.equal(headers["content-type"], aggregated);
  const { items } = json<{ items: { metadata: { name: string }; versions: unknown }[] }>();
  assert.deepEqual(items.find(({ metadata }) => metadata.name === "example.com")?.versions, [
    {
      version: "v1",
      resources: [
        {
          resource: "widgets",
          responseKind: { group: "example.com", version: "v1", kind: "Widget" },
          scope: "Namespaced",
          singularResource: "widget",
          verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
          subresources: [
            {
              subresource: "status",
              responseKind: { group: "example.com", version: "v1", kind: "Widget" },
              verbs: ["get", "patch", "update"],
            },
          ],
        },
      ],
      freshness: "Current",
    },
  ]);
});

test("a subresource that nothing here answers is not listed", async () => {
  await using api = testApi([Pod]);
  const document = (await fetchFrom(api)("/api/v1")).json<{ resources: readonly { name: string }[] }>();
  const names = new Set(document.resources.map(({ name }) => name));
  assert.ok(names.has("pods/binding"));
  assert.ok(!names.has("pods/exec"));
});

test("discovery and OpenAPI are not sent twice to those who have them", async () => {
  await using api = testApi([Widget]);
  const get = fetchFrom(api);
  for (const path of ["/apis", "/openapi/v3", "/version"]) {
    const { headers } = await get(path);
    assert.equal((await get(path, { "if-none-match": headers["etag"] ?? "" })).status, 304);
  }
});

interface OpenApi {
  readonly paths: Readonly<
    Record<string, { patch: { parameters: { name: string }[]; requestBody: { content: object } } }>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

test("OpenAPI v3 lists its documents by hash, and each PATCH takes fieldValidation", async () => {
  await using api = testApi([...builtIns, Widget]);
  const get = fetchFrom(api);
  const index = (await get("/openapi/v3")).json<{ paths: Record<string, { serverRelativeURL: string }> }>();
  const url = index.paths["apis/example.com/v1"]?.serverRelativeURL ?? "";
  assert.match(url, /^\/openapi\/v3\/apis\/example.com\/v1\?hash=[0-9A-F]{64}$/);
  const custom = (await get(url)).json<OpenApi>().paths["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"];
  assert.ok(custom);
  assert.ok(custom.patch.parameters.some(({ name }) => name === "fieldValidation"));
  assert.deepEqual(Object.keys(custom.patch.requestBody.content), [
    "application/json-patch+json",
    "application/merge-patch+json",
  ]);
  const core = (await get("/openapi/v3/api/v1")).json<OpenApi>();
  const strategic = core.paths["/api/v1/namespaces/{namespace}/pods/{name}"]?.patch.requestBody.content ?? {};
  assert.ok("application/strategic-merge-patch+json" in strategic);
  const pod = core.components.schemas["io.k8s.api.core.v1.Pod"] ?? {};
  assert.deepEqual(Reflect.get(pod, "x-kubernetes-group-version-kind"), [{ group: "", kind: "Pod", version: "v1" }]);
});

test("OpenAPI v2 is there for kubectl, which sends no List without it, and for nobody else", async () => {
  await using api = testApi([Widget]);
  const get = fetchFrom(api);
  const accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
  const document = await get("/openapi/v2?timeout=32s", { accept });
  assert.deepEqual([document.status, document.text], [200, "\n\u{3}2.0\u{12}\u{a}\n\u{8}Headrace"]);
  assert.equal((await get("/openapi/v2")).status, 404);
});

test("health is told in a word, with the reasons where it is not good", async () => {
  let unready: readonly string[] = ["informers not synced"];
  await using api = testApi([Widget], { unready: () => unready });
  const get = fetchFrom(api);
  assert.deepEqual([(await get("/livez")).text, (await get("/readyz")).status], ["ok", 500]);
  assert.match((await get("/readyz")).text, /\[-\]informers not synced\nreadyz check failed/);
  unready = [];
  assert.equal((await get("/healthz")).text, "ok");
  assert.match((await get("/readyz?verbose")).text, /\[\+\]ping ok\nreadyz check passed/);
});
