import assert from "node:assert/strict";
import { test } from "node:test";
import { addressServices, addressWithin, serviceNames } from "./services.ts";

test("an address is counted from the start of its range", () => {
  assert.equal(addressWithin("10.191.0.0/16", 1), "10.191.0.1");
  assert.equal(addressWithin("10.191.0.0/16", 300), "10.191.1.44");
});

test("a service has a bare name for pods of its own namespace alone", () => {
  const service = { name: "minio-service", namespace: "kubeflow" };
  const qualified = [
    "minio-service.kubeflow",
    "minio-service.kubeflow.svc",
    "minio-service.kubeflow.svc.cluster.local",
  ];
  assert.deepEqual(serviceNames(service, "kubeflow"), ["minio-service", ...qualified]);
  assert.deepEqual(serviceNames(service, "default"), qualified);
});

test("a service is found by its qualified names, and leads to a socket and not to a port of the host", () => {
  const network = { proxy: "http://10.0.0.1:3128", services: "10.191.0.0/16", pods: "10.192.0.0/10" };
  const [kubernetes] = addressServices(
    [{ name: "kubernetes", namespace: "default", port: 443, socket: "/run/kube.sock", introduces: false }],
    network,
  );
  assert.deepEqual(kubernetes, {
    address: "10.191.0.2",
    port: 443,
    target: "/run/kube.sock",
    names: ["kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"],
    introduces: false,
  });
});
