import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { openFileStore } from "@headrace/artifacts";
import { EnvironmentError, ImageMapping, type ResolveRequest } from "@headrace/environments";
import { ConfigMap, Event, Lease, Node, type Pod, Secret } from "@headrace/k8s";
import {
  ApiError,
  environmentAnnotation,
  type StepIO,
  type StepReport,
  stepIOAnnotation,
  warmEntryAnnotation,
} from "@headrace/model";
import { eventually, testClock, testIds } from "@headrace/model/testing";
import type { KubeletOptions } from "./kubelet.ts";
import { createSimulatedEnvironments, type SimulatedProgram, testNode, type TestNode } from "./testing/index.ts";

const one = { namespace: "default", name: "one" };
const forever: SimulatedProgram = () => new Promise(() => {});
const untilTerminated: SimulatedProgram = ({ terminated }) =>
  new Promise((resolve) => terminated.addEventListener("abort", () => resolve(0)));

const isOver = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";
const isRunning = ({ status }: Pod): boolean => status?.phase === "Running";

async function gone(node: TestNode, name = "one"): Promise<void> {
  await eventually(`pod ${name} is gone`, async () =>
    (await node.pods.list()).items.every((pod) => pod.metadata.name !== name),
  );
}

async function events(node: TestNode): Promise<string[]> {
  const list = await node.api.client.resource(Event).list({ namespace: "default" });
  return list.items.map(({ reason, message }) => `${reason}: ${message}`);
}

describe("the life of a pod", () => {
  test("runs to its end, and the status tells how it went", async () => {
    await using node = await testNode({ program: async (container) => container.print("hello") });
    await node.run({});
    const pod = await node.when("one", "is over", isOver);
    const [status] = pod.status?.containerStatuses ?? [];
    assert.equal(pod.status?.phase, "Succeeded");
    assert.equal(status?.state?.terminated?.exitCode, 0);
    assert.equal(status?.state?.terminated?.reason, "Completed");
    assert.equal(status?.imageID, "headrace://simulated/python:3.11");
    await node.api.clock.settle();
    assert.deepEqual(node.sandbox.unacknowledged, []);
    assert.deepEqual(node.errors, []);
  });

  test("is Running and Ready with an address while it runs", async () => {
    await using node = await testNode({ program: forever });
    await node.run({});
    const pod = await node.when("one", "is running", isRunning);
    assert.equal(pod.status?.podIP, "10.0.0.2");
    const conditions = Object.fromEntries((pod.status?.conditions ?? []).map(({ type, status }) => [type, status]));
    assert.deepEqual(conditions, {
      PodReadyToStartContainers: "True",
      Initialized: "True",
      Ready: "True",
      ContainersReady: "True",
    });
  });

  test("fails with the container's exit code and termination message", async () => {
    await using node = await testNode({
      program: async ({ hostPath }) => {
        writeFileSync(hostPath("/dev/termination-log"), "out of water");
        return 3;
      },
    });
    await node.run({});
    const pod = await node.when("one", "is over", isOver);
    const terminated = pod.status?.containerStatuses?.[0]?.state?.terminated;
    assert.equal(pod.status?.phase, "Failed");
    assert.deepEqual([terminated?.exitCode, terminated?.message, terminated?.reason], [3, "out of water", "Error"]);
  });

  test("falls back to the log for the termination message where it is asked to", async () => {
    await using node = await testNode({
      program: async ({ print }) => {
        print("first\nlast words");
        return 1;
      },
    });
    await node.run({ container: { terminationMessagePolicy: "FallbackToLogsOnError" } });
    const pod = await node.when("one", "is over", isOver);
    assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.message, "first\nlast words\n");
  });

  test("runs init containers one after the other before the main ones", async () => {
    const order: string[] = [];
    await using node = await testNode({ program: async ({ spec }) => void order.push(spec.id.split("/")[1] ?? "") });
    const init = (name: string) => ({ name, image: "alpine", command: ["true"] });
    await node.run({ spec: { initContainers: [init("a"), init("b")] } });
    await node.when("one", "is over", isOver);
    assert.deepEqual(order, ["a", "b", "main"]);
  });

  test("ends sidecars once the work is done", async () => {
    await using node = await testNode({
      program: (container) => (container.spec.id.includes("/proxy/") ? untilTerminated(container) : Promise.resolve()),
    });
    await node.run({ spec: { initContainers: [{ name: "proxy", image: "alpine", restartPolicy: "Always" }] } });
    const pod = await node.when("one", "is over", isOver);
    assert.equal(pod.status?.phase, "Succeeded");
  });

  test("restarts a failing container after 10 s, then 20 s, in CrashLoopBackOff between", async () => {
    await using node = await testNode({ program: async () => 1 });
    await node.run({ spec: { restartPolicy: "Always" } });
    const reason = (pod: Pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason;
    await node.when("one", "backs off", (pod) => reason(pod) === "CrashLoopBackOff");
    assert.equal(node.sandbox.started.length, 1);
    await node.api.clock.advance(9_999);
    assert.equal(node.sandbox.started.length, 1);
    await node.api.clock.advance(1);
    await eventually("it was started again", () => node.sandbox.started.length === 2);
    await node.when(
      "one",
      "backs off again",
      (pod) => reason(pod) === "CrashLoopBackOff" && pod.status?.containerStatuses?.[0]?.restartCount === 2,
    );
    await node.api.clock.advance(19_999);
    assert.equal(node.sandbox.started.length, 2);
    await node.api.clock.advance(1);
    await eventually("it was started a third time", () => node.sandbox.started.length === 3);
  });

  test("is ended by its deadline", async () => {
    await using node = await testNode({ program: untilTerminated });
    await node.run({ spec: { activeDeadlineSeconds: 5 } });
    await node.when("one", "is running", isRunning);
    await node.api.clock.advance(5_000);
    const pod = await node.when("one", "is over", isOver);
    assert.deepEqual([pod.status?.phase, pod.status?.reason], ["Failed", "DeadlineExceeded"]);
  });

  test("gets SIGTERM when it is deleted, and SIGKILL at the end of its grace", async () => {
    await using node = await testNode({ program: forever });
    await node.run({});
    await node.when("one", "is running", isRunning);
    await node.pods.delete(one, { gracePeriodSeconds: 7 });
    await node.api.clock.advance(6_999);
    assert.equal((await node.pods.list()).items.length, 1);
    await node.api.clock.advance(1);
    await gone(node);
    await eventually("its directory is gone", () => readdirSync(node.podsDirectory).length === 0);
    assert.equal(node.sandbox.groupsRemoved.length, 1);
  });

  test("goes at once when it is deleted after its end", async () => {
    await using node = await testNode();
    await node.run({});
    await node.when("one", "is over", isOver);
    await node.pods.delete(one);
    await gone(node);
  });

  test("is refused, with what to change, if it asks for what the node does not do", async () => {
    await using node = await testNode();
    await node.run({ spec: { hostNetwork: true } });
    const pod = await node.when("one", "is over", isOver);
    assert.equal(pod.status?.reason, "NotSupported");
    assert.match(pod.status?.message ?? "", /spec\.hostNetwork/);
    assert.equal(node.sandbox.started.length, 0);
  });
});

