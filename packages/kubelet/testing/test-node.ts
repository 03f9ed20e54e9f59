import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testApi, type TestApi } from "@headrace/apiserver/testing";
import { type ArtifactStore, openFileStore } from "@headrace/artifacts";
import type { Client, ResourceClient } from "@headrace/client";
import { ImageMapping } from "@headrace/environments";
import { builtIns, Namespace, Pod } from "@headrace/k8s";
import type { StepReport, User } from "@headrace/model";
import { eventually, testIds } from "@headrace/model/testing";
import { createKubelet, type Kubelet, type KubeletOptions } from "../index.ts";
import { createSimulatedEnvironments } from "./simulated-environments.ts";
import { createSimulatedSandbox, type SimulatedProgram, type SimulatedSandbox } from "./simulated-sandbox.ts";

/** One node with the real API server over the memory store, a clock moved by hand, and programs that are functions. */
export interface TestNode extends AsyncDisposable {
  readonly api: TestApi;
  readonly pods: ResourceClient<Pod>;
  readonly sandbox: SimulatedSandbox;
  readonly artifacts: ArtifactStore;
  readonly kubelet: Kubelet;
  readonly reports: readonly { readonly path: string; readonly report: StepReport; readonly user: User }[];
  readonly errors: readonly unknown[];
  readonly podsDirectory: string;
  readonly volumesDirectory: string;
  /** Creates a pod that is bound to the node: of one container unless told otherwise. */
  run(pod: TestPod): Promise<Pod>;
  /** The pod once the predicate holds of it. */
  when(name: string, what: string, holds: (pod: Pod) => boolean): Promise<Pod>;
  /** Ends the node agent and starts another one over the same sandbox and directory. */
  restart(): Promise<Kubelet>;
  stop(): Promise<void>;
}

export interface TestPod {
  readonly name?: string;
  readonly metadata?: Partial<Pod["metadata"]>;
  readonly spec?: Partial<Pod["spec"]>;
  readonly container?: Partial<Pod["spec"]["containers"][number]>;
}

export const testMachine: KubeletOptions["machine"] = {
  cpus: 4,
  memoryBytes: 8 << 20,
  ephemeralBytes: 1 << 30,
  kernel: "test",
  osImage: "test",
  architecture: "amd64",
  machineID: "machine",
  bootID: "boot",
  address: "192.0.2.1",
};

export async function testNode(
  options: Partial<KubeletOptions> & {
    readonly program?: SimulatedProgram;
    readonly dial?: SimulatedSandbox["dial"];
    /** Stands between the node agent and the API server, to make it fail. */
    readonly wrapClient?: (client: Client) => Client;
  } = {},
): Promise<TestNode> {
  const directory = await mkdtemp(join(tmpdir(), "kubelet-"));
  const podsDirectory = join(directory, "pods");
  const volumesDirectory = join(directory, "volumes");
  const api = testApi([...builtIns, ImageMapping], {
    ...(options.ids && { ids: options.ids }),
    ...(options.clock && { clock: options.clock }),
  });
  const { clock, client } = api;
  for (const name of ["default", "kube-node-lease"]) {
    await client.resource(Namespace).create({ apiVersion: "v1", kind: "Namespace", metadata: { name }, spec: {} });
  }
  const pods = client.resource(Pod);
  const artifacts = await openFileStore({ root: join(directory, "artifacts"), clock, ids: testIds() });
  const sandbox = createSimulatedSandbox({
    clock,
    ...(options.program && { run: options.program }),
    ...(options.dial && { dial: options.dial }),
  });
  const reports: { path: string; report: StepReport; user: User }[] = [];
  const errors: unknown[] = [];
  let stopping = new AbortController();

  async function begin(): Promise<Kubelet> {
    stopping = new AbortController();
    const kubelet = createKubelet({
      client: options.wrapClient?.(client) ?? client,
      sandbox,
      artifacts,
      clock,
      ids: testIds(),
      environments: createSimulatedEnvironments(),
      nodeName: "node",
      machine: testMachine,
      version: "0.0.0",
      podsDirectory,
      volumesDirectory,
      report: async (path, report, user) => void reports.push({ path, report, user }),
      authorizeStep: async () => undefined,
      tokens: { issue: async () => ({ token: "token", expiresAt: clock.now() + 3_600_000 }) },
      certificateAuthority: "authority",
      onError: (error) => errors.push(error),
      ...options,
    });
    await kubelet.start(stopping.signal);
    return kubelet;
  }

  let kubelet = await begin();
  return {
    api,
    pods,
    sandbox,
    artifacts,
    get kubelet() {
      return kubelet;
    },
    reports,
    errors,
    podsDirectory,
    volumesDirectory,
    run: (pod) => pods.create(podOf(pod)),
    when: (name, what, holds) =>
      eventually(`pod ${name} ${what}`, async () => {
        const pod = await pods.get({ namespace: "default", name });
        return holds(pod) ? pod : undefined;
      }),
    async restart() {
      stopping.abort();
      await clock.settle();
      kubelet = await begin();
      return kubelet;
    },
    async stop() {
      stopping.abort();
      await clock.settle();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await sandbox.shutdown();
      await clock.settle();
      await api[Symbol.asyncDispose]();
      // Directories that are being made ahead may still come.
      await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    },
  };
}

function podOf({ name = "one", metadata, spec, container }: TestPod): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", ...metadata },
    spec: {
      nodeName: "node",
      restartPolicy: "Never",
      containers: [{ name: "main", image: "python:3.11", command: ["true"], ...container }],
      ...spec,
    },
  } as Pod;
}
