import assert from "node:assert/strict";
import { test } from "node:test";
import { builtIns, Namespace, Pod } from "@headrace/k8s";
import { platformUser, systemClock, type KubeObject } from "@headrace/model";
import type { NodeConnector } from "./options.ts";
import { listen, testApi } from "./testing/index.ts";
import { findKubectl, type Kubectl } from "./testing/kubectl.ts";
import { Widget } from "./testing/kinds.ts";

const pod = `
apiVersion: v1
kind: Pod
metadata: { name: one, labels: { app: demo } }
spec:
  containers:
    - { name: main, image: "busybox:1", command: [sleep, "1"], ports: [{ containerPort: 80 }] }
    - { name: side, image: "busybox:1" }
`;
const widget = `
apiVersion: example.com/v1
kind: Widget
metadata: { name: w }
spec: { size: 3 }
`;

const node: NodeConnector = {
  async log(_pod, { container, tailLines }) {
    return (async function* () {
      yield `${container} ${tailLines ?? "all"}\n`;
    })();
  },
};

test("kubectl finds everything that it needs", async (t) => {
  await using api = testApi([...builtIns, Widget], { clock: systemClock, node });
  await api.client
    .resource(Namespace)
    .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "default" }, spec: {} });
  await using server = await listen(api.server.handle, platformUser);
  using found = await findKubectl(server.url);
  if (found === undefined) return t.skip("kubectl is not on the PATH");
  const kubectl: Kubectl = found;

  /** Output of a command that must succeed. */
  async function ok(command: string, input?: string): Promise<string> {
    const { code, stdout, stderr } = await kubectl.run(command.split(" "), input);
    assert.equal(code, 0, `kubectl ${command}: ${stderr}`);
    return stdout + stderr;
  }
  async function fails(command: string, input?: string): Promise<string> {
    const { code, stderr } = await kubectl.run(command.split(" "), input);
    assert.notEqual(code, 0, `kubectl ${command} should have failed`);
    return stderr;
  }
  const shown = async (what: string): Promise<KubeObject> => JSON.parse(await ok(`get ${what} -o json`)) as KubeObject;

  await t.test("api-resources, api-versions, version and explain read discovery and OpenAPI", async () => {
    assert.match(await ok("api-resources"), /widgets\s+example.com\/v1\s+true\s+Widget/);
    assert.match(await ok("api-versions"), /example\.com\/v1\n(?:.*\n)*v1\n/);
    assert.match(await ok("version"), /Server Version: v1\.33\.0/);
    assert.match(await ok("explain pod.spec.containers.ports"), /containerPort\s+<integer> -required-/);
    assert.match(await ok("explain widget.spec"), /size\s+<integer> -required-/);
  });

  await t.test("create sends protobuf for built-in kinds", async () => {
    assert.match(await ok("create configmap c --from-literal=a=b"), /configmap\/c created/);
    assert.match(await ok("create secret generic s --from-literal=p=q"), /secret\/s created/);
    assert.match(await ok("create namespace team"), /namespace\/team created/);
    assert.match(await ok("create serviceaccount bot"), /serviceaccount\/bot created/);
    assert.equal(await ok("get configmap c -o jsonpath={.data.a}"), "b");
    assert.match(await fails("create configmap c --from-literal=a=b"), /configmaps "c" already exists/);
  });

  await t.test("apply creates, leaves alone, and changes what changed", async () => {
    assert.match(await ok("apply -f -", pod + "---" + widget), /pod\/one created\nwidget.example.com\/w created/);
    assert.match(await ok("apply -f -", pod + "---" + widget), /pod\/one unchanged\nwidget.example.com\/w unchanged/);
    const changed =
      pod.replace("busybox:1", "busybox:2").replace("app: demo", "app: demo, tier: front") +
      "---" +
      widget.replace("3", "4");
    assert.match(await ok("apply -f -", changed), /pod\/one configured\nwidget.example.com\/w configured/);
    const { spec, metadata } = (await shown("pod one")) as Pod;
    assert.deepEqual(
      spec.containers.map(({ image }) => image),
      ["busybox:2", "busybox:1"],
    );
    assert.deepEqual([metadata.labels, metadata.generation], [{ app: "demo", tier: "front" }, 2]);
    assert.match(await ok("apply --dry-run=server -f -", pod), /pod\/one configured \(server dry run\)/);
    assert.equal((await shown("pod one")).metadata.resourceVersion, metadata.resourceVersion);
    assert.match(await fails("apply --server-side -f -", pod), /kubectl apply` without --server-side/);
  });

  await t.test("what get writes of several is applied as the List that it is, strictly too", async () => {
    const list = await ok("get secret/s configmap/c -o yaml");
    assert.match(list, /^kind: List$/m);
    await ok("delete secret/s configmap/c");
    assert.match(await ok("apply -f -", list), /secret\/s created\nconfigmap\/c created/);
    assert.match(await fails("apply -f -", list.replace("  data:", "  dta: {}\n  data:")), /unknown field "dta"/);
  });

  await t.test("unknown fields are refused, warned of or ignored, as one asks", async () => {
    const odd = widget.replace("size: 3", "size: 3, junk: 1").replace("name: w", "name: odd");
    assert.match(await fails("create -f -", odd), /strict decoding error: unknown field "spec.junk"/);
    assert.match(await ok("create --validate=warn -f -", odd), /Warning: unknown field "spec.junk"/);
    assert.match(await ok("delete widget odd"), /deleted/);
    assert.match(
      await fails("create -f -", widget.replace("size: 3", "size: 0").replace("name: w", "name: x")),
      /spec.size: Invalid value/,
    );
  });

  await t.test("label, annotate and patch send every kind of patch", async () => {
    await ok("label pod one stage=test");
    await ok("annotate pod one note=hello");
    await ok(`patch pod one --type=json -p [{"op":"replace","path":"/metadata/labels/stage","value":"live"}]`);
    await ok(`patch pod one -p {"spec":{"containers":[{"name":"side","image":"busybox:3"}]}}`);
    await ok(`patch widget w --type=merge -p {"spec":{"size":9}}`);
    const { spec, metadata } = (await shown("pod one")) as Pod;
    assert.deepEqual([metadata.labels?.["stage"], metadata.annotations?.["note"]], ["live", "hello"]);
    assert.deepEqual(
      spec.containers.map(({ image }) => image),
      ["busybox:2", "busybox:3"],
    );
    assert.match(
      await fails(`patch widget w --type=strategic -p {"spec":{"size":9}}`),
      /custom resources take a merge patch instead/,
    );
  });

  await t.test("get prints columns, wide ones, yaml, and selections", async () => {
    assert.match(await ok("get pods -o wide"), /NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE/);
    assert.match(await ok("get po,cm -l app=demo"), /pod\/one\s+0\/2\s+Pending/);
    assert.match(await ok("get pods -A --field-selector status.phase=Pending"), /default\s+one/);
    assert.match(await fails("get pods --field-selector spec.odd=1"), /field label not supported: spec.odd/);
    assert.match(await ok("get widget w -o yaml"), /spec:\n {2}color: red\n {2}size: 9\n/);
    assert.match(await ok("get pods --sort-by=.metadata.name"), /one/);
  });

  await t.test("describe, logs and wait work on a pod", async () => {
    assert.match(await ok("describe pod one"), /Image:\s+busybox:2/);
    assert.equal(await ok("logs one -c side --tail=3"), "side 3\n");
    assert.match(await ok("describe node"), /^$|No resources/);
    const waiting = ok("wait pod/one --for=jsonpath={.status.phase}=Running --timeout=120s");
    const pods = api.client.resource(Pod);
    await pods.patch(
      { namespace: "default", name: "one" },
      { type: "merge", body: { status: { phase: "Running" } } },
      { subresource: "status" },
    );
    assert.match(await waiting, /condition met/);
  });

  await t.test("get -w sees what happens", async () => {
    const seen = kubectl.until(["get", "widgets", "-w"], (output) => {
      if (/\nw\s/.test(output) && !output.includes("fresh"))
        void kubectl.run(["create", "-f", "-"], widget.replace("name: w", "name: fresh"));
      return output.includes("fresh");
    });
    assert.match(await seen, /NAME\s+AGE\nw\s+\S+\nfresh\s/);
  });

  await t.test("auth asks who one is and what one may do", async () => {
    assert.match(await ok("auth can-i delete pods"), /yes/);
    assert.match(await ok("auth whoami"), /Username\s+system:headrace/);
  });

  await t.test("delete waits until things are gone; a namespace ends", async () => {
    assert.match(await ok("delete widgets --all"), /"fresh" deleted\nwidget.example.com "w" deleted/);
    assert.match(await ok("delete pod one --grace-period=0 --force"), /force deleted/);
    assert.match(await fails("get pod one"), /pods "one" not found/);
    assert.match(await ok("delete namespace team --wait=false"), /deleted/);
    assert.match(await ok("get ns"), /team\s+Terminating/);
    assert.match(await fails("-n team create configmap y --from-literal=a=b"), /because it is being terminated/);
  });
});