describe("probes", () => {
  const readiness = { httpGet: { port: "http", path: "/healthy" }, periodSeconds: 5, failureThreshold: 1 };
  const ready = ({ status }: Pod): boolean =>
    status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";

  /** A server on loopback that stands for the pod's port, and the road to it. */
  async function server(): Promise<
    AsyncDisposable & { dial: () => Promise<Socket>; healthy: boolean; asked: string[] }
  > {
    const state = { healthy: false, asked: [] as string[] };
    const listening = createServer((request, response) => {
      state.asked.push(request.url ?? "");
      response.writeHead(state.healthy ? 200 : 503).end();
    });
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    const address = listening.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    return Object.assign(state, {
      dial: async () => connect(port, "127.0.0.1"),
      [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void listening.close(() => resolve())),
    });
  }

  test("a pod is ready when its readiness probe says so, and until it says no", async () => {
    await using web = await server();
    await using node = await testNode({ program: forever, dial: web.dial });
    await node.run({ container: { ports: [{ name: "http", containerPort: 80 }], readinessProbe: readiness } });
    await node.when("one", "runs unready", (pod) => isRunning(pod) && !ready(pod));
    await node.api.clock.advance(0);
    await eventually("it was asked", () => web.asked.length === 1);
    web.healthy = true;
    await eventually("it is asked again", async () => {
      await node.api.clock.advance(5_000);
      return web.asked.length > 1;
    });
    await node.when("one", "is ready", ready);
    assert.equal(web.asked[0], "/healthy");
  });

  test("a container that fails its liveness probe is restarted", async () => {
    await using web = await server();
    await using node = await testNode({ program: untilTerminated, dial: web.dial });
    await node.run({
      spec: { restartPolicy: "Always" },
      container: { ports: [{ name: "http", containerPort: 80 }], livenessProbe: readiness },
    });
    await node.when("one", "is running", isRunning);
    await node.api.clock.advance(0);
    await node.when("one", "was restarted", (pod) => pod.status?.containerStatuses?.[0]?.restartCount === 1);
    await eventually("the event is there", async () =>
      (await events(node)).some((event) =>
        event.startsWith("Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 503"),
      ),
    );
  });
});

