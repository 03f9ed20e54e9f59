import type { Client } from "@headrace/client";
import { Lease, Node, type NodeCondition } from "@headrace/k8s";
import { type Clock, formatMicroTime, formatTime, isApiError } from "@headrace/model";
import { retryOnConflict, updateLatest } from "@headrace/runtime";
import type { Capabilities } from "@headrace/sandbox";

/** What this machine has to give and is. */
export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly ephemeralBytes: number;
  /** `Linux 6.18.5` and the like, for people. */
  readonly kernel: string;
  readonly osImage: string;
  readonly architecture: string;
  readonly machineID: string;
  readonly bootID: string;
  readonly address: string;
}

export interface NodeOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly nodeName: string;
  readonly machine: Machine;
  readonly maxPods: number;
  readonly capabilities: Capabilities;
  readonly version: string;
  readonly onError: (error: unknown) => void;
}

const leaseNamespace = "kube-node-lease";
const leaseSeconds = 40;
/** As on any kubelet: a quarter of the lease. */
const renewMs = 10_000;

/** What can be had of the node's resources, by name. */
export function capacity(machine: Machine, maxPods: number): Readonly<Record<string, string>> {
  return {
    cpu: String(machine.cpus),
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    "ephemeral-storage": `${Math.floor(machine.ephemeralBytes / 1024)}Ki`,
    pods: String(maxPods),
  };
}

/** Makes the Node object say what this machine is, and keeps its Lease until the signal aborts. */
export async function registerNode(options: NodeOptions, signal: AbortSignal): Promise<void> {
  const nodes = options.client.resource(Node);
  const key = { namespace: "", name: options.nodeName };
  const labels = {
    "kubernetes.io/hostname": options.nodeName,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": options.machine.architecture,
  };
  try {
    await nodes.create({ apiVersion: "v1", kind: "Node", metadata: { name: options.nodeName, labels }, spec: {} });
  } catch (error) {
    if (!isApiError(error, "AlreadyExists")) throw error;
  }
  await updateLatest(nodes, key, (node) => ({ ...node, status: nodeStatus(options, node.status) }), {
    subresource: "status",
    signal,
  });
  await renewLease(options);
  keepLease(options, signal);
}

function keepLease(options: NodeOptions, signal: AbortSignal): void {
  let timer: Disposable | undefined;
  const renew = (): void => {
    timer = options.clock.after(renewMs, () => {
      if (signal.aborted) return;
      void renewLease(options).catch(options.onError).finally(renew);
    });
  };
  signal.addEventListener("abort", () => timer?.[Symbol.dispose](), { once: true });
  if (!signal.aborted) renew();
}

async function renewLease({ client, clock, nodeName }: NodeOptions): Promise<void> {
  const leases = client.resource(Lease);
  const renewTime = formatMicroTime(clock.now());
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: leaseSeconds, renewTime };
  const renewed = await retryOnConflict(() =>
    updateLatest(leases, { namespace: leaseNamespace, name: nodeName }, (lease) => ({
      ...lease,
      spec: { ...lease.spec, ...spec },
    })),
  );
  if (renewed !== undefined) return;
  await leases.create({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { namespace: leaseNamespace, name: nodeName },
    spec,
  });
}

type NodeStatus = NonNullable<Node["status"]>;

function nodeStatus(options: NodeOptions, before: NodeStatus | undefined): NodeStatus {
  const { machine, maxPods, clock } = options;
  const resources = capacity(machine, maxPods);
  return {
    ...before,
    capacity: resources,
    allocatable: resources,
    conditions: nodeConditions(options, before?.conditions ?? [], clock.now()),
    addresses: [
      { type: "InternalIP", address: machine.address },
      { type: "Hostname", address: options.nodeName },
    ],
    nodeInfo: {
      machineID: machine.machineID,
      systemUUID: machine.machineID,
      bootID: machine.bootID,
      kernelVersion: machine.kernel,
      osImage: machine.osImage,
      containerRuntimeVersion: `headrace://${options.version}`,
      kubeletVersion: `v${options.version}`,
      kubeProxyVersion: "",
      operatingSystem: "linux",
      architecture: machine.architecture,
    },
  };
}

/** Upstream's conditions, and one for each thing that the sandbox cannot do on this host. */
function nodeConditions(options: NodeOptions, before: readonly NodeCondition[], now: number): NodeCondition[] {
  const missing = options.capabilities.findings.filter(({ ok }) => !ok);
  const wanted: Pick<NodeCondition, "type" | "status" | "reason" | "message">[] = [
    {
      type: "MemoryPressure",
      status: "False",
      reason: "KubeletHasSufficientMemory",
      message: "kubelet has sufficient memory available",
    },
    {
      type: "DiskPressure",
      status: "False",
      reason: "KubeletHasNoDiskPressure",
      message: "kubelet has no disk pressure",
    },
    {
      type: "PIDPressure",
      status: "False",
      reason: "KubeletHasSufficientPID",
      message: "kubelet has sufficient PID available",
    },
    ...missing.map(({ name, detail, remedy }) => ({
      type: `Missing${pascalCase(name)}`,
      status: "True" as const,
      reason: "SandboxLimited",
      message: [detail, remedy].filter(Boolean).join(". "),
    })),
    {
      type: "Ready",
      status: "True",
      reason: "KubeletReady",
      message: `sandbox: ${options.capabilities.mode}, limits: ${options.capabilities.cgroups}`,
    },
  ];
  return wanted.map((condition) => {
    const old = before.find(({ type }) => type === condition.type);
    const since = old?.status === condition.status ? old.lastTransitionTime : undefined;
    return { ...condition, lastHeartbeatTime: formatTime(now), lastTransitionTime: since ?? formatTime(now) };
  });
}

function pascalCase(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}
