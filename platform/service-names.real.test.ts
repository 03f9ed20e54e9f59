import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { printedInPod } from "./testing/pods.ts";
import { sharedPlatform } from "./testing/shared.ts";

/** Asks each URL as any program would, and prints what each answered: a status, or "no" where nobody has that name. */
const ask = `
import json, ssl, sys, urllib.error, urllib.request
trusted = ssl.create_default_context(cafile="/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
usual = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusted))

def status(url):
    body = b"{}" if "ml_metadata" in url else None
    try:
        return usual.open(urllib.request.Request(url, body, {"content-type": "application/json"}), timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return "no"

print(json.dumps({url: status(url) for url in sys.argv[1:]}))
`;

/** What answers at each service, and with which status somebody without credentials. */
const healthz = "/apis/v2beta1/healthz";
const contextTypes = "/ml_metadata.MetadataStoreService/GetContextTypes";
const services = [
  { origin: "http", name: "ml-pipeline", namespace: "kubeflow", port: 8888, path: healthz, status: 200 },
  { origin: "http", name: "ml-pipeline-ui", namespace: "kubeflow", port: 80, path: healthz, status: 200 },
  { origin: "http", name: "metadata-grpc-service", namespace: "kubeflow", port: 8080, path: contextTypes, status: 200 },
  {
    origin: "http",
    name: "metadata-envoy-service",
    namespace: "kubeflow",
    port: 9090,
    path: contextTypes,
    status: 200,
  },
  { origin: "http", name: "minio-service", namespace: "kubeflow", port: 9000, path: "/", status: 403 },
  { origin: "http", name: "seaweedfs", namespace: "kubeflow", port: 9000, path: "/", status: 403 },
  { origin: "https", name: "kubernetes", namespace: "default", port: 443, path: "/version", status: 200 },
] as const;

describe("the names of services", () => {
  for (const namespace of ["kubeflow", "default"]) {
    test(`are found and served in a pod of ${namespace} as on a cluster`, async () => {
      const { platform } = await sharedPlatform();
      const expected = services.flatMap(({ origin, name, namespace: own, port, path, status }) => {
        const known = [`${name}.${own}`, `${name}.${own}.svc`, `${name}.${own}.svc.cluster.local`];
        return [
          [`${origin}://${name}:${port}${path}`, own === namespace ? status : undefined] as const,
          ...known.map((host) => [`${origin}://${host}:${port}${path}`, status] as const),
        ];
      });
      const printed = await printedInPod(platform, {
        namespace,
        name: `finds-services-in-${namespace}`,
        image: "python:3",
        command: ["python3", "-c", ask, ...expected.map(([url]) => url)],
      });
      const answers = JSON.parse(printed) as Readonly<Record<string, number | string>>;
      for (const [url, status] of expected) {
        // The proxy says so of what nobody knows, with a status of its own.
        if (status === undefined) assert.ok(["no", 502, 403].includes(answers[url] ?? ""), `${url}: ${answers[url]}`);
        else assert.equal(answers[url], status, url);
      }
    });
  }
});