describe("images", () => {
  test("an unknown image waits as ErrImagePull with the mapping to apply, and runs once it is applied", async () => {
    const environments = createSimulatedEnvironments(({ mappings }) =>
      mappings?.some(({ image }) => image === "quay.io/me/train")
        ? undefined
        : new EnvironmentError("unmapped", "no mapping", "kind: ImageMapping"),
    );
    await using node = await testNode({ environments, servesImageMappings: true });
    await node.run({});
    const waiting = (pod: Pod) => pod.status?.containerStatuses?.[0]?.state?.waiting;
    const pod = await node.when("one", "waits for its image", (pod) => waiting(pod)?.reason === "ErrImagePull");
    assert.match(waiting(pod)?.message ?? "", /kind: ImageMapping/);
    await node.api.clock.advance(10_000);
    await node.when("one", "backs off", (pod) => waiting(pod)?.reason === "ImagePullBackOff");
    await node.api.client.resource(ImageMapping).create({
      apiVersion: "headrace.io/v1alpha1",
      kind: "ImageMapping",
      metadata: { name: "train" },
      spec: { image: "quay.io/me/train", python: "3.11" },
    });
    await node.when("one", "is over", isOver);
  });

  test("packages that cannot be had are left to the step's own pip, with a warning", async () => {
    const environments = createSimulatedEnvironments(({ packages }) =>
      packages ? new EnvironmentError("build-failed", "no such package", "") : undefined,
    );
    await using node = await testNode({ environments });
    const annotations = { [environmentAnnotation]: JSON.stringify({ installs: [{ requirements: ["nonsense"] }] }) };
    await node.run({ metadata: { annotations } });
    await node.when("one", "is over", isOver);
    await eventually("the warning is there", async () =>
      (await events(node)).some((event) => event.startsWith("EnvironmentIncomplete: no such package")),
    );
  });
});

describe("volumes and variables", () => {
  test("variables come from the pod, its node, ConfigMaps and Secrets, and refer to one another", async () => {
    await using node = await testNode();
    const { client } = node.api;
    await client
      .resource(ConfigMap)
      .create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default" }, data: { a: "1" } });
    await client
      .resource(Secret)
      .create({ apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "default" }, data: { b: "Mg==" } });
    await node.run({
      container: {
        args: ["$(SUM)", "$$(SUM)", "$(NONE)"],
        envFrom: [{ prefix: "C_", configMapRef: { name: "c" } }],
        env: [
          { name: "B", valueFrom: { secretKeyRef: { name: "s", key: "b" } } },
          { name: "SUM", value: "$(C_a)+$(B)" },
          { name: "NODE", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "spec.nodeName" } } },
          { name: "MEMORY", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
        ],
        resources: { limits: { memory: "10M" } },
      },
    });
    await node.when("one", "is over", isOver);
    const [spec] = node.sandbox.started;
    const { C_a, B, SUM, NODE, MEMORY } = spec?.environment ?? {};
    assert.deepEqual({ C_a, B, SUM, NODE, MEMORY }, { C_a: "1", B: "2", SUM: "1+2", NODE: "node", MEMORY: "10" });
    assert.deepEqual(spec?.command, ["true", "1+2", "$(SUM)", "$(NONE)"]);
    assert.equal(spec?.limits.memoryBytes, 10_000_000);
  });

  test("a missing ConfigMap holds the container back until it is there", async () => {
    await using node = await testNode();
    await node.run({ container: { envFrom: [{ configMapRef: { name: "late" } }] } });
    const waiting = (pod: Pod) => pod.status?.containerStatuses?.[0]?.state?.waiting;
    const pod = await node.when("one", "waits", (pod) => waiting(pod)?.reason === "CreateContainerConfigError");
    assert.match(waiting(pod)?.message ?? "", /configmap "late" not found/);
    await node.api.client
      .resource(ConfigMap)
      .create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "late", namespace: "default" } });
    await node.api.clock.advance(10_000);
    await node.when("one", "is over", isOver);
  });

  test("files of volumes appear where they are mounted, follow their ConfigMap, and the token is renewed", async () => {
    let tokens = 0;
    await using node = await testNode({
      program: forever,
      tokens: { issue: async () => ({ token: `token ${++tokens}`, expiresAt: node.api.clock.now() + 1_000_000 }) },
    });
    const maps = node.api.client.resource(ConfigMap);
    await maps.create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "c", namespace: "default" },
      data: { "a.txt": "old" },
    });
    await node.run({
      metadata: { labels: { app: "mill" } },
      spec: {
        volumes: [
          { name: "map", configMap: { name: "c", items: [{ key: "a.txt", path: "deep/a.txt" }] } },
          {
            name: "info",
            downwardAPI: {
              items: [{ path: "app", fieldRef: { apiVersion: "v1", fieldPath: "metadata.labels['app']" } }],
            },
          },
          { name: "scratch", emptyDir: {} },
          { name: "fast", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
        ],
      },
      container: {
        volumeMounts: [
          { name: "map", mountPath: "/map" },
          { name: "info", mountPath: "/info" },
          { name: "scratch", mountPath: "/data", subPath: "mine" },
          { name: "fast", mountPath: "/dev/shm" },
        ],
      },
    });
    await node.when("one", "is running", isRunning);
    const mount = (target: string) => node.sandbox.started[0]?.mounts.find((each) => each.target === target);
    const read = (target: string, path: string) => {
      const found = mount(target);
      return found?.kind === "bind" ? readFileSync(join(found.source, path), "utf8") : undefined;
    };
    const account = "/var/run/secrets/kubernetes.io/serviceaccount";
    assert.equal(read("/map", "deep/a.txt"), "old");
    assert.equal(read("/info", "app"), "mill");
    assert.deepEqual(
      [read(account, "token"), read(account, "ca.crt"), read(account, "namespace")],
      ["token 1", "authority", "default"],
    );
    assert.deepEqual(mount("/dev/shm"), { kind: "tmpfs", target: "/dev/shm", sizeBytes: 1 << 20 });
    const data = mount("/data");
    assert.match(data?.kind === "bind" ? data.source : "", /scratch\/mine$/);

    await maps.patch({ namespace: "default", name: "c" }, { type: "merge", body: { data: { "a.txt": "new" } } });
    await eventually("the file has changed", () => read("/map", "deep/a.txt") === "new");
    const renewed = tokens;
    await node.api.clock.advance(800_000);
    await eventually("the token was renewed", () => tokens > renewed && read(account, "token") === `token ${tokens}`);
  });

  test("a hostPath is refused unless it is shared", async () => {
    await using node = await testNode({ shares: [{ path: "/usr/share", readOnly: true }] });
    const pod = (name: string, path: string) => ({
      name,
      spec: { volumes: [{ name: "host", hostPath: { path, type: "" as const } }] },
      container: { volumeMounts: [{ name: "host", mountPath: "/host" }] },
    });
    await node.run(pod("one", "/etc"));
    await node.run(pod("two", "/usr/share"));
    const refused = await node.when("one", "is over", isOver);
    assert.match(refused.status?.message ?? "", /--share \/etc/);
    await node.when("two", "is over", isOver);
    assert.deepEqual(
      node.sandbox.started[0]?.mounts.find(({ target }) => target === "/host"),
      {
        kind: "bind",
        source: "/usr/share",
        target: "/host",
        readOnly: true,
      },
    );
  });
});

