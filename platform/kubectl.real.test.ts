import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { findKubectl, type Kubectl } from "./testing/kubectl.ts";
import { sharedPlatform } from "./testing/shared.ts";

const pod = (name: string, script: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: kubectl-test } }
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: busybox
      command: [sh, -c, ${JSON.stringify(script)}]
`;
const settings = (value: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { colour: ${value} }
`;

test("kubectl works with pods, and what they need, as on a cluster", async (t) => {
  const { platform, shared } = await sharedPlatform();
  await using found = await findKubectl(platform.running.kubeconfig);
  if (found === undefined) return t.skip("kubectl is not on the PATH");
  const kubectl: Kubectl = found;
  const ns = "-n kubectl-test";
  await kubectl.ok("create namespace kubectl-test");

  await t.test("a namespace gets its default service account", async () => {
    await kubectl.ok(`wait --for=jsonpath={.metadata.uid} serviceaccount/default --timeout=120s ${ns}`);
  });

  await t.test("a config map is applied, changed, described and deleted", async () => {
    assert.match(await kubectl.ok(`apply -f - ${ns}`, settings("red")), /configmap\/settings created/);
    assert.match(await kubectl.ok(`apply -f - ${ns}`, settings("red")), /unchanged/);
    assert.match(await kubectl.ok(`apply -f - ${ns}`, settings("blue")), /configured/);
    assert.equal(await kubectl.ok(`get configmap settings -o jsonpath={.data.colour} ${ns}`), "blue");
    assert.match(await kubectl.ok(`describe configmap settings ${ns}`), /colour:\n----\nblue/);
    await kubectl.ok(`delete configmap settings ${ns}`);
    assert.match(await kubectl.fails(`get configmap settings ${ns}`), /not found/);
  });

  await t.test("a secret that was made from a literal is in a pod's variables", async () => {
    await kubectl.ok(`create secret generic login --from-literal=word=swordfish ${ns}`);
    const withSecret = `${pod("with-secret", "echo $WORD")}      env: [{ name: WORD, valueFrom: { secretKeyRef: { name: login, key: word } } }]\n`;
    await kubectl.ok(`apply -f - ${ns}`, withSecret);
    await kubectl.ok(`wait --for=jsonpath={.status.phase}=Succeeded pod/with-secret --timeout=120s ${ns}`);
    assert.equal(await kubectl.ok(`logs with-secret ${ns}`), "swordfish\n");
  });

  await t.test("the log of a running pod is followed to its end", async () => {
    const script = "echo line 1; until [ -e /shared/let-it-end ]; do sleep 0.05; done; echo line 2";
    const mounts = `      volumeMounts: [{ name: shared, mountPath: /shared }]
  volumes: [{ name: shared, hostPath: { path: ${shared} } }]
`;
    await kubectl.ok(`apply -f - ${ns}`, pod("talks", script) + mounts);
    await kubectl.ok(`wait --for=jsonpath={.status.phase}=Running pod/talks --timeout=120s ${ns}`);
    await using following = kubectl.watch(`logs -f talks ${ns}`);
    await following.printed(/^line 1$/m);
    await writeFile(join(shared, "let-it-end"), "");
    await following.printed(/^line 1\nline 2\n$/);
  });

  await t.test("a pod is watched, described, and gone when it is deleted", async () => {
    await kubectl.ok(`apply -f - ${ns}`, pod("sleeps", "sleep 1000"));
    await using watching = kubectl.watch(`get pods -w ${ns}`);
    await watching.printed(/sleeps/);
    await kubectl.ok(`wait --for=condition=Ready pod/sleeps --timeout=120s ${ns}`);
    const described = await kubectl.ok(`describe pod sleeps ${ns}`);
    assert.match(described, /Status:\s+Running/);
    assert.match(described, /Image:\s+busybox/);
    assert.match(described, /Scheduled|Started/);
    assert.match(await kubectl.ok(`get pods ${ns}`), /sleeps\s+1\/1\s+Running\s+0/);
    await kubectl.ok(`delete pod sleeps ${ns}`);
    assert.match(await watching.printed(/sleeps.*Terminating/), /sleeps\s+1\/1\s+Running/);
    assert.match(await kubectl.fails(`get pod sleeps ${ns}`), /not found/);
  });

  await t.test("an image that stands for nothing is named, with what to do", async () => {
    await kubectl.ok(`run unknown --image=example.com/nothing:1 --restart=Never ${ns}`);
    await kubectl.ok(
      `wait --for=jsonpath={.status.containerStatuses[0].state.waiting.reason} pod/unknown --timeout=120s ${ns}`,
    );
    assert.match(await kubectl.ok(`describe pod unknown ${ns}`), /ImagePullBackOff|ErrImagePull/);
    assert.match(await kubectl.ok(`describe pod unknown ${ns}`), /ImageMapping/);
  });

  await t.test("a namespace takes what is in it along", async () => {
    await kubectl.ok("delete namespace kubectl-test --timeout=120s");
    assert.match(await kubectl.fails("get namespace kubectl-test"), /not found/);
    assert.equal(await kubectl.ok(`get pods ${ns}`), "");
  });
});
