import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createEnvironments, type Environments } from "@headrace/environments";
import type { Pod } from "@headrace/k8s";
import { type StepIO, stepIOAnnotation, systemClock, systemIds } from "@headrace/model";
import { eventually } from "@headrace/model/testing";
import { openSandbox, type Sandbox } from "@headrace/sandbox";
import { testNode, type TestNode } from "./testing/index.ts";

const isOver = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";
const terminated = (pod: Pod) => pod.status?.containerStatuses?.[0]?.state?.terminated;

describe("pods in the real sandbox", () => {
  let directory: string;
  let sandbox: Sandbox;
  let environments: Environments;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "kubelet-real-"));
    sandbox = await openSandbox({
      stateDirectory: join(directory, "state"),
      runtimeDirectory: join(directory, "run"),
      clock: systemClock,
      lonelySeconds: 20,
    });
    environments = createEnvironments({
      cacheDirectory: join(directory, "cache"),
      indexEnvironment: process.env,
      clock: systemClock,
      ids: systemIds,
      allowSourceBuilds: false,
    });
  });

  after(async () => {
    await environments.close();
    await sandbox.shutdown();
    await rm(directory, { recursive: true, force: true });
  });

  const realNode = (): Promise<TestNode> => testNode({ sandbox, environments, clock: systemClock, ids: systemIds });
  const shell = (script: string) => ({ image: "busybox", command: ["sh", "-c", script] });

  const untilLetGo = "until [ -e /tmp/go ]; do sleep 0.05; done";
  async function letGo(node: TestNode, pod: Pod): Promise<void> {
    const session = await node.kubelet.exec(pod, "main", { command: ["touch", "/tmp/go"], tty: false });
    session.stdin.end();
    // Its own end may be that of the container.
    await session.exit;
  }

  async function log(node: TestNode, name: string, follow = false): Promise<string> {
    const pod = await node.pods.get({ namespace: "default", name });
    const parts: Uint8Array[] = [];
    const stream = await node.kubelet.log(pod, { container: "main", follow }, new AbortController().signal);
    for await (const part of stream) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  test("a command runs with its variables, volumes, account and last words", async () => {
    await using node = await realNode();
    await node.run({
      spec: { volumes: [{ name: "work", emptyDir: {} }] },
      container: {
        ...shell(
          'echo "$GREETING" > /work/a && cat /work/a /var/run/secrets/kubernetes.io/serviceaccount/namespace && printf bye > /dev/termination-log; exit 3',
        ),
        env: [{ name: "GREETING", value: "hello" }],
        volumeMounts: [{ name: "work", mountPath: "/work" }],
      },
    });
    const pod = await node.when("one", "is over", isOver);
    assert.deepEqual([terminated(pod)?.exitCode, terminated(pod)?.message], [3, "bye"]);
    assert.equal(await log(node, "one"), "hello\ndefault\n");
  });

  test("a program that is not there is ContainerCannotRun", async () => {
    await using node = await realNode();
    await node.run({ container: { image: "busybox", command: ["/no/such/program"] } });
    const pod = await node.when("one", "is over", isOver);
    assert.equal(terminated(pod)?.reason, "ContainerCannotRun");
    assert.match(terminated(pod)?.message ?? "", /no\/such\/program/);
  });

  test("a first process that does not heed SIGTERM goes at once when its pod is deleted", async () => {
    await using node = await realNode();
    await node.run({
      spec: { terminationGracePeriodSeconds: 3600 },
      container: { image: "busybox", command: ["sleep", "3600"] },
    });
    await node.when("one", "is running", ({ status }) => status?.phase === "Running");
    await node.pods.delete({ namespace: "default", name: "one" });
    await eventually("it is gone", async () => (await node.pods.list()).items.length === 0);
  });

  test("a followed log ends with its container", async () => {
    await using node = await realNode();
    await node.run({ container: shell(`echo one; ${untilLetGo}; echo two`) });
    const pod = await node.when("one", "is running", ({ status }) => status?.phase === "Running");
    const following = log(node, "one", true);
    await letGo(node, pod);
    assert.equal(await following, "one\ntwo\n");
  });

  test("hooks run in the container, a probe by command makes it ready, and a program can be run beside", async () => {
    await using node = await realNode();
    const command = (script: string) => ({ exec: { command: ["sh", "-c", script] } });
    await node.run({
      spec: { volumes: [{ name: "work", emptyDir: {} }] },
      container: {
        ...shell('trap "cat /work/said; exit 0" TERM; echo up; while :; do sleep 0.1; done'),
        volumeMounts: [{ name: "work", mountPath: "/work" }],
        lifecycle: { postStart: command("echo begun > /work/said"), preStop: command("echo ending >> /work/said") },
        readinessProbe: { ...command("grep begun /work/said"), periodSeconds: 1 },
      },
    });
    const pod = await node.when(
      "one",
      "is ready",
      ({ status }) => status?.conditions?.find(({ type }) => type === "Ready")?.status === "True",
    );
    const session = await node.kubelet.exec(pod, "main", {
      command: ["sh", "-c", "cat /work/said; exit 5"],
      tty: false,
    });
    const printed: Buffer[] = [];
    for await (const chunk of session.stdout) printed.push(chunk);
    assert.equal(Buffer.concat(printed).toString(), "begun\n");
    assert.equal((await session.exit).exitCode, 5);
    const following = await node.kubelet.log(pod, { container: "main", follow: true }, new AbortController().signal);
    const lines: string[] = [];
    for await (const text of following) {
      if (lines.push(Buffer.from(text).toString()) === 1) await node.pods.delete({ namespace: "default", name: "one" });
    }
    assert.equal(lines.join(""), "up\nbegun\nending\n");
  });

  test("a running pod is taken over by the next node agent", async () => {
    await using node = await realNode();
    await node.run({ container: shell(`${untilLetGo}; exit 7`) });
    const before = await node.when("one", "is running", ({ status }) => status?.phase === "Running");
    await node.restart();
    await letGo(node, before);
    const pod = await node.when("one", "is over", isOver);
    assert.equal(terminated(pod)?.exitCode, 7);
    assert.equal(terminated(pod)?.startedAt, before.status?.containerStatuses?.[0]?.state?.running?.startedAt);
  });

  test("what a hostile step leaves behind is refused, and nothing waits for it", async () => {
    const files = ["good", "link", "pipe", "huge", "folder", "linked/passwd"].map((path) => ({
      path: `/scratch/${path}`,
      limit: 1000,
    }));
    const step: StepIO = {
      artifacts: [{ path: "/out", uri: "minio://mlpipeline/hostile", mode: "write" }],
      scratch: "/scratch",
      files,
      outputs: [
        { name: "tree", uri: "minio://mlpipeline/hostile/tree" },
        { name: "file", uri: "minio://mlpipeline/hostile/file" },
      ],
      report: "/report",
    };
    await using node = await realNode();
    await node.run({
      metadata: { annotations: { [stepIOAnnotation]: JSON.stringify(step) } },
      container: shell(
        "cd /scratch && echo fine > good && ln -s /etc/passwd link && mkfifo pipe && truncate -s 10G huge && mkdir folder && rm -r linked && ln -s /etc linked" +
          " && mkdir /out/tree && ln -s /etc/shadow /out/tree/shadow && echo model > /out/file",
      ),
    });
    await node.when("one", "is over", isOver);
    const [{ report } = assert.fail("no report")] = node.reports;
    assert.deepEqual(report.files, { "/scratch/good": "fine\n" });
    assert.deepEqual(Object.keys(report.refused).sort(), [
      "/scratch/folder",
      "/scratch/huge",
      "/scratch/link",
      "/scratch/linked/passwd",
      "/scratch/pipe",
    ]);
    assert.equal(report.outputs["tree"]?.kind, "refused");
    assert.equal(report.outputs["file"]?.kind, "file");
  });

  test("python:X.Y runs on this host's Python, and a container may install what it likes beside", async () => {
    await using node = await realNode();
    const script =
      "import sys, pip; print(sys.prefix, '%d.%d' % sys.version_info[:2]); open(sys.prefix + '/lib/probe', 'w')";
    await node.run({ container: { image: "python:3", command: ["python3", "-c", script] } });
    const pod = await node.when("one", "is over", isOver);
    assert.equal(terminated(pod)?.exitCode, 0, await log(node, "one"));
    assert.match(await log(node, "one"), /^\/venv 3\.\d+\n$/);
  });
});