const step: StepIO = {
  artifacts: [
    { path: "/out", uri: "minio://mlpipeline/run/out", mode: "write" },
    { path: "/in", uri: "minio://mlpipeline/run/nothing", mode: "read" },
  ],
  scratch: "/scratch",
  files: [
    { path: "/scratch/executor.json", limit: 1000 },
    { path: "/scratch/link", limit: 1000 },
    { path: "/scratch/big", limit: 10 },
    { path: "/scratch/absent", limit: 10 },
    { path: "/out/facts.json", limit: 1000 },
  ],
  outputs: [
    { name: "model", uri: "minio://mlpipeline/run/out/model" },
    {
      name: "moved",
      uri: "minio://mlpipeline/run/out/moved",
      elsewhere: { file: "/out/facts.json", pointer: "/moved/custom_path" },
    },
    {
      name: "stray",
      uri: "minio://mlpipeline/run/out/stray",
      elsewhere: { file: "/out/facts.json", pointer: "/stray/custom_path" },
    },
  ],
  report: "/report/1",
};
const stepPod = { metadata: { annotations: { [stepIOAnnotation]: JSON.stringify(step) } } };

const facts = '{"moved":{"custom_path":"/scratch/elsewhere"},"stray":{"custom_path":"/etc/passwd"}}';

const goodStep: SimulatedProgram = async ({ hostPath, print }) => {
  writeFileSync(hostPath("/scratch/executor.json"), '{"ok":true}');
  writeFileSync(hostPath("/scratch/big"), "far too long");
  symlinkSync("/etc/passwd", hostPath("/scratch/link"));
  writeFileSync(hostPath("/out/model"), "weights");
  writeFileSync(hostPath("/out/facts.json"), facts);
  writeFileSync(hostPath("/scratch/elsewhere"), "more weights");
  print("done");
};

