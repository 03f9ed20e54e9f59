import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { before, describe, test } from "node:test";
import type { Client } from "@headrace/client";
import { Namespace, Pod, ServiceAccount } from "@headrace/k8s";
import { eventually } from "@headrace/model/testing";
import type { Running } from "./index.ts";
import { sharedPlatform } from "./testing/shared.ts";

/** Tries to connect to each `host:port`, directly and by the proxy that pods are given; one line for each. */
const knock = `
import os, socket, sys, urllib.parse
proxy = urllib.parse.urlsplit(os.environ.get("HTTP_PROXY") or os.environ["http_proxy"])
for place in sys.argv[1:]:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        print(place, "directly: connected")
    except OSError:
        print(place, "directly: no")
    with socket.create_connection((proxy.hostname, proxy.port), timeout=60) as connection:
        connection.sendall(f"CONNECT {place} HTTP/1.1\\r\\nhost: {place}\\r\\n\\r\\n".encode())
        status = connection.recv(100).split(b" ")[1].decode()
        print(place, "by proxy:", "connected" if status == "200" else "no")
`;

/**
 * Tells whether a pod at the address was heard on port 7000 within so many seconds: a gateway on the way may take any connection,
 * so that connecting says nothing.
 */
const listenTo = `
import os, socket, sys, urllib.parse
address, patience = sys.argv[1], float(sys.argv[2])

def hear(connect):
    try:
        with connect() as connection:
            connection.settimeout(patience)
            return "heard" if b"mine" in connection.recv(200) + connection.recv(200) else "nothing"
    except OSError:
        return "nothing"

def through_proxy():
    proxy = urllib.parse.urlsplit(os.environ.get("HTTP_PROXY") or os.environ["http_proxy"])
    connection = socket.create_connection((proxy.hostname, proxy.port), timeout=60)
    connection.sendall(f"CONNECT {address}:7000 HTTP/1.1\\r\\nhost: {address}:7000\\r\\n\\r\\n".encode())
    return connection

print("directly:", hear(lambda: socket.create_connection((address, 7000), timeout=patience)))
if "by proxy" in sys.argv:
    print("by proxy:", hear(through_proxy))
`;

/** Asks for each URL, without a token and with the pod's own; prints the status. */
const ask = `
import ssl, sys, urllib.error, urllib.request
token = open("/var/run/secrets/kubernetes.io/serviceaccount/token").read()
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl._create_unverified_context()))
for url in sys.argv[1:]:
    for who, headers in (("anonymous", {}), ("itself", {"authorization": "Bearer " + token}), ("claiming", {"kubeflow-userid": "admin", "x-remote-user": "admin", "x-remote-group": "system:masters"})):
        try:
            print(url, who, direct.open(urllib.request.Request(url, headers=headers), timeout=60).status)
        except urllib.error.HTTPError as error:
            print(url, who, error.code)
`;

const python = (program: string, ...args: readonly string[]) => ["python3", "-c", program, ...args];

describe("a step", () => {
  let client: Client;
  let running: Running;

  before(async () => {
    const { platform } = await sharedPlatform();
    ({ running, client } = platform);
    for (const name of ["tenant-one", "tenant-two"]) {
      await client.resource(Namespace).create({ apiVersion: "v1", kind: "Namespace", metadata: { name }, spec: {} });
      await seen(client, ServiceAccount, name, "default", () => true);
    }
  });

  async function logOf(namespace: string, name: string): Promise<string> {
    const headers = { authorization: `Bearer ${running.token}` };
    const url = `${running.gateway}/kube/api/v1/namespaces/${namespace}/pods/${name}/log`;
    return (await fetch(url, { headers })).text();
  }

  async function start(namespace: string, name: string, command: readonly string[]): Promise<void> {
    await client.resource(Pod).create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace, name },
      spec: {
        restartPolicy: "Never",
        containers: [{ name: "main", image: "python:3", command: [...command] }],
      },
    });
  }

  /** What a pod printed, line by line. */
  async function run(namespace: string, name: string, command: readonly string[]): Promise<readonly string[]> {
    await start(namespace, name, command);
    await seen(client, Pod, namespace, name, ({ status }) => /Succeeded|Failed/.test(status?.phase ?? ""));
    return (await logOf(namespace, name)).trimEnd().split("\n");
  }

  test("reaches neither the host's loopback, nor the host's own addresses, nor metadata services", async () => {
    const port = new URL(running.gateway).port;
    const kubePort = new URL(running.kube).port;
    const own = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
    const places = [
      `127.0.0.1:${port}`,
      `127.0.0.1:${kubePort}`,
      `localhost:${port}`,
      `0.0.0.0:${port}`,
      ...(own === undefined ? [] : [`${own}:${port}`]),
      "169.254.169.254:80",
    ];
    const lines = await run("tenant-one", "knocks", python(knock, ...places));
    assert.equal(lines.length, 2 * places.length, lines.join("\n"));
    assert.deepEqual(
      lines.filter((line) => !line.endsWith(": no")),
      [],
    );
  });

  test("is nobody to the front door, and only its own service account to the API", async () => {
    const secrets = "api/v1/namespaces/kubeflow/secrets";
    const urls = [
      `https://kubernetes.default.svc/${secrets}`,
      `http://ml-pipeline.kubeflow:8888/kube/${secrets}`,
      "http://ml-pipeline.kubeflow:8888/apis/v2beta1/runs?namespace=kubeflow",
    ];
    const lines = await run("tenant-one", "asks", python(ask, ...urls));
    assert.equal(lines.length, 3 * urls.length, lines.join("\n"));
    assert.deepEqual(
      lines.filter((line) => !/ (401|403)$/.test(line)),
      [],
    );
  });

  test("reaches pods of its own tenant, and none of another's", async () => {
    const listen =
      "import socket\ns = socket.create_server(('', 7000))\nprint('ready', flush=True)\nwhile True: c = s.accept()[0]; c.sendall(b'mine'); c.close()";
    await start("tenant-one", "listens", python(listen));
    const { status } = await seen(
      client,
      Pod,
      "tenant-one",
      "listens",
      (pod) => pod.status?.phase === "Running" && pod.status.podIP !== undefined,
    );
    const address = status?.podIP ?? "";
    await eventually("it listens", async () => (await logOf("tenant-one", "listens")).includes("ready"));
    assert.deepEqual(await run("tenant-one", "neighbour", python(listenTo, address, "60")), ["directly: heard"]);
    assert.deepEqual(await run("tenant-two", "stranger", python(listenTo, address, "2", "by proxy")), [
      "directly: nothing",
      "by proxy: nothing",
    ]);
  });
});

/** Watches until the object is there and is as wanted. */
async function seen<R extends typeof Pod | typeof ServiceAccount>(
  client: Client,
  definition: R,
  namespace: string,
  name: string,
  isWanted: (object: Pod) => boolean,
): Promise<Pod> {
  const stop = new AbortController();
  for await (const { type, object } of client
    .resource(definition as typeof Pod)
    .watch({ namespace, fieldSelector: `metadata.name=${name}`, signal: stop.signal })) {
    if (type === "BOOKMARK" || type === "DELETED" || !isWanted(object)) continue;
    stop.abort();
    return object;
  }
  return assert.fail(`the watch of ${name} ended`);
}
