import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { systemClock } from "@headrace/model";
import { testClock } from "@headrace/model/testing";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { testFace } from "../testing/platform.ts";
import { isPublicAddress, packageFetcher } from "./package-url.ts";

const path = "/apis/v2beta1/pipelines";

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const never = new AbortController().signal;

test("a pipeline and a version are made from a URL, through redirects, and say where they came from", async () => {
  const spec = JSON.stringify(addPipeline());
  await using server = await serve((request, response) => {
    if (request.url === "/moved/add.json") return void response.writeHead(302, { location: "../add.json" }).end();
    response.end(request.url === "/add.json" ? spec : "");
  });
  await using face = await testFace({ packageHosts: [server.host] });
  const pipeline_url = `${server.url}/moved/add.json`;
  const body = { pipeline: { name: "p" }, pipeline_version: { name: "v1", package_url: { pipeline_url } } };
  const created = await face.call("POST", `${path}/create`, { body });
  assert.equal(created.status, 200, created.text);
  const versions = `${path}/${created.json["pipeline_id"]}/versions`;
  const added = await face.call("POST", versions, { body: { name: "v2", package_url: { pipeline_url } } });
  assert.deepEqual([added.status, added.json["package_url"]], [200, { pipeline_url }]);
  assert.deepEqual(added.json["pipeline_spec"], addPipeline());
  assert.equal((await face.call("GET", versions)).json["total_size"], 2);
});

test("nothing but the public internet and what the administrator allowed is reached, by name, number or redirect", async () => {
  let reached = 0;
  await using secret = await serve((_, response) => void response.end(`${++reached}`));
  await using open = await serve((_, response) => void response.writeHead(307, { location: secret.url }).end());
  await using face = await testFace({ packageHosts: [open.host] });
  const localhost = secret.url.replace("127.0.0.1", "localhost");
  for (const pipeline_url of [
    secret.url,
    localhost,
    secret.url.replace("127.0.0.1", "127.1"),
    secret.url.replace("127.0.0.1", "2130706433"),
    secret.url.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
    secret.url.replace("127.0.0.1", "0.0.0.0"),
    open.url,
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
  ]) {
    const body = { pipeline: { name: "x" }, pipeline_version: { package_url: { pipeline_url } } };
    const answer = await face.call("POST", `${path}/create`, { body });
    assert.equal(answer.status, 400, pipeline_url);
    assert.match(answer.text, /pipeline_version\.package_url\.pipeline_url: .*not on the public internet/);
  }
  for (const pipeline_url of [
    "file:///etc/passwd",
    "gopher://x/",
    "http://",
    "http://user:word@example.com/",
    "x".repeat(3000),
  ]) {
    const body = { pipeline: { name: "x" }, pipeline_version: { package_url: { pipeline_url } } };
    assert.equal((await face.call("POST", `${path}/create`, { body })).status, 400, pipeline_url);
  }
  assert.deepEqual([reached, (await face.call("GET", path)).json], [0, {}]);
});

test("addresses are public, or they are not", () => {
  for (const address of ["8.8.8.8", "1.1.1.1", "140.82.121.3", "2606:50c0:8000::153"])
    assert.ok(isPublicAddress(address));
  for (const address of [
    "10.1.2.3",
    "100.100.100.200",
    "172.31.255.255",
    "192.168.1.1",
    "192.0.0.192",
    "168.63.129.16",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "fe80::1",
    "fc00::1",
    "2002:7f00:1::",
    "2001:0:1::",
    "ff02::1",
    "not an address",
  ]) {
    assert.ok(!isPublicAddress(address), address);
  }
});

test("what is too large, too slow, not there or no pipeline is refused", async () => {
  await using server = await serve((request, response) => {
    if (request.url === "/none.yaml") response.writeHead(404).end();
    else if (request.url === "/loop.yaml") response.writeHead(301, { location: "/loop.yaml" }).end();
    else if (request.url === "/claims.yaml") response.writeHead(200, { "content-length": "99999999" }).end();
    else if (request.url === "/large.yaml") pour(response);
    else if (request.url !== "/slow.yaml") response.end("a: pipeline?");
  });
  await using face = await testFace({ packageHosts: ["127.0.0.1"] });
  for (const [name, message] of [
    ["none.yaml", /answered 404/],
    ["loop.yaml", /more than 5 redirects/],
    ["claims.yaml", /larger than 32 MiB/],
    ["large.yaml", /larger than 32 MiB/],
    ["other.yaml", /schemaVersion|pipeline/],
    ["page", /is not a pipeline/],
  ] as const) {
    const body = {
      pipeline: { name: "x" },
      pipeline_version: { package_url: { pipeline_url: `${server.url}/${name}` } },
    };
    const answer = await face.call("POST", `${path}/create`, { body });
    assert.equal(answer.status, 400, name);
    assert.match(answer.text, message);
  }
  const clock = testClock(0);
  const slow = packageFetcher(clock, ["127.0.0.1"]).fetch(`${server.url}/slow.yaml`, "url", never);
  const refused = assert.rejects(slow, /more than 30 seconds/);
  await clock.advance(30_000);
  await refused;
  const gone = new AbortController();
  const left = packageFetcher(systemClock, ["127.0.0.1"]).fetch(`${server.url}/slow.yaml`, "url", gone.signal);
  gone.abort();
  await assert.rejects(left);
});

function pour(response: Parameters<RequestListener>[1]): void {
  const piece = Buffer.alloc(1024 * 1024, 32);
  response.on("error", () => {});
  const write = (): void => {
    while (!response.destroyed && response.write(piece));
    if (!response.destroyed) response.once("drain", write);
  };
  write();
}