describe("steps", () => {
  test("what a step wrote is collected and reported before its pod is over", async () => {
    const phases: (string | undefined)[] = [];
    await using node = await testNode({
      program: goodStep,
      report: async (path, report, user) => {
        phases.push((await node.pods.get(one)).status?.phase);
        reports.push({ path, report, user: user.name });
      },
    });
    const reports: { path: string; report: StepReport; user: string }[] = [];
    await node.run(stepPod);
    await node.when("one", "is over", isOver);
    const [told] = reports;
    assert.deepEqual(phases, ["Pending"]);
    assert.equal(told?.path, "/report/1");
    assert.equal(told?.user, "system:serviceaccount:default:default");
    const { files, refused, outputs, exitCode, reason, tail } = told?.report ?? {};
    assert.deepEqual(files, { "/scratch/executor.json": '{"ok":true}', "/out/facts.json": facts });
    assert.deepEqual(refused, {
      "/scratch/link": "it is a link or a special file",
      "/scratch/big": "it has 12 bytes, and 10 are allowed",
    });
    const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
    assert.deepEqual(outputs, {
      model: { kind: "file", size: 7, digest: digestOf("weights"), files: 1 },
      moved: { kind: "file", size: 12, digest: digestOf("more weights"), files: 1 },
      stray: {
        kind: "refused",
        reason: "it was written to /etc/passwd; what is to be kept must be written beneath /scratch",
      },
    });
    assert.deepEqual([exitCode, reason, tail], [0, "Completed", "done\n"]);
  });

  test("what a step printed is kept where it asks for it before its end is told, also if it failed", async (t) => {
    const root = await mkdtemp(join(tmpdir(), "kubelet-artifacts-"));
    t.after(() => rm(root, { recursive: true }));
    const artifacts = await openFileStore({ root, clock: testClock(), ids: testIds() });
    const log = "minio://mlpipeline/run/log";
    const kept: string[] = [];
    const told: StepReport["log"][] = [];
    await using node = await testNode({
      artifacts,
      program: async ({ print }) => {
        print("one");
        print("two");
        return { exitCode: 1 };
      },
      report: async (_path, report) => {
        told.push(report.log);
        for await (const bytes of artifacts.read(log)) kept.push(Buffer.from(bytes).toString());
      },
    });
    await node.run({ metadata: { annotations: { [stepIOAnnotation]: JSON.stringify({ ...step, log }) } } });
    await node.when("one", "is over", isOver);
    assert.equal(kept.join(""), "one\ntwo\n");
    assert.deepEqual(
      told.map((each) => each?.size),
      ["one\ntwo\n".length],
    );
  });

  test("a report that cannot be delivered is tried again, and only then is the pod over", async () => {
    let tries = 0;
    await using node = await testNode({
      report: async () => {
        if (++tries < 3) throw new ApiError("ServiceUnavailable", "busy");
      },
    });
    await node.run(stepPod);
    await eventually("the first try failed", () => tries === 1);
    assert.equal(node.sandbox.unacknowledged.length, 1);
    await node.api.clock.advance(1000);
    await node.when("one", "is over", isOver);
    assert.equal(tries, 3);
  });

  test("what cannot be collected is told by an event, and collected once it can be", async (t) => {
    const root = await mkdtemp(join(tmpdir(), "kubelet-artifacts-"));
    t.after(() => rm(root, { recursive: true }));
    const store = await openFileStore({ root, clock: testClock(), ids: testIds() });
    const take = store.take.bind(store);
    let isFull = true;
    store.take = async (uri, from) => {
      if (isFull) throw new ApiError("ServiceUnavailable", "the disk of the artifacts is full");
      return take(uri, from);
    };
    await using node = await testNode({ program: goodStep, artifacts: store });
    await node.run(stepPod);
    const told = await eventually("it is told", async () =>
      (await events(node)).find((each) => each.startsWith("StepNotCollected")),
    );
    assert.match(told, /not kept yet, and tried again: the disk of the artifacts is full/);
    assert.equal(node.reports.length, 0);
    isFull = false;
    await node.api.clock.advance(1000);
    await node.when("one", "is over", isOver);
    assert.equal(node.reports[0]?.report.outputs["moved"]?.kind, "file");
  });

  test("a report that is refused for good is told by an event", async () => {
    await using node = await testNode({
      report: async () => {
        throw new ApiError("NotFound", "there is no such attempt");
      },
    });
    await node.run(stepPod);
    await node.when("one", "is over", isOver);
    const told = await eventually("it is told", async () => {
      const { items } = await node.api.client.resource(Event).list({ namespace: "default" });
      return items.find(({ reason }) => reason === "StepReportRefused");
    });
    assert.match(told.message ?? "", /there is no such attempt/);
  });

  test("an end is not seen before it is reported, whatever of the status is written meanwhile", async () => {
    const [ended, reported] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let refusals = 0;
    let isReporting = false;
    await using node = await testNode({
      program: () => ended.promise,
      report: async () => {
        isReporting = true;
        await reported.promise;
      },
      wrapClient: (client) => ({
        resource: (definition) => {
          const inner = client.resource(definition);
          return {
            ...inner,
            async patch(key, patch, options) {
              if (definition.kind === "Pod" && refusals++ === 0) throw new ApiError("ServiceUnavailable", "busy");
              return inner.patch(key, patch, options);
            },
          };
        },
      }),
    });
    await node.run(stepPod);
    await eventually("it runs", () => node.sandbox.started.length === 1);
    await node.api.clock.advance(300);
    assert.equal(refusals, 1);
    ended.resolve();
    await eventually("it is being reported", () => isReporting);
    await node.api.clock.advance(2000);
    assert.notEqual((await node.pods.get(one)).status?.phase, "Succeeded");
    reported.resolve();
    await node.when("one", "is over", isOver);
  });

  test("a pod that names artifacts without being the engine's is refused", async () => {
    await using node = await testNode({ authorizeStep: async () => "no such attempt" });
    await node.run(stepPod);
    const pod = await node.when("one", "is over", isOver);
    assert.match(pod.status?.message ?? "", /no such attempt/);
    assert.equal(node.sandbox.started.length, 0);
    assert.deepEqual(node.reports, []);
  });

  test("a step that the node does not run is reported, so that its run goes on", async () => {
    await using node = await testNode();
    await node.run({ ...stepPod, spec: { hostNetwork: true } });
    await node.when("one", "is over", isOver);
    assert.deepEqual(
      node.reports.map(({ report }) => [report.reason, /hostNetwork/.test(report.message)]),
      [["ContainerCannotRun", true]],
    );
  });

  test("a step goes warm only if its command is the one that the annotation describes", async () => {
    await using node = await testNode();
    const command = ["sh", "-c", "prelude", "the source", "--executor_input", "$(NAME)"];
    const digest = createHash("sha256").update(JSON.stringify(command)).digest("hex");
    const entry = { kind: "kfp-executor", commandDigest: digest, sourceIndex: 3, argumentsIndex: 4 };
    const annotations = { ...stepPod.metadata.annotations, [warmEntryAnnotation]: JSON.stringify(entry) };
    const env = [{ name: "NAME", value: "{}" }];
    await node.run({ metadata: { annotations }, container: { command, env } });
    await node.run({ name: "two", metadata: { annotations }, container: { command: [...command, "edited"], env } });
    await node.when("one", "is over", isOver);
    await node.when("two", "is over", isOver);
    const started = (name: string) => node.sandbox.started.find(({ hostname }) => hostname === name);
    assert.deepEqual(started("one")?.warm, {
      entry: "kfp-executor",
      source: "the source",
      arguments: ["--executor_input", "{}"],
    });
    assert.equal(started("one")?.cell.environment?.digest, "simulated");
    assert.equal(started("two")?.warm, undefined);
    assert.equal(started("two")?.cell.environment, undefined);
  });

  test("a step that is cancelled is reported as well", async () => {
    await using node = await testNode({ program: forever });
    await node.run(stepPod);
    await eventually("it runs", () => node.sandbox.started.length === 1);
    await node.pods.delete(one, { gracePeriodSeconds: 1 });
    await node.api.clock.advance(1000);
    await gone(node);
    assert.deepEqual(
      node.reports.map(({ report }) => [report.exitCode, report.reason]),
      [[137, "Error"]],
    );
  });
});

