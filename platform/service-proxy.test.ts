import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiRequest, Handler } from "@headrace/model";
import { withServiceProxy } from "./service-proxy.ts";

const echo =
  (who: string): Handler =>
  async ({ method, path, user }) => ({ status: 200, headers: {}, body: `${who}: ${method} ${path} of ${user.name}` });

function ask(path: string, method = "GET"): Promise<string> {
  const handle = withServiceProxy({
    server: echo("server"),
    front: echo("front"),
    services: [{ name: "ml-pipeline", namespace: "kubeflow", port: 8888, prefix: "/apis/v2beta1/" }],
    authorizer: {
      authorize: async ({ verb, resource }) => ({
        allowed: `${verb} ${resource}` !== "delete services/proxy",
        reason: "no",
      }),
    },
  });
  const request: ApiRequest = {
    method,
    path,
    query: new URLSearchParams(),
    headers: {},
    user: { name: "ana", groups: [] },
    signal: new AbortController().signal,
  };
  return handle(request).then(({ status, body }) => (status === 200 ? String(body) : `${status} ${String(body)}`));
}

const services = "/api/v1/namespaces/kubeflow/services";

test("a service is asked for what follows, as the caller, by name, port and scheme", async () => {
  const references = [
    "ml-pipeline",
    "ml-pipeline:http",
    "ml-pipeline:8888",
    "http:ml-pipeline:8888",
    "ml-pipeline%3Ahttp",
  ];
  for (const reference of references)
    assert.equal(await ask(`${services}/${reference}/proxy/apis/v2beta1/runs`), "front: GET /apis/v2beta1/runs of ana");
  assert.equal(await ask(`${services}/ml-pipeline:http/proxy//apis/a%2Fb`, "POST"), "front: POST /apis/a%2Fb of ana");
  assert.equal(await ask(`${services}/ml-pipeline/proxy`), "front: GET / of ana");
});

test("what the SDK asks the server itself for is the service's", async () => {
  assert.equal(await ask("/apis/v2beta1/healthz"), "front: GET /apis/v2beta1/healthz of ana");
  assert.match(await ask("/apis/v2beta1/runs/1", "DELETE"), /^403 /);
});

test("whatever is no such service is the Kubernetes API's to answer", async () => {
  const paths = [
    "/api/v1/pods",
    "/apis/v2beta1",
    `${services}/ml-pipeline`,
    `${services}/other/proxy/x`,
    `${services}/ml-pipeline:9999/proxy/x`,
    `${services}/https:ml-pipeline:8888/proxy/x`,
    `${services}/http:ml-pipeline:8888:1/proxy/x`,
    "/api/v1/namespaces/other/services/ml-pipeline/proxy/x",
  ];
  for (const path of paths) assert.equal(await ask(path), `server: GET ${path} of ana`);
});

test("who may not use services/proxy by that verb is refused", async () => {
  assert.match(
    await ask(`${services}/ml-pipeline/proxy/apis/v2beta1/runs/1`, "DELETE"),
    /^403 .*cannot delete services\/proxy/,
  );
});
