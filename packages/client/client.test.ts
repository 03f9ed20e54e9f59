import assert from "node:assert/strict";
import { test } from "node:test";
import { listen, testApi } from "@headrace/apiserver/testing";
import { ConfigMap, Pod } from "@headrace/k8s";
import { isApiError, type ApiResponse } from "@headrace/model";
import { createClient, createHttpTransport, type Client } from "./index.ts";

const one = { namespace: "default", name: "one" };
const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data,
});

/** The same promises hold in the process and over HTTP. */
for (const way of ["in process", "over HTTP"] as const) {
  const withClient = async (body: (client: Client) => Promise<void>): Promise<void> => {
    await using api = testApi([ConfigMap, Pod]);
    if (way === "in process") return await body(api.client);
    await using server = await listen(api.server.handle);
    return await body(createClient({ transport: createHttpTransport({ server: server.url }) }));
  };

  test(`${way}: objects are created, read, changed, listed and deleted`, () =>
    withClient(async (client) => {
      const configMaps = client.resource(ConfigMap);
      const created = await configMaps.create(configMap("one", { a: "b" }));
      assert.deepEqual((await configMaps.get(one)).data, { a: "b" });
      const updated = await configMaps.update({ ...created, data: { a: "c" } });
      assert.equal(updated.metadata.resourceVersion, "2");
      const patched = await configMaps.patch(one, { type: "strategic", body: { data: { x: "y" } } });
      assert.deepEqual(patched.data, { a: "c", x: "y" });
      assert.deepEqual(
        (await configMaps.list({ namespace: "default" })).items.map(({ metadata }) => metadata.name),
        ["one"],
      );
      assert.equal(await configMaps.delete(one), undefined);
      assert.deepEqual((await configMaps.list()).items, []);
    }));

  test(`${way}: failures are ApiErrors with the server's reason`, () =>
    withClient(async (client) => {
      const configMaps = client.resource(ConfigMap);
      await assert.rejects(
        configMaps.get(one),
        (error) => isApiError(error, "NotFound") && error.details?.name === "one",
      );
      await assert.rejects(configMaps.list({ labelSelector: "in in" }), (error) => isApiError(error, "BadRequest"));
    }));

  test(`${way}: a watch tells the present, its end, and what changes, until it is aborted`, () =>
    withClient(async (client) => {
      const configMaps = client.resource(ConfigMap);
      await configMaps.create(configMap("one"));
      const stop = new AbortController();
      const seen: string[] = [];
      for await (const { type, object } of configMaps.watch({ signal: stop.signal })) {
        seen.push(`${type} ${object.metadata.name ?? "-"}`);
        if (type === "BOOKMARK") await configMaps.create(configMap("two"));
        if (object.metadata.name === "two") stop.abort();
      }
      assert.deepEqual(seen, ["ADDED one", "BOOKMARK -", "ADDED two"]);
    }));

  test(`${way}: a call whose signal is aborted before it begins is refused`, () =>
    withClient(async (client) => {
      const signal = AbortSignal.abort(new DOMException("enough", "AbortError"));
      await assert.rejects(client.resource(ConfigMap).get(one, { signal }), { name: "AbortError" });
    }));

  test(`${way}: subresources are posted to`, () =>
    withClient(async (client) => {
      const pods = client.resource(Pod);
      await pods.create({
        apiVersion: "v1",
        kind: "Pod",
        metadata: one,
        spec: { containers: [{ name: "main", image: "i" }] },
      });
      await pods.post(one, "binding", { target: { kind: "Node", name: "local" } });
      const bound = await pods.get(one);
      assert.equal(bound.spec.nodeName, "local");
      assert.equal((await pods.delete(one))?.metadata.deletionGracePeriodSeconds, 30);
    }));
}

test("in the process, values pass without being copied", async () => {
  await using api = testApi([ConfigMap]);
  const configMaps = api.client.resource(ConfigMap);
  const created = await configMaps.create(configMap("one"));
  assert.equal(await configMaps.get(one), created);
  assert.equal((await configMaps.list()).items[0], created);
  assert.ok(Object.isFrozen(created.metadata));
});

test("a list whose snapshot is lost between two pages is asked for again, at once", async () => {
  const asked: string[] = [];
  const answer = (value: unknown, status = 200): ApiResponse => ({ status, headers: {}, value });
  const client = createClient({
    async transport({ query }) {
      asked.push(String(query));
      if (query.get("continue") !== null) return answer({ kind: "Status", reason: "Expired", message: "too old" }, 410);
      const metadata = query.get("limit") === null ? {} : { continue: "next" };
      return answer({ apiVersion: "v1", kind: "ConfigMapList", metadata, items: [configMap("one")] });
    },
  });
  assert.equal((await client.resource(ConfigMap).list()).items.length, 1);
  assert.deepEqual(asked, ["limit=500", "limit=500&continue=next", ""]);
});

test("a server that cannot be reached, and an answer that is no Status, are told with what was asked", async () => {
  const nowhere = createClient({ transport: createHttpTransport({ server: "http://127.0.0.1:1" }) });
  await assert.rejects(
    nowhere.resource(ConfigMap).get(one),
    (error) =>
      isApiError(error, "ServiceUnavailable") &&
      error.message.includes("http://127.0.0.1:1/api/v1/namespaces/default/configmaps/one"),
  );
  const proxy = createClient({ transport: async () => ({ status: 403, headers: {}, body: "<html>no</html>" }) });
  await assert.rejects(
    proxy.resource(ConfigMap).get(one),
    (error) => isApiError(error, "Forbidden") && error.message.includes("<html>no</html>"),
  );
});

test("credentials go with every request and are asked for each time", async () => {
  const seen: (string | undefined)[] = [];
  let token = 0;
  await using server = await listen(async ({ headers }) => {
    seen.push(headers["authorization"]);
    return { status: 200, headers: {}, body: JSON.stringify(configMap("one")) };
  });
  const transport = createHttpTransport({
    server: `${server.url}/`,
    headers: () => ({ authorization: `Bearer ${(token += 1)}` }),
  });
  const configMaps = createClient({ transport }).resource(ConfigMap);
  await configMaps.get(one);
  await configMaps.get(one);
  assert.deepEqual(seen, ["Bearer 1", "Bearer 2"]);
});