describe("a node agent that comes back", () => {
  test("finds its containers running and takes them over", async () => {
    const end = Promise.withResolvers<number>();
    await using node = await testNode({ program: () => end.promise });
    await node.run({});
    await node.when("one", "is running", isRunning);
    await node.restart();
    assert.equal(node.sandbox.started.length, 1);
    end.resolve(4);
    const pod = await node.when("one", "is over", isOver);
    assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 4);
  });

  test("knows again as whom its pods call", async () => {
    const end = Promise.withResolvers<number>();
    await using node = await testNode({ program: () => end.promise });
    const { metadata } = await node.run({ spec: { serviceAccountName: "trainer" } });
    const { metadata: closed } = await node.run({ name: "two", spec: { automountServiceAccountToken: false } });
    await node.when("one", "is running", isRunning);
    await node.when("two", "is running", isRunning);
    await node.restart();
    const pod = { name: "one", uid: metadata.uid };
    assert.deepEqual(await node.kubelet.account(metadata.uid ?? ""), {
      namespace: "default",
      serviceAccount: "trainer",
      pod,
    });
    assert.deepEqual(await node.kubelet.account(closed.uid ?? ""), {
      namespace: "default",
      pod: { name: "two", uid: closed.uid },
    });
    assert.equal(await node.kubelet.account("nobody"), undefined);
    end.resolve(0);
    await node.when("one", "is over", isOver);
    await node.pods.delete(one, { gracePeriodSeconds: 0 });
    await eventually("it calls no more", async () => (await node.kubelet.account(metadata.uid ?? "")) === undefined);
  });

  test("hears of what ended without it, and reports it", async () => {
    const end = Promise.withResolvers<number>();
    await using node = await testNode({ program: () => end.promise });
    await node.run(stepPod);
    await eventually("it runs", () => node.sandbox.started.length === 1);
    await node.stop();
    end.resolve(0);
    await eventually("it has ended", () => node.sandbox.unacknowledged.length === 1);
    await node.restart();
    await node.when("one", "is over", isOver);
    assert.deepEqual(
      node.reports.map(({ report }) => report.exitCode),
      [0],
    );
    await eventually("the sandbox may forget it", () => node.sandbox.unacknowledged.length === 0);
  });

  test("clears away what one that was killed had left of a pod that was over", async () => {
    await using node = await testNode();
    const { removeGroup } = node.sandbox;
    node.sandbox.removeGroup = () => new Promise(() => {});
    const { metadata } = await node.run(stepPod);
    await node.when("one", "is over", isOver);
    await eventually("the sandbox may forget it", () => node.sandbox.unacknowledged.length === 0);
    const scratch = join(node.podsDirectory, `default_one_${metadata.uid}`, ".scratch");
    assert.ok(existsSync(scratch));
    node.sandbox.removeGroup = removeGroup;
    await node.restart();
    await eventually("its files are gone", () => !existsSync(scratch));
    assert.deepEqual(node.sandbox.groupsRemoved, [metadata.uid]);
  });

  test("reports a step as lost if nothing is left of it, and does not run it again", async () => {
    await using node = await testNode({ program: forever });
    await node.run(stepPod);
    await eventually("it runs", () => node.sandbox.started.length === 1);
    await node.stop();
    node.sandbox.loseEverything();
    await node.restart();
    const pod = await node.when("one", "is over", isOver);
    assert.equal(pod.status?.phase, "Failed");
    assert.deepEqual(
      node.reports.map(({ report }) => report.reason),
      ["Lost"],
    );
    assert.equal(node.sandbox.started.length, 1);
  });

  test("ends what belongs to pods that are gone", async () => {
    await using node = await testNode({ program: forever });
    await node.run({});
    await node.when("one", "is running", isRunning);
    await node.stop();
    await node.pods.delete(one, { gracePeriodSeconds: 0 });
    await node.restart();
    await eventually(
      "nothing is left",
      async () => (await node.sandbox.sync()).running.length === 0 && node.sandbox.unacknowledged.length === 0,
    );
  });
});

describe("the node", () => {
  test("says what it has, and keeps its lease", async () => {
    await using node = await testNode();
    const found = await node.api.client.resource(Node).get({ namespace: "", name: "node" });
    assert.equal(found.status?.capacity?.["pods"], "32");
    assert.equal(found.status?.capacity?.["memory"], "8Mi");
    assert.equal(found.status?.conditions?.find(({ type }) => type === "Ready")?.status, "True");
    const leases = node.api.client.resource(Lease);
    const lease = { namespace: "kube-node-lease", name: "node" };
    const before = (await leases.get(lease)).spec.renewTime;
    await node.api.clock.advance(10_000);
    await eventually("the lease is renewed", async () => (await leases.get(lease)).spec.renewTime !== before);
  });
});

describe("logs", () => {
  async function text(
    node: TestNode,
    options: Partial<Parameters<TestNode["kubelet"]["log"]>[1]> = {},
  ): Promise<string> {
    const pod = await node.pods.get(one);
    const parts: Uint8Array[] = [];
    for await (const part of await node.kubelet.log(
      pod,
      { container: "main", ...options },
      new AbortController().signal,
    ))
      parts.push(part);
    return Buffer.concat(parts).toString();
  }

  test("are what the container printed, from where and as far as one asks", async () => {
    await using node = await testNode({ program: async ({ print }) => print("a\nb\nc") });
    await node.run({});
    await node.when("one", "is over", isOver);
    assert.equal(await text(node), "a\nb\nc\n");
    assert.equal(await text(node, { tailLines: 2 }), "b\nc\n");
    assert.equal(await text(node, { tailLines: 0 }), "");
    assert.equal(await text(node, { limitBytes: 3 }), "a\nb");
    assert.equal(await text(node, { tailLines: 1, timestamps: true }), "2026-01-01T00:00:00.000000000Z c\n");
    assert.equal(await text(node, { sinceTime: Date.UTC(2027, 0) }), "");
    await assert.rejects(text(node, { previous: true }), /previous terminated container "main" in pod "one" not found/);
  });

  test("go on while they are followed, until the container ends", async () => {
    const more = Promise.withResolvers<void>();
    await using node = await testNode({
      program: async ({ print }) => {
        print("first");
        await more.promise;
        print("second");
      },
    });
    await node.run({});
    await node.when("one", "is running", isRunning);
    const following = text(node, { follow: true });
    more.resolve();
    assert.equal(await following, "first\nsecond\n");
  });

  test("of a container that waits are refused in upstream's words", async () => {
    await using node = await testNode({
      environments: createSimulatedEnvironments(() => new EnvironmentError("unmapped", "no", "")),
    });
    await node.run({});
    await node.when(
      "one",
      "waits",
      (pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === "ErrImagePull",
    );
    await assert.rejects(text(node), /container "main" in pod "one" is waiting to start: ErrImagePull/);
  });
});

describe("a log that outlives its pod", () => {
  function archive() {
    const kept = new Map<string, string>();
    const archiveLog: KubeletOptions["archiveLog"] = async ({ namespace, name }, log) => {
      const parts: Uint8Array[] = [];
      for await (const part of log) parts.push(part);
      kept.set(`${namespace}/${name}`, Buffer.concat(parts).toString());
    };
    return { kept, archiveLog };
  }

  test("is handed over before the pod goes, without the runtime's stamps and with its rotated files", async () => {
    const { kept, archiveLog } = archive();
    await using node = await testNode({ program: async ({ print }) => print("new"), archiveLog });
    await node.run({});
    await node.when("one", "is over", isOver);
    const path = node.sandbox.started[0]?.log.path ?? "";
    writeFileSync(`${path}.2`, "2025-12-31T00:00:00.000000000Z stdout F oldest\n");
    writeFileSync(`${path}.1`, "2025-12-31T00:00:00.000000000Z stderr F older\n");
    await node.pods.delete(one);
    await eventually("the directory is gone", () => readdirSync(node.podsDirectory).length === 0);
    assert.deepEqual(kept, new Map([["default/one", "oldest\nolder\nnew\n"]]));
  });

  test("is that of the last instance of the first container", async () => {
    const { kept, archiveLog } = archive();
    let count = 0;
    await using node = await testNode({
      program: async ({ print }) => {
        print(`try ${++count}`);
        return count === 1 ? 1 : 0;
      },
      archiveLog,
    });
    await node.run({ spec: { restartPolicy: "OnFailure" } });
    await node.when("one", "is held back", (pod) => pod.status?.containerStatuses?.[0]?.restartCount === 1);
    await node.api.clock.advance(10_000);
    await node.when("one", "is over", isOver);
    await node.pods.delete(one);
    await eventually("the directory is gone", () => readdirSync(node.podsDirectory).length === 0);
    assert.deepEqual([...kept.values()], ["try 2\n"]);
  });

  test("is not there for a pod that never began", async () => {
    const { kept, archiveLog } = archive();
    const environments = createSimulatedEnvironments(() => new EnvironmentError("unmapped", "no", ""));
    await using node = await testNode({ environments, archiveLog });
    await node.run({});
    await node.when("one", "waits", (pod) => pod.status?.containerStatuses?.[0]?.state?.waiting !== undefined);
    await node.pods.delete(one);
    await gone(node);
    assert.equal(kept.size, 0);
  });

  test("is handed over at the next start if the node agent died in between", async () => {
    const { kept, archiveLog } = archive();
    await using node = await testNode({ program: async ({ print }) => print("said"), archiveLog });
    await node.run({});
    await node.when("one", "is over", isOver);
    await node.stop();
    await node.pods.delete(one, { gracePeriodSeconds: 0 });
    await node.restart();
    assert.deepEqual(kept, new Map([["default/one", "said\n"]]));
    assert.deepEqual(readdirSync(node.podsDirectory), []);
  });

  test("does not keep the pod if it cannot be kept", async () => {
    const archiveLog = () => Promise.reject(new ApiError("InternalError", "the disk is full"));
    await using node = await testNode({ program: async ({ print }) => print("said"), archiveLog });
    await node.run({});
    await node.when("one", "is over", isOver);
    await node.pods.delete(one);
    await eventually("the directory is gone", () => readdirSync(node.podsDirectory).length === 0);
    assert.match(String(node.errors[0]), /the disk is full/);
  });
});

test("a log rotates while it is read", async () => {
  await using node = await testNode({ program: async ({ print }) => print("new") });
  await node.run({});
  const pod = await node.when("one", "is over", isOver);
  const path = node.sandbox.started[0]?.log.path ?? "";
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(
    `${path}.1`,
    "2025-12-31T00:00:00.000000000Z stdout P half \n2025-12-31T00:00:00.000000000Z stdout F line\n",
  );
  const parts: Uint8Array[] = [];
  for await (const part of await node.kubelet.log(
    pod,
    { container: "main", tailLines: 2 },
    new AbortController().signal,
  ))
    parts.push(part);
  assert.equal(Buffer.concat(parts).toString(), "half line\nnew\n");
});

test("a pod that is deleted while its environment is built does not wait for it", async () => {
  const environments = {
    resolve: ({ signal, onProgress }: ResolveRequest) =>
      new Promise<never>((_, reject) => {
        onProgress?.("Installing 3 packages");
        signal?.addEventListener("abort", () => reject(new EnvironmentError("build-failed", "given up", "")));
      }),
    close: async () => {},
  };
  await using node = await testNode({ environments });
  await node.run({});
  const waiting = (pod: Pod) => pod.status?.containerStatuses?.[0]?.state?.waiting;
  await node.when("one", "says what it waits for", (pod) => waiting(pod)?.message === "Installing 3 packages");
  await node.pods.delete(one);
  await gone(node);
});

test("directories of pods that were deleted meanwhile are removed", async () => {
  await using node = await testNode({ program: forever });
  await node.run({});
  await node.when("one", "is running", isRunning);
  await node.stop();
  await node.pods.delete(one, { gracePeriodSeconds: 0 });
  mkdirSync(join(node.podsDirectory, "not-ours"));
  await node.restart();
  assert.deepEqual(readdirSync(node.podsDirectory), ["not-ours"]);
});
